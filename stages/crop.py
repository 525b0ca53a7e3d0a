"""Crop and align faces of every clip's main track: some drawn blindly, some likely to be standard."""

from collections import defaultdict

from pipeline.base.layout import Layout
from pipeline.base.params import load_params, read_section
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.face.backends.registry import backend_content
from pipeline.face.crops.crop import VERSION, CropParams, Cropper, ObservedClip
from pipeline.records.face import Face
from pipeline.records.frame import Frame
from pipeline.records.ledger import LedgerRow
from pipeline.records.track import Track
from pipeline.storage.manifest import read_manifest, write_manifest
from pipeline.storage.shards import write_shards
from pipeline.video.clip import read_media_clips


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(CropParams, "crop", at.params)
    backend = read_section("detect", at.params)["backend"]
    step = Step(
        name="crop",
        version=VERSION,
        params={**params.model_dump(mode="json"), "backend": backend},
        function=Cropper(params, backend),
        item_id=lambda item: item.clip.clip_id,
        inputs=lambda item: (*item.content, *backend_content(backend, item.clip.clip_id)),
    )
    ran = run_step(step, _observed(dataset, at), read_settings(), title=f"crop@{dataset}")
    write_shards(at.faces_folder(dataset), Face, ran.ok_ids, lambda clip_id: ran.rows(clip_id, Face))
    write_manifest(at.ledger("crop", dataset), LedgerRow, ran.ledger())


def _observed(dataset: str, at: Layout) -> list[ObservedClip]:
    """Return every clip that has a main track, with that track's frames in time order."""
    main_tracks = {track.track_id for track in read_manifest(at.tracks(dataset), Track) if track.is_main}
    frames: dict[str, list[Frame]] = defaultdict(list)
    for frame in read_manifest(at.frames(dataset), Frame):
        if frame.track_id in main_tracks:
            frames[frame.clip_id].append(frame)
    clips = read_media_clips(at.clips(dataset), at.media(dataset), at.root)
    return [ObservedClip(clip, tuple(frames[clip.clip_id])) for clip in clips if clip.clip_id in frames]

"""Cut the sound of every clip into segments and turn each into a voice-only log-mel."""

from functools import partial

from pipeline.audio.clip import VERSION, HeardClip, listen
from pipeline.audio.profiles import PROFILES
from pipeline.audio.settings import AudioParams
from pipeline.base.layout import Layout
from pipeline.base.params import load_params
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.records.schema import from_table
from pipeline.records.segment import Segment
from pipeline.records.track import Track
from pipeline.storage.manifest import read_manifest, write_manifest
from pipeline.storage.shards import read_columns, write_shards
from pipeline.video.clip import read_media_clips


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(AudioParams, "audio", at.params)
    step = Step(
        name="audio",
        version=VERSION,
        params=params.model_dump(mode="json"),
        function=partial(listen, params=params),
        item_id=lambda item: item.clip.clip_id,
        inputs=lambda item: item.content,
    )
    ran = run_step(step, _heard(dataset, at), read_settings(), title=f"audio@{dataset}")
    sizes = {} if params.pad == "none" else {"log_mel": PROFILES[params.profile].n_mels * params.n_frames}
    write_shards(at.audio_folder(dataset), Segment, ran.ok_ids, lambda clip_id: ran.rows(clip_id, Segment), sizes)
    kept_ids = read_columns(at.audio_folder(dataset), Segment, ["segment_id"]).column("segment_id").to_pylist()
    kept = [ledger_row("audio", segment_id) for segment_id in kept_ids]
    left_out = from_table(LedgerRow, ran.all_rows(LedgerRow))
    write_manifest(at.ledger("audio", dataset), LedgerRow, [*ran.ledger(), *kept, *left_out])


def _heard(dataset: str, at: Layout) -> list[HeardClip]:
    """Return every clip with the time in which its main face is seen."""
    seen_s = {
        track.clip_id: (track.start_s, track.end_s)
        for track in read_manifest(at.tracks(dataset), Track)
        if track.is_main
    }
    clips = read_media_clips(at.clips(dataset), at.media(dataset), at.root)
    return [HeardClip(clip, seen_s.get(clip.clip_id)) for clip in clips]

"""The results of every step for two generated clips, in a few numbers; ``python -m tests.golden_steps`` records them.

Each column of each record that a step writes is covered, whatever columns the record has. A column becomes its mean,
its standard deviation, and weighted sums that notice where values change places. All are compared within RELATIVE of
the column's size. With AVX2 and FMA switched off in every library, the size of the generated file changes by 2e-4, by a
few bytes, resampled pictures by 1e-4, and all else by less; a change of a hundredth is far above it.
"""

import importlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.clip import AudioItem, HeardSubject, segment_clip
from pipeline.audio.extract import extract_waveform
from pipeline.audio.segment import WHOLE_CLIP
from pipeline.audio.settings import AudioParams
from pipeline.core.base.images import decode_png
from pipeline.core.base.imports import ROOT
from pipeline.core.base.params import Params, load_params
from pipeline.core.records.clip import NO_CROP, Clip
from pipeline.core.records.face import Face, SelectedFace
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import ARROW_TYPES, Image, describe, from_table, to_table
from pipeline.core.records.subject import StretchSound, SubjectTrack, TrackEmbedding, main_subject_id
from pipeline.core.records.track import Agreement, Track, TrackFace
from pipeline.core.records.truth import TruthFrame, TruthSpeech
from pipeline.core.storage.atomic import write_text
from pipeline.core.storage.manifest import read_manifest
from pipeline.core.storage.shards import write_shards
from pipeline.download.fetch import DownloadParams
from pipeline.download.settings import read_fetch_settings
from pipeline.face.crops.crop import CropParams, Cropper, ObservedClip
from pipeline.face.crops.selection import select_crops
from pipeline.face.crops.standard import SelectParams
from pipeline.face.tracking.settings import DetectParams
from pipeline.identity.network.label import FaceLabeller, faces_of_clips
from pipeline.identity.network.recogniser import NamedRecogniser, build_recogniser, prepared
from pipeline.identity.network.subject_embedding import RecogniseParams, SubjectEmbedder, subject_faces
from pipeline.identity.network.voice_network import VoiceNetwork
from pipeline.identity.sound.event_network import EventNetwork
from pipeline.identity.sound.overlap_network import OverlapNetwork
from pipeline.identity.subjects.embedding import ClipEmbedder, TrackedClip
from pipeline.identity.subjects.link import subjects_of
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.subjects.sound import SoundNetworks
from pipeline.identity.subjects.stretches import stretches
from pipeline.identity.subjects.turns import ClipEvidence, turns_of
from pipeline.identity.subjects.voices import VoiceEmbedder
from pipeline.sources.acquire import TRUTH_FILES, Acquirer
from pipeline.sources.downloads import Downloads
from pipeline.speaker.observe import Observer
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec, edge_case_spec
from pipeline.video.clip import MediaClip
from pipeline.video.decode import rgb_frames_at
from pipeline.weights.fetch import find_weights
from tests.built_dataset import smooth_face

GOLDEN = ROOT / "tests" / "golden" / "steps.json"
RELATIVE = 5e-4
DIGITS = 9
N_SMOOTH_FACES = 8
WEIGHT_STEPS = (math.sqrt(2), math.sqrt(3))

DATASET = "golden"
SPECS = {
    "talk": ClipSpec(seed=4, person=1, clip=0, duration_s=2.0),
    # Long enough for the correlation of mouth and sound, of two faces of which one is the speaker's.
    "two_people": replace(edge_case_spec("two_people", seed=4, person=1), duration_s=2.6),
}
CLIPS = [
    MediaClip(
        clip_id=f"{DATASET}/{name}",
        path=GOLDEN.parent / f"{name}.mp4",
        sha256="",
        has_audio=True,
        start_s=None,
        end_s=None,
    )
    for name in SPECS
]
"""The clips as they were when the numbers were recorded: what all steps but ``download`` work on.

Another processor rounds a few drawn pixels otherwise. Landmarks, whose model decides by comparing pixels, then move by
as much as a hundredth of a face: of another file they can't be compared within RELATIVE.
"""

Numbers = dict[str, Any]
"""The numbers of a column: of its values, or of how many of them are distinct where they are texts."""


@dataclass(frozen=True)
class Result:
    """What a step returned for all clips, and arrays that it computes but no record holds."""

    rows: list[Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    def of(self, record: type) -> list[Any]:
        """Return the rows of one record."""
        return [row for row in self.rows if type(row) is record]


@dataclass(frozen=True)
class Earlier:
    """The folder and the results of the steps that ran before, by step."""

    folder: Path
    results: dict[str, Result] = field(default_factory=dict)

    @property
    def main_tracks(self) -> dict[str, Track]:
        """The main subject's track of each clip."""
        main_ids = {
            row.track_id
            for row in self.results["subjects"].of(SubjectTrack)
            if row.subject_id == main_subject_id(row.clip_id)
        }
        return {track.clip_id: track for track in self.results["detect"].of(Track) if track.track_id in main_ids}


def run_steps(folder: Path) -> Earlier:
    """Run every step on the clips of SPECS, each on the results of the steps before."""
    earlier = Earlier(folder)
    for name, step in STEPS.items():
        earlier.results[name] = step(earlier, folder)
    return earlier


def version_of(name: str) -> int | None:
    """Return the version of a step; None where nothing is stored by one."""
    version: int | None = getattr(importlib.import_module(f"stages.{name}"), "VERSION", None)
    return version


def numbers_of(result: Result) -> dict[str, dict[str, Numbers]]:
    """Return the numbers of each column by record, and those of the arrays."""
    records = sorted({type(row) for row in result.rows}, key=lambda record: record.__name__)
    columns = {record.__name__: _columns_of(record, result.of(record)) for record in records}
    arrays = {name: _numbers(array) for name, array in result.arrays.items()}
    return columns | ({"arrays": arrays} if arrays else {})


def differences(found: Mapping[str, Any], golden: Mapping[str, Any]) -> list[str]:
    """Return ``record.column: number`` for each number that is not the recorded one."""
    return [
        f"{record}.{column}: {name} is {_get(found, record, column, name)}, "
        f"recorded is {_get(golden, record, column, name)}"
        for record in sorted({*found, *golden})
        for column in sorted({*found.get(record, {}), *golden.get(record, {})})
        for name in sorted({*_get(found, record, column), *_get(golden, record, column)})
        if not _is_same(name, _get(found, record, column), _get(golden, record, column))
    ]


def _get(numbers: Mapping[str, Any], *keys: str) -> Any:
    node: Any = numbers
    for key in keys:
        node = node.get(key, {})
    return node


def _is_same(name: str, found: Numbers, golden: Numbers) -> bool:
    if name not in found or name not in golden:
        return False
    size = max(abs(golden.get("mean", 0.0)), golden.get("std", 0.0))
    return bool(np.allclose(found[name], golden[name], rtol=0.0 if name == "n" else RELATIVE, atol=RELATIVE * size))


def _columns_of(record: type, rows: list[Any]) -> dict[str, Numbers]:
    return {name: _column(kind, [getattr(row, name) for row in rows]) for name, kind, _, _ in describe(record)}


def _column(kind: str, values: list[Any]) -> Numbers:
    present = [value for value in values if value is not None]
    if kind == str(ARROW_TYPES[str]):
        return {"n": len(present), "n_distinct": len(set(present))}
    return _numbers(*(_as_array(value) for value in present))


def _as_array(value: Any) -> NDArray[Any]:
    return decode_png(value.bytes) if isinstance(value, Image) else np.asarray(value)


def _numbers(*arrays: NDArray[Any]) -> Numbers:
    if not arrays:
        return {"n": 0}
    values = np.concatenate([array.astype(np.float64).ravel() for array in arrays])
    places = np.arange(1, len(values) + 1)
    sums = [float(values @ _weights(step, places)) / math.sqrt(len(values)) for step in WEIGHT_STEPS]
    return {
        "n": len(values),
        "mean": _rounded(values.mean()),
        "std": _rounded(values.std()),
        "weighted": [_rounded(one) for one in sums],
    }


def _weights(step: float, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return weights in [-1, 1] that depend on a value's place alone, and add up to about 0."""
    return np.asarray(2 * np.modf(places * step)[0] - 1)


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


# The steps, as their stages run them.


def _load(section: str, params: type[Params]) -> Any:
    return load_params(params, section, ROOT / "params.yaml")


def _download(_: Earlier, folder: Path) -> Result:
    downloads = Downloads(folder / "unfinished", "", {})
    acquirer = Acquirer(_load("download", DownloadParams), read_fetch_settings(), downloads)
    rows: list[Any] = []
    pictures, sounds = [], []
    for name, spec in SPECS.items():
        stored = folder / name
        stored.mkdir()
        media = _rows(acquirer(_clip(name, spec), stored))
        rows += media
        for file, record in zip(TRUTH_FILES, (TruthFrame, TruthSpeech), strict=True):
            rows += read_manifest(stored / file, record)
        path = stored / media[0].path
        pictures += [picture for _, picture in rgb_frames_at(path, [0.0, 1.0])]
        sounds.append(extract_waveform(path, max_duration_s=10))
    return Result(rows, {"pictures": np.stack(pictures), "sound": np.concatenate(sounds)})


def _detect(earlier: Earlier, folder: Path) -> Result:
    observer = Observer(_load("detect", DetectParams))
    return Result([row for clip in CLIPS for row in _rows(observer(clip, folder))])


def _subjects(earlier: Earlier, folder: Path) -> Result:
    """Every track is embedded, by a network that knows no faces, and not linked to any other."""
    params = _load("subjects", SubjectsParams)
    voices = VoiceEmbedder(VoiceNetwork(find_weights("speaker_embedder")), "golden")
    sounds = SoundNetworks(OverlapNetwork(find_weights("overlap_detector")), EventNetwork(find_weights("sound_events")))
    faces = NamedRecogniser(build_recogniser(_network_in(folder)), "golden", {})
    embed = ClipEmbedder(faces, voices, sounds)
    detected = earlier.results["detect"]
    kept, tracks = detected.of(TrackFace), detected.of(Track)
    rows: list[Any] = []
    for clip in CLIPS:
        of_clip = [track for track in tracks if track.clip_id == clip.clip_id]
        chosen = [face for face in kept if face.clip_id == clip.clip_id]
        shots = tuple(map(tuple, stretches([(0.0, of_clip[0].end_s)], 1.0)))
        embedded = _rows(embed(TrackedClip(clip, to_table(TrackFace, chosen), shots), folder))
        faces = {one.track_id: one.embedding for one in embedded if isinstance(one, TrackEmbedding)}
        found = subjects_of(of_clip, faces, 1.1, params)
        evidence = ClipEvidence(
            subjects=found.subjects,
            seen_s=[[(subject.start_s, subject.end_s)] for subject in found.subjects],
            subject_of={row.track_id: int(row.subject_id[-2:]) for row in found.tracks},
            agreements=[row for row in detected.of(Agreement) if row.clip_id == clip.clip_id],
            stretches_s=[(row.start_s, row.end_s) for row in embedded if isinstance(row, StretchSound)],
            voices={},
            voice_changes=[row.voice_change for row in embedded if isinstance(row, StretchSound)],
        )
        rows += [*embedded, *found.tracks, *found.subjects, *turns_of(evidence, params)]
    return Result(rows)


def _crop(earlier: Earlier, folder: Path) -> Result:
    params, frames = _load("crop", CropParams), earlier.results["detect"].of(Frame)
    cropper = Cropper(params, _load("detect", DetectParams).backend)
    rows: dict[str, list[Any]] = {}
    for clip in CLIPS:
        main = earlier.main_tracks[clip.clip_id].track_id
        observed = to_table(Frame, [frame for frame in frames if frame.track_id == main])
        item = ObservedClip(clip, observed, {main: main_subject_id(clip.clip_id)})
        rows[clip.clip_id] = _rows(cropper(item, folder))
    write_shards(folder / "faces", Face, list(rows), lambda clip_id: to_table(Face, rows[clip_id]))
    return Result([row for faces in rows.values() for row in faces])


def _select(earlier: Earlier, _: Path) -> Result:
    (table,) = select_crops(earlier.folder / "faces", {}, _load("select", SelectParams))
    return Result(from_table(SelectedFace, table))


def _audio(earlier: Earlier, folder: Path) -> Result:
    function = partial(segment_clip, params=_load("audio", AudioParams))
    tracks = earlier.main_tracks
    items = [AudioItem(clip, (_heard(tracks[clip.clip_id]),)) for clip in CLIPS]
    return Result([row for item in items for row in _rows(function(item, folder))])


def _heard(track: Track) -> HeardSubject:
    return HeardSubject(main_subject_id(track.clip_id), ((track.start_s, track.end_s),), (WHOLE_CLIP,))


def _recognise(earlier: Earlier, folder: Path) -> Result:
    embed_clip = SubjectEmbedder(NamedRecogniser(build_recogniser(_network_in(folder)), "golden", {}))
    items = subject_faces(earlier.folder / "faces", _load("recognise", RecogniseParams), folder / "clips")
    faces: list[Face] = earlier.results["crop"].of(Face)[:2]
    inputs = [prepared(decode_png(face.image.bytes), face.landmarks_px.reshape(-1, 2)) for face in faces]
    return Result(
        [row for item in items for row in _rows(embed_clip(item, folder))],
        {"mobilefacenet_inputs": np.concatenate(inputs)},
    )


def _identify(earlier: Earlier, folder: Path) -> Result:
    labeller = FaceLabeller(_network_in(folder), "golden")
    return Result(
        [row for item in faces_of_clips(earlier.folder / "faces", folder / "clips") for row in labeller(item, folder)]
    )


STEPS: dict[str, Callable[[Earlier, Path], Result]] = {
    "download": _download,
    "detect": _detect,
    "subjects": _subjects,
    "crop": _crop,
    "select": _select,
    "audio": _audio,
    "recognise": _recognise,
    "identify": _identify,
}
"""Each step as a function of the results of earlier steps and of a folder to write to, in the order of the pipeline."""


def _rows(returned: Any) -> list[Any]:
    assert isinstance(returned, list), returned
    return returned


def _clip(name: str, spec: ClipSpec) -> Clip:
    return Clip(
        clip_id=f"{DATASET}/{name}",
        dataset=DATASET,
        identity="",
        address=spec.to_address(),
        start_s=None,
        end_s=None,
        licence="",
        origin="",
        content_hash="",
        **NO_CROP,
        published_split="",
        range_fps=None,
    )


def _network_in(folder: Path) -> Path:
    """Write a face recognition network whose weights follow from a seed, and return its path."""
    import torch

    from pipeline.identity.network.resnet import FaceRecognitionNetwork, preprocess
    from pipeline.identity.network.weights_file import write_recognition_network

    path = folder / "network.safetensors"
    if not path.exists():
        network, rng = FaceRecognitionNetwork(0.125), np.random.default_rng(7)
        state = {name: _drawn(rng, name, tuple(old.shape)) for name, old in network.state_dict().items()}
        network.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
        for norm in (part for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d)):
            norm.momentum = None  # statistics are those of the next batch; without them features grow in each block
        with torch.no_grad():
            network.train()(preprocess(np.stack([smooth_face(rng, 256) for _ in range(N_SMOOTH_FACES)])))
        write_recognition_network(network.eval(), path)
    return path


def _drawn(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if len(shape) == 4:
        return rng.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape).astype(np.float32)
    return rng.normal(float(name.endswith(("weight", "var"))), 0.1, shape).astype(np.float32)


def main() -> None:
    """Record the clips, and the numbers of every step."""
    GOLDEN.parent.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        for clip, spec in zip(CLIPS, SPECS.values(), strict=True):
            write_clip(spec, clip.path)
        results = run_steps(Path(folder)).results
    content = {name: {"version": version_of(name), "numbers": numbers_of(one)} for name, one in results.items()}
    write_text(GOLDEN, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

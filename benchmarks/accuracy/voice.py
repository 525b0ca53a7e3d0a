"""Measure the accuracy of the av_zscore filter of the stage dataset on talkers, voice-overs and wrong faces.

Part of ``python -m benchmarks.accuracy``; ``python -m benchmarks.accuracy.voice`` measures it alone. It generates clips
of the 'wide' preset: talkers, silent faces under a voice, and faces whose lips move to another speech than that in the
sound. It runs the stages download, detect, subjects and audio on them with the numbers of params.yaml, and counts for
each kind the clips of which the stage dataset would keep every segment.

With real clips, it prints the same for single speakers, each as it is and with the sound of every other person. These
figures have no target, because the comparison of mouth and sound was developed on these clips.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.backends import INDEX_FILE, single_speakers
from benchmarks.accuracy.figures import DURATION_S, Figure, print_and_exit, read_options, write_params
from benchmarks.accuracy.person_pairs import a_clip
from benchmarks.accuracy.real_persons import LABELS
from benchmarks.real_files import CLIPS_VARIABLE, folder_named_by
from pipeline.audio.extract import of_sound
from pipeline.audio.reading import SoundRange
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.clip import Clip, clip_name, content_of
from pipeline.core.records.dataset import DatasetSegment
from pipeline.core.records.frame import Frame
from pipeline.core.records.person import TRAIN, SubjectPerson
from pipeline.core.records.subject import SubjectTrack, main_subject_id
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.dataset.build import DatasetParams, segment_drop
from pipeline.dataset.rows import iterate_segments
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker.mouth_sound import loudness, mouth_sound
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.clip import read_media_clips
from stages.__main__ import run_stage

DATASET = "voice"
OWN, VOICE_OVER, WRONG_FACE = "talk", "voice_over", "wrong_face"
MIN_KEPT, MIN_FILTERED = 97.0, 90.0
MAX_DURATION_S = 600.0  # of a real clip's sound


def main() -> None:
    """Measure and print the figures; exit with status 1 when a target is missed."""
    options = read_options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_voice(Path(folder), options.persons, options.seed)
    print_and_exit(figures)


def measure_voice(folder: Path, n_persons: int, seed: int) -> list[Figure]:
    """Return the figures of generated clips, and print those of real ones."""
    at = Layout(folder / "generated")
    specs = {
        f"{DATASET}/{kind}-{person:03d}": _spec(seed, person, kind)
        for kind in (OWN, VOICE_OVER, WRONG_FACE)
        for person in range(n_persons)
    }
    segments = _run_stages(at, {clip_id: (spec.to_address(), clip_id) for clip_id, spec in specs.items()}, "synthetic")
    kept = _kept(segments, load_params(DatasetParams, "dataset", at.params))
    share = {
        kind: 100 * float(np.mean([kept[clip_id] for clip_id in kept if specs[clip_id].kind == kind]))
        for kind in (OWN, VOICE_OVER, WRONG_FACE)
    }
    print(f"speaker's voice: {len(kept)} of {len(specs)} clips have a segment of voice, of {n_persons} persons")
    clips = folder_named_by(CLIPS_VARIABLE)
    if clips and (clips / INDEX_FILE).is_file():
        print_real(Layout(folder / "real"), clips)
    else:
        print(f"unavailable  speaker's voice, real: {CLIPS_VARIABLE} names no folder with {INDEX_FILE}")
    return [
        Figure("clips of talkers, kept", share[OWN], MIN_KEPT, True, "%"),
        Figure("clips of a voice over a silent face, filtered", 100 - share[VOICE_OVER], MIN_FILTERED, True, "%"),
        Figure("clips of a voice under a wrong face, filtered", 100 - share[WRONG_FACE], MIN_FILTERED, True, "%"),
    ]


def _spec(seed: int, person: int, kind: str) -> ClipSpec:
    return ClipSpec(seed=seed, person=person, clip=0, kind=kind, preset="wide", duration_s=DURATION_S)


def _run_stages(at: Layout, listed: Mapping[str, tuple[str, str]], kind: str) -> list[DatasetSegment]:
    """Run the stages in ``at`` on clips, (address, person) by id; return their segments for the stage dataset."""
    write_params(at, DATASET, sources={DATASET: {"kind": kind}})
    clips = [
        replace(a_clip(DATASET, clip_id, person), address=address, content_hash=content_of(address, None, None))
        for clip_id, (address, person) in listed.items()
    ]
    write_manifest(at.listed(DATASET), Clip, clips)
    for stage in ("download", "detect", "subjects", "audio"):
        run_stage(stage, DATASET, at)
    subject_persons = (
        SubjectPerson(
            subject_id=main_subject_id(clip.clip_id),
            clip_id=clip.clip_id,
            dataset=DATASET,
            person_id=clip.identity,
            split=TRAIN,
        )
        for clip in clips
    )
    write_manifest(at.subject_persons, SubjectPerson, subject_persons)
    return list(iterate_segments([DATASET], at))


def _kept(segments: Sequence[DatasetSegment], params: DatasetParams) -> dict[str, bool]:
    """Return for each clip whether all of its segments are kept."""
    ends = defaultdict(list)
    for segment in segments:
        ends[segment.clip_id].append(segment_drop(segment, params))
    return {clip_id: not any(why_nots) for clip_id, why_nots in ends.items()}


def print_real(at: Layout, folder: Path) -> None:
    """Print how many single speakers of a folder are kept, and how many with another person's sound are filtered."""
    person_of = pd.read_csv(LABELS, dtype=str).set_index("file")["person"].to_dict()
    names = sorted(single_speakers(folder / INDEX_FILE) & person_of.keys())
    listed = {
        f"{DATASET}/{clip_name(Path(name).stem)}": ((folder / name).as_posix(), person_of[name]) for name in names
    }
    segments = _run_stages(at, listed, "folder")
    params = load_params(DatasetParams, "dataset", at.params)
    for reason in ("face_not_seen", "other_voice"):
        ends = [(segment, segment_drop(segment, params)) for segment in segments]
        dropped = sorted({segment.clip_id for segment, end in ends if end and end.reason == reason})
        print(f"real single speakers, segments {reason}: of clips {dropped}")
    kept = _kept(segments, params)
    print(f"real single speakers that are kept: {sum(kept.values())} of {len(kept)} clips")
    swapped = list(_with_other_sound(at, {segment.clip_id: segment for segment in segments}))
    filtered = [(segment.av_covered_s, segment_drop(segment, params) is not None) for segment in swapped]
    for low_s, high_s in ((0.0, params.full_av_covered_s), (params.full_av_covered_s, np.inf)):
        in_range = [is_filtered for av_covered_s, is_filtered in filtered if low_s <= av_covered_s < high_s]
        print(
            f"real single speakers under the voice of another, av_covered_s {low_s:g} to {high_s:g}: "
            f"{sum(in_range)} of {len(in_range)} filtered"
        )


def _with_other_sound(at: Layout, segments: Mapping[str, DatasetSegment]) -> Iterator[DatasetSegment]:
    """Yield a segment of each clip as it would be with the sound of each other person's clip, from its start."""
    params = load_params(DetectParams, "detect", at.params)
    main_tracks = {
        row.track_id
        for row in read_manifest(at.subject_tracks(DATASET), SubjectTrack)
        if row.subject_id == main_subject_id(row.clip_id)
    }
    frames: dict[str, list[Frame]] = defaultdict(list)
    for frame in sorted(read_manifest(at.frames(DATASET), Frame), key=lambda frame: frame.time_s):
        if frame.track_id in main_tracks:
            frames[frame.clip_id].append(frame)
    clips = {clip.clip_id: clip for clip in read_media_clips(at.clips(DATASET), at.media(DATASET), at.root)}
    loud: dict[str, NDArray[np.float64]] = {
        clip_id: of_sound(clips[clip_id].path, SoundRange(max_duration_s=MAX_DURATION_S), loudness)[0]
        for clip_id in segments
    }
    for face, sound in permutations(sorted(segments), 2):
        if segments[face].person_id != segments[sound].person_id and face in frames:
            found = mouth_sound(frames[face], loud[sound], params)
            yield replace(
                segments[face], face_seen_share=1.0, av_covered_s=found.av_covered_s, av_zscore=found.av_zscore
            )


if __name__ == "__main__":
    main()

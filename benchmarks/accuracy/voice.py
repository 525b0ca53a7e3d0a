"""Measure how right the stage dataset is about whose voice is heard: talkers, voices over, and other persons' faces.

Called at the end of ``python -m benchmarks.accuracy``; ``python -m benchmarks.accuracy.voice`` measures it alone. It
generates clips of the 'wide' preset: faces that say what is heard, silent faces under a voice, and faces whose lips say
something else than is heard. The stages download, detect and audio take them up with the numbers of params.yaml, and of
each kind those clips are counted of which the stage dataset would keep every segment, or none.

Where real clips are, the same is told of single speakers, each as it is and with the sound of every other person; with
no target, for they took part in choosing how mouth and sound are compared.
"""

import csv
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import stages.audio
import stages.detect
import stages.download
from benchmarks.accuracy.backends import INDEX_FILE, single_speakers
from benchmarks.accuracy.figures import DURATION_S, Figure, read_options, tell
from benchmarks.accuracy.persons import LABELS, SHARED, a_clip
from pipeline.audio.extract import sound_pieces
from pipeline.base.layout import Layout
from pipeline.base.params import PARAMS_FILE, load_params
from pipeline.dataset.build import DatasetParams, why_not_own_voice
from pipeline.face.tracking.settings import DetectParams
from pipeline.records.clip import Clip, clip_name, content_of
from pipeline.records.dataset import DatasetSegment
from pipeline.records.frame import Frame
from pipeline.records.person import TRAIN, ClipPerson
from pipeline.records.track import Track
from pipeline.speaker.mouth_sound import loudness, mouth_sound
from pipeline.storage.manifest import read_manifest, write_manifest
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.clip import read_media_clips
from stages.dataset import read_segments

DATASET = "voice"
OWN, VOICE_OVER, WRONG_FACE = "talk", "voice_over", "wrong_face"
LEAST_KEPT, LEAST_CAUGHT = 97.0, 90.0
LONGEST_S = 600.0  # of a real clip's sound


def main() -> None:
    """Measure and print the figures; fail when a target is missed."""
    options = read_options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_voice(Path(folder), options.persons, options.seed)
    tell(figures)


def measure_voice(folder: Path, n_persons: int, seed: int) -> list[Figure]:
    """Return the figures of generated clips, and tell those of real ones."""
    at = Layout(folder / "generated")
    specs = {
        f"{DATASET}/{kind}-{person:03d}": _spec(seed, person, kind)
        for kind in (OWN, VOICE_OVER, WRONG_FACE)
        for person in range(n_persons)
    }
    segments = _run_stages(at, {clip_id: (spec.to_address(), clip_id) for clip_id, spec in specs.items()})
    kept = _kept(segments, load_params(DatasetParams, "dataset", at.params))
    share = {
        kind: 100 * float(np.mean([kept[clip_id] for clip_id in kept if specs[clip_id].kind == kind]))
        for kind in (OWN, VOICE_OVER, WRONG_FACE)
    }
    print(f"whose voice: {len(kept)} of {len(specs)} clips have a segment of voice, of {n_persons} persons")
    if (SHARED / "clips" / INDEX_FILE).is_file():
        tell_real(Layout(folder / "real"))
    else:
        print(f"unavailable  whose voice, real: {SHARED}/clips, with {INDEX_FILE}")
    return [
        Figure("clips of talkers that are kept", share[OWN], LEAST_KEPT, True, "%"),
        Figure("voices over a silent face that are filtered", 100 - share[VOICE_OVER], LEAST_CAUGHT, True, "%"),
        Figure("voices under another's face that are filtered", 100 - share[WRONG_FACE], LEAST_CAUGHT, True, "%"),
    ]


def _spec(seed: int, person: int, kind: str) -> ClipSpec:
    return ClipSpec(seed=seed, person=person, clip=0, kind=kind, preset="wide", duration_s=DURATION_S)


def _run_stages(at: Layout, listed: Mapping[str, tuple[str, str]]) -> list[DatasetSegment]:
    """Take clips, (address, person) by id, through the stages in ``at``; return their segments as dataset sees them."""
    at.root.mkdir(parents=True)
    at.params.write_text(PARAMS_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    clips = [
        replace(a_clip(DATASET, clip_id, person), address=address, content_hash=content_of(address, None, None))
        for clip_id, (address, person) in listed.items()
    ]
    write_manifest(at.clips(DATASET), Clip, clips)
    for stage in (stages.download, stages.detect, stages.audio):
        stage.main(DATASET, at)
    clip_persons = {
        clip.clip_id: ClipPerson(clip_id=clip.clip_id, dataset=DATASET, person_id=clip.identity, split=TRAIN)
        for clip in clips
    }
    return list(read_segments(DATASET, at, clip_persons))


def _kept(segments: Sequence[DatasetSegment], params: DatasetParams) -> dict[str, bool]:
    """Return for each clip whether all of its segments are kept."""
    ends = defaultdict(list)
    for segment in segments:
        ends[segment.clip_id].append(why_not_own_voice(segment, params))
    return {clip_id: not any(why_nots) for clip_id, why_nots in ends.items()}


def tell_real(at: Layout) -> None:
    """Print how many single speakers are kept, and how many are filtered with the sound of another person."""
    with LABELS.open(encoding="utf-8", newline="") as file:
        person_of = {row["file"]: row["person"] for row in csv.DictReader(file)}
    names = sorted(single_speakers(SHARED / "clips" / INDEX_FILE) & person_of.keys())
    listed = {
        f"{DATASET}/{clip_name(Path(name).stem)}": ((SHARED / "clips" / name).as_posix(), person_of[name])
        for name in names
    }
    segments = _run_stages(at, listed)
    params = load_params(DatasetParams, "dataset", at.params)
    for why_not in ("face_not_seen", "other_voice"):
        ends = [(segment, why_not_own_voice(segment, params)) for segment in segments]
        left_out = sorted({segment.clip_id for segment, end in ends if end and end.reason == why_not})
        print(f"real single speakers, segments {why_not}: of clips {left_out}")
    kept = _kept(segments, params)
    print(f"real single speakers that are kept: {sum(kept.values())} of {len(kept)} clips")
    swapped = list(_with_other_sound(at, {segment.clip_id: segment for segment in segments}))
    caught = [(segment.av_covered_s, why_not_own_voice(segment, params) is not None) for segment in swapped]
    for least_s, most_s in ((0.0, params.full_av_covered_s), (params.full_av_covered_s, np.inf)):
        found = [is_caught for av_covered_s, is_caught in caught if least_s <= av_covered_s < most_s]
        print(
            f"real single speakers under the voice of another, both there for {least_s:g} to {most_s:g} s: "
            f"{sum(found)} of {len(found)} filtered"
        )


def _with_other_sound(at: Layout, segments: Mapping[str, DatasetSegment]) -> Iterator[DatasetSegment]:
    """Yield a segment of each clip as it would be with the sound of each other person's clip, from its beginning on."""
    params = load_params(DetectParams, "detect", at.params)
    main_tracks = {track.clip_id: track.track_id for track in read_manifest(at.tracks(DATASET), Track) if track.is_main}
    frames: dict[str, list[Frame]] = defaultdict(list)
    for frame in sorted(read_manifest(at.frames(DATASET), Frame), key=lambda frame: frame.time_s):
        if frame.track_id == main_tracks[frame.clip_id]:
            frames[frame.clip_id].append(frame)
    clips = {clip.clip_id: clip for clip in read_media_clips(at.clips(DATASET), at.media(DATASET), at.root)}
    loud: dict[str, NDArray[np.float64]] = {
        clip_id: loudness(sound_pieces(clips[clip_id].path, max_duration_s=LONGEST_S)) for clip_id in segments
    }
    for seen, heard in permutations(sorted(segments), 2):
        if segments[seen].person_id != segments[heard].person_id and seen in frames:
            found = mouth_sound(
                frames[seen], loud[heard], max_av_lag_s=params.max_av_lag_s, min_overlap_s=params.min_av_covered_s
            )
            yield replace(segments[seen], face_seen_share=1.0, av_covered_s=found.overlap_s, av_zscore=found.av_zscore)


if __name__ == "__main__":
    main()

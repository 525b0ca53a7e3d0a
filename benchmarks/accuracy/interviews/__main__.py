"""Measure on generated interviews who speaks when, how tracks are linked, and the pairs that come out of them.

``python -m benchmarks.accuracy.interviews --n 30 --seconds 180`` writes interviews (pipeline/interview), runs the
stages on them with ``people: all``, and compares with the truth. Tracks are linked to subjects by the truth, by the
network, or, with ``--linked both``, once by each. Faces and voices of generated people are compared along axes and with
limits of their own (benchmarks/accuracy/interviews/axes.py); with ``--limits real`` as those of real people. ``--at
FOLDER`` keeps what it makes there, so that the next run goes on with it. ``--last subjects`` leaves the pairs out.
Every share is of the time of all interviews, or of all pairs, with the 95 % interval by draws of interviews; the second
line of a share is by the kind of shot (pipeline/interview/plan.py).
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.accuracy.figures import list_folder, share_interval, write_params
from benchmarks.accuracy.interviews.axes import face_axes, voice_axes
from benchmarks.accuracy.interviews.links import OwnAxes, relink
from benchmarks.accuracy.interviews.pairs import ERRORS, JudgedPair, judge_pairs
from benchmarks.accuracy.interviews.seconds import ALL_KINDS, FIGURES, Seconds, seconds_of, speakers
from benchmarks.accuracy.interviews.truth import NOBODY, Interview, people_of_tracks, read_interview, shows_most
from benchmarks.accuracy.pairs import run_from
from benchmarks.accuracy.turns import Links, percent
from benchmarks.interviews import path_of, write_with_truth
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import PARAMS_FILE, load_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import from_table
from pipeline.core.records.subject import SubjectTrack, Turn
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.manifest import read_manifest
from pipeline.identity.network.subject_embedding import RecogniseParams
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.interview.plan import InterviewSpec
from pipeline.interview.truth import has_truth
from stages.__main__ import run_stage

DATASET = "interviews"
TRUTH, NETWORK = "truth", "network"
MIN_KIND_S = 5.0  # a kind of shot with less of what is counted is left out


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one interview."""

    seconds: Seconds
    links: Links


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=30, help="number of interviews")
    parser.add_argument("--seconds", type=float, default=180.0, help="of each interview")
    parser.add_argument("--seed", type=int, default=1001, help="of the first interview; the others follow")
    parser.add_argument("--linked", choices=[TRUTH, NETWORK, "both"], default="both")
    parser.add_argument("--limits", choices=["own", "real"], default="own", help="of generated people, or of real ones")
    parser.add_argument("--last", choices=["subjects", "dataset"], default="dataset", help="the last stage")
    parser.add_argument("--at", type=Path, help="a folder for interviews and results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        root = options.at or Path(work)
        specs = [InterviewSpec(seed=options.seed + k, duration_s=options.seconds) for k in range(options.n)]
        truths = write_interviews(specs, root / "interviews")
        axes = own_axes(root) if options.limits == "own" else None
        for linked in (TRUTH, NETWORK) if options.linked == "both" else (options.linked,):
            at = Layout(root / linked)
            interviews = run_stages(truths, root / "interviews", linked, axes, at)
            print(f"\nlinked by the {linked}: {len(interviews)} interviews of {options.seconds:g} s", flush=True)
            print(report(measure(interviews, at)), flush=True)
            if options.last == "dataset":
                write_params(at, DATASET, subjects={"people": "all"}, recognise={"network": None})
                run_from("crop", DATASET, at)
                judged = judge_pairs(DATASET, interviews, at)
                print(report_pairs(judged, [one.name for one in interviews.values()], options.seconds), flush=True)


def own_axes(folder: Path) -> OwnAxes:
    """Return the axes of generated people by the networks of params.yaml as committed; they are kept in ``folder``."""
    face_network = load_params(RecogniseParams, "recognise", PARAMS_FILE).network
    voice_network = load_params(SubjectsParams, "subjects", PARAMS_FILE).voices
    assert face_network is not None and voice_network is not None
    return OwnAxes(face_axes(face_network, folder), voice_axes(voice_network, folder))


def write_interviews(specs: Sequence[InterviewSpec], folder: Path) -> dict[str, Interview]:
    """Write the interviews that are not there yet, and return the truth of all, by name."""
    found = {}
    for spec in specs:
        path = path_of(spec, folder)
        if not has_truth(path):
            write_with_truth(spec, path)
        found[path.stem] = read_interview(path)
    return found


def run_stages(
    truths: Mapping[str, Interview], folder: Path, linked: str, axes: OwnAxes | None, at: Layout
) -> dict[str, Interview]:
    """Run the stages download to subjects, link tracks, and return the truth of each clip, by id."""
    write_params(at, DATASET, subjects={"people": "all"})
    listed = at.root / "videos"
    listed.mkdir(parents=True, exist_ok=True)
    for path in listed.iterdir():
        path.unlink()
    for name in truths:
        (listed / f"{name}.mp4").symlink_to((folder / f"{name}.mp4").resolve())
    list_folder(at, DATASET, listed)
    for stage in ("download", "detect", "subjects"):
        run_stage(stage, DATASET, at)
    clips = read_manifest(at.clips(DATASET), Clip)
    interviews = {clip.clip_id: truths[Path(clip.address).stem] for clip in clips}
    relink(DATASET, interviews if linked == TRUTH else None, axes, at)
    return interviews


def measure(interviews: Mapping[str, Interview], at: Layout) -> list[Measured]:
    """Return the figures of each interview, whose stages up to subjects have run in ``at``."""
    frames, tracks = ClipRows(at.frames(DATASET), Frame), ClipRows(at.subject_tracks(DATASET), SubjectTrack)
    turns = read_manifest(at.turns(DATASET), Turn)
    measured = []
    for clip_id, of in interviews.items():
        people = people_of_tracks(from_table(Frame, frames.of(clip_id)), of)
        subject_of = {row.track_id: row.subject_id for row in from_table(SubjectTrack, tracks.of(clip_id))}
        given = speakers((turn for turn in turns if turn.clip_id == clip_id), subject_people(people, subject_of), of)
        links = Links()
        shown = {track_id: shows_most(counts) for track_id, counts in people.items()}
        links.add([(track if who == NOBODY else str(who), subject_of[track]) for track, who in shown.items()])
        measured.append(Measured(seconds_of(given, of), links))
    return measured


def subject_people(people: Mapping[str, Mapping[int, int]], subject_of: Mapping[str, str]) -> dict[str, int]:
    """Return whom each subject shows in most frames; a subject that shows nobody is left out.

    ``people``: in how many frames each track shows whom.
    """
    counts: dict[str, dict[int, int]] = {}
    for track_id, of_track in people.items():
        of_subject = counts.setdefault(subject_of[track_id], {})
        for person, n in of_track.items():
            of_subject[person] = of_subject.get(person, 0) + n
    most = {subject_id: shows_most(found) for subject_id, found in counts.items()}
    return {subject_id: person for subject_id, person in most.items() if person != NOBODY}


def report(measured: Sequence[Measured]) -> str:
    """Return the figures of all interviews."""
    lines = []
    for figure in FIGURES:
        lines.append(f"{figure} in {_share(figure, ALL_KINDS, measured)}")
        kinds = sorted({kind for one in measured for name, kind in one.seconds.of if name == figure and kind})
        by_kind = {kind: _counts(figure, kind, measured).sum(axis=0) for kind in kinds}
        told = [f"{kind} {percent(*of)} of {of[1]:.0f} s" for kind, of in by_kind.items() if of[1] >= MIN_KIND_S]
        lines.append(f"    {', '.join(told)}")
    links = np.array([(one.links.right, one.links.wrong, one.links.missed) for one in measured], float)
    right, wrong, missed = links.T
    lines.append(
        f"pairs of tracks: precision {_with_interval(right, right + wrong)} of {right.sum() + wrong.sum():.0f}, "
        f"recall {_with_interval(right, right + missed)} of {right.sum() + missed.sum():.0f}"
    )
    return "\n".join(lines)


def report_pairs(judged: Sequence[JudgedPair], names: Sequence[str], duration_s: float) -> str:
    """Return the figures of the pairs; ``names``: of the interviews, each of ``duration_s``."""
    n_pairs = np.array([sum(one.interview == name for one in judged) for name in names], float)
    right = np.array([sum(one.interview == name and not one.errors for one in judged) for name in names], float)
    wrong = ", ".join(f"{error} {sum(error in one.errors for one in judged)}" for error in ERRORS)
    return (
        f"pairs: {right.sum():.0f} of {n_pairs.sum():.0f} right, {_with_interval(right, n_pairs)}; wrong: {wrong}; "
        f"{3600 * right.sum() / (duration_s * len(names)):.0f} right pairs for an hour"
    )


def _counts(figure: str, kind: str, measured: Sequence[Measured]) -> np.ndarray:
    return np.array([one.seconds.of.get((figure, kind), np.zeros(2)) for one in measured])


def _share(figure: str, kind: str, measured: Sequence[Measured]) -> str:
    parts, wholes = _counts(figure, kind, measured).T
    return f"{_with_interval(parts, wholes)} of {wholes.sum():.0f} s"


def _with_interval(parts: np.ndarray, wholes: np.ndarray) -> str:
    low, high = share_interval(parts, wholes)
    return f"{percent(parts.sum(), wholes.sum())} ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()

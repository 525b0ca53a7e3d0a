"""Measure who speaks when, on montages of real clips (benchmarks/accuracy/montages.py).

``python -m benchmarks.accuracy.turns FOLDER...`` cuts clips of the folders together, runs the stages download, detect
and subjects on the montages, and prints: how much of the time in which the person seen speaks is a turn of that person,
or of another; how much of the time in which another voice sounds is nobody's turn; how much of all turns is wrong; and
how well tracks are linked to persons. ``--at FOLDER`` keeps what it makes there.
"""

import argparse
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from benchmarks.accuracy.figures import list_folder, write_params
from benchmarks.accuracy.montages import OWN, Shot, groups_of_persons, plan, talking_clips, write
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.subject import SubjectTrack, Turn
from pipeline.core.records.track import Track
from pipeline.core.storage.manifest import read_manifest
from stages.__main__ import run_stage

DATASET = "montages"
# A cut is found to a frame, and a stretch begins with it: what lies nearer to a cut is not counted.
MARGIN_S = 0.1


@dataclass
class Seconds:
    """Seconds in which the person seen speaks, and in which another voice sounds, and what became of them."""

    own: float = 0.0
    right: float = 0.0
    wrong_person: float = 0.0
    other_voice: float = 0.0
    taken: float = 0.0

    def add(self, shots: Sequence[Shot], turns: Iterable[Turn], person_of: Mapping[str, str]) -> None:
        """Count one montage, given its turns and the person of each subject."""
        spans = [(turn.start_s, turn.end_s, person_of[turn.subject_id]) for turn in turns]
        for shot in shots:
            start_s, end_s = shot.start_s + MARGIN_S, shot.end_s - MARGIN_S
            of_person: dict[str, float] = {}
            for first_s, last_s, person in spans:
                both_s = max(0.0, min(end_s, last_s) - max(start_s, first_s))
                of_person[person] = of_person.get(person, 0.0) + both_s
            if shot.voice == OWN:
                self.own += end_s - start_s
                self.right += of_person.pop(shot.seen.person, 0.0)
                self.wrong_person += sum(of_person.values())
            else:
                self.other_voice += end_s - start_s
                self.taken += sum(of_person.values())


@dataclass
class Links:
    """Pairs of tracks of one montage: of one person and one subject, of one subject only, of one person only."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, tracks: Sequence[tuple[str, str]]) -> None:
        """Count the tracks of one montage, (person, subject) of each."""
        for (person, subject), (other_person, other_subject) in combinations(tracks, 2):
            self.right += person == other_person and subject == other_subject
            self.wrong += person != other_person and subject == other_subject
            self.missed += person == other_person and subject != other_subject


def main() -> None:
    """Measure and print."""
    options = montage_parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as work:
        at = Layout(options.at or Path(work))
        montages = write_montages(options.folders, at.root / "montages", options.seconds, options.seed)
        write_params(at, DATASET)
        list_folder(at, DATASET, at.root / "montages")
        for stage in ("download", "detect", "subjects"):
            run_stage(stage, DATASET, at)
        print(report(montages, at))


def montage_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options of all measurements on montages."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of videos with an INDEX.tsv")
    parser.add_argument("--seed", type=int, default=31415)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each montage")
    parser.add_argument("--at", type=Path, help="a folder for montages and results")
    return parser


def write_montages(folders: Sequence[Path], to: Path, duration_s: float, seed: int) -> dict[str, list[Shot]]:
    """Write a montage of each group of persons, and return its shots, by file name."""
    to.mkdir(parents=True, exist_ok=True)
    clips = talking_clips(folders)
    groups = groups_of_persons(clips, seed)
    montages = {}
    for number, group in enumerate(groups):
        others = [person for other in groups if other != group for person in other]
        shots = plan(clips, group, others, duration_s, seed * 100 + number)
        name = f"montage_{number}.mp4"
        if not (to / name).exists():
            write(shots, to / name)
        montages[name] = shots
    return montages


def report(montages: Mapping[str, Sequence[Shot]], at: Layout) -> str:
    """Return the figures of the montages whose stages have run in ``at``."""
    seconds, links = measure(montages, at)
    persons = {shot.seen.person for shots in montages.values() for shot in shots}
    taken = seconds.right + seconds.wrong_person + seconds.taken
    lines = [
        f"{len(montages)} montages, {sum(map(len, montages.values()))} shots, {len(persons)} persons seen",
        f"the person seen speaks: {seconds.own:.0f} s, a turn of that person in "
        f"{percent(seconds.right, seconds.own)}, of another in {percent(seconds.wrong_person, seconds.own)}",
        f"another voice sounds: {seconds.other_voice:.0f} s, nobody's turn in "
        f"{percent(seconds.other_voice - seconds.taken, seconds.other_voice)}",
        f"wrong of all turns: {percent(seconds.wrong_person + seconds.taken, taken)}",
        f"pairs of tracks: precision {percent(links.right, links.right + links.wrong)}, "
        f"recall {percent(links.right, links.right + links.missed)}",
    ]
    return "\n".join(lines)


def measure(montages: Mapping[str, Sequence[Shot]], at: Layout) -> tuple[Seconds, Links]:
    """Return the seconds and the links of all montages."""
    name_of = {clip.clip_id: Path(clip.address).name for clip in read_manifest(at.clips(DATASET), Clip)}
    tracks = {track.track_id: track for track in read_manifest(at.tracks(DATASET), Track)}
    rows = read_manifest(at.subject_tracks(DATASET), SubjectTrack)
    turns = read_manifest(at.turns(DATASET), Turn)
    seconds, links = Seconds(), Links()
    for clip_id, name in name_of.items():
        shots = montages[name]
        persons = {row.track_id: _person_seen(shots, tracks[row.track_id]) for row in rows if row.clip_id == clip_id}
        of_clip = [row for row in rows if row.clip_id == clip_id]
        links.add([(persons[row.track_id], row.subject_id) for row in of_clip])
        seconds.add(
            shots, [turn for turn in turns if turn.clip_id == clip_id], person_of_subjects(of_clip, tracks, persons)
        )
    return seconds, links


def _person_seen(shots: Sequence[Shot], track: Track) -> str:
    """Return the person seen in the middle of a track."""
    middle_s = (track.start_s + track.end_s) / 2
    return next((shot.seen.person for shot in shots if shot.start_s <= middle_s < shot.end_s), "")


def person_of_subjects(
    rows: Iterable[SubjectTrack], tracks: Mapping[str, Track], persons: Mapping[str, str]
) -> dict[str, str]:
    """Return the person that each subject shows for longest."""
    seen_s: dict[str, dict[str, float]] = {}
    for row in rows:
        of_subject = seen_s.setdefault(row.subject_id, {})
        track = tracks[row.track_id]
        person = persons[row.track_id]
        of_subject[person] = of_subject.get(person, 0.0) + track.end_s - track.start_s
    return {subject_id: max(of_subject, key=lambda one: of_subject[one]) for subject_id, of_subject in seen_s.items()}


def percent(part: float, whole: float) -> str:
    """Return a share as text, in percent."""
    return f"{100 * part / whole:.1f} %" if whole else "none"


if __name__ == "__main__":
    main()

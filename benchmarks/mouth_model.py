"""Fit the model of mouths and voices (pipeline/speaker/mouth_model.py) to clips of people who talk.

``python -m benchmarks.mouth_model FOLDER...`` observes the clips of the folders (as benchmarks/accuracy/montages.py
names them), prints the weights, and how well they tell 2 s of a mouth's own voice from 2 s of another person's, on
persons who had no part in the fit: the area under the ROC curve, mean over persons, the median person's and the
interval by draws of persons. Half of the persons are fitted and the others measured, and the other way round.
``--at FOLDER`` keeps what it makes there.
"""

import argparse
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.figures import list_folder, write_params
from benchmarks.accuracy.montages import FPS, OWN, Shot, TalkingClip, talking_clips, write
from pipeline.audio.extract import of_sound
from pipeline.audio.reading import SoundRange
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import from_table
from pipeline.core.records.track import Track
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.manifest import read_manifest
from pipeline.speaker.mouth_model import CONTEXT_STEPS, MEASURES, fast_bands, mouth_measures, predicted
from pipeline.speaker.mouth_sound import GRID_HZ
from pipeline.speaker.sound_bands import N_BANDS, Bands, SoundBands
from stages.__main__ import run_stage

DATASET = "clips"
PART_S, MIN_PART_S, MEASURED_S = 4.0, 2.0, 2.0
FURTHEST_STEPS = 16  # to which a clip's sound is shifted ...
SHIFT_STD_STEPS, SHIFT_WEIGHT = 5.0, 0.1  # ... hardly beyond this, as in section subjects: lag_std_s, mouth_weight
MOST_STEPS = 10 * GRID_HZ  # a person with more counts no more
RIDGE_STEPS = (300.0, 30.0)  # of sound and mouth: added to the sums of squares
N_SHIFTS = 3  # rounds of fitting and shifting
N_MOVEMENTS = 2
N_OTHERS, N_DRAWS = 6, 2000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """Some seconds of a clip: measures of the mouth (n, 5), and fast bands from FURTHEST_STEPS and context before."""

    person: str
    clip: str
    mouth: Floats
    sound: Floats

    def sound_at(self, shift: int) -> Floats:
        """Return the bands that ``predicted`` takes for this mouth, the sound ``shift`` steps late."""
        reach = CONTEXT_STEPS[-1]
        return self.sound[FURTHEST_STEPS + shift :][: len(self.mouth) + 2 * reach]


@dataclass(frozen=True)
class Weights:
    """The two tables of mouth_model.py, and the correlations of the two pairs of movements."""

    mouth: Floats
    sound: Floats
    correlations: Floats


def main() -> None:
    """Fit, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of videos with an INDEX.tsv")
    parser.add_argument("--at", type=Path, help="a folder for results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        parts = observed(options.folders, Layout(options.at or Path(work)))
    shifts = best_shifts(parts)
    found = fit(parts, shifts)
    persons = sorted({part.person for part in parts})
    print(f"{len(parts)} parts of {len(shifts)} clips of {len(persons)} persons")
    print("correlations", np.round(found.correlations, 2).tolist())
    print("MOUTH_WEIGHTS", np.array2string(found.mouth, precision=3, separator=", ", suppress_small=True))
    print("SOUND_WEIGHTS", np.array2string(found.sound, precision=3, separator=", ", suppress_small=True))
    drawn = np.random.default_rng(0).permutation(persons).tolist()
    halves = drawn[::2], drawn[1::2]
    areas: dict[str, float] = {}
    for fitted, others in (halves, halves[::-1]):
        inside = [part for part in parts if part.person in fitted]
        weights = fit(inside, best_shifts(inside))
        areas |= {person: area(parts, person, shifts, weights) for person in others}
    values = np.array([areas[person] for person in persons])
    draws = np.random.default_rng(0).choice(values, (N_DRAWS, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    print(
        f"others' area under the curve: {values.mean():.3f} ({low:.3f} to {high:.3f}), median {np.median(values):.3f}"
    )


def observed(folders: Sequence[Path], at: Layout) -> list[Part]:
    """Return the parts of all clips, whose faces are observed by the stage detect."""
    person_of = write_alike(talking_clips(folders), at.root / "videos")
    write_params(at, DATASET)
    list_folder(at, DATASET, at.root / "videos")
    for stage in ("download", "detect"):
        run_stage(stage, DATASET, at)
    tracks, frames = ClipRows(at.tracks(DATASET), Track), ClipRows(at.frames(DATASET), Frame)
    parts: list[Part] = []
    for row in read_manifest(at.clips(DATASET), Clip):
        path = at.root / "videos" / Path(row.address).name
        seen = from_table(Track, tracks.of(row.clip_id))
        if seen:
            longest = max(seen, key=lambda track: track.n_frames).track_id
            of_track = [frame for frame in from_table(Frame, frames.of(row.clip_id)) if frame.track_id == longest]
            parts += parts_of(person_of[path.name], path.name, of_track, bands_of(path))
    return parts


def write_alike(clips: Sequence[TalkingClip], to: Path) -> dict[str, str]:
    """Write each clip as montages show it, of one size and frame rate, and return its person, by file name."""
    to.mkdir(parents=True, exist_ok=True)
    person_of = {}
    for clip in clips:
        path = to / f"{clip.path.stem}.mp4"
        end_s = int((clip.duration_s - 0.1) * FPS) / FPS
        if not path.exists():
            write([Shot(0.0, end_s, clip, 0.0, OWN, clip, 0.0)], path)
        person_of[path.name] = clip.person
    return person_of


def bands_of(path: Path) -> Bands:
    """Return the bands of a file's sound."""
    bands = SoundBands()
    of_sound(path, SoundRange(max_duration_s=3600.0), lambda pieces: sum(map(len, bands.passing(pieces))))
    return bands.finished()


def parts_of(person: str, clip: str, frames: Sequence[Frame], bands: Bands) -> list[Part]:
    """Return the parts of one track's frames, in time order."""
    n_parts = max(1, round((frames[-1].time_s - frames[0].time_s) / PART_S))
    edges = np.linspace(frames[0].time_s, frames[-1].time_s + 1e-6, n_parts + 1)
    reach = FURTHEST_STEPS + CONTEXT_STEPS[-1]
    parts = []
    for start_s, end_s in pairwise(edges):
        inside = [frame for frame in frames if start_s <= frame.time_s < end_s]
        first, mouth, covered = mouth_measures(inside, len(bands))
        if covered.sum() >= MIN_PART_S * GRID_HZ:
            around = np.arange(first - reach, first + len(mouth) + reach)
            parts.append(Part(person, clip, mouth, fast_bands(bands[np.clip(around, 0, len(bands) - 1)])))
    return parts


def best_shifts(parts: Sequence[Part]) -> dict[str, int]:
    """Return by how many steps the sound of each clip is late, by its mouth's first movement; the median is 0."""
    shifts = {part.clip: 0 for part in parts}
    steps = np.arange(-FURTHEST_STEPS, FURTHEST_STEPS + 1)
    for _ in range(N_SHIFTS):
        weights = fit(parts, shifts)
        fits = {clip: np.zeros(len(steps)) for clip in shifts}
        for part in parts:
            movement = (part.mouth @ weights.mouth)[:, 0]
            found = [movement @ predicted(part.sound_at(int(step)), weights.sound)[:, 0] for step in steps]
            fits[part.clip] += np.array(found)
        usual = (steps / SHIFT_STD_STEPS) ** 2 / 2
        best = {clip: int(steps[np.argmax(SHIFT_WEIGHT * of_clip - usual)]) for clip, of_clip in fits.items()}
        middle = int(np.median([*best.values()]))
        shifts = {clip: int(np.clip(step - middle, steps[0], steps[-1])) for clip, step in best.items()}
    return shifts


def fit(parts: Sequence[Part], shifts: Mapping[str, int], without: Collection[str] = ()) -> Weights:
    """Return the weights by canonical correlation analysis of ``parts``, but for those of the persons ``without``."""
    used = [part for part in parts if part.person not in without]
    n_of: dict[str, int] = {}
    for part in used:
        n_of[part.person] = n_of.get(part.person, 0) + len(part.mouth)
    n_sounds, n_mouths = len(CONTEXT_STEPS) * N_BANDS, len(MEASURES)
    n, sounds, mouths = 0.0, np.zeros((n_sounds, n_sounds)), np.zeros((n_mouths, n_mouths))
    both = np.zeros((n_sounds, n_mouths))
    for part in used:
        weight = min(1.0, MOST_STEPS / n_of[part.person])
        sound = _in_context(part.sound_at(shifts[part.clip]), len(part.mouth))
        n += weight * len(sound)
        sounds += weight * sound.T @ sound
        mouths += weight * part.mouth.T @ part.mouth
        both += weight * sound.T @ part.mouth
    roots = [
        np.linalg.cholesky((squares + ridge * np.eye(len(squares))) / n)
        for squares, ridge in zip((sounds, mouths), RIDGE_STEPS, strict=True)
    ]
    left, correlations, right = np.linalg.svd(np.linalg.solve(roots[0], both / n) @ np.linalg.inv(roots[1]).T)
    r = correlations[:N_MOVEMENTS]
    from_sound, from_mouth = (
        np.linalg.solve(root.T, vectors[:, :N_MOVEMENTS]) for root, vectors in zip(roots, (left, right.T), strict=True)
    )
    unexplained = np.sqrt(1 - r**2)
    shape = (len(CONTEXT_STEPS), -1, N_MOVEMENTS)
    return Weights(from_mouth / unexplained, (from_sound * r / unexplained).reshape(shape), r)


def _in_context(sound: Floats, n: int) -> Floats:
    """Return (n, context x bands) of (n + 12, bands)."""
    return np.concatenate([sound[step - CONTEXT_STEPS[0] :][:n] for step in CONTEXT_STEPS], axis=1)


def area(parts: Sequence[Part], person: str, shifts: Mapping[str, int], weights: Weights) -> float:
    """Return how often MEASURED_S of a person's own voice fit its mouth better than those of another one do."""
    draw = np.random.default_rng(sum(map(ord, person)))
    others = [part for part in parts if part.person != person]
    own: list[float] = []
    foreign: list[float] = []
    for part in parts:
        if part.person != person:
            continue
        shift = shifts[part.clip]
        own += _log_odds(part.mouth, part.sound_at(shift), weights)
        for number in draw.integers(len(others), size=N_OTHERS):
            foreign += _log_odds(part.mouth, others[number].sound_at(shift), weights)
    return float((np.array(own)[:, None] > np.array(foreign)).mean())


def _log_odds(mouth: Floats, sound: Floats, weights: Weights) -> list[float]:
    """Return the log odds of each MEASURED_S in which both are there."""
    voice = predicted(sound, weights.sound)
    n, length = min(len(mouth), len(voice)), round(MEASURED_S * GRID_HZ)
    values = ((mouth[:n] @ weights.mouth) * voice[:n] - np.square(voice[:n]) / 2).sum(axis=1)
    return [float(values[at : at + length].sum()) for at in range(0, n - length + 1, length)]


if __name__ == "__main__":
    main()

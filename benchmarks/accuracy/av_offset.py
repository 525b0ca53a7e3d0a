"""Measure how well a constant offset between a clip's picture and its sound is found.

Run as ``python -m benchmarks.accuracy.av_offset [--persons 40] [--seed 1616] [FOLDER ...]``. It observes one generated
talker each of ``--persons`` persons, and the clips of each FOLDER, listed in its INDEX.tsv; shifts the decoded sound of
those with a single speaker by known amounts of 0.1 to 1 s, one late and one early; and counts with the numbers of
params.yaml:

- clips as they are that are taken to be out of step, and those of single speakers under the sound of another person.
- shifted clips whose offset is certain, and by how much it differs from the shift plus the offset of the clip as it is.
  That is 0 of generated clips; of real ones it is unknown, and the one measured is taken.
- the share whose offset is certain, of pieces of 3, 6, 10 and 20 s.

Persons are in two halves: limits were chosen on 'chosen', and the figures of 'reported' are new to them.
"""

import argparse
import re
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.accuracy.backends import INDEX_FILE, single_speakers
from benchmarks.accuracy.figures import DURATION_S, Figure, print_and_exit
from pipeline.audio.extract import extract_waveform
from pipeline.audio.pcm import to_int16
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import WaveformInt16
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import load_params
from pipeline.core.records.frame import Frame
from pipeline.core.records.track import Track
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker.av_offset import AvOffset, av_offset
from pipeline.speaker.mouth_sound import GRID_HZ, Floats, loudness
from pipeline.speaker.observe import Observer
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.clip import MediaClip

HALVES = ("chosen", "reported")
FRAME_S = 0.04
SHIFTS_S = (0.1, 1.0)  # sizes, late or early
PIECES_S = (3.0, 6.0, 10.0, 20.0)
PIECES_A_CLIP = 6
MAX_SOUND_S = 600.0
OTHER_VOICES = 10  # sounds of other persons tried with each face


@dataclass(frozen=True)
class Observed:
    """A clip's faces and sound."""

    name: str
    person: str
    is_single: bool  # whether one person is seen, and talks
    frames_of: tuple[tuple[Frame, ...], ...]  # of each track
    sound: WaveformInt16

    @property
    def half(self) -> str:
        """In which half of the persons this one is."""
        return HALVES[zlib.crc32(self.person.encode()) % 2]


def main() -> None:
    """Measure and print the figures; exit with status 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    parser.add_argument("--persons", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1616)
    options = parser.parse_args()
    figures = measure("generated", list(observe_generated(options.persons, options.seed)), base_s=0.0)
    real = [one for folder in options.folders for one in observe_real(folder)]
    if real:
        figures += measure("real", real, base_s=None)
    print_and_exit(figures)


def observe_generated(n_persons: int, seed: int) -> Iterator[Observed]:
    """Yield a talker each of ``n_persons`` persons of the 'wide' preset."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        for person in range(n_persons):
            spec = ClipSpec(seed=seed, person=person, clip=0, kind="talk", preset="wide", duration_s=DURATION_S)
            write_clip(spec, path)
            about = Observed(f"generated-{person:03d}", f"G{person:03d}", True, (), np.zeros(0, np.int16))
            yield from _observed(path, about)


def observe_real(folder: Path) -> Iterator[Observed]:
    """Yield the clips of a folder; a person is named by 'id=' in the column notes, else by the file."""
    index = pd.read_csv(folder / INDEX_FILE, sep="\t", dtype=str, keep_default_na=False)
    single = single_speakers(folder / INDEX_FILE)
    for name, notes in zip(index.path, index.get("notes", index.path), strict=True):
        person = re.search(r"\bid=([^;]+)", notes)
        about = Observed(name, person[1] if person else name, name in single, (), np.zeros(0, np.int16))
        yield from _observed(folder / name, about)


def _observed(path: Path, about: Observed) -> Iterator[Observed]:
    """Yield the clip with its frames and sound, or nothing where it has no face or no sound."""
    clip = MediaClip(clip_id=f"clips/{about.name}", path=path, sha256="", has_audio=True, start_s=None, end_s=None)
    rows = Observer(load_params(DetectParams, "detect"))(clip, path.parent)
    try:
        sound = to_int16(extract_waveform(path, max_duration_s=MAX_SOUND_S))
    except BadMedia:
        return
    if not isinstance(rows, Dropped):
        ids = [row.track_id for row in rows if isinstance(row, Track)]
        frames = [row for row in rows if isinstance(row, Frame)]
        yield replace(about, frames_of=tuple(tuple(f for f in frames if f.track_id == one) for one in ids), sound=sound)


def measure(kind: str, clips: Sequence[Observed], base_s: float | None) -> list[Figure]:
    """Print what is found in clips; return the figures with a target.

    ``base_s``: true offset of the clips as they are, None where it is unknown.
    """
    params = load_params(DetectParams, "detect")
    figures = []
    for half in HALVES:
        these = [clip for clip in clips if clip.half == half]
        single = [clip for clip in these if clip.is_single]
        persons = len({clip.person for clip in single})
        print(f"\n{kind}, half '{half}': {len(these)} clips, of them {len(single)} single speakers, {persons} persons")
        as_is = {clip.name: _found(clip, clip.sound, params) for clip in these}
        _print_as_is(as_is, params)
        errors_s = list(_errors_s(single, as_is, base_s, params))
        certain_s = np.array([error_s for error_s in errors_s if error_s is not None])
        largest_ms = 1000 * float(np.abs(certain_s).max(initial=0.0))
        n_near = int((np.abs(certain_s) <= FRAME_S).sum())
        print(f"  shifted by {SHIFTS_S[0]} to {SHIFTS_S[1]} s: certain {_share(len(certain_s), len(errors_s))}")
        print(f"    ... within a frame {_share(n_near, len(certain_s))}; largest error {largest_ms:.0f} ms")
        unrelated = list(_unrelated(single, params))
        print(f"  under another person's sound, out of step: {_share(sum(unrelated), len(unrelated))}")
        for length_s in PIECES_S:
            pieces = [_is_certain(av_offset([f], loud, params), params) for f, loud in _pieces(single, length_s)]
            print(f"  pieces of {length_s:g} s with a certain offset: {_share(sum(pieces), len(pieces))}")
        figures.append(Figure(f"{kind}, {half}: largest error of an offset", largest_ms, 1000 * FRAME_S, False, "ms"))
        if base_s is not None:
            n_out = sum(found.out_of_step_s != 0 for found in as_is.values())
            figures.append(Figure(f"{kind}, {half}: clips in step, taken to be out of it", n_out, 0, False))
    return figures


def _found(clip: Observed, sound: WaveformInt16, params: DetectParams) -> AvOffset:
    return av_offset(clip.frames_of, loudness([sound]), params)


def _is_certain(found: AvOffset, params: DetectParams) -> bool:
    return found.certainty is not None and found.certainty >= params.min_av_offset_certainty


def _print_as_is(as_is: dict[str, AvOffset], params: DetectParams) -> None:
    certain = {name: one for name, one in as_is.items() if _is_certain(one, params)}
    offsets_s = np.array([one.offset_s for one in certain.values()], float)
    print(f"  as they are: certain {_share(len(certain), len(as_is))}", end="")
    if len(offsets_s):
        low, middle, high = np.quantile(offsets_s, (0.05, 0.5, 0.95))
        print(f"; offset, 5 %, median, 95 %: {low:+.3f} {middle:+.3f} {high:+.3f} s", end="")
    out = {name: one for name, one in certain.items() if one.out_of_step_s}
    print(f"; out of step {_share(len(out), len(as_is))}")
    for name, one in out.items():
        print(f"    out of step: {name}, {one.offset_s:+.3f} s, certainty {one.certainty:.1f}")


def _errors_s(
    clips: Sequence[Observed], as_is: dict[str, AvOffset], base_s: float | None, params: DetectParams
) -> Iterator[float | None]:
    """Yield the error of the offset of each shifted clip, None where it isn't certain."""
    for clip in clips:
        rng = np.random.default_rng(zlib.crc32(clip.name.encode()))
        own_s = as_is[clip.name].offset_s if base_s is None else base_s
        for late_s in rng.uniform(*SHIFTS_S, 2) * (1, -1):
            found = _found(clip, shifted(clip.sound, late_s), params)
            if found.offset_s is None or own_s is None or not _is_certain(found, params):
                yield None
            else:
                yield found.offset_s - own_s - late_s


def shifted(sound: WaveformInt16, late_s: float) -> WaveformInt16:
    """Return the sound as it is in a file where it comes ``late_s`` later, or earlier where that is negative."""
    n = round(late_s * SAMPLE_RATE_HZ)
    return np.concatenate([np.zeros(max(n, 0), np.int16), sound[max(-n, 0) :]])


def _unrelated(clips: Sequence[Observed], params: DetectParams) -> Iterator[bool]:
    """Yield for faces with the sound of other persons whether they are taken to be out of step."""
    loud = {clip.name: loudness([clip.sound]) for clip in clips}
    pairs = [(face, sound) for face, sound in permutations(clips, 2) if face.person != sound.person]
    rng = np.random.default_rng(0)
    for at in rng.permutation(len(pairs))[: OTHER_VOICES * len(clips)]:
        face, sound = pairs[at]
        yield av_offset(face.frames_of, loud[sound.name], params).out_of_step_s != 0


def _pieces(clips: Sequence[Observed], length_s: float) -> Iterator[tuple[list[Frame], Floats]]:
    """Yield frames and loudness of pieces as if each were a file, of each clip's longest track."""
    for clip in clips:
        frames, loud = max(clip.frames_of, key=len), loudness([clip.sound])
        last = int(frames[-1].time_s - length_s + 0.1)
        for start in range(round(frames[0].time_s), last + 1, round(length_s))[:PIECES_A_CLIP]:
            cut = slice(start * GRID_HZ, round((start + length_s) * GRID_HZ))
            own = [f for f in frames if start <= f.time_s < start + length_s]
            yield [replace(f, time_s=f.time_s - start) for f in own], loud[cut]


def _share(k: int, n: int) -> str:
    """Return k of n with the 95 % interval of Wilson."""
    if not n:
        return "0 of 0"
    z = 1.96
    middle, spread = (k + z**2 / 2) / (n + z**2), z / (n + z**2) * float(np.sqrt(k * (n - k) / n + z**2 / 4))
    return f"{k} of {n} ({100 * max(0.0, middle - spread):.1f} to {100 * min(1.0, middle + spread):.1f} %)"


if __name__ == "__main__":
    main()

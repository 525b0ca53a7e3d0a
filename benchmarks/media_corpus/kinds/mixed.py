"""Several kinds in one file, drawn at random by a seed: what is right for each must hold for all together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.media_corpus.ffmpeg import AAC, H264, Encode, ff
from benchmarks.media_corpus.kinds.colours import tagged
from benchmarks.media_corpus.patches import CLOCK_HZ, SOUND_PID, change_stamps, set_matrix, turn_matrix
from benchmarks.media_corpus.talkers import DURATION_S, FPS, SIZE_PX, Talker, squeezed
from benchmarks.media_corpus.truth import (
    LOSSY_TOLERANCE,
    TURN_NAMES,
    TURNS,
    UPRIGHT,
    Case,
    Heard,
    Shown,
    Truth,
    Turn,
    of,
)
from benchmarks.media_corpus.workshop import Workshop

Value = TypeVar("Value")

SEED = 16
N_MIXED = 44
STORED = ((480, 272), (360, 272), (640, 272), (480, 204), (330, 240))
MATRICES = ("bt601", "bt709", "bt2020")
INVERTED, LEFT_ONLY, IN_5_1 = "pan=stereo|c0=c0|c1=-1*c0", "pan=stereo|c0=c0", "pan=5.1|FC=c0"
SOUNDS = (
    ("aac", (*AAC,), ""),
    ("aac inverted", ("-c:a", "aac", "-b:a", "192k"), INVERTED),
    ("aac 22 kHz", ("-c:a", "aac", "-ar", "22050"), ""),
    ("mp3 left only", ("-c:a", "libmp3lame", "-ar", "44100"), LEFT_ONLY),
    ("ac3 5.1", ("-c:a", "ac3", "-ar", "48000"), IN_5_1),
    ("mp2", ("-c:a", "mp2", "-ar", "48000"), ""),
)


class Draws:
    """Seeded draws of any values."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def below(self, end: int) -> int:
        return int(self._rng.integers(end))

    def share(self) -> float:
        return float(self._rng.random())

    def one_of(self, values: Sequence[Value]) -> Value:
        return values[self.below(len(values))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """One drawn file: what is stored otherwise than it is shown and heard."""

    suffix: str
    talker: Talker
    turn: Turn = UPRIGHT
    stored_px: tuple[int, int] = SIZE_PX
    matrix: str = "bt601"
    is_full: bool = False
    pix_fmt: str = "yuv420p"
    sound: tuple[str, tuple[str, ...], str] = SOUNDS[0]
    late_s: float = 0.0
    """How much later the sound begins, in step; below 0 the picture."""
    fps: Fraction = Fraction(FPS)
    extra: str = ""
    """A stream besides: 'cover' (of another person, first), 'track' (another voice, first, not the default)."""
    stamps: str = ""
    """'wobble' of the sound's, or one 'bad' one of it."""

    @property
    def name(self) -> str:
        parts = [self.suffix, f"person {self.talker.person}"]
        parts += [TURN_NAMES[TURNS.index(self.turn)]] * (self.turn != UPRIGHT)
        parts += ["x".join(map(str, self.stored_px))] * (self.stored_px != SIZE_PX)
        parts += [f"{self.matrix}{' full' if self.is_full else ''} {self.pix_fmt}", self.sound[0]]
        parts += [f"{'sound' if self.late_s > 0 else 'picture'} {abs(self.late_s):g} s late"] * (self.late_s != 0)
        parts += [f"{float(self.fps):.2f} fps"] * (self.fps != FPS)
        return ", ".join([*parts, *filter(None, (self.extra, self.stamps))])

    @property
    def truth(self) -> Truth:
        late_picture_s, late_sound_s = max(0.0, -self.late_s), max(0.0, self.late_s)
        end_s = DURATION_S - late_picture_s
        shown = Shown(talker=self.talker, end_s=end_s, source_s=late_picture_s)
        heard = Heard(talker=self.talker, start_s=late_sound_s - late_picture_s, end_s=end_s, source_s=late_sound_s)
        truth = of(self.talker, shown=(shown,), heard=(heard,), colour_tolerance=LOSSY_TOLERANCE)
        truth = (
            replace(truth, picture=truth.picture | {"discontinuous"}, sound=truth.sound | {"discontinuous"})
            if self.stamps == "bad"
            else truth
        )
        return truth


def mixed() -> Iterator[Case]:
    rng, seen = Draws(SEED), set[str]()
    while len(seen) < N_MIXED:
        mix = _drawn(rng, ("mp4", "mov", "mkv", "ts")[len(seen) % 4])
        if mix.name not in seen:
            seen.add(mix.name)
            yield Case(
                f"mixed {mix.name}",
                "mixed",
                partial(_make, mix),
                mix.suffix,
                (mix.truth,),
            )


def _drawn(rng: Draws, suffix: str) -> Mix:
    """Return a mix of at least three kinds that a file of this container can have."""
    is_mp4 = suffix in ("mp4", "mov")
    while True:
        mix = Mix(
            suffix=suffix,
            talker=Talker(rng.below(6)),
            turn=rng.one_of(TURNS) if is_mp4 and rng.share() < 0.6 else UPRIGHT,
            stored_px=rng.one_of(STORED) if rng.share() < 0.5 else SIZE_PX,
            matrix=rng.one_of(MATRICES),
            is_full=rng.share() < 0.3,
            pix_fmt=rng.one_of(("yuv420p", "yuv420p", "yuv422p", "yuv420p10le", "yuv444p")),
            sound=rng.one_of(SOUNDS if suffix != "mov" else SOUNDS[:3]),
            late_s=rng.one_of((0.0, 0.0, 0.32, 0.8, -0.4, -0.8)),
            fps=rng.one_of((Fraction(25), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(24000, 1001))),
            extra=rng.one_of(("", "", "cover", "track") if is_mp4 else ("", "track") if suffix == "mkv" else ("",)),
            stamps=rng.one_of(("", "wobble", "bad")) if suffix == "ts" else "",
        )
        n_kinds = sum(
            (
                mix.turn != UPRIGHT,
                mix.stored_px != SIZE_PX,
                mix.matrix != "bt601" or mix.is_full,
                mix.sound != SOUNDS[0],
                mix.late_s != 0,
                mix.fps != FPS,
                bool(mix.extra),
                bool(mix.stamps),
            )
        )
        if n_kinds >= 3:
            return mix


def _make(mix: Mix, shop: Workshop, path: Path) -> None:
    frames, fps = _frames(shop, mix)
    late_picture_s, late_sound_s = max(0.0, -mix.late_s), max(0.0, mix.late_s)
    sar = Fraction(SIZE_PX[0] * mix.stored_px[1], SIZE_PX[1] * mix.stored_px[0])
    sar = 1 / sar if mix.turn.swaps_sides else sar
    colour = tagged(mix.matrix, is_full=mix.is_full, pix_fmt=mix.pix_fmt).filters
    filters = [mix.sound[2]] if mix.sound[2] else []
    filters += [f"atrim=start={late_sound_s}"] * (late_sound_s > 0)
    how = Encode(
        video=H264,
        colour=f"{colour},setsar={sar.numerator}/{sar.denominator},setpts=PTS+{late_picture_s}/TB",
        sound=mix.sound[1],
        sound_filters=",".join(filters),
    )
    first = path.with_name(f"{path.stem}-first{path.suffix}")
    shop.encode(first, mix.talker, how, frames=frames, fps=fps)
    if mix.turn != UPRIGHT:
        set_matrix(first, turn_matrix(mix.turn, frames.shape[2], frames.shape[1]))
    _with_extra(shop, first, path, mix)
    first.unlink()
    if mix.stamps:
        wide = round(0.012 * CLOCK_HZ)
        change = (
            (lambda n, stamp: stamp + wide * (n % 2 * 2 - 1))
            if mix.stamps == "wobble"
            else (lambda n, stamp: stamp + 7 * CLOCK_HZ * (n == 3))
        )
        path.write_bytes(change_stamps(path.read_bytes(), SOUND_PID, change))


def _frames(shop: Workshop, mix: Mix):  # type: ignore[no-untyped-def]
    master = shop.master(mix.talker)
    from_s = max(0.0, -mix.late_s)
    n = int((DURATION_S - from_s) * mix.fps)
    frames = master.frames[[master.index_at(from_s + float(number / mix.fps)) for number in range(n)]]
    frames = squeezed(frames, *mix.stored_px) if mix.stored_px != SIZE_PX else frames
    return mix.turn.inverse.of(frames), mix.fps


def _with_extra(shop: Workshop, first: Path, path: Path, mix: Mix) -> None:
    other = Talker((mix.talker.person + 1) % 6)
    if mix.extra == "cover":
        cover = shop.once(
            f"mixed-cover-{other.person}.jpg",
            lambda to: ff("-ss", 1, "-i", shop.clean(other, "mp4"), "-frames:v", 1, "-q:v", 2, to),
        )
        ff("-i", first, "-i", cover, "-map", "1:v", "-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic", path)
    elif mix.extra == "track":
        flags = ("-disposition:a:0", "0", "-disposition:a:1", "default")
        ff(
            "-i",
            first,
            "-i",
            shop.wave(other),
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-map",
            "0:a",
            "-c",
            "copy",
            "-c:a:0",
            "aac",
            *flags,
            path,
        )
    else:
        path.write_bytes(first.read_bytes())

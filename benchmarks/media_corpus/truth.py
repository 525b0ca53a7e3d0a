"""What a file truly shows and sounds like, on its own clock: seconds since its first picture."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.media_corpus.talkers import DURATION_S, SIZE_PX, Talker

if TYPE_CHECKING:
    from benchmarks.media_corpus.workshop import Workshop

Floats = NDArray[np.float64]
OK = "ok"
FAILED = "failed"
FILTERED = "filtered"
DISCONTINUOUS = "discontinuous"
GOOD_TOLERANCE, LOSSY_TOLERANCE, HDR_TOLERANCE = 4.0, 8.0, 8.0
"""Levels of 255 by which the mean colour of the skin may differ. Clean files
differ by 1, HD read as SD by 5; lossy: codecs with visible colour errors."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One of the 8 ways to turn and mirror a picture: x' = a x + c y, y' = b x + d y, as a display matrix has them."""

    a: int = 1
    b: int = 0
    c: int = 0
    d: int = 1

    @property
    def inverse(self) -> "Turn":
        return Turn(self.a, self.c, self.b, self.d)

    @property
    def swaps_sides(self) -> bool:
        return self.a == 0

    def of(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (T, H, W, 3) frames turned."""
        if self.swaps_sides:
            frames = frames.transpose(0, 2, 1, 3)
        flip_x, flip_y = (self.a + self.c) < 0, (self.b + self.d) < 0
        return frames[:, :: -1 if flip_y else 1, :: -1 if flip_x else 1]

    def matrix(self) -> Floats:
        """Return the (2, 3) map of positions in a picture whose sides are 1."""
        x0, y0 = float(self.a + self.c < 0), float(self.b + self.d < 0)
        return np.array([[self.a, self.c, x0], [self.b, self.d, y0]], float)


UPRIGHT = Turn()
TURNS = tuple(
    Turn(*values)
    for values in (
        (1, 0, 0, 1),
        (0, 1, -1, 0),
        (-1, 0, 0, -1),
        (0, -1, 1, 0),
        (-1, 0, 0, 1),
        (1, 0, 0, -1),
        (0, 1, 1, 0),
        (0, -1, -1, 0),
    )
)
TURN_NAMES = ("upright", "90", "180", "270", "hflip", "vflip", "transpose", "transverse")


@dataclass(frozen=True, slots=True)
class View:
    """Where the master's picture stands in the shown one: ``to_shown`` (2, 3) maps positions between 0 and 1."""

    to_shown: tuple[tuple[float, ...], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    aspect: float = SIZE_PX[0] / SIZE_PX[1]


def turned_view(turn: Turn) -> View:
    aspect = SIZE_PX[0] / SIZE_PX[1]
    return View(tuple(map(tuple, turn.matrix())), 1 / aspect if turn.swaps_sides else aspect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """From ``start_s`` to ``end_s`` the file shows a talker, whose master is at ``source_s`` when this begins."""

    start_s: float = 0.0
    end_s: float = DURATION_S
    talker: Talker = Talker(0)
    source_s: float = 0.0
    rate: float = 1.0
    view: View = View()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The same of the sound; outside of all of these it is silent. ``talker`` None: nothing is claimed."""

    start_s: float = 0.0
    end_s: float = DURATION_S
    talker: Talker | None = Talker(0)
    source_s: float = 0.0
    rate: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """How a file must be read.

    ``picture`` and ``sound``: how it may end there: 'ok', a reason, 'failed' or 'filtered'.
    """

    shown: tuple[Shown, ...] = (Shown(),)
    heard: tuple[Heard, ...] = (Heard(),)
    picture: frozenset[str] = frozenset({OK})
    sound: frozenset[str] = frozenset({OK})
    colour_tolerance: float = GOOD_TOLERANCE
    is_grey: bool = False
    is_interlaced: bool = False
    top_hz: float = 7000.0
    """Above this the file's sound has nothing to compare."""
    min_sound_correlation: float = 0.75
    """Of log-mels; clean files have 0.96 or more, those of telephone codecs less."""
    noise: float = 1e3
    """Power of the codec's noise, on the int16 scale: below it nothing is compared."""
    min_covered_share: float = 0.8
    """Of the shown time, in which the face must have been observed."""
    shown_size_px: tuple[int, int] | None = None
    judges_position: bool = True
    is_damaged: bool = False
    """A part is lost: what stands in its place is not judged, and neither is how much is left."""


@dataclass(frozen=True, slots=True)
class Case:
    """A file to make. Any of ``truths`` may be met. ``range_s``: the part of it that the list names."""

    name: str
    kind: str
    make: "Callable[[Workshop, Path], object]" = field(repr=False)
    suffix: str = "mp4"
    truths: tuple[Truth, ...] = (Truth(),)
    range_s: tuple[float | None, float | None] | None = None


def of(talker: Talker, **changes: object) -> Truth:
    """Return the truth of a file that shows the talker's whole clip in step with its sound."""
    duration_s = talker.n_frames / talker.fps
    truth = Truth(shown=(Shown(talker=talker, end_s=duration_s),), heard=(Heard(talker=talker, end_s=duration_s),))
    return replace(truth, **changes)  # type: ignore[arg-type]


def may_end(truth: Truth, *reasons: str, sound: tuple[str, ...] | None = None) -> Truth:
    """Return ``truth`` that may also end so; without ``sound`` both picture and sound may."""
    for_sound = reasons if sound is None else sound
    return replace(truth, picture=truth.picture | set(reasons), sound=truth.sound | set(for_sound))

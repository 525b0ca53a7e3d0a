"""The plan of an interview: who is seen where, and who is heard when, before anything is drawn or sounds.

Everybody in an interview has a number: talkers, seen and heard, come first; then two voices of people never seen, an
interviewer and a narrator; then people who are seen and never heard. A number stands for one look and one voice.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal, get_args

from pipeline.core.base.errors import BadInput

ShotKind = Literal[
    "title",  # music alone, no face
    "single",  # one talker, who may speak
    "two_shot",  # two talkers beside each other
    "reaction",  # a listener whose lips move out of step with the voice that is heard
    "off_screen",  # a listener with shut lips; the voice is that of somebody who is not in the picture
    "dubbing",  # lips move, the voice is another's and out of step
    "b_roll",  # voice-over over a moving picture without faces, or over a face with shut lips
    "slides",  # no face, the voice of somebody who is not in the picture
    "picture_in_picture",  # a small picture of a talker in a slide or in the picture of a listener
    "grid",  # a video call: a rectangle for each talker
]
SHOT_KINDS: tuple[str, ...] = get_args(ShotKind)
Lips = Literal["own", "other", "shut"]
SoundKind = Literal["music", "laughter"]

CUT_S = (2.0, 10.0)  # least and greatest length of a shot
FEWEST_TALKERS, MOST_TALKERS = 2, 5
STUDIO = "studio"  # how the name of the room and light begins to which talks return
SECOND_CAMERA = "/2"  # at the end of a place's name: another wall of the same room, in its light
N_UNSEEN_VOICES = 2
N_EXTRAS = 2
SMALLEST_SIDE_PX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class InterviewSpec:
    """Everything that determines an interview's bytes; ``n_talkers`` None: 2, 3, 4, 5 for seeds that follow."""

    seed: int
    duration_s: float = 180.0
    width_px: int = 640
    height_px: int = 360
    fps_num: int = 25
    fps_den: int = 1
    n_talkers: int | None = None
    crf: int = 23

    def __post_init__(self) -> None:
        """Raise BadInput for a value that cannot be planned, drawn or encoded."""
        _require(self.seed >= 0, f"seed={self.seed} is negative")
        _require(self.width_px % 2 == self.height_px % 2 == 0, "width_px and height_px must be even")
        _require(
            min(self.width_px, self.height_px) >= SMALLEST_SIDE_PX,
            f"width_px and height_px must be at least {SMALLEST_SIDE_PX}",
        )
        _require(min(self.fps_num, self.fps_den) > 0, "fps_num and fps_den must be positive")
        _require(5 <= self.fps <= 120, f"{float(self.fps):g} frames a second are given, expected 5 to 120")
        _require(CUT_S[0] <= self.duration_s < math.inf, f"duration_s={self.duration_s}, expected {CUT_S[0]:g} or more")
        _require(self.n_frames >= CUT_S[0] * self.fps, f"duration_s={self.duration_s} is shorter than a shot")
        _require(
            self.n_talkers is None or FEWEST_TALKERS <= self.n_talkers <= MOST_TALKERS,
            f"n_talkers={self.n_talkers}, expected {FEWEST_TALKERS} to {MOST_TALKERS}",
        )
        _require(0 <= self.crf <= 51, f"crf must lie in 0..51, not {self.crf}")

    @property
    def fps(self) -> Fraction:
        """Frames a second, exactly."""
        return Fraction(self.fps_num, self.fps_den)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return round(Fraction(self.duration_s) * self.fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle of the picture, pixels; right and bottom are left + width and top + height."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One person in a panel.

    ``x_share``: where the head is, as a share of the panel's width; ``eyes_px``: distance of the eye centres of a
    frontal face; ``look_deg``: yaw about which the head swings, > 0 to the image's right. ``lips``: "own": they move
    with the person's own voice whenever it sounds; "other": with a speech that nobody hears; "shut": never.
    """

    person: int
    x_share: float
    eyes_px: float
    look_deg: float
    lips: Lips


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A part of the picture filmed by one camera. Equal names of ``place``: equal room (or slide) and light."""

    box: Box
    back: Literal["room", "slide", "scenery"]
    place: str
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """The frames ``first`` to ``end``, without the latter, between two cuts. Later panels cover earlier ones."""

    kind: ShotKind
    first: int
    end: int
    panels: tuple[Panel, ...]

    @property
    def seen(self) -> tuple[Seen, ...]:
        """All people in the picture."""
        return tuple(seen for panel in self.panels for seen in panel.seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A stretch in which one voice speaks, with short pauses, seconds."""

    voice: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """Music or laughter; ``level_db`` is relative to the loudness of speech."""

    kind: SoundKind
    start_s: float
    end_s: float
    level_db: float


@dataclass(frozen=True, kw_only=True)
class Interview:
    """A whole plan: shots that tile the duration, turns in order of their starts, and what else sounds."""

    spec: InterviewSpec
    n_talkers: int
    shots: tuple[Shot, ...]
    turns: tuple[Turn, ...]
    backings: tuple[Backing, ...]

    @cached_property
    def unseen_voices(self) -> tuple[int, ...]:
        """Numbers of the voices whose owner is never seen: interviewer and narrator."""
        return tuple(range(self.n_talkers, self.n_talkers + N_UNSEEN_VOICES))


def interviewer(n_talkers: int) -> int:
    """Return the number of the interviewer, who is never seen."""
    return n_talkers


def narrator(n_talkers: int) -> int:
    """Return the number of the narrator, who is never seen and also dubs."""
    return n_talkers + 1


def extras(n_talkers: int) -> tuple[int, ...]:
    """Return the numbers of those who are seen and never heard."""
    first = n_talkers + N_UNSEEN_VOICES
    return tuple(range(first, first + N_EXTRAS))


def _require(is_met: bool, message: str) -> None:
    if not is_met:
        raise BadInput(message)

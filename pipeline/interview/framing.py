"""What the camera shows: the kind of each shot by who speaks in it, and the people in its panels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.interview.conversation import heard_s, main_voice
from pipeline.interview.plan import (
    SECOND_CAMERA,
    Box,
    InterviewSpec,
    Lips,
    Panel,
    Seen,
    Shot,
    ShotKind,
    Turn,
    extras,
)
from pipeline.interview.scenes import Scene

# Distance of the eyes as a share of the panel's shorter side. Two shots of one person never follow each other at one
# size: a cut that nobody sees is none.
MEDIUM, CLOSE = (0.110, 0.135), (0.160, 0.190)
OF_TWO, IN_TILE, IN_INSET = (0.105, 0.130), (0.150, 0.180), (0.180, 0.210)
LOOK_DEG = (4.0, 16.0)  # past the camera, at the other; each talker always to the same side
INTO_CAMERA_DEG = 3.0
SILENT_MARGIN_S = 0.3  # a face whose lips do not move with its own voice is at least so far from that voice
# Of the shots of a talk in which a talker speaks: from afar (every other shot, so that no two follow each other), of a
# listener whose lips move, of one whose lips rest.
TWO_SHOT_SHARE, REACTION_SHARE, LISTENER_SHARE = 0.45, 0.25, 0.12
MOVING_LISTENER_SHARE = 0.3  # of the shots while nobody present speaks, and of calls with somebody silent
INSET_SHARE = 0.34  # of the picture's width and height
INSET_MARGIN_SHARE = 0.03
ASIDE_X = 0.34  # beside an inset at the other side, also with a whole head
GAP_PX = 4  # between the tiles of a call
SHARED = "all"  # the place of shots with several people in one room


@dataclass(frozen=True, kw_only=True)
class Set:
    """Where a scene is filmed and who can be in its pictures; ``turns`` are those of the whole scene."""

    rng: np.random.Generator
    spec: InterviewSpec
    n_talkers: int
    scene: Scene
    turns: Sequence[Turn]
    present: tuple[int, ...]
    room: str
    has_second_camera: bool  # which sees people closely, before another wall; else a close shot is the same, nearer

    def frame_shot(self, number: int, first: int, end: int) -> Shot:
        """Return the shot ``number`` of the interview over the frames ``first`` to ``end``."""
        take = _Take(self, number, float(first / self.spec.fps), float(end / self.spec.fps))
        kind, panels = _FRAMINGS[self.scene.kind](take)
        return Shot(kind=kind, first=first, end=end, panels=panels)


_Framed = tuple[ShotKind, tuple[Panel, ...]]


class _Take:
    """One shot being framed: who speaks, who is silent, and the panels that can be made of it."""

    def __init__(self, at: Set, number: int, start_s: float, end_s: float) -> None:
        self.at, self.rng = at, at.rng
        self.name = f"{number:04d}"
        self.is_close = bool(number % 2)
        self.main = main_voice(at.turns, start_s, end_s)
        margin_s = SILENT_MARGIN_S
        self.silent = [p for p in at.present if not heard_s(at.turns, p, start_s - margin_s, end_s + margin_s)]

    @property
    def whole(self) -> Box:
        return Box(left_px=0, top_px=0, width_px=self.at.spec.width_px, height_px=self.at.spec.height_px)

    def is_true(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def one_of(self, people: Sequence[int]) -> int:
        return int(self.rng.choice(people))

    def seen(self, person: int, box: Box, sizes: tuple[float, float], *, x_share: float, lips: Lips) -> Seen:
        side = 1 if person % 2 else -1
        return Seen(
            person=person,
            x_share=round(float(x_share + self.rng.uniform(-0.02, 0.02)), 4),
            eyes_px=round(float(min(box.width_px, box.height_px) * self.rng.uniform(*sizes)), 2),
            look_deg=round(float(side * self.rng.uniform(*LOOK_DEG)), 2),
            lips=lips,
        )

    def alone(self, person: int, lips: Lips = "own", place: str = "") -> Panel:
        """Return the whole picture with one person, aside from the middle, looking across it."""
        sizes = CLOSE if self.is_close else MEDIUM
        x_share = 0.5 + (-0.06 if person % 2 else 0.06)
        seen = self.seen(person, self.whole, sizes, x_share=x_share, lips=lips)
        camera = SECOND_CAMERA if self.is_close and self.at.has_second_camera else ""
        return Panel(box=self.whole, back="room", place=(place or f"{self.at.room}-{person}") + camera, seen=(seen,))

    def beside(self, left: int, right: int) -> Panel:
        """Return the whole picture with two people."""
        pair = tuple(
            self.seen(person, self.whole, OF_TWO, x_share=x, lips="own") for person, x in ((left, 0.28), (right, 0.72))
        )
        return Panel(box=self.whole, back="room", place=f"{self.at.room}-{SHARED}", seen=pair)

    def in_box(self, person: int, box: Box, sizes: tuple[float, float], lips: Lips = "own") -> Panel:
        """Return a part of the picture with one person who looks into the camera."""
        seen = Seen(
            person=person,
            x_share=round(float(0.5 + self.rng.uniform(-0.04, 0.04)), 4),
            eyes_px=round(float(min(box.width_px, box.height_px) * self.rng.uniform(*sizes)), 2),
            look_deg=round(float(self.rng.uniform(-INTO_CAMERA_DEG, INTO_CAMERA_DEG)), 2),
            lips=lips,
        )
        return Panel(box=box, back="room", place=f"{self.at.room}-{person}", seen=(seen,))

    def aside(self, person: int) -> Panel:
        """Return the whole picture with a listener at the side that the inset leaves free."""
        x_share = ASIDE_X if self.is_close else 1 - ASIDE_X
        seen = self.seen(person, self.whole, MEDIUM, x_share=x_share, lips="own")
        return Panel(box=self.whole, back="room", place=f"{self.at.room}-{person}", seen=(seen,))

    def slide(self) -> Panel:
        return Panel(box=self.whole, back="slide", place=f"slide-{self.name}")

    def inset(self) -> Box:
        """Return the small picture in a lower corner."""
        width, height = self.at.spec.width_px, self.at.spec.height_px
        margin = round(INSET_MARGIN_SHARE * width)
        box_width, box_height = round(INSET_SHARE * width), round(INSET_SHARE * height)
        return Box(
            left_px=width - box_width - margin if self.is_close else margin,
            top_px=height - box_height - margin,
            width_px=box_width,
            height_px=box_height,
        )


def _title(take: _Take) -> _Framed:
    return "title", (take.slide(),)


def _talk(take: _Take) -> _Framed:
    """Mostly show who speaks; else a listener, or two."""
    speaks = take.main if take.main in take.at.present else None
    listeners = [person for person in take.silent if person != speaks]
    others = [person for person in take.at.present if person != speaks]
    if speaks is None and listeners and take.is_true(MOVING_LISTENER_SHARE):
        return _reaction(take, listeners)
    if speaks is not None and others and not take.is_close and take.is_true(TWO_SHOT_SHARE):
        return "two_shot", (take.beside(*sorted((speaks, take.one_of(others)))),)
    if speaks is not None and listeners and take.is_true(REACTION_SHARE):
        return _reaction(take, listeners)
    if listeners and (speaks is None or take.is_true(LISTENER_SHARE)):
        return "off_screen", (take.alone(take.one_of(listeners), "shut"),)
    return "single", (take.alone(take.one_of(others) if speaks is None else speaks),)


def _reaction(take: _Take, listeners: Sequence[int]) -> _Framed:
    return "reaction", (take.alone(take.one_of(listeners), "other"),)


def _narration(take: _Take) -> _Framed:
    if take.is_true(0.5):
        return "b_roll", (Panel(box=take.whole, back="scenery", place=f"scenery-{take.name}"),)
    people = (*range(take.at.n_talkers), *extras(take.at.n_talkers))
    return "b_roll", (take.alone(take.one_of(people), "shut", place=f"outside-{take.name}"),)


def _dubbing(take: _Take) -> _Framed:
    return "dubbing", (take.alone(take.one_of(take.at.present), "other"),)


def _lecture(take: _Take) -> _Framed:
    """Slides, alone or with a small picture of the lecturer; now and then the lecturer, or a listener behind."""
    draw = take.rng.random()
    lecturer = take.at.present[0]
    if draw < 0.35:
        return "slides", (take.slide(),)
    if draw < 0.75:
        listeners = [person for person in take.silent if person != lecturer]
        behind = take.aside(take.one_of(listeners)) if listeners and take.is_true(0.4) else take.slide()
        return "picture_in_picture", (behind, take.in_box(lecturer, take.inset(), IN_INSET))
    return "single", (take.in_box(lecturer, take.whole, CLOSE if take.is_close else MEDIUM),)


def _call(take: _Take) -> _Framed:
    """Everybody in tiles; now and then one fills the picture."""
    speaks = take.main if take.main in take.at.present else None
    if speaks is not None and take.is_true(0.25):
        return "single", (take.in_box(speaks, take.whole, CLOSE if take.is_close else MEDIUM),)
    muted = take.one_of(take.silent) if take.silent and take.is_true(MOVING_LISTENER_SHARE) else None
    # Every other grid is in another order of people, as calls show them: else a cut between two grids shows nothing.
    people = take.at.present if take.is_close else take.at.present[::-1]
    tiles = _tiles(take.whole, len(people))
    return "grid", tuple(
        take.in_box(person, box, IN_TILE, "other" if person == muted else "own")
        for person, box in zip(people, tiles, strict=False)
    )


def _tiles(whole: Box, n: int) -> list[Box]:
    """Return rectangles for ``n`` people, row by row."""
    n_columns = int(np.ceil(np.sqrt(n)))
    n_rows = -(-n // n_columns)
    width, height = (whole.width_px // n_columns, whole.height_px // n_rows)
    return [
        Box(
            left_px=width * (k % n_columns) + GAP_PX // 2,
            top_px=height * (k // n_columns) + GAP_PX // 2,
            width_px=width - GAP_PX,
            height_px=height - GAP_PX,
        )
        for k in range(n)
    ]


_FRAMINGS = {
    "title": _title,
    "talk": _talk,
    "narration": _narration,
    "dubbing": _dubbing,
    "call": _call,
    "lecture": _lecture,
}

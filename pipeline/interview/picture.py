"""The pictures of an interview."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.core.base.seeds import keyed_rng
from pipeline.interview.plan import SECOND_CAMERA, STUDIO, Box, Interview, Panel, Shot
from pipeline.interview.takes import Take, motion_changes
from pipeline.synthetic.look.body import draw_body
from pipeline.synthetic.look.face import draw_head
from pipeline.synthetic.look.scene import Image, Light, add_noise, draw_light, draw_noises, draw_room
from pipeline.synthetic.look.talker import talker_of
from pipeline.synthetic.plan import pose_at

# Elsewhere than in the studio, light and camera differ more: from flat to hard light, dark to bright, cold to warm.
AMBIENT = (0.25, 0.60)
EXPOSURE = (0.60, 1.10)
WARMTH = 0.14  # gain of red and loss of blue, at most

ROOM_ZOOM_EYES = 0.11  # a room is shown whole behind a head of this size, and nearer behind a larger one
SCENERY_SHARE = 1.35  # size of scenery over that of the picture, which moves across it
SCENERY_OBJECTS = 40
SLIDE_LINES = (4, 8)
WORDS = ("share", "year", "rate", "costs", "model", "growth", "result", "part", "survey", "total", "method", "figure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A room, slide or scenery with its light; ``grade``: (256, 1, 3) of every channel, None where nothing changes."""

    picture: Image
    light: Light
    grade: Image | None


def frames_of(interview: Interview, takes: Sequence[Sequence[Take]]) -> Iterator[Image]:
    """Yield the pictures, (H, W, 3) uint8 RGB; ``takes``: the people of each shot."""
    spec = interview.spec
    rng = keyed_rng("interview noise", spec.seed)
    noises = draw_noises(rng, spec.width_px, spec.height_px)
    for shot, people in zip(interview.shots, takes, strict=True):
        for image in _shot_frames(interview, shot, people):
            yield add_noise(image, noises[int(rng.integers(len(noises)))])


def _shot_frames(interview: Interview, shot: Shot, people: Sequence[Take]) -> Iterator[Image]:
    """Yield the pictures of a shot without noise; a panel is drawn again only in frames in which something moves."""
    spec = interview.spec
    panels = [_FilmedPanel(interview, panel, [t for t in people if t.panel == panel]) for panel in shot.panels]
    image = np.zeros((spec.height_px, spec.width_px, 3), np.uint8)
    n_frames = shot.end - shot.first
    for frame in range(n_frames):
        for filmed in panels:
            if frame == 0 or filmed.moves(frame):
                filmed.draw(frame, n_frames)
            box = filmed.panel.box
            image[box.top_px : box.top_px + box.height_px, box.left_px : box.left_px + box.width_px] = filmed.picture
        yield image


class _FilmedPanel:
    """One panel of a shot: what stays still in it, and its picture in the frame that was drawn last."""

    def __init__(self, interview: Interview, panel: Panel, people: Sequence[Take]) -> None:
        self.panel, self._people = panel, people
        self._place = _place(interview, panel)
        self._moves = np.any([motion_changes(take.plan.motion) for take in people], axis=0) if people else None
        self._still = self._place.picture if panel.back == "scenery" else self._drawn_still()
        self.picture = self._still

    def _drawn_still(self) -> Image:
        """Return the room with the bodies of people, or the slide."""
        box = self.panel.box
        zoom = 1.0
        if self.panel.back == "room":
            largest_px = max((take.seen.eyes_px for take in self._people), default=0.0)
            zoom = max(1.0, largest_px / (ROOM_ZOOM_EYES * min(box.width_px, box.height_px)))
        still = _fitted(self._place.picture, box, zoom)
        for take in self._people:
            draw_body(still, talker_of(take.plan.traits), take.plan.camera, self._place.light)
        return still

    def moves(self, frame: int) -> bool:
        """Return whether the picture of a frame differs from that of the frame before."""
        return self.panel.back == "scenery" or (self._moves is not None and bool(self._moves[frame]))

    def draw(self, frame: int, n_frames: int) -> None:
        """Draw the picture of a frame, ``n_frames`` being those of the shot."""
        if self.panel.back == "scenery":
            self.picture = _seen_scenery(self._still, self.panel.box, frame / n_frames)
            return
        image = self._still.copy()
        for take in self._people:
            turn, camera, face = pose_at(take.plan, frame)
            draw_head(image, talker_of(take.plan.traits), turn, camera, self._place.light, face)
        self.picture = image if self._place.grade is None else np.asarray(cv2.LUT(image, self._place.grade), np.uint8)


def _fitted(picture: Image, box: Box, zoom: float) -> Image:
    """Return the middle of a picture at the size and shape of a box, ``zoom`` times nearer than whole."""
    height, width = picture.shape[:2]
    share = min(width / box.width_px, height / box.height_px) / zoom
    crop_width, crop_height = max(2, round(box.width_px * share)), max(2, round(box.height_px * share))
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    crop = picture[top : top + crop_height, left : left + crop_width]
    return np.asarray(cv2.resize(crop, (box.width_px, box.height_px), interpolation=cv2.INTER_LINEAR), np.uint8)


def _seen_scenery(picture: Image, box: Box, progress: float) -> Image:
    """Return the part of a scenery that a camera sees that moves across it once; ``progress`` in [0, 1)."""
    left = round((picture.shape[1] - box.width_px) * progress)
    top = round((picture.shape[0] - box.height_px) * (1 - progress))
    return picture[top : top + box.height_px, left : left + box.width_px]


def _place(interview: Interview, panel: Panel) -> Place:
    """Return a place by its name: the same in every shot of an interview."""
    spec = interview.spec
    rng = keyed_rng("interview place", spec.seed, panel.place)
    of_room = keyed_rng("interview light", spec.seed, panel.place.removesuffix(SECOND_CAMERA))
    light, grade = draw_light(of_room), None
    if panel.back == "room" and not panel.place.startswith(STUDIO):
        light = replace(light, ambient=float(of_room.uniform(*AMBIENT)))
        grade = _grade(of_room)
    if panel.back == "room":
        picture = draw_room(rng, spec.width_px, spec.height_px)
    elif panel.back == "slide":
        picture = _draw_slide(rng, panel.box)
    else:
        picture = _draw_scenery(rng, panel.box)
    return Place(picture=picture, light=light, grade=grade)


def _grade(rng: np.random.Generator) -> Image:
    exposure, warm = rng.uniform(*EXPOSURE), rng.uniform(-WARMTH, WARMTH)
    gains = exposure * np.array([1 + warm, 1.0, 1 - warm])
    return np.clip(np.arange(256)[:, None, None] * gains, 0, 255).round().astype(np.uint8)


def _draw_slide(rng: np.random.Generator, box: Box) -> Image:
    """Return lines of words under a heading, and a bar chart beside them."""
    is_dark = rng.random() < 0.4
    back, ink = (rng.uniform(10, 60, 3), (235,) * 3) if is_dark else (rng.uniform(225, 255, 3), (30,) * 3)
    image = np.empty((box.height_px, box.width_px, 3), np.uint8)
    image[:] = back.astype(np.uint8)
    unit = min(box.height_px, box.width_px) / 360
    for line in range(int(rng.integers(*SLIDE_LINES)) + 1):
        words = " ".join(str(word) for word in rng.choice(WORDS, 2 if line == 0 else 3))
        at = (round(24 * unit), round((48 + 36 * line) * unit))
        cv2.putText(image, words, at, cv2.FONT_HERSHEY_SIMPLEX, (1.1 if line == 0 else 0.6) * unit, ink, 1, cv2.LINE_AA)
    bottom, step = round(0.55 * box.height_px), round(0.045 * box.width_px)
    for bar in range(5):
        left, high = round(0.62 * box.width_px) + bar * step, round(rng.uniform(0.05, 0.32) * box.height_px)
        colour = tuple(float(c) for c in rng.uniform(40, 200, 3))
        cv2.rectangle(image, (left, bottom - high), (left + round(0.7 * step), bottom), colour, -1)
    return image


def _draw_scenery(rng: np.random.Generator, box: Box) -> Image:
    """Return sky, ground and boxes on it, larger than the picture."""
    width, height = round(SCENERY_SHARE * box.width_px), round(SCENERY_SHARE * box.height_px)
    image = draw_room(rng, width, height)
    ground = round(rng.uniform(0.5, 0.7) * height)
    image[ground:] = (image[ground:] * rng.uniform(0.4, 0.8, 3)).astype(np.uint8)
    for _ in range(SCENERY_OBJECTS):
        left, wide = int(rng.integers(0, width)), int(rng.uniform(0.01, 0.07) * width)
        top = round(ground - rng.uniform(0.02, 0.35) * height)
        low = round(ground + rng.uniform(0.0, 0.10) * height)
        cv2.rectangle(image, (left, top), (left + wide, low), tuple(float(c) for c in rng.uniform(30, 220, 3)), -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.8), np.uint8)

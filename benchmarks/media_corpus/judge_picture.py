"""Hold a file's observed faces and crops against the masters of the talkers that it truly shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.media_corpus.talkers import FPS, PERSONS, Master, Talker
from benchmarks.media_corpus.truth import Shown, Truth
from benchmarks.media_corpus.workshop import Workshop
from pipeline.core.records.face import Face
from pipeline.core.records.frame import Frame
from pipeline.core.records.media import Media

Reals = NDArray[Any]
Picture = NDArray[np.uint8]

CROP_PX = 256
LEFT_EYE_X_PX, RIGHT_EYE_X_PX, EYES_Y_PX = 96, 160, 120
FACE = (slice(64, 224), slice(48, 208))  # of a crop: brows to chin
SKIN = (slice(132, 168), slice(104, 152))  # nose and cheeks
FACE_PX_OF_INTEROCULAR = 2.2
MAX_OFF = 0.35  # of the face's size
MIN_RIGHT_SHARE, MIN_RIGHT_SHARE_DAMAGED = 0.8, 0.5
MIN_ALIKE = 0.8  # correlation of a crop with the true one
MAX_SHIFT_FRAMES = 15
MIN_BETTER = 0.85  # another time must fit so much better than the true one to count
MAX_ASPECT_ERROR = 0.01
EDGE_S = 0.06  # so near to a cut nothing is judged
MAX_GAP_S = 0.2  # of observations of one face: longer ones are not covered
MAX_COMB = 1.35
N_FRAMES_OF_OTHERS = 12  # enough to tell persons apart


@dataclass(frozen=True)
class Piece:
    """A stretch in which a file shows one talker, in a shown picture of ``size_px`` (width, height)."""

    truth: Truth
    shown: Shown
    master: Master
    size_px: tuple[int, int]

    @cached_property
    def to_shown(self) -> Reals:
        """The (3, 3) map from the master's pixel centres to those of the shown picture."""
        height, width = self.master.frames.shape[1:3]
        to_unit = np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])
        to_px = np.array([[self.size_px[0], 0, -0.5], [0, self.size_px[1], -0.5], [0, 0, 1]])
        return np.asarray(to_px @ np.vstack([np.array(self.shown.view.to_shown), (0, 0, 1)]) @ to_unit)

    def holds(self, time_s: float) -> bool:
        return self.shown.start_s + EDGE_S * (self.shown.start_s > 0) <= time_s < self.shown.end_s - EDGE_S

    def index(self, time_s: float) -> int:
        """Return the master's frame that is shown at a time."""
        at_s = self.shown.source_s + (time_s - self.shown.start_s) * self.shown.rate
        return self.master.index_at(at_s + 0.25 / self.master.talker.fps)  # times are rounded, up or down

    def eyes(self, time_s: float) -> Reals:
        """Return the (2, 2) true centres of the eyes in the shown picture."""
        eyes = self.master.eyes[self.index(time_s)] - 0.5
        return np.asarray(np.c_[eyes, np.ones(2)] @ self.to_shown[:2].T)

    def crop(self, alignment: Reals, time_s: float, shift: int = 0) -> Picture:
        """Return the (256, 256, 3) crop of what is truly shown at a time, ``shift`` frames of the master later."""
        index = int(np.clip(self.index(time_s) + shift, 0, len(self.master.frames) - 1))
        to_crop = np.vstack([alignment, (0, 0, 1)]) @ self.to_shown
        crop = _warped(self.master.frames[index], to_crop[:2])
        return np.repeat(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[:, :, None], 3, 2) if self.truth.is_grey else crop


@dataclass(frozen=True, slots=True)
class Crop:
    """A crop that the project made: (256, 256, 3) RGB, its (2, 3) map from the shown picture, and its time."""

    picture: Picture
    alignment: Reals
    time_s: float


def picture_faults(
    truth: Truth, media: Media, frames: Sequence[Frame], faces: Sequence[Face], workshop: Workshop
) -> Iterator[str]:
    """Yield what is wrong about the faces of a file."""
    assert media.width_px is not None and media.height_px is not None  # of a video
    size_px = media.width_px, media.height_px
    pieces = [Piece(truth, shown, workshop.master(shown.talker), size_px) for shown in truth.shown]
    if truth.judges_position:
        for shown in truth.shown:
            if abs(size_px[0] / size_px[1] / shown.view.aspect - 1) > MAX_ASPECT_ERROR + 1 / size_px[1]:
                yield f"picture: shown as {size_px[0]}x{size_px[1]}, its true aspect is {shown.view.aspect:.3f}"
                return
        yield from _position_faults(truth, pieces, frames)
    crops = [Crop(_decoded(face), face.alignment.astype(float).reshape(2, 3), face.time_s) for face in faces]
    for piece in pieces:
        if held := [crop for crop in crops if piece.holds(crop.time_s)]:
            yield from _crop_faults(piece, held, workshop)


def _right_share(truth: Truth) -> float:
    return MIN_RIGHT_SHARE_DAMAGED if truth.is_damaged else MIN_RIGHT_SHARE


def _position_faults(truth: Truth, pieces: Sequence[Piece], frames: Sequence[Frame]) -> Iterator[str]:
    off: dict[float, float] = {}
    for frame in frames:
        piece = next((one for one in pieces if one.holds(frame.time_s)), None)
        if piece is not None:
            left, right = piece.eyes(frame.time_s)
            face_px = FACE_PX_OF_INTEROCULAR * float(np.hypot(*(right - left)))
            x = (frame.left_eye_x_px + frame.right_eye_x_px - left[0] - right[0]) / 2
            y = (frame.left_eye_y_px + frame.right_eye_y_px - left[1] - right[1]) / 2
            off[frame.time_s] = min(float(np.hypot(x, y)) / face_px, off.get(frame.time_s, np.inf))
    distances, times = np.array(list(off.values())), np.array(sorted(off))
    if len(off) and (distances <= MAX_OFF).mean() < _right_share(truth):
        first_s = min(time_s for time_s, distance in off.items() if distance > MAX_OFF)
        n_wrong = (distances > MAX_OFF).sum()
        yield f"position: {n_wrong} of {len(off)} off by {np.median(distances):.2f} faces, from {first_s:.2f} s on"
    covered_s = float(np.minimum(np.diff(times), MAX_GAP_S).sum()) + 1 / FPS if len(times) else 0.0
    shown_s = sum(piece.shown.end_s - piece.shown.start_s for piece in pieces)
    if not truth.is_damaged and covered_s < truth.min_covered_share * shown_s - MAX_GAP_S:
        yield f"time: faces in {covered_s:.2f} s of the {shown_s:.2f} s that show one"


def _crop_faults(piece: Piece, crops: Sequence[Crop], workshop: Workshop) -> Iterator[str]:
    where = f"crops of {piece.shown.start_s:.2f} s on"
    expected = [piece.crop(crop.alignment, crop.time_s) for crop in crops]
    alike = np.array([_alike(crop.picture, true) for crop, true in zip(crops, expected, strict=True)])
    looks = _looks_like(piece, crops, workshop)
    if (alike < MIN_ALIKE).mean() > 1 - _right_share(piece.truth):
        n_wrong = (alike < MIN_ALIKE).sum()
        yield f"{where}: {n_wrong} of {len(crops)} are not what is shown ({np.median(alike):.2f} alike){looks}"
        return
    if looks:
        yield f"{where}:{looks}"
    whole = [pair for pair, one in zip(zip(crops, expected, strict=True), alike, strict=True) if one >= MIN_ALIKE]
    off = [crop.picture[SKIN].astype(float) - true[SKIN] for crop, true in whole]
    skin = np.mean(off, axis=(0, 1, 2))
    if np.abs(skin).max() > piece.truth.colour_tolerance:
        yield f"{where}: skin is off by {np.round(skin, 1).tolist()} levels of red, green, blue"
    yield from _time_faults(where, piece, crops)
    if piece.truth.is_interlaced:
        comb = _comb([crop.picture for crop in crops]) / _comb(expected)
        if comb > MAX_COMB:
            yield f"{where}: combed, {comb:.2f} times the detail of lines"


def _looks_like(piece: Piece, crops: Sequence[Crop], workshop: Workshop) -> str:
    """Return what the crops are more alike than to what is shown: mirrored, turned, another person; '' if nothing."""
    person = piece.master.talker.person
    others = [
        workshop.master(Talker(other, n_frames=N_FRAMES_OF_OTHERS)) for other in range(PERSONS) if other != person
    ]
    scores: dict[str, float] = {}
    for crop in crops[::4]:
        true = piece.crop(crop.alignment, crop.time_s)
        candidates = {
            "": true,
            " they look like it mirrored": true[:, ::-1],
            " they look like it upside down": true[::-1],
            " they look like it turned by 180 degrees": true[::-1, ::-1],
        }
        candidates |= {f" they look like person {one.talker.person}": _face_of(one, crop.time_s) for one in others}
        for name, candidate in candidates.items():
            scores[name] = scores.get(name, 0.0) + _alike(crop.picture, candidate)
    return max(scores, key=lambda name: scores[name])


def _time_faults(where: str, piece: Piece, crops: Sequence[Crop]) -> Iterator[str]:
    """Yield whether another time of the talker's clip fits the crops clearly better than the true one."""
    step = piece.master.talker.fps // FPS
    shifts = range(-MAX_SHIFT_FRAMES * step, MAX_SHIFT_FRAMES * step + 1, step)
    errors = dict.fromkeys(shifts, 0.0)
    for crop in crops:
        index = piece.index(crop.time_s)
        own = {
            shift: _difference(crop.picture, piece.crop(crop.alignment, crop.time_s, shift))
            for shift in shifts
            if 0 <= index + shift < len(piece.master.frames)
        }
        for shift in shifts:
            errors[shift] += own.get(shift, max(own.values()))
    best = min(errors, key=lambda shift: errors[shift])
    at_truth = min(errors[shift] for shift in (-step, 0, step))
    if abs(best) > step and errors[best] < MIN_BETTER * at_truth:
        direction = "later" if best > 0 else "earlier"
        yield f"{where}: are of {abs(best) / piece.master.talker.fps:.2f} s {direction}"


def _decoded(face: Face) -> Picture:
    picture = cv2.imdecode(np.frombuffer(face.image.bytes, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture[:, :, ::-1], np.uint8)


def _warped(frame: Picture, to_crop: Reals) -> Picture:
    size, border = (CROP_PX, CROP_PX), cv2.BORDER_REFLECT_101
    return np.asarray(cv2.warpAffine(np.asarray(frame), to_crop, size, borderMode=border), np.uint8)


def _face_of(master: Master, time_s: float) -> Picture:
    """Return a talker's own aligned face."""
    index = master.index_at(time_s)
    left, right = master.eyes[index] - 0.5
    a = (RIGHT_EYE_X_PX - LEFT_EYE_X_PX) / complex(*(right - left))
    b = complex(LEFT_EYE_X_PX, EYES_Y_PX) - a * complex(*left)
    return _warped(master.frames[index], np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]))


def _alike(one: Picture, other: Picture) -> float:
    """Return the correlation of the faces in two crops, over pixels and colours."""
    a, b = one[FACE].astype(float), other[FACE].astype(float)
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(1e-6, np.sqrt((a * a).sum() * (b * b).sum())))


def _difference(one: Picture, other: Picture) -> float:
    a, b = (cv2.GaussianBlur(crop[FACE].astype(np.float32).mean(axis=2), (0, 0), 1.5) for crop in (one, other))
    return float(np.abs((a - a.mean()) - (b - b.mean())).mean())


def _comb(crops: Sequence[Picture]) -> float:
    """Return how much lines differ from the mean of those around them."""
    grey = [crop[FACE].astype(float).mean(axis=2) for crop in crops]
    return float(np.mean([np.abs(2 * one[2:-2] - one[:-4] - one[4:]).mean() for one in grey]))

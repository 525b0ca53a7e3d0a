"""Eyes and mouth, the moving parts of a face, drawn over the head as small antialiased patches."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.look.geometry import Camera, Reals, project
from pipeline.synthetic.look.head import EYE_X, HeadShape, front_points
from pipeline.synthetic.look.scene import Image
from pipeline.synthetic.look.skin import MOUTH_Y
from pipeline.synthetic.look.talker import Talker
from pipeline.synthetic.script.traits import Traits

OVERSAMPLE = 3  # patches are drawn this much larger, then averaged
SHIFT = 4  # fractional bits of OpenCV's coordinates

EYE_HALF_WIDTH = 0.225
EYES_IN = 0.16  # how far they are behind the ellipsoid: between brow, nose and lips as in people
IRIS_RADIUS = 0.098
GAZE_REACH = 0.07
SCLERA = np.array([236, 232, 228], np.float32)
MOUTH_HALF_WIDTH = 0.40
LIPS_OUT = 0.10  # how far the lips are in front of the ellipsoid
TEETH = np.array([232, 226, 214], np.float32)
CAVITY = np.array([30, 9, 11], np.float32)
TONGUE = np.array([150, 66, 68], np.float32)
UPPER_LIP_SHARE = 0.15  # of the gap; the jaw takes the rest
SHUT_GAP = 0.01  # head units: up to it, nothing between the lips is seen
TONGUE_GAP = 0.08  # up to it, the tongue is in the dark
TEETH_SHARE, TEETH_HIGH = 0.65, 0.085  # the upper teeth fill this much of a gap, up to this height
LIP_LINE = 0.014  # width of the dark line between the lips, head units
# Strips of a lip: from and to, as shares of the way from its outer edge to the line between the lips, and brightness.
# The upper lip faces down, the darker the nearer to the line; the lower one is brightest where it turns up.
UPPER_LIP = ((0.0, 0.45, 0.94), (0.45, 0.8, 0.89), (0.8, 1.0, 0.84))
LOWER_LIP = ((0.0, 0.25, 0.94), (0.25, 0.45, 1.04), (0.45, 0.72, 1.10), (0.72, 0.9, 1.02), (0.9, 1.0, 0.86))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """The moving parts in one frame: lip gap in head units, lids 0 (shut) to 1 (open), gaze in [-1, 1]."""

    lip_gap: float
    eye_opening: float
    gaze_x: float
    gaze_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The pose of a head, the camera, and the brightness of the head's front."""

    turn: Reals
    camera: Camera
    light: float


class Patch:
    """A piece of an image that is drawn at OVERSAMPLE and blended back."""

    def __init__(self, image: Image, around: Reals, margin_px: float) -> None:
        low = np.floor(around.min(axis=0) - margin_px).astype(int)
        high = np.ceil(around.max(axis=0) + margin_px).astype(int) + 1
        self.left, self.top = np.maximum(low, 0)
        self.right, self.bottom = np.minimum(high, (image.shape[1], image.shape[0]))
        self.is_empty = self.right - self.left < 2 or self.bottom - self.top < 2
        if not self.is_empty:
            self._part = image[self.top : self.bottom, self.left : self.right]
            size = ((self.right - self.left) * OVERSAMPLE, (self.bottom - self.top) * OVERSAMPLE)
            self.canvas: Image = np.asarray(cv2.resize(self._part, size), np.uint8)

    def local(self, points_px: Reals) -> NDArray[np.int32]:
        """Return fixed-point canvas coordinates of image points; pixel centres stay pixel centres."""
        moved = (points_px - np.array([self.left, self.top]) + 0.5) * OVERSAMPLE - 0.5
        return np.asarray(np.rint(moved * (1 << SHIFT)), np.int32)

    def fill(self, points_px: Reals, colour: Reals) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self.canvas, [self.local(points_px)], _rgb(colour), cv2.LINE_AA, SHIFT)

    def stroke(self, points_px: Reals, colour: Reals, width_px: float) -> None:
        """Draw an open line."""
        thick = max(1, round(width_px * OVERSAMPLE))
        cv2.polylines(self.canvas, [self.local(points_px)], False, _rgb(colour), thick, cv2.LINE_AA, SHIFT)

    def mask(self, points_px: Reals) -> Image:
        """Return the coverage of a polygon, 0..255."""
        cover: Image = np.zeros(self.canvas.shape[:2], np.uint8)
        cv2.fillPoly(cover, [self.local(points_px)], 255, cv2.LINE_AA, SHIFT)
        return cover

    def keep_within(self, before: Image, cover: Image) -> None:
        """Undo what was drawn since ``before`` outside ``cover``."""
        weight = cover.astype(np.float32) / 255
        self.canvas = np.asarray(cv2.blendLinear(self.canvas, before, weight, 1 - weight), np.uint8)

    def close(self) -> None:
        """Average the canvas back into the image."""
        small = (self._part.shape[1], self._part.shape[0])
        self._part[:] = cv2.resize(self.canvas, small, interpolation=cv2.INTER_AREA)


def _rgb(colour: Reals) -> tuple[float, float, float]:
    red, green, blue = (float(np.clip(c, 0, 255)) for c in colour)
    return red, green, blue


def draw_eye(image: Image, side: int, talker: Talker, view: View, face: Expression) -> None:
    """Draw the eye at the image's left (``side`` -1) or right (+1)."""
    shape, colours = talker.shape, talker.colours
    upper, lower = _lids(side, talker.traits, face.eye_opening)
    upper_px, lower_px = (_at(curve, shape, view, -EYES_IN) for curve in (upper, lower))
    scale = view.camera.scale_px
    patch = Patch(image, np.concatenate([upper_px, lower_px]), 0.09 * scale)
    if patch.is_empty:
        return
    rim = np.concatenate([upper_px, lower_px[::-1]])
    before = patch.canvas.copy()
    patch.fill(rim, SCLERA * view.light)
    _draw_iris(patch, side, talker, view, face)
    patch.stroke(upper_px + [0, 0.02 * scale], SCLERA * view.light * 0.55, 0.035 * scale)
    patch.keep_within(before, patch.mask(rim))
    lash = colours.hair * 0.25
    patch.stroke(lower_px, 0.62 * colours.skin * view.light, 0.014 * scale)
    patch.stroke(upper_px, lash * view.light, 0.034 * scale)
    crease = upper * [1.0, 1.0] + [0, -0.06]
    patch.stroke(_at(crease, shape, view, -EYES_IN), 0.66 * colours.skin * view.light, 0.016 * scale)
    patch.close()


def iris_centre(side: int, face: Expression) -> Reals:
    """Return the centre of iris and pupil, (2,) head x and y."""
    return np.array([side * EYE_X + GAZE_REACH * face.gaze_x, -0.012 + 0.4 * GAZE_REACH * face.gaze_y])


def pupil_px(side: int, talker: Talker, view: View, face: Expression) -> Reals:
    """Return the centre of the pupil at the image's left (``side`` -1) or right (+1), (2,) pixels."""
    return np.asarray(_at(iris_centre(side, face)[None], talker.shape, view, -EYES_IN)[0])


def _draw_iris(patch: Patch, side: int, talker: Talker, view: View, face: Expression) -> None:
    shape, colours = talker.shape, talker.colours
    centre = iris_centre(side, face)
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for radius, colour in (
        (IRIS_RADIUS, colours.iris * 0.45),
        (0.86 * IRIS_RADIUS, colours.iris),
        (0.42 * IRIS_RADIUS, np.array([12, 10, 10], np.float32)),
    ):
        patch.fill(_at(centre + radius * ring, shape, view, -EYES_IN), colour * view.light)
    patch.fill(
        _at(centre + [-0.035, -0.035] + 0.02 * ring, shape, view, -EYES_IN), np.array([250, 250, 250], np.float32)
    )


def _lids(side: int, traits: Traits, opening: float) -> tuple[Reals, Reals]:
    """Return the upper and the lower lid's edge, (N, 2) head x and y from the nose outwards.

    The six points that landmark models use (corners, and each lid at a third and two thirds) average to
    (side * EYE_X, 0) when the eye is open.
    """
    along = np.linspace(-1, 1, 13)
    arch = 1 - np.abs(along) ** 2.4
    high, low = 0.105 + 0.03 * traits.eye_shape, 0.068
    corner_y = 0.62 * (high - low) * 0.9 * 2 / 3
    slant = -0.02 * along * (1.1 + traits.eye_shape)
    x = side * (EYE_X + EYE_HALF_WIDTH * along)
    lower_y = corner_y + slant + low * arch
    open_y = corner_y + slant - high * arch
    upper_y = lower_y + (open_y - lower_y) * max(opening, 0.02)
    return np.stack([x, upper_y], 1).astype(np.float32), np.stack([x, lower_y], 1).astype(np.float32)


def open_rim(side: int, traits: Traits) -> Reals:
    """Return the six points of an open eye that landmark models use, (6, 2) head x and y."""
    upper, lower = _lids(side, traits, 1.0)
    third = (len(upper) - 1) // 3
    return np.concatenate([upper[::third], lower[third:-1:third]])


def _at(curve: Reals, shape: HeadShape, view: View, lift: float, jaw: float = 0.0) -> Reals:
    return project(front_points(shape, curve[:, 0], curve[:, 1], lift, jaw), view.turn, view.camera)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lips:
    """The four edges of the lips, (N, 2) head x and y, from the image's left corner to the right one."""

    top: Reals
    inner_top: Reals
    inner_bottom: Reals
    bottom: Reals


def lips_at(traits: Traits, gap: float) -> Lips:
    """Return the lips of a person with their inner edges ``gap`` apart in the middle."""
    along = np.linspace(-1, 1, 25)
    half = MOUTH_HALF_WIDTH - 0.16 * gap
    x = half * along
    arch = 1 - np.abs(along) ** 2.2
    full_top, full_bottom = 0.066 + 0.068 * traits.breath, 0.088 + 0.088 * traits.breath
    bow = full_top * (arch - 0.22 * np.exp(-((along / 0.16) ** 2))) * (1.0 + 0.12 * np.cos(along * np.pi))
    inner = np.clip(1 - np.abs(along / 0.92) ** 2.6, 0, 1)
    line = MOUTH_Y + 0.012 * np.cos(along * np.pi) - 0.012
    inner_top = line - UPPER_LIP_SHARE * gap * inner
    inner_bottom = line + (1 - UPPER_LIP_SHARE) * gap * inner
    edges = (inner_top - bow, inner_top, inner_bottom, inner_bottom + full_bottom * arch)
    return Lips(
        **{
            name: np.stack([x, y], 1).astype(np.float32)
            for name, y in zip(("top", "inner_top", "inner_bottom", "bottom"), edges, strict=True)
        }
    )


def draw_mouth(image: Image, talker: Talker, view: View, face: Expression) -> None:
    """Draw the lips, and between them teeth, tongue and cavity."""
    shape, colours = talker.shape, talker.colours
    lips = lips_at(talker.traits, face.lip_gap)
    top, bottom = (_at(c, shape, view, LIPS_OUT, face.lip_gap) for c in (lips.top, lips.bottom))
    inner_top, inner_bottom = (
        _at(c, shape, view, LIPS_OUT + 0.03, face.lip_gap) for c in (lips.inner_top, lips.inner_bottom)
    )
    scale = view.camera.scale_px
    patch = Patch(image, np.concatenate([top, bottom]), 0.06 * scale)
    if patch.is_empty:
        return
    tone = colours.lips * view.light
    for (outer, inner), shades in (((top, inner_top), UPPER_LIP), ((bottom, inner_bottom), LOWER_LIP)):
        for start, end, shade in shades:
            strip = [outer + share * (inner - outer) for share in (start, end)]
            patch.fill(np.concatenate([strip[0], strip[1][::-1]]), np.minimum(tone * shade, 255))
    patch.stroke(bottom[5:20] + [0, 0.018 * scale], 0.74 * colours.skin * view.light, 0.02 * scale)
    if face.lip_gap > SHUT_GAP:
        _draw_inside(patch, inner_top, inner_bottom, view, face.lip_gap)
    patch.stroke(inner_top, tone * 0.40, LIP_LINE * scale)
    patch.close()


def _draw_inside(patch: Patch, inner_top: Reals, inner_bottom: Reals, view: View, gap: float) -> None:
    before = patch.canvas.copy()
    opening = np.concatenate([inner_top, inner_bottom[::-1]])
    patch.fill(opening, CAVITY * view.light)
    if gap > TONGUE_GAP:
        tongue = inner_bottom + (inner_top - inner_bottom) * 0.28
        patch.fill(np.concatenate([tongue[6:19], inner_bottom[6:19][::-1]]), TONGUE * view.light)
    teeth = inner_top + (inner_bottom - inner_top) * min(TEETH_SHARE, TEETH_HIGH / gap)
    patch.fill(np.concatenate([inner_top[3:22], teeth[3:22][::-1]]), TEETH * view.light * 0.88)
    patch.keep_within(before, patch.mask(opening))

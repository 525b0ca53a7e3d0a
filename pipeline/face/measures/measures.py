"""Measures of one observed face, from its landmarks or its pixels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, Landmarks, Measured, Profiles
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.points import (
    BELOW_NOSE,
    CHIN,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_EYE,
    LOWER_LIP,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NOSE_AND_EYES,
    NOSE_AND_EYES_MIRRORED,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_EYE,
    UPPER_LIP,
    distance,
    eye_centres,
    interocular_px,
)

# Fixed: they define the measures, and every threshold on one was measured with them.
SHARPNESS_SIZE_PX = 128

# Strips down the middle of the mouth and of each eye: rows to an interocular distance, how far they reach up and down
# in such distances, and how wide they are. Landmarks place them to within a few rows: so far one may be shifted to fit
# another.
_ROWS_PER_INTEROCULAR = 48
_HALF_HEIGHT, _WIDTH = 0.3, 1 / 3
_MAX_SHIFT_ROWS = 3
_OVERSAMPLE = 2
_N_ROWS = 2 * round(_HALF_HEIGHT * _ROWS_PER_INTEROCULAR) + 1
_STRIP_SHAPE = _OVERSAMPLE * _N_ROWS, round(_WIDTH * _ROWS_PER_INTEROCULAR * _OVERSAMPLE)
# A talking mouth is shut, or nearly, in at least this share of its frames.
_SHUT_SHARE = 0.15
_FLAT_GREY = 2.0  # added to the contrast of a profile, in grey levels: noise alone is no change


def asymmetry(points: Landmarks) -> Measured:
    """Return how far nose and eyes are from their mirror image, over the interocular distance; 0 seen from the front.

    The root mean square distance of their points from those of their reflection in the line that halves the line
    between the eye centres at a right angle. It grows with yaw, whatever the depth of the head.
    """
    left, right = eye_centres(points)
    across = (right - left)[..., None, :] / interocular_px(points)[..., None, None] ** 2
    from_middle = points - ((left + right) / 2)[..., None, :]
    along = (from_middle * across).sum(axis=-1)
    down = from_middle[..., 1] * across[..., 0] - from_middle[..., 0] * across[..., 1]
    apart_along = along[..., NOSE_AND_EYES] + along[..., NOSE_AND_EYES_MIRRORED]
    apart_down = down[..., NOSE_AND_EYES] - down[..., NOSE_AND_EYES_MIRRORED]
    return np.asarray(np.sqrt((apart_along**2 + apart_down**2).mean(axis=-1)))


def lip_opening(points: Landmarks) -> Measured:
    """Return the mean gap of the three inner-lip pairs over the interocular distance; 0 when closed."""
    return _mean_gap(points, INNER_LIP_UPPER, INNER_LIP_LOWER)


def mouth_height(points: Landmarks) -> Measured:
    """Return the mean height of both lips with what is between them, over the interocular distance.

    It grows when the lips part, also where the inner edges are too faint to distinguish.
    """
    return _mean_gap(points, OUTER_LIP_UPPER, OUTER_LIP_LOWER)


def mouth_width(points: Landmarks) -> Measured:
    """Return the distance of the corners of the mouth, over the interocular distance; least of rounded lips."""
    return _apart(points, MOUTH_LEFT, MOUTH_RIGHT)


def nose_to_lip(points: Landmarks) -> Measured:
    """Return the distance from below the nose to the upper lip's edge, over the interocular distance."""
    return _apart(points, BELOW_NOSE, UPPER_LIP)


def lip_to_chin(points: Landmarks) -> Measured:
    """Return the distance from the lower lip's edge to the chin, over the interocular distance."""
    return _apart(points, LOWER_LIP, CHIN)


def _apart(points: Landmarks, one: int, other: int) -> Measured:
    return np.asarray(distance(points[..., one, :], points[..., other, :]) / interocular_px(points))


def _mean_gap(points: Landmarks, upper: tuple[int, ...], lower: tuple[int, ...]) -> Measured:
    gaps = distance(points[..., upper, :], points[..., lower, :])
    return np.asarray(gaps.mean(axis=-1) / interocular_px(points))


def mouth_and_eye_profiles(grey: ImageGrey, points: Landmarks) -> Profiles:
    """Return the grey values down the middle of the mouth and of both eyes, (3, 29) float32, averaged across a strip.

    The strips are centred between the mouth's corners and on the eye centres, upright as the eyes are level, and 0.6
    interocular distances high and a third wide.
    """
    import cv2

    from pipeline.face.measures.kernels import row_means, strip_maps

    strips = np.empty((3, *_STRIP_SHAPE), np.uint8)
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    for strip, back in zip(strips, strip_maps(points, _ROWS_PER_INTEROCULAR * _OVERSAMPLE, *_STRIP_SHAPE), strict=True):
        cv2.warpAffine(grey, back, _STRIP_SHAPE[::-1], dst=strip, flags=flags, borderMode=border)
    return row_means(strips.reshape(3, _N_ROWS, -1))


def changes(profiles: Profiles, earlier: Sequence[Profiles]) -> tuple[float, float]:
    """Return how far the mouth, and the eyes, are from the ``earlier`` profiles that differ most; 0: equal.

    The root mean square difference of two profiles, less their means, after the shift up or down that fits best, over
    the mean of their standard deviations. It detects parting lips that landmarks, fitted by a model of usual mouths,
    still show as shut, and blinks likewise. 0 when there is no earlier profile.
    """
    from pipeline.face.measures.kernels import profile_changes

    apart = [profile_changes(profiles, one, _MAX_SHIFT_ROWS, _FLAT_GREY) for one in earlier]
    return max((mouth for mouth, _ in apart), default=0.0), max((eyes for _, eyes in apart), default=0.0)


def changes_from_shut(mouths: NDArray[np.uint8], heights: Measured) -> Measured:
    """Return how far each frame's mouth is from the shut mouth of its track, (T,); 0: equal.

    ``mouths``: (T, 29) uint8, the mouth's profile in each frame of the track; ``heights``: (T,), its ``mouth_height``.
    The shut mouth's profile is the median of the lowest mouths, each shifted to where it fits the median of all best.
    A frame's change is the root mean square difference from it, less both means, after the shift that fits best, over
    its standard deviation.
    """
    from pipeline.face.measures.kernels import difference_std, within_shifts

    n_rows = mouths.shape[1] - 2 * _MAX_SHIFT_ROWS
    usual = np.median(mouths[:, _MAX_SHIFT_ROWS:][:, :n_rows], axis=0).astype(np.float32)
    lowest = mouths[heights <= np.quantile(heights, _SHUT_SHARE)]
    _, shifts = within_shifts(lowest, usual)
    fitted = np.take_along_axis(lowest, shifts[:, None] + np.arange(n_rows), axis=1).astype(np.float32)
    shut = np.median(fitted - fitted.mean(axis=1, keepdims=True), axis=0).astype(np.float32)
    apart, _ = within_shifts(mouths, shut)
    return np.asarray(apart / (difference_std(shut, np.zeros_like(shut)) + _FLAT_GREY))


def eye_opening(points: Landmarks) -> Measured:
    """Return the eye aspect ratio, (|p1-p5| + |p2-p4|) / (2 |p0-p3|), mean of both eyes (Soukupova and Cech 2016)."""
    return np.asarray((_eye_aspect_ratio(points[..., LEFT_EYE, :]) + _eye_aspect_ratio(points[..., RIGHT_EYE, :])) / 2)


def _eye_aspect_ratio(eye: Landmarks) -> Measured:
    p0, p1, p2, p3, p4, p5 = (eye[..., index, :] for index in range(6))
    return np.asarray((distance(p1, p5) + distance(p2, p4)) / (2 * distance(p0, p3)))


def sharpness_and_brightness(grey: ImageGrey, box: Box) -> tuple[float, float]:
    """Return the variance of the Laplacian of the face, and its mean grey value, at 128x128 px; 0, 0 out of frame."""
    import cv2

    from pipeline.face.measures.kernels import laplacian_std

    height, width = grey.shape
    left, top = max(0, round(box.x)), max(0, round(box.y))
    face = grey[top : min(height, round(box.y + box.h)), left : min(width, round(box.x + box.w))]
    if face.size == 0:
        return 0.0, 0.0
    times = max(1, min(face.shape) // SHARPNESS_SIZE_PX)
    # Averaging over whole numbers of pixels is ten times as fast as over fractions.
    whole = face[: face.shape[0] // times * times, : face.shape[1] // times * times]
    if times > 1:
        whole = cv2.resize(whole, (whole.shape[1] // times, whole.shape[0] // times), interpolation=cv2.INTER_AREA)
    small = cv2.resize(whole, (SHARPNESS_SIZE_PX, SHARPNESS_SIZE_PX), interpolation=cv2.INTER_LINEAR)
    mirrored = cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_REFLECT_101)
    return laplacian_std(mirrored) ** 2, float(cv2.mean(small)[0])


def inside_share(box: Box, width_px: float, height_px: float) -> float:
    """Return the share of the box's area that lies inside a frame of the given size, 0-1."""
    seen_w = min(box.x + box.w, width_px) - max(box.x, 0.0)
    seen_h = min(box.y + box.h, height_px) - max(box.y, 0.0)
    return max(0.0, seen_w) * max(0.0, seen_h) / (box.w * box.h)

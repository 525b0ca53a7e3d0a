"""Align a face: the similarity that maps the eye centres to the template, and the crop by it."""

from typing import cast

import numpy as np
from pydantic import Field

from pipeline.core.base.arrays import ImageGrey, ImageRGB, Landmarks, Similarity
from pipeline.core.base.params import Params

_OVERSAMPLE = 2


class Template(Params):
    """Where the eye centres lie in an aligned face; ``crop.template`` of params.yaml."""

    size_px: int = Field(ge=16)
    left_eye_x_px: float
    right_eye_x_px: float
    eyes_y_px: float


def similarity_to(template: Template, left_eye: Landmarks, right_eye: Landmarks) -> Similarity:
    """Return the (2, 3) similarity that maps the two eye centres, (2,) each, to those of the template."""
    span = np.asarray(right_eye, np.float64) - left_eye
    # As complex numbers a similarity is z -> a z + b; two points determine it.
    a = (template.right_eye_x_px - template.left_eye_x_px) / complex(*span)
    b = complex(template.left_eye_x_px, template.eyes_y_px) - a * complex(*left_eye)
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def transform(similarity: Similarity, points: Landmarks) -> Landmarks:
    """Return ``points`` (P, 2) mapped by ``similarity``, float32."""
    return (points @ similarity[:, :2].T + similarity[:, 2]).astype(np.float32)


def crop_aligned(picture: ImageRGB | ImageGrey, similarity: Similarity, size_px: int) -> ImageRGB | ImageGrey:
    """Return the (size_px, size_px, 3) crop by ``similarity``; beyond the frame's edge the picture is mirrored.

    Of a grey picture (H, W) it is (size_px, size_px), with the values of each channel of that picture in RGB.

    The warp itself samples four pixels and would alias where it shrinks. There a face is cut at twice its final
    size and then averaged, and a face still larger is first brought to that size by averaging.
    """
    import cv2

    scale = float(np.hypot(similarity[0, 0], similarity[1, 0]))
    if scale >= 1:
        return _cut(picture, similarity, size_px)
    if scale < 1 / _OVERSAMPLE:
        shrink = _OVERSAMPLE * scale
        size = max(1, round(picture.shape[1] * shrink)), max(1, round(picture.shape[0] * shrink))
        ratio_x, ratio_y = size[0] / picture.shape[1], size[1] / picture.shape[0]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        similarity = similarity @ _resized(1 / ratio_x, 1 / ratio_y)
    enlarged = _resized(_OVERSAMPLE, _OVERSAMPLE)[:2] @ np.vstack([similarity, (0, 0, 1)])
    large = _cut(picture, enlarged, size_px * _OVERSAMPLE)
    return cast(ImageRGB, cv2.resize(large, (size_px, size_px), interpolation=cv2.INTER_AREA))


def _cut(picture: ImageRGB | ImageGrey, similarity: Similarity, size_px: int) -> ImageRGB | ImageGrey:
    import cv2

    size, border = (size_px, size_px), cv2.BORDER_REFLECT_101
    return cast(ImageRGB, cv2.warpAffine(picture, similarity, size, flags=cv2.INTER_LINEAR, borderMode=border))


def _resized(factor_x: float, factor_y: float) -> np.ndarray:
    """The (3, 3) map from pixels of a picture to those of one resized by these; pixel centres lie at integers."""
    return np.array([[factor_x, 0, factor_x / 2 - 0.5], [0, factor_y, factor_y / 2 - 0.5], [0, 0, 1.0]])

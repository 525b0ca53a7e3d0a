"""Histograms of oriented gradients are those of scikit-image, to the last bit."""

import numpy as np
import pytest
from skimage.feature import hog

from pipeline.core.base.arrays import ImageGrey
from pipeline.face.mesh.gradients import gradient_histograms


def by_skimage(grey: ImageGrey) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(hog(grey, orientations=8, pixels_per_cell=(8, 8), cells_per_block=(2, 2)))


@pytest.mark.parametrize("levels", [2, 4, 256])
@pytest.mark.parametrize("size_px", [(40, 56), (32, 48), (16, 16), (37, 29)])
def test_gradients_are_those_of_skimage(levels: int, size_px: tuple[int, int]) -> None:
    grey = (np.random.default_rng(levels).integers(0, levels, size_px) * (255 // (levels - 1))).astype(np.uint8)

    np.testing.assert_array_equal(gradient_histograms(grey), by_skimage(grey))


@pytest.mark.parametrize("turn_deg", range(0, 360, 15))
def test_a_ramp_of_any_direction_falls_in_the_bin_of_skimage(turn_deg: int) -> None:
    rows, columns = np.mgrid[:16, :16] - 8
    ramp = columns * np.cos(np.deg2rad(turn_deg)) + rows * np.sin(np.deg2rad(turn_deg))
    grey = np.rint(128 + 10 * ramp).astype(np.uint8)

    np.testing.assert_array_equal(gradient_histograms(grey), by_skimage(grey))


def test_a_flat_picture_has_no_gradients() -> None:
    assert not gradient_histograms(np.full((16, 24), 7, np.uint8)).any()

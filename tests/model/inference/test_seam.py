"""A step of colour at the border of a pasted region fades out within the region, and nothing else changes."""

import numpy as np
import pytest

from model.inference.seam import without_seam

REGION = np.zeros((120, 140), np.uint8)
REGION[30:90, 40:100] = 1


def shade() -> np.ndarray:
    """A picture that grows darker by half a level a pixel to the right, and by a third downwards."""
    rows, columns = np.mgrid[:120, :140]
    return np.repeat(np.uint8(200 - columns / 2 - rows / 3)[..., None], 3, axis=2)


def test_a_step_at_the_border_is_gone_and_the_middle_stays() -> None:
    picture = shade()
    pasted = np.where(REGION[..., None] == 1, picture + 20, picture).astype(np.uint8)
    mended = without_seam(picture, pasted, REGION, REGION, 1.0).astype(int)
    assert np.array_equal(mended[REGION == 0], picture[REGION == 0])
    assert np.abs(mended - picture)[60, 40:43].max() <= 5
    assert (mended[60, 60:80] == pasted[60, 60:80]).all()
    steps = np.diff(mended[60, 40:60, 0] - picture[60, 40:60, 0].astype(int))
    assert (steps >= -1).all() and steps.max() <= 4


def test_a_shade_that_goes_on_across_the_border_stays_as_it_is() -> None:
    picture = shade()
    assert np.abs(without_seam(picture, picture, REGION, REGION, 1.0).astype(int) - picture).max() <= 1


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_what_is_not_known_outside_of_the_region_does_not_count(scale: float) -> None:
    """The mask reaches further than the face: there the picture holds anything."""
    picture = shade()
    mask = REGION.copy()
    mask[:, 100:] = 1
    picture[:, 100:] = 255
    pasted = shade()
    mended = without_seam(picture, pasted, REGION, mask, scale).astype(int)
    assert np.abs(mended - pasted)[45:75, 50:100].max() <= 1


@pytest.mark.parametrize("value", [0, 1])
def test_no_region_and_a_region_that_is_the_whole_picture_change_nothing(value: int) -> None:
    region = np.full((120, 140), value, np.uint8)
    pasted = (shade() + 9).astype(np.uint8)
    assert np.array_equal(without_seam(shade(), pasted, region, region, 1.0), pasted)

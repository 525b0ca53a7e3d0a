"""CPBD counts the edges that show no blur."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from model.evaluation.metrics.cpbd import blur_probabilities, cpbd, edge_widths, sobel_edges
from pipeline.core.base.errors import BadInput
from tests.face.drawn import drawn_face

Luma = NDArray[np.float64]
Picture = NDArray[np.uint8]


def grey(luma: NDArray[np.integer]) -> Picture:
    return np.repeat(luma.astype(np.uint8)[..., None], 3, axis=2)


def ramp(width_px: int, low: int = 0, high: int = 240) -> Picture:
    """A picture (64, 64) that brightens from ``low`` to ``high`` over so many pixels."""
    row = np.interp(np.arange(64), [30, 30 + width_px], [low, high])
    return grey(np.broadcast_to(np.round(row), (64, 64)).astype(int))


def texture(size: int = 128) -> Picture:
    """Smooth blotches, some of them with sharp borders."""
    rng = np.random.default_rng(0)
    soft = cv2.GaussianBlur(rng.uniform(0, 255, (size, size)), (0, 0), 2)
    blocks = np.kron(rng.uniform(0, 80, (size // 8, size // 8)), np.ones((8, 8)))
    return grey(np.clip(soft + blocks, 0, 255).astype(int))


def widths_by_walking(luma: Luma, edges: NDArray[np.bool_]) -> Luma:
    """The widths again: from each edge one goes to both sides for as long as it rises, or falls."""
    height, width = luma.shape
    widths = np.zeros_like(luma)
    for y, x in np.argwhere(edges):
        if not (0 < y < height - 1 and 0 < x < width - 1):
            continue
        across, down = (luma[y, x + 1] - luma[y, x - 1]) / 2, (luma[y + 1, x] - luma[y - 1, x]) / 2
        if abs(np.degrees(np.arctan2(down, abs(across)))) >= 22.5:
            continue
        sign = 1 if across > 0 else -1
        left, right = x - 1, x + 1
        while left > 0 and sign * (luma[y, left] - luma[y, left - 1]) > 0:
            left -= 1
        while right < width - 1 and sign * (luma[y, right + 1] - luma[y, right]) > 0:
            right += 1
        widths[y, x] = right - left
    return widths


def by_walking(picture: Picture) -> float:
    """The definition again."""
    luma = picture[..., 0].astype(float)
    edges = sobel_edges(luma)
    widths = widths_by_walking(luma, edges)
    sharp = total = 0
    for top in range(0, luma.shape[0] - 63, 64):
        for left in range(0, luma.shape[1] - 63, 64):
            block = np.s_[top : top + 64, left : left + 64]
            if edges[block].sum() <= 0.002 * 64 * 64:
                continue
            just_noticeable = 5 if luma[block].max() - luma[block].min() <= 50 else 3
            for width in widths[block][widths[block] > 0]:
                total += 1
                sharp += width <= just_noticeable  # there the probability is 63 percent, and it grows with the width
    return sharp / total


def test_a_sharp_edge_is_sharp() -> None:
    step = grey(np.repeat([[0] * 32 + [255] * 32], 64, axis=0))
    assert cpbd(step) == 1
    assert cpbd(255 - step) == 1


@pytest.mark.parametrize(("width_px", "expected"), [(2, 1), (3, 1), (4, 0), (8, 0)])
def test_of_high_contrast_an_edge_of_three_pixels_is_the_last_that_is_sharp(width_px: int, expected: float) -> None:
    assert cpbd(ramp(width_px)) == expected
    assert cpbd(ramp(width_px)[:, ::-1]) == expected


@pytest.mark.parametrize(("width_px", "contrast", "expected"), [(5, 50, 1), (5, 51, 0), (6, 50, 0), (3, 51, 1)])
def test_up_to_a_contrast_of_50_edges_may_be_five_pixels_wide(width_px: int, contrast: int, expected: float) -> None:
    assert cpbd(ramp(width_px, 100, 100 + contrast)) == expected


def test_at_the_just_noticeable_width_63_percent_see_the_blur() -> None:
    widths = np.array([0.0, 1.5, 3.0, 6.0])
    expected = [0, 0.0792, 0.6321, 1.0]
    np.testing.assert_allclose(blur_probabilities(widths, 51.0), expected, atol=1e-4)
    np.testing.assert_allclose(blur_probabilities(widths * 5 / 3, 50.0), expected, atol=1e-4)


@pytest.mark.parametrize("picture", [texture(), grey(drawn_face()[100:356, 100:356])], ids=["texture", "face"])
def test_it_is_what_a_walk_from_each_edge_gives(picture: Picture) -> None:
    luma = picture[..., 0].astype(float)
    edges = sobel_edges(luma)
    np.testing.assert_array_equal(np.where(edges, edge_widths(luma), 0), widths_by_walking(luma, edges))
    assert cpbd(picture) == pytest.approx(by_walking(picture), abs=1e-12)


@pytest.mark.parametrize("picture", [texture(), grey(drawn_face()[100:356, 100:356])], ids=["texture", "face"])
def test_the_more_a_picture_is_blurred_the_lower_it_is(picture: Picture) -> None:
    found = [cpbd(picture)] + [cpbd(cv2.GaussianBlur(picture, (0, 0), sigma)) for sigma in (0.6, 0.9, 1.3, 2, 4)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.25
    assert found[-1] == 0


def test_a_picture_without_edges_has_none_that_is_sharp() -> None:
    assert cpbd(np.full((64, 64, 3), 128, np.uint8)) == 0


def test_edges_along_the_rows_are_not_measured() -> None:
    assert cpbd(np.ascontiguousarray(ramp(2).transpose(1, 0, 2))) == 0


def test_a_block_counts_from_nine_edge_pixels_on() -> None:
    counted = []
    for height in range(1, 12):
        luma = np.zeros((64, 64), int)
        luma[20 : 20 + height, 30:34] = 255
        picture = grey(luma)
        n_edges = int(sobel_edges(luma.astype(float)).sum())
        counted.append((n_edges, cpbd(picture) > 0))
    assert {is_counted for n_edges, is_counted in counted if n_edges <= 8} == {False}
    assert {is_counted for n_edges, is_counted in counted if n_edges >= 9} == {True}


def test_a_rim_narrower_than_a_block_is_left_out() -> None:
    picture = np.concatenate([ramp(2), ramp(8)[:, :63]], axis=1)
    assert cpbd(picture) == 1


def test_a_picture_without_one_whole_block_is_refused() -> None:
    with pytest.raises(BadInput, match="64 px or more"):
        cpbd(np.zeros((64, 63, 3), np.uint8))


def test_colours_are_weighed_as_luma() -> None:
    picture = texture()
    picture[..., 0] = 0
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    assert cpbd(picture) == cpbd(grey(luma))

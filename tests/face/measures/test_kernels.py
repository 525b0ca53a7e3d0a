"""Compiled kernels return what numpy returns for their formulas."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.face.measures.kernels import (
    centroid_and_rms_distance,
    enlarged,
    grey_correlation,
    laplacian_std,
    phase_means,
    profile_changes,
    row_means,
    within_shifts,
)

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(8, 128))
def test_points_have_a_centroid_and_an_rms_distance(seed: int, n: int) -> None:
    points = np.random.default_rng(seed).normal(300, 70, (n, 2)).astype(np.float32)
    centroid = points.mean(axis=0)
    rms = np.sqrt(((points - centroid) ** 2).sum(axis=1).mean())
    assert centroid_and_rms_distance(points) == pytest.approx((centroid[0], centroid[1], rms), rel=1e-6)


@given(SEEDS, st.integers(1, 6), st.integers(0, 3000), st.integers(0, 3000))
def test_points_of_a_shrunk_part_are_put_in_the_whole_picture(seed: int, times: int, left: int, top: int) -> None:
    points = np.random.default_rng(seed).uniform(-20, 320, (68, 2)).astype(np.float32)
    found = enlarged(points, times, left, top)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, ((points + 0.5) * times - 0.5 + (left, top)).astype(np.float32))


@given(SEEDS, st.sampled_from([(3, 3), (5, 40), (128, 128), (31, 77)]), st.floats(0.3, 3))
def test_the_std_of_the_laplacian_is_that_of_opencv(seed: int, shape: tuple[int, int], blur: float) -> None:
    grey = cv2.GaussianBlur(np.random.default_rng(seed).integers(0, 256, shape, np.uint8), (0, 0), blur)
    _, std = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))
    found = laplacian_std(cv2.copyMakeBorder(grey, 1, 1, 1, 1, cv2.BORDER_REFLECT_101))
    assert found == pytest.approx(std[0, 0], rel=1e-12, abs=1e-9)


def test_the_std_of_the_laplacian_holds_for_the_roughest_picture() -> None:
    checked = (np.indices((300, 400)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert laplacian_std(checked) == pytest.approx(4 * 255)


@given(SEEDS, st.sampled_from([(2, 2), (16, 16), (32, 32)]))
def test_grey_values_are_correlated_as_numpy_does(seed: int, shape: tuple[int, int]) -> None:
    one, other = np.random.default_rng(seed).integers(0, 256, (2, *shape), np.uint8)
    other = np.maximum(one // 2, other)
    assert grey_correlation(one, other) == pytest.approx(np.corrcoef(one.ravel(), other.ravel())[0, 1], abs=1e-9)
    assert grey_correlation(one, one) == pytest.approx(1, abs=1e-12)
    assert grey_correlation(one, 255 - one) == pytest.approx(-1, abs=1e-12)


def test_a_picture_of_one_grey_value_correlates_with_none() -> None:
    flat, other = np.full((16, 16), 200, np.uint8), np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert grey_correlation(flat, other) == grey_correlation(other, flat) == grey_correlation(flat, flat) == 0


def test_the_correlation_of_the_largest_sums_is_right() -> None:
    """Half of it is black and half white, once beside each other and once above each other."""
    across = np.zeros((1024, 1024), np.uint8)
    across[:, 512:] = 255
    assert grey_correlation(across, across) == 1
    assert grey_correlation(across, np.ascontiguousarray(across.T)) == 0


@given(SEEDS, st.integers(2, 200), st.lists(st.floats(2.5, 40), min_size=1, max_size=9))
def test_values_are_averaged_by_phase(seed: int, n: int, periods: list[float]) -> None:
    values = np.random.default_rng(seed).uniform(0, 50, n).astype(np.float32)
    n_phases = np.maximum(2, np.array(periods).astype(np.intp))
    found = phase_means(values, np.array(periods), n_phases)
    for means, period, count in zip(found, periods, n_phases, strict=True):
        phases = (np.arange(n) % period / period * count).astype(int)
        at = [values[phases == phase] for phase in range(count)]
        expected = [one.mean(dtype=float) if len(one) else 0.0 for one in at]
        assert means[:count] == pytest.approx(expected, rel=1e-12)
        assert not means[count:].any()


@given(SEEDS)
def test_rows_of_strips_are_averaged(seed: int) -> None:
    strips = np.random.default_rng(seed).integers(0, 256, (3, 29, 64), np.uint8)
    np.testing.assert_array_equal(row_means(strips), strips.mean(axis=2).astype(np.float32))


@given(SEEDS, st.integers(0, 4))
def test_profiles_are_compared_as_in_the_formula(seed: int, most_shift: int) -> None:
    """The root mean square difference, less the means, at the best shift, over the mean standard deviation and 2."""
    now, earlier = np.random.default_rng(seed).integers(0, 256 * 64, (2, 3, 29)).astype(np.float32) / 64
    n_rows = 29 - 2 * most_shift
    before = earlier[:, most_shift : most_shift + n_rows].astype(np.float64)
    shifted = np.stack([now[:, shift : shift + n_rows] for shift in range(2 * most_shift + 1)]).astype(np.float64)
    apart = (shifted - before).std(axis=-1).min(axis=0)
    mouth, left, right = apart / ((shifted[most_shift].std(axis=-1) + before.std(axis=-1)) / 2 + 2)
    assert profile_changes(now, earlier, most_shift, 2.0) == pytest.approx((mouth, max(left, right)))


def test_a_profile_that_only_became_brighter_has_not_changed() -> None:
    earlier = np.random.default_rng(0).integers(0, 200 * 64, (3, 29)).astype(np.float32) / 64
    assert profile_changes(earlier + np.float32(50), earlier, 3, 2.0) == (0.0, 0.0)


@given(SEEDS, st.integers(0, 4))
def test_rows_are_shifted_to_where_they_fit_another_best(seed: int, most_shift: int) -> None:
    draw = np.random.default_rng(seed)
    rows, other = draw.integers(0, 256, (5, 29), np.uint8), draw.uniform(0, 255, 29 - 2 * most_shift)
    windows = np.lib.stride_tricks.sliding_window_view(rows.astype(np.float64), other.size, axis=1)
    stds = (windows - other.astype(np.float32)).std(axis=2)
    apart, shifts = within_shifts(rows, other.astype(np.float32))
    assert apart == pytest.approx(stds.min(axis=1))
    np.testing.assert_array_equal(shifts, stds.argmin(axis=1))

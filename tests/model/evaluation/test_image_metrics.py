"""Metrics of two pictures, against the formulas written out in numpy."""

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import structural_similarity

from model.evaluation.metrics.hog import hog_distance, hog_features
from model.evaluation.metrics.image import l1, l1_masked, psnr, ssim, ssim_win7
from model.evaluation.metrics.jpeg import as_jpeg
from model.evaluation.metrics.landmarks import NO_LANDMARKS, LandmarkDetector, landmark_distances
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadInput
from pipeline.core.base.seeds import keyed_rng
from pipeline.face.backends.dlib_backend import landmark_model_path
from pipeline.synthetic.look.aligned import aligned_face
from pipeline.synthetic.script.traits import traits_of

SIDE_PX = 40


def pictures(noise: int = 30) -> tuple[ImageRGB, ImageRGB]:
    """A wavy picture and the same with noise, clipped: both touch 0 and 255."""
    draw = np.random.default_rng(3)
    waves = np.sin(np.arange(SIDE_PX)[:, None] / 4) + np.cos(np.arange(SIDE_PX)[None] / 7)
    true = np.clip(128 + 80 * np.stack([waves, -waves, waves**2], axis=-1), 0, 255).astype(np.uint8)
    inpainted = np.clip(true + draw.integers(-noise, noise + 1, true.shape), 0, 255).astype(np.uint8)
    return inpainted, true


def half_mask() -> NDArray[np.uint8]:
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    mask[:, SIDE_PX // 2 :] = 1
    return mask


def ssim_by_windows(a: ImageRGB, b: ImageRGB, weights: NDArray[np.float64], unbias: float) -> float:
    """Wang et al. 2004, Eq. 13, at every place where the whole window lies in the picture."""
    side = len(weights)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = []
    for channel in range(3):
        for top in range(SIDE_PX - side + 1):
            for left in range(SIDE_PX - side + 1):
                x = a[top : top + side, left : left + side, channel].astype(float)
                y = b[top : top + side, left : left + side, channel].astype(float)
                mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
                var_x = unbias * ((weights * x * x).sum() - mean_x**2)
                var_y = unbias * ((weights * y * y).sum() - mean_y**2)
                both = unbias * ((weights * x * y).sum() - mean_x * mean_y)
                likeness = (2 * mean_x * mean_y + c1) * (2 * both + c2)
                found.append(likeness / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)))
    return float(np.mean(found))


def test_psnr_is_ten_log_of_peak_square_over_mean_square() -> None:
    inpainted, true = pictures()
    total = sum((int(a) - int(b)) ** 2 for a, b in zip(inpainted.ravel(), true.ravel(), strict=True))
    assert psnr(inpainted, true) == pytest.approx(10 * math.log10(255 * 255 / (total / inpainted.size)), abs=1e-9)


def test_psnr_of_one_level_everywhere_is_48_13_db_and_of_equal_pictures_infinite() -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    assert psnr(grey + 1, grey) == pytest.approx(48.1308, abs=1e-4)
    assert psnr(grey, grey) == math.inf


def test_ssim_is_that_of_gaussian_windows_of_11_px() -> None:
    inpainted, true = pictures()
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / bell.sum() ** 2
    assert ssim(inpainted, true) == pytest.approx(ssim_by_windows(inpainted, true, weights, 1.0), abs=1e-6)


def test_ssim_win7_is_that_of_even_windows_with_sample_covariance() -> None:
    inpainted, true = pictures()
    weights = np.full((7, 7), 1 / 49)
    assert ssim_win7(inpainted, true) == pytest.approx(ssim_by_windows(inpainted, true, weights, 49 / 48), abs=1e-6)


@pytest.mark.parametrize("metric", [ssim, ssim_win7])
def test_equal_pictures_are_wholly_similar(metric: Callable[[ImageRGB, ImageRGB], float]) -> None:
    _, true = pictures()
    assert metric(true, true) == pytest.approx(1.0, abs=1e-12)


def test_l1_is_over_the_whole_picture_and_l1_masked_over_the_mask_only() -> None:
    _, true = pictures()
    inpainted = np.where(half_mask()[..., None] == 1, true // 2, true).astype(np.uint8)
    differences = np.abs(inpainted.astype(int) - true)
    assert l1(inpainted, true) == pytest.approx(differences.sum() / differences.size)
    assert l1_masked(inpainted, true, half_mask()) == pytest.approx(differences[:, SIDE_PX // 2 :].mean())
    assert l1_masked(inpainted, true, half_mask()) == pytest.approx(2 * l1(inpainted, true))


def test_bytes_do_not_wrap_around() -> None:
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    assert l1(black, white) == l1(white, black) == 255
    assert psnr(black, white) == 0.0


def test_a_face_without_a_masked_region_has_no_l1_in_it() -> None:
    inpainted, true = pictures()
    with pytest.raises(BadInput, match="expected a mask"):
        l1_masked(inpainted, true, np.zeros((SIDE_PX, SIDE_PX), np.uint8))


@pytest.mark.parametrize("other", [np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3))])
def test_pictures_of_another_kind_are_refused(other: np.ndarray) -> None:
    with pytest.raises(BadInput, match="expected two of"):
        psnr(other, np.zeros((8, 8, 3), np.uint8))


def test_hog_has_36_numbers_of_unit_length_for_each_of_49_blocks() -> None:
    inpainted, _ = pictures()
    features = hog_features(inpainted)
    assert features.shape == (49 * 36,)
    assert np.linalg.norm(features.reshape(49, 36), axis=1) == pytest.approx(np.ones(49), abs=1e-4)


def test_hog_of_upright_stripes_has_only_the_orientation_of_their_gradient() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, np.arange(64) % 8 < 4] = 200
    cells = hog_features(stripes).reshape(-1, 9)
    assert (cells[:, 0] > 0.1).all()
    assert not cells[:, 1:].any()


def test_hog_distance_is_euclidean_and_none_between_equal_faces() -> None:
    inpainted, true = pictures()
    assert hog_distance(true, true) == 0.0
    apart = np.sqrt(sum((a - b) ** 2 for a, b in zip(hog_features(inpainted), hog_features(true), strict=True)))
    assert hog_distance(inpainted, true) == pytest.approx(apart)


def test_points_moved_by_three_and_four_pixels_are_five_apart() -> None:
    true = np.zeros((68, 2), np.float32)
    true[42:48, 0] = 50  # the eyes' centres are 50 px apart
    moved = true + np.float32([3, 4])
    assert landmark_distances(moved, true) == pytest.approx((5.0, 0.1, 25.0))


def test_no_face_is_found_in_a_picture_without_one() -> None:
    assert LandmarkDetector(doubles=True).detect(np.full((256, 256, 3), 90, np.uint8)) == NO_LANDMARKS


@pytest.mark.slow
def test_a_face_that_is_moved_has_its_points_moved_with_it() -> None:
    """The detector's boxes go in steps; what is left of them in the points is well below a pixel."""
    face = aligned_face(traits_of(3, 0), rng=keyed_rng("landmarks"))
    detector = LandmarkDetector()
    here, there = detector.detect(face).steady, detector.detect(np.roll(face, 6, axis=1)).steady
    assert here is not None
    assert there is not None
    assert np.abs((there - here).mean(axis=0) - (6, 0)).max() < 0.5
    assert landmark_distances(here, there).mean_px == pytest.approx(6, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize("n_doublings", [0, 1])
def test_plain_points_are_those_of_dlibs_own_example(n_doublings: int) -> None:
    import dlib

    face = aligned_face(traits_of(3, 0), rng=keyed_rng("landmarks"))
    grey = np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), np.uint8)
    box = dlib.get_frontal_face_detector()(grey, n_doublings)[0]
    shape = dlib.shape_predictor(str(landmark_model_path()))(grey, box)
    expected = np.array([(shape.part(place).x, shape.part(place).y) for place in range(68)])
    found = LandmarkDetector(doubles=True).detect(face)
    assert np.array_equal((found.plain, found.doubled)[n_doublings], expected)


def test_landmarks_of_the_doubled_picture_are_left_out_where_they_are_not_asked_for() -> None:
    face = aligned_face(traits_of(3, 0), rng=keyed_rng("landmarks"))
    found = LandmarkDetector().detect(face)
    assert found.plain is not None and found.doubled is None


@pytest.mark.parametrize("metric", [ssim, ssim_win7])
@pytest.mark.parametrize(
    "region", [(slice(30, 60), slice(20, 70)), (slice(0, 1), slice(95, 96)), (slice(90, 96), slice(0, 9))]
)
def test_ssim_of_pictures_that_differ_in_a_region_is_that_of_scikit_image(
    metric: Callable[[ImageRGB, ImageRGB], float], region: tuple[slice, slice]
) -> None:
    true = np.random.default_rng(4).integers(0, 256, (96, 96, 3), np.uint8)
    inpainted = true.copy()
    inpainted[region] = 255 - inpainted[region]
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False} if metric is ssim else {}
    expected = structural_similarity(inpainted, true, data_range=255, channel_axis=-1, **how)
    assert metric(inpainted, true) == pytest.approx(expected, abs=1e-9)
    assert expected < 1


def test_a_picture_as_jpeg_is_what_pillow_reads_back(tmp_path: Path) -> None:
    face = aligned_face(traits_of(3, 0), rng=keyed_rng("landmarks"))
    Image.fromarray(face).save(tmp_path / "face.jpg", quality=75)
    with Image.open(tmp_path / "face.jpg") as stored:
        assert np.array_equal(as_jpeg(face, 75), np.asarray(stored))
    assert 0 < np.abs(as_jpeg(face, 75).astype(int) - face).mean() < 4


def test_ssim_is_that_of_scikit_image() -> None:
    draw, side_px = np.random.default_rng(4), 96
    for _ in range(3):
        true = draw.integers(0, 256, (side_px, side_px, 3), np.uint8)
        inpainted = np.clip(true + draw.normal(0, 20, true.shape), 0, 255).astype(np.uint8)
        one = {"data_range": 255, "channel_axis": -1}
        gaussian = structural_similarity(
            inpainted, true, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, **one
        )
        assert ssim(inpainted, true) == pytest.approx(gaussian, abs=1e-9)
        assert ssim_win7(inpainted, true) == pytest.approx(structural_similarity(inpainted, true, **one), abs=1e-9)

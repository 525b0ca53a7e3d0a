"""A cut stands out from the motion around it; a small motion, a pan and noise do not."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.decode import GreyFrame, grey_frames
from pipeline.video.shots import CutDetector


def frame(picture: np.ndarray) -> GreyFrame:
    return GreyFrame(index=0, time_s=0.0, luma=picture, scale=1.0)


def cuts(pictures: list[np.ndarray]) -> list[int]:
    detector = CutDetector(min_difference=0.06, min_ratio=4.0)
    return [n for n, picture in enumerate(pictures) if detector.is_cut(frame(picture))]


def scene(seed: int, size: tuple[int, int] = (180, 320)) -> np.ndarray:
    """A picture of large patches."""
    import cv2

    patches = np.random.default_rng(seed).integers(0, 256, (6, 10), np.uint8)
    return np.asarray(cv2.resize(patches, size[::-1], interpolation=cv2.INTER_CUBIC))


def noisy(picture: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_a_new_scene_is_a_cut_at_its_first_frame_only() -> None:
    assert cuts([scene(1)] * 10 + [scene(2)] * 10 + [scene(3)] * 10) == [10, 20]


@pytest.mark.parametrize(("min_difference", "expected"), [(0.199, True), (0.2, True), (0.201, False)])
def test_the_difference_is_a_share_of_the_grey_range(min_difference: float, *, expected: bool) -> None:
    detector = CutDetector(min_difference, min_ratio=4.0)
    assert not detector.is_cut(frame(np.full((180, 320), 100, np.uint8)))
    assert detector.is_cut(frame(np.full((180, 320), 151, np.uint8))) == expected


def test_the_first_frame_is_no_cut() -> None:
    assert cuts([scene(1)]) == []


def test_noise_of_a_still_picture_is_no_cut() -> None:
    assert cuts([noisy(scene(1), seed) for seed in range(30)]) == []


def test_a_pan_is_no_cut() -> None:
    wide = scene(1, (180, 960))
    assert cuts([np.ascontiguousarray(wide[:, 12 * n : 12 * n + 320]) for n in range(50)]) == []


def test_a_slow_fade_is_no_cut() -> None:
    one, other = scene(1).astype(float), scene(2).astype(float)
    assert cuts([(one + (other - one) * n / 50).astype(np.uint8) for n in range(51)]) == []


def test_a_flash_is_a_cut_at_both_its_sides() -> None:
    """The frames after a flash can't be distinguished from another shot; a track that ends too often does no harm."""
    assert cuts([scene(1)] * 10 + [np.full((180, 320), 255, np.uint8)] + [scene(1)] * 10) == [10, 11]


def test_two_cuts_close_together_are_both_found() -> None:
    assert cuts([scene(1)] * 10 + [scene(2)] * 2 + [scene(3)] * 10) == [10, 12]


@settings(max_examples=20)
@given(st.integers(1, 25))
def test_a_cut_is_found_wherever_it_is(before: int) -> None:
    assert cuts([noisy(scene(1), n) for n in range(before)] + [noisy(scene(2), n) for n in range(5)]) == [before]


@pytest.mark.parametrize("size", [(180, 320), (1080, 1920), (640, 362), (37, 53)])
def test_the_size_of_the_picture_does_not_matter(size: tuple[int, int]) -> None:
    assert cuts([scene(1, size)] * 5 + [scene(2, size)] * 5) == [5]


def observed_cuts(spec: ClipSpec, path: Path) -> list[float]:
    write_clip(spec, path)
    detector = CutDetector(min_difference=0.06, min_ratio=4.0)
    frames = grey_frames(path, max_side_px=1280)
    return [round(frame.time_s, 3) for frame in frames if detector.is_cut(frame)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_one_cut_of_a_clip_with_two_shots_is_found(tmp_path: Path, seed: int) -> None:
    spec = ClipSpec(seed=seed, person=1, clip=0, kind="cuts", second_person=2, duration_s=2.0, preset="wide")
    assert observed_cuts(spec, tmp_path / "a.mp4") == [1.0]


def test_a_talking_person_is_no_cut(tmp_path: Path) -> None:
    assert observed_cuts(ClipSpec(seed=1, person=1, clip=0, preset="wide"), tmp_path / "a.mp4") == []

"""The same pictures give the same bytes, at any size and whatever memory held before."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.base.arrays import ImageRGB
from pipeline.video.encode import Encoding, write_mp4

SIZES_PX = [(640, 360), (360, 640), (480, 270), (270, 480), (320, 180), (352, 288), (854, 480), (160, 120), (202, 114)]


def moving_pictures(size_px: tuple[int, int]) -> list[ImageRGB]:
    """Smooth random pictures that move: of plain ones the encoder never used what it should not read."""
    width, height = size_px
    noise = np.random.default_rng(0).integers(60, 140, (height, width, 3), np.uint8)
    picture = cv2.GaussianBlur(noise, (0, 0), 5)
    return [np.roll(picture, 3 * index, axis=1) for index in range(12)]


def fill_free_memory(seed: int, size_px: tuple[int, int]) -> None:
    """Leave noise in blocks as large as those that the encoder is going to be given."""
    n_pixels = size_px[0] * size_px[1]
    rng = np.random.default_rng(seed)
    blocks = [rng.integers(0, 255, n, np.uint8) for n in (100_000, 500_000, n_pixels * 3, n_pixels * 3 // 2, n_pixels)]
    del blocks


@pytest.mark.slow
@pytest.mark.parametrize("size_px", SIZES_PX)
def test_bytes_are_equal_whatever_memory_held_before(size_px: tuple[int, int], tmp_path: Path) -> None:
    written = set()
    for seed in range(5):
        fill_free_memory(seed, size_px)
        path = tmp_path / f"{seed}.mp4"
        encoding = Encoding(fps=Fraction(25), size_px=size_px, crf=20)
        write_mp4(path, moving_pictures(size_px), encoding, sound=None, sample_rate_hz=16_000)
        written.add(path.read_bytes())
    assert len(written) == 1

"""The hash of a picture is that of its copies: brighter, smaller, noisy, cropped by 5 %; not of other pictures."""

import cv2
import numpy as np
import pytest

from pipeline.video.picture_hash import N_PICTURE_BITS, PictureHashes, picture_hash


def picture(seed: int) -> np.ndarray:
    """A picture of patches, (360, 640) uint8."""
    coarse = np.random.default_rng(seed).uniform(30, 220, (5, 8)).astype(np.float32)
    return cv2.resize(coarse, (640, 360), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def hash_of(image: np.ndarray) -> int:
    return picture_hash(cv2.resize(image, (32, 18), interpolation=cv2.INTER_AREA))


def n_other_bits(one: np.ndarray, other: np.ndarray) -> int:
    return (hash_of(one) ^ hash_of(other)).bit_count()


def test_a_hash_fits_a_column() -> None:
    assert all(0 <= hash_of(picture(seed)) < 2**N_PICTURE_BITS for seed in range(20))


@pytest.mark.parametrize("seed", range(5))
def test_copies_have_few_other_bits(seed: int) -> None:
    image = picture(seed)
    brighter = (image * 0.8 + 30).astype(np.uint8)
    smaller = cv2.resize(image, (256, 144), interpolation=cv2.INTER_AREA)
    noisy = (image + np.random.default_rng(9).normal(0, 4, image.shape)).clip(0, 255).astype(np.uint8)
    assert max(n_other_bits(image, other) for other in (brighter, smaller, noisy)) <= 8
    for top, left in ((0, 0), (9, 16), (18, 32)):
        assert n_other_bits(image, image[top : top + 342, left : left + 608]) <= 18


def test_other_pictures_have_half_of_the_bits() -> None:
    found = [n_other_bits(picture(a), picture(b)) for a in range(20) for b in range(a)]
    assert np.mean(found) == pytest.approx(N_PICTURE_BITS / 2, abs=2)
    assert np.mean(np.array(found) <= 18) <= 0.01


def test_the_picture_seen_next_to_a_time_counts() -> None:
    pictures = PictureHashes()
    thumbnails = [cv2.resize(picture(seed), (32, 18)) for seed in range(3)]
    for time_s, thumbnail in zip((0.0, 0.1, 0.25), thumbnails, strict=True):
        pictures.see(time_s, thumbnail)
    first, last = picture_hash(thumbnails[0]), picture_hash(thumbnails[2])  # 0.1 s is too soon after the first
    assert [pictures.at(time_s) for time_s in (-1.0, 0.12, 0.13, 5.0)] == [first, first, last, last]


def hashes_of(*thumbnails: np.ndarray) -> list[int]:
    pictures = PictureHashes()
    for number, thumbnail in enumerate(thumbnails):
        pictures.see(number, thumbnail)
    return [pictures.at(number) for number in range(len(thumbnails))]


@pytest.mark.parametrize(("top", "left"), [(2, 0), (0, 4), (4, 0)])
def test_black_bars_that_are_there_all_the_time_are_no_part_of_the_picture(top: int, left: int) -> None:
    images = [picture(seed) for seed in range(3)]
    small = [cv2.resize(image, (32 - 2 * left, 18 - 2 * top), interpolation=cv2.INTER_AREA) for image in images]
    barred = [cv2.copyMakeBorder(one, top, top, left, left, cv2.BORDER_CONSTANT, value=32) for one in small]
    whole = hashes_of(*(cv2.resize(image, (32, 18), interpolation=cv2.INTER_AREA) for image in images))
    assert max((a ^ b).bit_count() for a, b in zip(whole, hashes_of(*barred), strict=True)) <= 12
    once_brighter = [barred[0], barred[1].copy(), barred[2]]
    once_brighter[1][0, 0] = once_brighter[1][-1, -1] = 33
    assert hashes_of(*once_brighter)[::2] == [picture_hash(barred[0]), picture_hash(barred[2])]


def test_a_dark_picture_with_little_light_is_hashed_whole() -> None:
    dark = np.zeros((18, 32), np.uint8)
    dark[8:16, 4:19] = 200
    assert hashes_of(dark) == [picture_hash(dark)]
    assert hashes_of(np.zeros((18, 32), np.uint8)) == [picture_hash(np.zeros((18, 32), np.uint8))]

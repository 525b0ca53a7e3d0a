"""Common content is found by moments at one offset, whatever else the clips have."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core.records.track import Fingerprint
from pipeline.core.storage.manifest import write_manifest
from pipeline.identity.same_video.fingerprints import common_by_fingerprints
from pipeline.identity.same_video.pairs import CommonContent
from tests.identity.same_video.limits import PARAMS


def content(seed: int, n: int = 10, first_s: float = 1.0) -> list[tuple[float, int, int]]:
    """Time, sound and picture of moments 1 s apart."""
    rng = np.random.default_rng(seed)
    return [(first_s + i, int(rng.integers(1 << 60)), int(rng.integers(1 << 63))) for i in range(n)]


def changed(moments: list[tuple[float, int, int]], sound_bits: int = 0, picture_bits: int = 0, later_s: float = 0.0):
    """A copy that differs in so many low bits, and comes later."""
    return [(t + later_s, s ^ ((1 << sound_bits) - 1), p ^ ((1 << picture_bits) - 1)) for t, s, p in moments]


def found_in(clips: dict[str, list[tuple[float, int, int]]], folder: Path) -> list[CommonContent]:
    rows = [
        Fingerprint(
            fingerprint_id=f"{clip}-{round(1000 * t):08d}", clip_id=clip, time_s=t, sound_hash=s, picture_hash=p
        )
        for clip, moments in clips.items()
        for t, s, p in moments
    ]
    write_manifest(folder / "fingerprints.parquet", Fingerprint, rows)
    return list(common_by_fingerprints([folder / "fingerprints.parquet"], PARAMS, folder))


@pytest.mark.parametrize("later_s", [0.0, 1.37, -0.7, 300.0])
def test_a_copy_is_found_at_any_offset(later_s: float, tmp_path: Path) -> None:
    first = content(1)
    (pair,) = found_in({"a/1": first, "b/1": changed(first, later_s=later_s), "c/1": content(2)}, tmp_path)
    assert (pair.clip_id, pair.other_clip_id) == ("a/1", "b/1")
    assert (pair.share, pair.other_share, pair.common_s) == pytest.approx((1.0, 1.0, 11.0))


@pytest.mark.parametrize(("sound_bits", "picture_bits", "is_found"), [(12, 18, True), (13, 18, False), (12, 19, False)])
def test_sound_and_picture_are_alike_within_the_limits(
    sound_bits: int, picture_bits: int, is_found: bool, tmp_path: Path
) -> None:
    first = content(1)
    assert bool(found_in({"a/1": first, "b/1": changed(first, sound_bits, picture_bits)}, tmp_path)) == is_found


def with_bits(moment: tuple[float, int, int], bits: tuple[int, ...]) -> tuple[float, int, int]:
    """The moment with these bits of its sound changed."""
    time_s, sound, picture = moment
    return time_s, sound ^ sum(1 << bit for bit in bits), picture


@pytest.mark.parametrize(("bits", "is_found"), [((5, 20, 40), True), ((5, 20, 40, 50), False)])
def test_two_moments_are_found_where_bits_of_three_fifths_of_one_and_of_all_of_the_other_differ(
    bits: tuple[int, ...], is_found: bool, tmp_path: Path
) -> None:
    first = content(1, 2)
    copy = [with_bits(first[0], bits), with_bits(first[1], (5, 20, 30, 40, 50))]
    assert [(pair.share, pair.other_share) for pair in found_in({"a/1": first, "b/1": copy}, tmp_path)] == [
        (1.0, 1.0)
    ] * is_found


@pytest.mark.parametrize(("sound_bits", "n_common"), [(18, 5), (19, 2)])
def test_beside_two_moments_at_an_offset_others_may_differ_more_in_sound(
    sound_bits: int, n_common: int, tmp_path: Path
) -> None:
    first = content(1, 5)
    (pair,) = found_in({"a/1": first, "b/1": [*first[:2], *changed(first[2:], sound_bits)]}, tmp_path)
    assert pair.common_s == pytest.approx(n_common + 1.0)


@pytest.mark.parametrize("n_alike", [1, 2])
def test_one_moment_alike_is_chance(n_alike: int, tmp_path: Path) -> None:
    first = content(1, 5)
    found = found_in({"a/1": first, "b/1": [*first[:n_alike], *changed(first[n_alike:], 13)]}, tmp_path)
    assert len(found) == n_alike - 1


def test_shares_are_of_either_clip(tmp_path: Path) -> None:
    first, other = content(1, 20), content(2, 10, first_s=11.0)
    (pair,) = found_in({"a/1": first, "a/2": [*first[:10], *other]}, tmp_path)
    assert (pair.share, pair.common_s) == pytest.approx((11 / 21, 11.0))


def test_an_offset_that_is_not_kept_is_chance(tmp_path: Path) -> None:
    first = content(1)
    scattered = [(t + 0.5 * i**2, s, p) for i, (t, s, p) in enumerate(first)]
    assert found_in({"a/1": first, "b/1": scattered}, tmp_path) == []


def test_parts_of_a_clip_are_compared_as_the_listed_clip(tmp_path: Path) -> None:
    first = content(1, 20)
    parts = {"b/1-p000": changed(first[:7], later_s=-0.5), "b/1-p001": changed(first[7:], later_s=-0.5)}
    (pair,) = found_in({"a/1": first, **parts}, tmp_path)
    assert (pair.other_clip_id, pair.share, pair.other_share) == ("b/1", 1.0, 1.0)


def test_of_many_copies_each_is_linked(tmp_path: Path) -> None:
    first = content(1)
    pairs = found_in({f"a/{number:03d}": first for number in range(60)}, tmp_path)
    linked = {"a/000"}
    for pair in pairs:
        linked |= {pair.other_clip_id} if pair.clip_id in linked else set()
    assert len(linked) == 60
    assert len(pairs) <= 4 * 60

"""Of clips of one video the right one is kept, and all are in one split."""

import pytest

from pipeline.identity.same_video.keep import ClipFacts, VideoDecisions, decide_videos
from pipeline.identity.same_video.pairs import BY_FINGERPRINTS, CommonContent
from tests.identity.same_video.limits import PARAMS


def pair(a: str, b: str, share: float = 1.0, other_share: float = 1.0, common_s: float = 10.0) -> CommonContent:
    return CommonContent(
        clip_id=a, other_clip_id=b, share=share, other_share=other_share, common_s=common_s, found_by=BY_FINGERPRINTS
    )


def facts(
    n_pixels: int = 100, duration_s: float = 10.0, name: str = "", box=None, *, is_seen: bool = True
) -> ClipFacts:
    return ClipFacts(
        name=name, is_overridden=bool(name), is_seen=is_seen, duration_s=duration_s, n_pixels=n_pixels, box=box
    )


def decided(pairs: list[CommonContent], **of_clips: ClipFacts) -> VideoDecisions:
    return decide_videos(pairs, of_clips, PARAMS)


@pytest.mark.parametrize(
    ("a", "b", "kept"),
    [
        (facts(), facts(), "a"),
        (facts(), facts(n_pixels=101), "b"),
        (facts(n_pixels=400), facts(duration_s=30.0), "b"),
        (facts(), facts(n_pixels=400, duration_s=9.6), "b"),
        (facts(name="ana"), facts(n_pixels=400), "a"),
        (facts(), facts(n_pixels=400, is_seen=False), "a"),
        (facts(name="ana"), facts(n_pixels=400, name="ana"), "b"),
    ],
)
def test_the_longest_is_kept_then_that_of_most_pixels_and_a_named_one_before_all(
    a: ClipFacts, b: ClipFacts, kept: str
) -> None:
    found = decided([pair("a", "b")], a=a, b=b)
    assert found.kept_for == {"b" if kept == "a" else "a": kept}
    assert found.group_of == {"a": "a", "b": "a"}
    assert [decision for _, decision in found.decided] == ["dropped"]


@pytest.mark.parametrize(("share", "is_dropped"), [(0.8, True), (0.79, False)])
def test_the_limit_is_the_share_of_the_shorter_clip(share: float, is_dropped: bool) -> None:
    found = decided([pair("a", "b", 0.1, share)], a=facts(duration_s=100.0), b=facts())
    assert found.kept_for == ({"b": "a"} if is_dropped else {})
    assert [decision for _, decision in found.decided] == ["dropped" if is_dropped else "one_split"]


@pytest.mark.parametrize(("common_s", "is_decided"), [(5.0, True), (4.9, False)])
def test_a_short_part_in_common_decides_nothing(common_s: float, is_decided: bool) -> None:
    found = decided([pair("a", "b", 0.5, 0.5, common_s)], a=facts(), b=facts())
    assert bool(found.decided) == bool(found.group_of) == is_decided


def test_a_clip_whose_faces_could_not_be_looked_for_takes_no_range_of_it_away() -> None:
    found = decided([pair("a", "b", 0.1, 1.0)], a=facts(duration_s=100.0, is_seen=False), b=facts())
    assert found.kept_for == {}
    assert [decision for _, decision in found.decided] == ["one_split"]


def test_copies_linked_one_to_the_next_are_kept_once() -> None:
    found = decided([pair("a", "b"), pair("b", "c"), pair("c", "d")], a=facts(), b=facts(), c=facts(), d=facts())
    assert found.kept_for == {"b": "a", "c": "a", "d": "a"}


def test_two_ranges_of_a_long_clip_are_dropped_and_it_is_kept() -> None:
    long = pair("a", "long", 1.0, 0.1), pair("b", "long", 1.0, 0.1)
    found = decided([*long], a=facts(n_pixels=400), b=facts(), long=facts(duration_s=90.0))
    assert found.kept_for == {"a": "long", "b": "long"}


def test_two_people_of_a_video_by_crop_or_override_are_both_kept_in_one_split() -> None:
    left, right, near = (0.1, 0.1, 0.5, 0.5), (0.9, 0.1, 0.5, 0.5), (0.15, 0.1, 0.5, 0.5)
    found = decided([pair("a", "b"), pair("a", "c")], a=facts(box=left), b=facts(box=right), c=facts(box=near))
    assert (found.kept_for, found.group_of["b"]) == ({"c": "a"}, "a")
    named = decided([pair("a", "b")], a=facts(name="ana"), b=facts(name="zoe"))
    assert (named.kept_for, named.group_of["b"]) == ({}, "a")
    assert [decision for _, decision in named.decided] == ["overridden"]


def test_a_clip_that_is_left_out_already_takes_no_other_with_it() -> None:
    assert decided([pair("a", "b")], b=facts()) == VideoDecisions()

"""Copies are what their kind says, and what is found is counted by the original of each file."""

from pathlib import Path

import pytest

from benchmarks.same_video import (
    Copy,
    copy_name,
    false_pairs,
    group_of,
    is_one,
    original_of,
    read_known_pairs,
    report,
    write_copy,
)
from pipeline.identity.same_video.keep import VideoDecisions
from pipeline.identity.same_video.pairs import BY_FINGERPRINTS, CommonContent
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.probe import probe


def pair(a: str, b: str) -> tuple[CommonContent, str]:
    content = CommonContent(
        clip_id=a, other_clip_id=b, share=1.0, other_share=0.5, common_s=4.0, found_by=BY_FINGERPRINTS
    )
    return content, "dropped"


def test_a_copy_is_cropped_scaled_and_of_the_same_length_and_a_trimmed_one_is_shorter(tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    write_clip(ClipSpec(seed=1, person=0, clip=0, duration_s=3.0, width_px=320, height_px=180), source)
    of = {}
    for how in ("re-encoded", "trimmed"):
        write_copy(source, tmp_path / f"{how}.mp4", how, seed=1)
        of[how] = probe(tmp_path / f"{how}.mp4")
    sizes = {(int(304 * scale / 2) * 2, int(170 * scale / 2) * 2) for scale in (0.5, 0.6, 0.75, 1.3)}
    assert {(one.width_px, one.height_px) for one in of.values()} <= sizes
    assert of["re-encoded"].duration_s == pytest.approx(3.0, abs=0.1)
    assert 0.8 < of["trimmed"].duration_s < 2.7
    assert all(one.has_audio for one in of.values())


def test_a_copy_names_its_original() -> None:
    assert original_of(copy_name("a--b.mov", "trimmed")) == "a--b.mov"
    assert original_of("a--b.mp4") == "a--b.mp4"


@pytest.mark.parametrize(
    ("file", "duration_s", "group"),
    [
        ("generated_1_000_0.mp4", 2.0, "generated"),
        ("a.mp4", 4.0, "real, 4 s or longer"),
        ("a.mp4", 3.99, "real, shorter"),
    ],
)
def test_short_real_clips_are_a_group_of_their_own(file: str, duration_s: float, group: str) -> None:
    assert group_of(file, duration_s) == group


def test_a_copy_is_found_where_one_of_both_at_most_is_kept() -> None:
    decisions = VideoDecisions(kept_for={"a": "c", "b": "c"})
    assert is_one("a", "b", decisions)
    assert is_one("a", "c", decisions)
    assert not is_one("a", "d", decisions)


def test_pairs_of_two_originals_are_false_but_for_known_ones() -> None:
    files = {"d/a": "a.mp4", "d/c": "a.mp4--trimmed.mp4", "d/b": "b.mov--trimmed.mp4"}
    decisions = VideoDecisions(decided=[pair("d/a", "d/c"), pair("d/a", "d/b"), pair("d/b", "d/c")])
    assert [line.partition(" (")[0] for line in false_pairs(decisions, files, set())] == [
        "a.mp4 = b.mov--trimmed.mp4",
        "b.mov--trimmed.mp4 = a.mp4--trimmed.mp4",
    ]
    assert false_pairs(decisions, files, {frozenset(("a.mp4", "b.mov"))}) == []


def test_known_pairs_are_of_two_files() -> None:
    assert {len(pair) for pair in read_known_pairs()} == {2}


def test_the_report_names_what_is_missed_with_its_moments() -> None:
    copies = [Copy("a", "generated, trimmed", True, 5, 6), Copy("b", "generated, trimmed", False, 2, 7)]
    lines = report(copies).splitlines()
    assert lines[0].split() == ["generated,", "trimmed", "found", "1", "of", "2", "=", "50.0", "%", "(9.5-90.5)"]
    assert lines[1:] == ["    missed: b, 2 moments, its original 7"]

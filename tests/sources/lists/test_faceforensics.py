"""Sequences of FaceForensics++ become ranges of their videos, by their frames and the rate of each video."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.records.clip import clip_name
from pipeline.sources.kinds import FILES_READ
from pipeline.sources.lists.settings import FaceForensicsSource
from tests.sources.lists.listed_from import listed, put, reasons

A, B = "-aaaaaaaaa_", "bbbbbbbbbbb"
NUMBERS = {"000": f"{A} 0", "001": f"{B} 0", "002": f"{B} 1", "003": f"{A} 1"}
SPLITS: dict[str, Any] = {"train": [["000", "001"]], "val": [["002", "003"]], "test": []}


def lists(folder: Path, **changed: Any) -> Path:
    """Write the repository's files, some of them with other content."""
    content = {"conversion_dict": NUMBERS, **SPLITS, **changed}
    return put(folder, {f"{name}.json": json.dumps(value) for name, value in content.items()})


def frames(folder: Path, video: str, number: int, content: Any, fps: Any = 30) -> Path:
    """Write the frame list of one sequence, and what is said of its video."""
    info = f"downloaded_videos_info/{video}"
    files = {f"{info}/{video}.json": {"fps": fps}, f"{info}/extracted_sequences/{number}.json": content}
    return put(folder, {name: json.dumps(value) for name, value in files.items()})


def test_a_sequence_is_a_range_by_the_rate_of_its_own_video(tmp_path: Path) -> None:
    lists(tmp_path)
    frames(tmp_path, A, 0, list(range(50, 150)), fps=25)
    frames(tmp_path, B, 1, list(range(300)), fps=30)
    clips, drops = listed("faceforensics", tmp_path)
    found = {name: (one.identity, one.start_s, one.end_s, one.range_fps) for name, one in clips.items()}
    assert found == {"000": (A, 2.0, 6.0, 25.0), "002": (B, 0.0, 10.0, 30.0)}
    assert clips["000"].address == f"https://www.youtube.com/watch?v={A}"
    assert {name: one.published_split for name, one in clips.items()} == {"000": "train", "002": "val"}
    assert reasons(drops)["001"] == reasons(drops)["003"] == "no_frames"
    assert drops["001"][0] == "waiting"


def test_videos_in_several_official_splits_are_reported(tmp_path: Path) -> None:
    _, drops = listed("faceforensics", lists(tmp_path))
    shared = {name: detail for name, (status, reason, detail) in drops.items() if reason == "in_two_splits"}
    assert set(shared) == {f"{A}-split", f"{B}-split"}
    assert "001 (train), 002 (val)" in shared[f"{B}-split"]
    assert {status for status, reason, _ in drops.values() if reason == "in_two_splits"} == {"filtered"}


def test_without_frame_lists_whole_videos_may_be_taken_each_once(tmp_path: Path) -> None:
    clips, drops = listed("faceforensics", lists(tmp_path), without_frames="whole_video")
    assert {name: (one.start_s, one.end_s) for name, one in clips.items()} == {"000": (None, None), "001": (None, None)}
    assert {name: reason for name, reason in reasons(drops).items() if "split" not in name} == {
        "002": "duplicate_content",
        "003": "duplicate_content",
    }


@pytest.mark.parametrize(
    ("content", "fps", "reason"),
    [
        ([], 30, "bad_frames"),
        ([0, 1, 3], 30, "bad_frames"),
        ([2, 1, 0], 30, "bad_frames"),
        ([-1, 0], 30, "bad_frames"),
        ([0, True], 30, "bad_frames"),
        ([0, "1"], 30, "bad_frames"),
        ({"first": 0}, 30, "bad_frames"),
        ([0, 1], None, "no_fps"),
        ([0, 1], 0, "no_fps"),
        ([0, 1], True, "no_fps"),
        ([0, 1], "30", "no_fps"),
        ([0, 1], 240.5, "no_fps"),
    ],
)
def test_a_sequence_whose_frames_or_rate_are_odd_is_dropped_alone(
    content: Any, fps: Any, reason: str, tmp_path: Path
) -> None:
    lists(tmp_path)
    frames(tmp_path, A, 0, content, fps)
    frames(tmp_path, B, 0, [7], 240)
    clips, drops = listed("faceforensics", tmp_path)
    assert list(clips) == ["001"]
    assert reasons(drops)["000"] == reason


def test_a_bad_row_costs_itself_alone(tmp_path: Path) -> None:
    odd = {"04": f"{A} 2", "005": "short 0", "006": 7, "007": f"{B}  0"}
    val = [["002", "003"], ["000"], [1, 2], ["002", "999"]]
    lists(tmp_path, conversion_dict=NUMBERS | odd, val=val, test=[["003", "000"]])
    _, drops = listed("faceforensics", tmp_path, without_frames="whole_video")
    bad = {name: reason for name, reason in reasons(drops).items() if reason != "duplicate_content"}
    assert bad == {
        **{clip_name(f"conversion_dict.json {name}"): "bad_row" for name in odd},
        clip_name("val.json pair 2"): "bad_row",
        clip_name("val.json pair 3"): "bad_row",
        clip_name("val.json pair 4"): "no_address",
        "000-split": "two_splits",
        "003-split": "two_splits",
        f"{B}-split": "in_two_splits",
    }


@pytest.mark.parametrize("content", ["[", "[1]", "{}", '{"000": "x", "000": "y"}', "[" * 100_000])
def test_a_list_of_another_form_stops_the_stage(content: str, tmp_path: Path) -> None:
    put(lists(tmp_path), {"conversion_dict.json": content})
    with pytest.raises(BadInput, match=r"conversion_dict.json: expected"):
        listed("faceforensics", tmp_path)


def test_a_missing_split_is_named_and_splits_may_be_in_a_folder(tmp_path: Path) -> None:
    lists(tmp_path)
    (tmp_path / "val.json").rename(tmp_path / "v.json")
    with pytest.raises(BadInput, match=r"val.json: expected a list file of FaceForensics\+\+, found none"):
        listed("faceforensics", tmp_path)
    put(tmp_path, {"splits/val.json": json.dumps(SPLITS["val"])})
    clips, _ = listed("faceforensics", tmp_path, without_frames="whole_video")
    assert clips["000"].published_split == "train"


def test_the_files_that_are_read_are_named(tmp_path: Path) -> None:
    frames(lists(tmp_path), A, 1, [0])
    put(tmp_path, {"downloaded_videos_info/other/other.json": "{}"})
    source = FaceForensicsSource(kind="faceforensics", input=str(tmp_path))
    assert [path.relative_to(tmp_path).as_posix() for path in FILES_READ["faceforensics"](source)] == [
        "conversion_dict.json",
        "train.json",
        "val.json",
        "test.json",
        f"downloaded_videos_info/{A}/{A}.json",
        f"downloaded_videos_info/{A}/extracted_sequences/1.json",
    ]

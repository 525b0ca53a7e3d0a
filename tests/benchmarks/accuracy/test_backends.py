"""Backends are compared on the same faces, crops are sampled by hash, and labels are counted unchanged."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.accuracy.backends import (
    N_SAMPLED,
    N_STANDARD,
    PASSES,
    PROPERTIES,
    is_correct,
    long_tracks,
    numbered,
    print_precision,
    read_labels,
    same_faces,
    sample_crops,
    shuffled,
    single_speakers,
    tiled,
    track_line,
)
from pipeline.core.base.errors import BadInput
from pipeline.core.records.face import SelectedFace
from pipeline.core.records.frame import Frame
from tests.face.faces import PERFECT_FACE, PERFECT_FRAME
from tests.face.tracks import a_track

TRACK = replace(a_track("set/clip", 0), end_s=1.0, n_frames=26, av_covered_s=1.0)


def observed(name: str, x_px: float, time_s: float = 0.0, clip_id: str = "set/clip") -> Frame:
    return replace(PERFECT_FRAME, frame_id=name, clip_id=clip_id, box_x_px=x_px, time_s=time_s)


def crops(n_standard: int, n_others: int) -> list[SelectedFace]:
    return [
        SelectedFace(
            **{**asdict(PERFECT_FACE), "face_id": f"set/clip-t00-{n:08d}"},
            is_standard=n < n_standard,
            is_resting=False,
            reason="",
        )
        for n in range(n_standard + n_others)
    ]


def labels_file(folder: Path, **changes: list[int]) -> Path:
    """Write labels of two crops, both right by both passes but for ``changes``."""
    columns = {f"{name}{number}": [1, 1] for number in PASSES for name in PROPERTIES}
    table = {"number": [1, 2], "backend": ["dlib", "dlib"], "face_id": ["a", "b"], "is_standard": [1, 1], **columns}
    pd.DataFrame({**table, **changes}).to_csv(folder / "labels.csv", index=False)
    return folder / "labels.csv"


def test_faces_are_the_same_in_one_clip_at_one_time_where_boxes_overlap() -> None:
    here = [
        observed("a", 100),
        observed("b", 400),
        observed("c", 100, time_s=1.0),
        observed("d", 100, clip_id="set/other"),
    ]
    there = [observed("A", 110), observed("B", 500), observed("C", 100, time_s=1.04)]
    assert [(one.frame_id, other.frame_id) for one, other in same_faces(here, there)] == [("a", "A")]


def test_a_face_is_paired_once_and_with_the_face_that_overlaps_it_most() -> None:
    pairs = same_faces([observed("a", 100), observed("b", 130)], [observed("A", 125)])
    assert [(one.frame_id, other.frame_id) for one, other in pairs] == [("b", "A")]


def test_the_sample_takes_standard_faces_and_fills_up_with_others() -> None:
    many = sample_crops("dlib", crops(N_STANDARD + 10, 200), seed=1)
    few = sample_crops("dlib", crops(20, 200), seed=1)
    assert [sum(crop.is_standard for crop in sampled) for sampled in (many, few)] == [N_STANDARD, 20]
    assert len(many) == len(few) == N_SAMPLED


def test_the_sample_depends_on_seed_and_id_alone() -> None:
    faces = crops(100, 200)
    assert sample_crops("dlib", faces, seed=1) == sample_crops("dlib", faces[::-1], seed=1)
    assert set(sample_crops("dlib", faces, seed=1)) != set(sample_crops("dlib", faces, seed=2))


def test_the_two_orders_hold_the_same_crops_otherwise() -> None:
    sampled = sample_crops("dlib", crops(20, 40), seed=1)
    first, second = shuffled(sampled, 1, "first"), shuffled(sampled, 1, "second")
    assert set(first) == set(second) == set(sampled)
    assert first != second


def test_a_sheet_has_ten_tiles_a_row_with_the_number_in_the_corner() -> None:
    tile = numbered(np.full((256, 256, 3), 128, np.uint8), 300)
    assert tile.shape == (150, 150, 3)
    assert tile[:12, :30].max() > 200 and (tile[30:] == 128).all()
    assert tiled([tile] * 11).shape == (2 * 152, 10 * 152, 3)


def test_tracks_are_long_from_a_second_on() -> None:
    short = replace(TRACK, track_id="set/clip-t01", end_s=0.96)
    assert long_tracks([TRACK, short]) == {"set/clip": [TRACK]}


def test_a_line_describes_a_track_with_and_without_sound() -> None:
    speaking = replace(TRACK, av_correlation=0.5, av_lag_s=-0.1, av_zscore=4.0)
    assert track_line(TRACK, is_main=True) == "t00 MAIN   0.00-  1.00 s, box  120 px, covered   1.0 s"
    assert track_line(speaking, is_main=False).endswith("av_correlation +0.50 at lag -0.10 s, av_zscore  4.0")


def test_single_speakers_are_those_with_one_talker_in_the_index(tmp_path: Path) -> None:
    index = tmp_path / "INDEX.tsv"
    observed = [
        "one adult, frontal, talking",
        "one adult, talking, NO audio track",
        "two adults, one talking",
        "one adult",
    ]
    lines = [f"{name}.mp4\t{text}\n" for name, text in zip("abcd", observed, strict=True)]
    index.write_text("path\tpeople_seen\n" + "".join(lines))
    assert single_speakers(index) == {"a.mp4", "b.mp4"}


def test_an_index_without_people_seen_is_refused(tmp_path: Path) -> None:
    (tmp_path / "INDEX.tsv").write_text("path\na.mp4\n")
    with pytest.raises(BadInput, match="path and people_seen"):
        single_speakers(tmp_path / "INDEX.tsv")


def test_a_crop_is_correct_in_a_pass_that_labels_all_properties_1(tmp_path: Path) -> None:
    labels = read_labels(labels_file(tmp_path, lips_closed1=[0, 1]))
    assert list(is_correct(labels, 1)) == [False, True]
    assert list(is_correct(labels, 2)) == [True, True]


def test_precision_is_printed_for_each_pass_and_for_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_precision(read_labels(labels_file(tmp_path, lips_closed1=[0, 1], frontal2=[1, 0])))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    shares = {" ".join(words[:-5]): words[-5] for words in lines if words and words[-1] == "%"}
    assert shares["faces, by both passes"] == "2"
    assert [shares[f"dlib, by {which}"] for which in ("the first pass", "the second", "both")] == ["1", "1", "0"]
    assert [shares[f"of {name}"] for name in PROPERTIES] == ["2", "1", "1", "2"]


def test_labels_other_than_0_and_1_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"\[2\]"):
        read_labels(labels_file(tmp_path, sharp2=[1, 3]))


def test_labels_without_a_column_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("number,backend\n1,dlib\n")
    with pytest.raises(BadInput, match="face_id"):
        read_labels(tmp_path / "labels.csv")

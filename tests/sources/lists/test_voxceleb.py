"""Utterances of VoxCeleb become clips: frames at 25 a second, boxes of both sets, tables of any separators."""

import os
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.records.clip import PublishedCrop, clip_name
from pipeline.sources.kinds import FILES_READ
from pipeline.sources.lists import rows
from pipeline.sources.lists.settings import VoxCelebSource
from tests.sources.lists.listed_from import listed, put, reasons

VIDEO = "-Abc_efghi1"
HEAD = f"Identity  : \tid10001\nReference : \t{VIDEO}\nOffset    : \t-3\nFV Conf   : \t20.1\t(1)\nASD Conf  : \t4.9\n\n"
FIRST = f"dev/txt/id10001/{VIDEO}/00001.txt"
SECOND = f"txt/id00012/{VIDEO}/00034.txt"
PIXELS = (
    "FRAME \tX \tY \tW \tH \n000050 \t100 \t40 \t80 \t90 \n000051 \t110 \t38 \t80 \t90 \n000099 \t90 \t50 \t70 \t60 \n"
)
SHARES = "FRAME X Y W H\n000000 0.25 0.125 0.25 0.5\n000001 0.5 0.125 0.25 0.25\n"
VOX1 = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\nid10001\tA.J._Buckley\tm\tIreland\tdev\n"


def test_an_utterance_of_the_first_set_is_a_range_with_the_box_around_its_boxes(tmp_path: Path) -> None:
    clips, drops = listed("voxceleb", put(tmp_path, {FIRST: HEAD + PIXELS, "vox1_meta.csv": VOX1}))
    assert drops == {}
    (clip,) = clips.values()
    assert clip.clip_id == f"set/id10001-{VIDEO}-00001"
    assert (clip.identity, clip.published_split, clip.origin) == ("A.J._Buckley", "dev", FIRST)
    assert (clip.address, clip.start_s, clip.end_s) == (f"https://www.youtube.com/watch?v={VIDEO}", 2.0, 4.0)
    assert clip.range_fps is None  # whatever rate the video has
    assert clip.crop == PublishedCrop(90, 38, 100, 92, 360)


def test_boxes_of_the_second_set_are_shares_of_width_and_height(tmp_path: Path) -> None:
    clips, drops = listed("voxceleb", put(tmp_path, {SECOND: HEAD + SHARES}))
    assert drops == {}
    (clip,) = clips.values()
    assert (clip.identity, clip.start_s, clip.end_s) == ("id00012", 0.0, 0.08)
    assert clip.crop == PublishedCrop(2500, 1250, 5000, 5000, 10_000, 10_000)
    assert clip.crop.in_heights(2.0) == (0.5, 0.125, 1.0, 0.5)


@pytest.mark.parametrize(
    "table",
    [
        "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000012 ,m ,test \n",
        "VoxCeleb2 ID\tVGGFace2 ID\tGender\tSet\t\r\nid00012\tn000012\tm\ttest\t\r\n",
        "\ufeffVoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set\nid00012\tn000012\tm\ttest",
        "VoxCeleb2 ID\t,VGGFace2 ID\t,Gender\t,Set\t\nid00012\t,n000012\t,m\t,test\t,\n",
    ],
)
@pytest.mark.parametrize(
    "names",
    [
        'Class_ID, Name, Sample_Num, Flag, Gender\nn000012, "Zoë_X", 315, 1, f\n',
        "Class_ID,Name,Sample_Num,Flag,Gender\nn000012,Zoë_X,315,1,f\n",
        'Class_ID\tName\tSample_Num\tFlag\tGender\nn000012\t "Zoë_X"\t315\t1\tf\n',
    ],
)
def test_tables_of_any_separators_say_who_an_id_is(table: str, names: str, tmp_path: Path) -> None:
    files = {SECOND: HEAD + SHARES, "vox2_meta.csv": table, "identity_meta.csv": names}
    clips, drops = listed("voxceleb", put(tmp_path, files))
    assert drops == {}
    assert [(clip.identity, clip.published_split) for clip in clips.values()] == [("Zoë_X", "test")]


def test_a_name_with_a_comma_in_quotes_is_one_value(tmp_path: Path) -> None:
    files = {
        SECOND: HEAD + SHARES,
        "vox2_meta.csv": "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000012 ,m ,dev \n",
        "identity_meta.csv": 'Class_ID, Name, Flag\nn000012, "Zoë, X", 1\n',
    }
    clips, _ = listed("voxceleb", put(tmp_path, files))
    assert [clip.identity for clip in clips.values()] == ["Zoë, X"]


def test_a_bad_row_of_a_table_costs_itself_alone(tmp_path: Path) -> None:
    table = f"{VOX1}id1\tX\tm\tIreland\tdev\nid10002\tY\nid10001\tZ\tm\tIreland\tdev\n"
    clips, drops = listed("voxceleb", put(tmp_path, {FIRST: HEAD + PIXELS, "vox1_meta.csv": table}))
    assert [clip.identity for clip in clips.values()] == ["A.J._Buckley"]
    of_line = [clip_name(f"vox1_meta.csv line {number}") for number in (3, 4, 5)]
    assert reasons(drops) == dict(zip(of_line, ["bad_row", "bad_row", "duplicate_name"], strict=True))


def test_a_table_without_the_columns_stops_the_stage(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"vox1_meta.csv: expected columns such as 'VoxCeleb1 ID'"):
        listed("voxceleb", put(tmp_path, {FIRST: HEAD + PIXELS, "vox1_meta.csv": "a,b\n1,2\n"}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        "FRAME X Y W H\n",
        "FRAME X Y W H\n1 2 3 4\n",
        "FRAME X Y W H\n1 2 3 4 nan\n",
        "FRAME X Y W H\n-1 2 3 4 5\n",
        "FRAME X Y W H\n2 2 3 4 5\n2 2 3 4 5\n",
        "FRAME X Y W H\n1.5 2 3 4 5\n",
    ],
)
def test_an_utterance_that_cannot_be_read_is_dropped_alone(text: str, tmp_path: Path) -> None:
    clips, drops = listed("voxceleb", put(tmp_path, {FIRST: text, SECOND: HEAD + SHARES}))
    assert [clip.identity for clip in clips.values()] == ["id00012"]
    assert reasons(drops) == {f"id10001-{VIDEO}-00001": "bad_row"}


def test_words_behind_the_table_are_no_rows_and_boxes_outside_are_no_crop(tmp_path: Path) -> None:
    files = {
        FIRST: "FRAME X Y W H\n25 2 3 4 5\n\nWORD START END\nyes 1 2\n",
        SECOND: "FRAME X Y W H\n0 1.5 0.5 0.1 0.1\n",
    }
    clips, drops = listed("voxceleb", put(tmp_path, files))
    assert [(clip.start_s, clip.end_s, clip.crop is None) for clip in clips.values()] == [
        (0.0, 0.04, True),
        (1.0, 1.04, False),
    ]
    assert reasons(drops) == {f"id00012-{VIDEO}-00034-crop": "bad_crop"}


def test_what_is_no_regular_or_too_large_a_file_is_dropped_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sources.lists.voxceleb._MAX_UTTERANCE_BYTES", len(HEAD + PIXELS))
    put(tmp_path, {FIRST: HEAD + PIXELS, SECOND: HEAD + PIXELS + " "})
    os.mkfifo(tmp_path / SECOND.replace("34", "35"))
    clips, drops = listed("voxceleb", tmp_path)
    assert len(clips) == 1
    assert reasons(drops) == {f"id00012-{VIDEO}-{number}": "unreadable" for number in ("00034", "00035")}
    assert rows.MAX_LIST_BYTES > 1 << 20


def test_the_files_that_are_read_are_named_and_others_are_none(tmp_path: Path) -> None:
    put(
        tmp_path,
        {SECOND: "", FIRST: "", "vox1_meta.csv": VOX1, "txt/id00012/notes.txt": "", f"txt/x/{VIDEO}/1.txt": ""},
    )
    found = FILES_READ["voxceleb"](VoxCelebSource(kind="voxceleb", input=str(tmp_path)))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["vox1_meta.csv", FIRST, SECOND]
    with pytest.raises(BadInput, match="expected files of utterances"):
        listed("voxceleb", put(tmp_path / "empty", {"a": ""}))

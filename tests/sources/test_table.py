"""A table becomes clips, row by row; a bad row is dropped with its reason, a bad table stops the run."""

import hashlib
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip, PublishedCrop, content_of
from pipeline.sources.kinds import list_clips
from tests.sources.listed import Listing, listing_of

HEADER = "id,identity,address,start_s,end_s,licence"
URL = "https://example.org/watch?v=1"


def listed(tmp_path: Path, text: str, name: str = "clips.csv") -> Listing:
    """Return the listing of a table with this text."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    return listing_of(list_clips("set", {"kind": "table", "input": str(tmp_path / name)}))


def one(tmp_path: Path, row: str) -> Clip | tuple[str, Dropped]:
    """Return what becomes of a single row."""
    clips, drops = listed(tmp_path, f"{HEADER}\n{row}\n")
    assert len(clips) + len(drops) == 1
    return clips[0] if clips else drops[0]


def test_a_row_becomes_a_clip(tmp_path: Path) -> None:
    assert one(tmp_path, f' RD/1 ,"Ünal, Ana",{URL},1.5,12,CC-BY-4.0') == Clip(
        clip_id="set/RD-1-x0ba2243725a1df43",
        dataset="set",
        identity="Ünal, Ana",
        address=URL,
        start_s=1.5,
        end_s=12.0,
        crop_x=None,
        crop_y=None,
        crop_w=None,
        crop_h=None,
        crop_height_px=None,
        crop_width_px=None,
        published_split="",
        range_fps=None,
        licence="CC-BY-4.0",
        origin=f"{tmp_path / 'clips.csv'} row 1",
        content_hash=content_of(URL, 1.5, 12.0),
    )


def test_range_and_licence_may_be_empty_and_na_is_a_name(tmp_path: Path) -> None:
    clip = one(tmp_path, f"null,NA,{URL},,,")
    assert isinstance(clip, Clip)
    found = (clip.clip_id, clip.identity, clip.start_s, clip.end_s, clip.licence)
    assert found == ("set/null", "NA", None, None, "")


@pytest.mark.parametrize(
    ("row", "item", "reason"),
    [
        (f",Ana,{URL},,,", "set/row-1", "no_id"),
        (f"a,,{URL},,,", "set/a", "no_identity"),
        ("a,Ana, ,,,", "set/a", "no_address"),
        (f"a,Ana,{URL},2,2,", "set/a", "bad_range"),
        (f"a,Ana,{URL},2,1.9,", "set/a", "bad_range"),
        (f"a,Ana,{URL},,0,", "set/a", "bad_range"),
        (f"a,Ana,{URL},-1,2,", "set/a", "bad_range"),
        (f"a,Ana,{URL},00:01,2,", "set/a", "bad_range"),
        (f"a,Ana,{URL},nan,2,", "set/a", "bad_range"),
        (f"a,Ana,{URL},1,inf,", "set/a", "bad_range"),
    ],
)
def test_a_bad_row_is_dropped_with_its_reason(row: str, item: str, reason: str, tmp_path: Path) -> None:
    found = one(tmp_path, row)
    assert isinstance(found, tuple), found
    assert (found[0].split("-x")[0], found[1].status, found[1].reason) == (item, "failed", reason)
    assert found[1].detail.startswith(f"{tmp_path / 'clips.csv'} row 1: ")


def test_the_shortest_range_is_taken(tmp_path: Path) -> None:
    clip = one(tmp_path, f"a,Ana,{URL},2,2.001,")
    assert isinstance(clip, Clip)
    assert (clip.start_s, clip.end_s) == (2.0, 2.001)


def test_the_second_row_of_an_id_and_the_second_of_a_content_are_dropped(tmp_path: Path) -> None:
    rows = [f"b,Ana,{URL},0,1,", f"a,Ana,{URL},0,1,", f"c,Ana,{URL},1,2,", f"c,Bo,{URL},3,4,"]
    clips, drops = listed(tmp_path, "\n".join([HEADER, *rows]))
    table = tmp_path / "clips.csv"
    assert [clip.clip_id for clip in clips] == ["set/a", "set/c"]
    detail = f"{table} row 4: the id is taken by {table} row 3; ids must be unique"
    assert drops == [
        ("set/b", Dropped.filtered("duplicate_content", "same bytes as set/a")),
        ("set/c", Dropped.failed("duplicate_id", detail)),
    ]


def test_a_local_file_is_identified_by_its_bytes_and_the_range(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"video")
    rows = [f"{name},Ana,{tmp_path / 'x.mp4'},{cut},," for name, cut in (("part", "1"), ("whole", ""))]
    clips, drops = listed(tmp_path, "\n".join([HEADER, *rows, f"gone,Ana,{tmp_path / 'y.mp4'},,,"]))
    digest = hashlib.sha256(b"video").hexdigest()
    assert drops == []
    assert {clip.clip_id: clip.content_hash for clip in clips} == {
        "set/gone": content_of(str(tmp_path / "y.mp4"), None, None),
        "set/part": content_of(digest, 1.0, None),
        "set/whole": digest,
    }


def test_crop_hints_are_taken_all_or_none(tmp_path: Path) -> None:
    header = f"{HEADER},crop_x,crop_y,crop_w,crop_h,crop_height_px"
    rows = [f"a,A,{URL}/1,,,,1,2,3,4,720", f"b,A,{URL}/2,,,,,,,,", f"c,A,{URL}/3,,,,1,,3,4,720"]
    clips, drops = listed(tmp_path, "\n".join([header, *rows, f"d,A,{URL}/4,,,,1.5,2,3,4,720"]))
    hints = [(clip.crop_x, clip.crop_y, clip.crop_w, clip.crop_h, clip.crop_height_px) for clip in clips]
    assert hints == [(1, 2, 3, 4, 720), (None, None, None, None, None)]
    assert [(item, dropped.reason) for item, dropped in drops] == [
        ("set/c", "bad_crop"),
        ("set/d", "bad_crop"),
    ]


@pytest.mark.parametrize(
    ("crop", "detail"),
    [
        ("0,0,0,4,720", "crop_w = 0: expected more than 0 pixels"),
        ("9,0,-3,4,720", "crop_w = -3: expected more than 0 pixels"),
        ("0,0,3,-1,720", "crop_h = -1: expected more than 0 pixels"),
        ("0,0,3,4,0", "crop_height_px = 0: expected more than 0 pixels"),
        ("-3,0,3,4,720", "the box lies outside a picture 720 px high: "),
        ("0,-4,3,4,720", "the box lies outside a picture 720 px high: "),
        ("0,720,3,4,720", "the box lies outside a picture 720 px high: "),
        ("1e300,0,3,4,720", "crop_x = 1e+300: expected whole pixels, at most 1048576"),
        ("nan,0,3,4,720", "crop_x = 'nan': expected a number"),
    ],
)
def test_a_box_that_can_be_of_no_picture_is_a_bad_crop(crop: str, detail: str, tmp_path: Path) -> None:
    text = f"{HEADER},crop_x,crop_y,crop_w,crop_h,crop_height_px\nbad,A,{URL},,,,{crop}\n"
    clips, [(item, dropped)] = listed(tmp_path, text)
    assert (clips, item, dropped.status, dropped.reason) == ([], "set/bad", "failed", "bad_crop")
    assert dropped.detail.startswith(f"{tmp_path / 'clips.csv'} row 1: {detail}")


def test_a_box_may_reach_beyond_the_picture(tmp_path: Path) -> None:
    """As some of HDTF's do."""
    header = f"{HEADER},crop_x,crop_y,crop_w,crop_h,crop_height_px"
    boxes = ["-2,-3,3,4,720", "0,719,3,4,720", "83,0,1134,1134,720"]
    clips, drops = listed(tmp_path, "\n".join([header, *(f"{n},A,{URL},,,,{box}" for n, box in enumerate(boxes))]))
    assert ([clip.crop for clip in clips], drops) == (
        [PublishedCrop(-2, -3, 3, 4, 720), PublishedCrop(0, 719, 3, 4, 720), PublishedCrop(83, 0, 1134, 1134, 720)],
        [],
    )


def test_the_box_is_part_of_the_content_and_the_same_box_at_another_height_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"video")
    boxes = {"a": "0,0,320,180,360", "b": "320,0,320,180,360", "c": "640,0,640,360,720", "d": ",,,,", "e": "0,0,1,1,9"}
    header = f"{HEADER},crop_x,crop_y,crop_w,crop_h,crop_height_px"
    rows = [f"{name},{name},{tmp_path / 'x.mp4'},,,,{box}" for name, box in boxes.items()]
    clips, drops = listed(tmp_path, "\n".join([header, *rows]))
    assert len({clip.content_hash for clip in clips}) == len(clips) == 4
    assert drops == [
        ("set/c", Dropped.filtered("duplicate_content", "same bytes as set/b, which is there 'b' and here 'c'"))
    ]
    digest = hashlib.sha256(b"video").hexdigest()
    assert [clip.content_hash for clip in clips if clip.crop is None] == [digest]
    (first, *_) = clips
    assert first.content_hash == content_of(digest, None, None, PublishedCrop(0, 0, 320, 180, 360))


def test_without_a_box_the_content_is_of_address_and_range_alone() -> None:
    assert content_of(URL, 1.5, None) == hashlib.sha256(f"{URL}\n1.5\nNone".encode()).hexdigest()


def test_tsv_and_parquet_give_the_same_clips_as_csv(tmp_path: Path) -> None:
    expected, _ = listed(tmp_path, f"\ufeff{HEADER}\na,Ana,{URL},1.5,,\n")
    tsv, _ = listed(tmp_path, f"{HEADER}\na,Ana,{URL},1.5,,\n".replace(",", "\t"), "clips.tsv")
    columns = {"id": ["a"], "identity": ["Ana"], "address": [URL], "start_s": [1.5], "end_s": [None]}
    pq.write_table(pa.table({**columns, "licence": [None]}), tmp_path / "clips.parquet")
    parquet, _ = listing_of(list_clips("set", {"kind": "table", "input": str(tmp_path / "clips.parquet")}))
    assert [clip.content_hash for clip in tsv] == [clip.content_hash for clip in expected]
    assert [clip.content_hash for clip in parquet] == [clip.content_hash for clip in expected]
    assert (len(expected), parquet[0].start_s, parquet[0].end_s, parquet[0].licence) == (1, 1.5, None, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the table is empty, expected a first line with the columns ['id', 'identity', 'address', 'start_s',"),
        (f"{HEADER}\n\n", "expected a row for each clip, found none below its first line"),
        (
            "id,identity,address,start,end_s,licence\n",
            "missing columns ['start_s'], unknown columns ['start']",
        ),
        (f"{HEADER},id\n", "duplicate columns ['id']"),
        ("i\0d\0,\0", "expected a table in UTF-8, found another encoding: save it as 'CSV UTF-8'"),
    ],
)
def test_a_table_that_is_wrong_stops_the_run(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=re.escape(message)):
        listed(tmp_path, text)


def test_a_file_that_is_no_parquet_or_not_there_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"clips\.parquet: expected a Parquet table"):
        listed(tmp_path, "no parquet", "clips.parquet")
    with pytest.raises(BadInput, match=r"none\.csv: expected a table of clips, found no file"):
        listing_of(list_clips("set", {"kind": "table", "input": str(tmp_path / "none.csv")}))

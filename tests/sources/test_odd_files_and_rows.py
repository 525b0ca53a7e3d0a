"""Odd files and rows end as a row each, and what is good beside them is listed as if they were not there."""

import os
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip, clip_name
from pipeline.sources.kinds import check_input, list_clips
from pipeline.sources.listing import write_listing
from pipeline.video.streams import VIDEO_SUFFIXES
from tests.sources.listed import Listing, listing_of

GOOD = ("ana/1.mp4", "bo/2.MTS", "cy/3.ogv")
HEADER = "id,identity,address,start_s,end_s,licence"
FOLDER = {
    "kind": "folder",
    "identity_from": "sub_folder",
    "identity_pattern": "(?P<identity>.+)",
    "identity_table": None,
    "licence": "",
    "recursive": True,
}
MP4_START = b"\0\0\0\x18ftypisom"


def put(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content or os.fsencode(path.name))
    return path


def good_folder(folder: Path) -> Path:
    for name in GOOD:
        put(folder / name)
    return folder


def listed_folder(folder: Path, **changes: object) -> Listing:
    return listing_of(list_clips("set", {**FOLDER, "input": str(folder), **changes}))


def listed_table(path: Path, **changes: object) -> Listing:
    return listing_of(list_clips("set", {"kind": "table", "input": str(path), **changes}))


def reasons(listing: Listing) -> dict[str, int]:
    found = [dropped.reason for _, dropped in listing[1]]
    return {reason: found.count(reason) for reason in sorted(set(found))}


def bind(path: Path) -> None:
    """Leave a socket at ``path``, by a name that is short enough for one."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


ODD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo.mp4": (os.mkfifo, "not_a_file"),
    "fifo": (os.mkfifo, "not_a_file"),
    "fifo.txt": (os.mkfifo, "not_a_file"),
    "socket.mkv": (bind, "not_a_file"),
    "zero.mp4": (link("/dev/zero"), "not_a_file"),
    "zero.srt": (link("/dev/zero"), "not_a_file"),
    "null.mov": (link("/dev/null"), "not_a_file"),
    "dangling.mp4": (link("nowhere.mp4"), "unreadable"),
    "dangling": (link("nowhere"), "unreadable"),
    "self.mp4": (link("self.mp4"), "unreadable"),
    "self": (link("self"), "unreadable"),
    "through a file.mp4": (link("1.mp4/x"), "unreadable"),
    "up": (link(".."), "walked_already"),
    "here": (link("."), "walked_already"),
    "beside": (link("../bo"), "walked_already"),
    "empty.mp4": (lambda path: path.touch(), "empty_file"),
    "line\nbreak.mp4": (put, "bad_name"),
    "tab\there.mp4": (put, "bad_name"),
    "escape\x1b[31m.mp4": (put, "bad_name"),
    os.fsdecode(b"latin1 \xe9.mp4"): (put, "bad_name"),
    os.fsdecode(b"\xff\xfe.webm"): (put, "bad_name"),
    "whole but not named so": (lambda path: put(path, MP4_START), "no_video_suffix"),
    "unfinished.mp4.part": (lambda path: put(path, MP4_START), "no_video_suffix"),
    "matroska.bak": (lambda path: put(path, b"\x1a\x45\xdf\xa3"), "no_video_suffix"),
    "stream.dat": (lambda path: put(path, (b"\x47" + bytes(187)) * 3), "no_video_suffix"),
}
OTHER_FILES = {
    "notes.txt": b"",
    "1.jpg": b"\xff\xd8\xff",
    "voice.m4a": b"\0\0\0\x18ftypM4A ",
    "photo.heic": b"\0\0\0\x18ftypheic",
    "1.srt": b"",
    "README": b"",
    ".hidden.mp4": b"",
    "._1.mp4": b"",
    os.fsdecode(b"\xff.txt"): b"",
}


def test_odd_files_end_as_a_row_each_and_the_others_are_listed_as_without_them(tmp_path: Path) -> None:
    folder = good_folder(tmp_path / "in")
    expected, none = listed_folder(folder)
    for name, (make, _) in ODD_FILES.items():
        make(folder / "ana" / name)
    for name, content in OTHER_FILES.items():
        put(folder / "ana" / name, content)
    clips, drops = listed_folder(folder)
    assert (clips, none) == (expected, [])
    assert len(expected) == len(GOOD)
    found = {item: dropped.reason for item, dropped in drops}
    counted = found.pop(f"set/{clip_name('other files/')}")
    assert found == {f"set/{clip_name(f'ana/{name}')}": reason for name, (_, reason) in ODD_FILES.items()}
    assert counted == "other_files"
    counts = "9 files that are no videos: 2 .txt, 2 hidden, 1 .heic, 1 .jpg, 1 .m4a, 1 .srt, 1 without a suffix"
    assert counts in [dropped.detail for _, dropped in drops]
    assert [dropped.detail for _, dropped in drops if not dropped.detail.isprintable()] == []


def test_a_listing_is_byte_for_byte_the_same_whatever_odd_files_lie_beside(tmp_path: Path) -> None:
    folder = good_folder(tmp_path / "in")
    for name in ("clean", "odd"):
        write_listing(
            list_clips("set", {**FOLDER, "input": str(folder)}),
            tmp_path / f"{name}.parquet",
            tmp_path / "ledger.parquet",
        )
        for odd, (make, _) in ODD_FILES.items() if name == "clean" else ():
            make(folder / "ana" / odd)
    assert (tmp_path / "odd.parquet").read_bytes() == (tmp_path / "clean.parquet").read_bytes()


@pytest.mark.parametrize(
    "suffix", [".MTS", ".m2ts", ".ogv", ".mxf", ".VOB", ".f4v", ".3g2", ".asf", ".dv", ".qt", ".m2t"]
)
def test_a_video_by_any_of_these_suffixes_is_a_clip(suffix: str, tmp_path: Path) -> None:
    put(tmp_path / "ana" / f"1{suffix}")
    clips, drops = listed_folder(tmp_path)
    assert ([clip.identity for clip in clips], drops) == (["ana"], [])


def test_every_suffix_is_lower_case_and_of_video() -> None:
    assert {one for one in VIDEO_SUFFIXES if one != one.lower() or not one.startswith(".")} == set()
    assert VIDEO_SUFFIXES.isdisjoint({".mp3", ".m4a", ".wav", ".jpg", ".gif", ".srt", ".txt", ".part", ""})


def test_a_folder_without_videos_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected a folder with videos, found nothing\. Correct 'input' of 'set'"):
        listed_folder(tmp_path)
    put(tmp_path / "a.txt")
    with pytest.raises(BadInput, match=r"found only 1 \.txt"):
        listed_folder(tmp_path)


@pytest.mark.parametrize("name", ["x" * 300 + ".csv", "no.csv"])
def test_a_table_that_is_not_there_stops_the_run_with_a_sentence(name: str, tmp_path: Path) -> None:
    content = {"kind": "table", "input": str(tmp_path / name)}
    for ends in (lambda: check_input("set", content), lambda: list(list_clips("set", content))):
        with pytest.raises(BadInput, match=r"expected a table of clips, found no(ne| file)\. Correct 'input'"):
            ends()


def test_a_table_finds_files_as_windows_and_macos_write_them(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "José") for form in ("NFC", "NFD"))
    for name in (f"{apart}.mp4", f"sub/{composed} 2.mp4", "sub/x.mp4", "y.mp4"):
        put(tmp_path / name)
    rows = f"file;identity\r\n{composed}.mp4;José\r\n.\\sub\\{apart} 2.mp4;Zoë\r\n./sub//x.mp4;Xi\r\ny.mp4;Y\r\n"
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "who.csv").write_bytes(rows.encode(encoding))
        clips, drops = listed_folder(tmp_path, identity_from="table", identity_table="who.csv")
        assert (sorted(clip.identity for clip in clips), drops) == (["José", "Xi", "Y", "Zoë"], [])


def test_bad_rows_of_the_identity_table_cost_only_themselves(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4", "d.mp4"):
        put(tmp_path / name)
    rows = [b"a.mp4,Ana", b'"b.mp4,Bo', b"c.mp4,Cy,more", b"d.mp4,\xff", b"d.mp4,Di", b"a.mp4,Al", b"gone.mp4,Gu"]
    rows[-1] += "ë".encode()  # the table is UTF-8
    (tmp_path / "who.csv").write_bytes(b"file,identity\n" + b"\n".join(rows) + b"\n")
    clips, drops = listed_folder(tmp_path, identity_from="table", identity_table="who.csv")
    assert [clip.identity for clip in clips] == ["Di"]
    assert reasons((clips, drops)) == {"bad_row": 3, "no_identity": 2, "not_found": 1, "two_identities": 1}
    assert "'a.mp4' is 'Ana', and 'Al' in row 6" in [dropped.detail for _, dropped in drops]


@pytest.mark.parametrize("encoding", ["cp1252", "cp932", "koi8-r"])
def test_an_identity_table_in_another_encoding_is_refused(encoding: str, tmp_path: Path) -> None:
    put(tmp_path / "a.mp4")
    name = {"cp1252": "Zoë", "cp932": "田中", "koi8-r": "Анна"}[encoding]
    (tmp_path / "who.csv").write_bytes(f"file,identity\na.mp4,Ana\nb.mp4,{name}\n".encode(encoding))
    with pytest.raises(BadInput, match=r"who\.csv row 2: expected text in UTF-8.*save the table as 'CSV UTF-8'"):
        listed_folder(tmp_path, identity_from="table", identity_table="who.csv")


def test_a_row_whose_file_is_not_utf8_is_lost_alone(tmp_path: Path) -> None:
    put(tmp_path / "a.mp4")
    (tmp_path / "who.csv").write_bytes(b"file,identity\na.mp4,Ana\nZo\xeb.mp4,Zo\n")
    clips, drops = listed_folder(tmp_path, identity_from="table", identity_table="who.csv")
    assert ([clip.identity for clip in clips], reasons((clips, drops))) == (["Ana"], {"bad_row": 1})


def test_a_bad_row_is_dropped_under_its_id_where_that_is_not_what_is_wrong(tmp_path: Path) -> None:
    rows = ["a,A\0na,x.mp4,,,", "b,Bo,/nowhere/b\0.mp4,,,", "c,Cy,\udcff.mp4,,,", "d\0,Di,x.mp4,,,", "e,Ed,x.mp4"]
    rows += [f"f,{'F' * 8193},x.mp4,,,"]
    table = tmp_path / "clips.csv"
    table.write_bytes(
        "\n".join(["id,identity,address,start_s,end_s,licence", *rows]).encode("utf-8", "surrogateescape")
    )
    ids = [item.removeprefix("set/") for item, _ in listed_table(table)[1]]
    assert ids == ["a", "b", "c", "f", clip_name("row 4"), clip_name("row 5")]


def test_of_many_rows_that_disagree_on_a_file_two_are_named(tmp_path: Path) -> None:
    put(tmp_path / "a.mp4")
    rows = [f"a.mp4,Ana {number}" for number in range(1000)]
    put(tmp_path / "who.csv", "\n".join(["file,identity", *rows]).encode())
    clips, drops = listed_folder(tmp_path, identity_from="table", identity_table="who.csv")
    assert clips == []
    assert [dropped.detail for _, dropped in drops] == ["'a.mp4' is 'Ana 0', and 'Ana 1' in row 2"]


def odd_rows(folder: Path) -> list[tuple[str, str]]:
    """Return (a row, the reason for which it is dropped)."""
    url = "https://example.org/odd"
    os.mkfifo(folder / "fifo.mp4")
    (folder / "zero.mp4").symlink_to("/dev/zero")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    return [
        ("too,few", "bad_row"),
        ("one", "bad_row"),
        (f"many,Ana,{url},,,,", "bad_row"),
        (f"many,Ana, Bo,{url},,,", "bad_row"),
        (f'"open,Ana,{url},,,', "bad_row"),
        (f'open,"Ana,{url},,,', "bad_row"),
        (f'"open"x,Ana,{url},,,', "bad_row"),
        (f"long,{'x' * 131_073},{url},,,", "bad_row"),
        (f"longer,{'x' * (1 << 20)},{url},,,", "bad_row"),
        (f"nul,A\0na,{url},,,", "bad_row"),
        (f"bytes,Zo\udceb,{url},,,", "bad_row"),
        (f"bell\a,Ana,{url},,,", "bad_row"),
        (f'break,"An\na",{url},,,', "bad_row bad_row"),
        (f",Ana,{url},,,", "no_id"),
        (f"nobody,,{url},,,", "no_identity"),
        ("nowhere,Ana,,,,", "no_address"),
        (",,,,,", "no_id"),
        (f"minutes,Ana,{url},00:05,,", "bad_range"),
        (f"comma,Ana,{url},1;5,,", "bad_range"),
        (f"points,Ana,{url},1_000,,", "bad_range"),
        (f"digits,Ana,{url},\u0661,,", "bad_range"),
        (f"word,Ana,{url},start,,", "bad_range"),
        (f"nan,Ana,{url},nan,,", "bad_range"),
        (f"inf,Ana,{url},,1e999,", "bad_range"),
        (f"back,Ana,{url},00:00:05,00:00:01,", "bad_range"),
        (f"fifo,Ana,{folder}/fifo.mp4,,,", "not_a_file"),
        (f"fifourl,Ana,file://{folder}/fifo.mp4,,,", "not_a_file"),
        (f"zero,Ana,{folder}/zero.mp4,,,", "not_a_file"),
        ("stdin,Ana,/dev/null,,,", "not_a_file"),
        (f"folder,Ana,{folder},,,", "not_a_file"),
        (f"loop,Ana,{folder}/loop.mp4,,,", "bad_address"),
        (f"name,Ana,{folder}/{'x' * 300}.mp4,,,", "bad_address"),
        (f"nested,Ana,{'x/' * 3000}1.mp4,,,", "bad_address"),
        ("generated,Ana,synthetic:nonsense,,,", "bad_address"),
        ("large,Ana,synthetic:seed=1&person=1&clip=1&duration_s=1e9,,,", "bad_address"),
        ("nulurl,Ana,file:///tmp/a%00b,,,", "bad_address"),
        (f"hours,Ana,{url},{'9' * 400}:00:00,,", "bad_range"),
        (f"manyhours,Ana,{url},{'9' * 5000}:00:00,,", "bad_range"),
    ]


def test_odd_rows_end_as_a_row_each_and_the_others_are_listed_as_without_them(tmp_path: Path) -> None:
    good = [f'good {n},Ana,{put(tmp_path / f"{n}.mp4")},,,"two\nlines, ""quoted"""' for n in range(3)]
    table = tmp_path / "t.csv"
    odd = odd_rows(tmp_path)
    third = len(odd) // 3
    clips = {}
    for name, parts in (
        ("clean", ([], [], [], [])),
        ("odd", (odd[:third], odd[third : 2 * third], odd[2 * third :], [])),
    ):
        rows = [HEADER]
        for part, row in zip(parts, [*good, ""], strict=True):
            rows += [one for one, _ in part] + [row]
        table.write_bytes("\n".join(rows).encode("utf-8", "surrogateescape"))
        clips[name], drops = listed_table(table)
    without_origin = {
        name: [{**{key: getattr(one, key) for key in Clip.__slots__}, "origin": ""} for one in found]
        for name, found in clips.items()
    }
    assert without_origin["odd"] == without_origin["clean"]
    assert len(clips["clean"]) == 3
    expected = " ".join(reason for _, reason in odd).split()
    assert sum(reasons(([], drops)).values()) == len(expected)
    assert reasons(([], drops)) == {reason: expected.count(reason) for reason in sorted(set(expected))}
    assert [dropped.detail for _, dropped in drops if "row" not in dropped.detail] == []


def test_odd_files_and_rows_are_sixty_together(tmp_path: Path) -> None:
    assert len(ODD_FILES) + len(OTHER_FILES) + len(odd_rows(tmp_path)) >= 60


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("first", ["", "sep=X\r\n"])
def test_a_table_is_read_as_spreadsheets_save_it(encoding: str, delimiter: str, first: str, tmp_path: Path) -> None:
    times = "1,5,00:01:02,5" if delimiter == ";" else "1.5,00:01:02.5"
    start, end = ("1,5", "62,5") if delimiter == ";" else times.split(",")
    row = ["a", "Zoë", "https://example.org/1", start, end, "CC-BY"]
    text = first.replace("X", delimiter) + "\r\n".join([HEADER.replace(",", delimiter), delimiter.join(row), ""])
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / "t.csv").write_bytes(mark + text.encode(encoding))
    clips, drops = listed_table(tmp_path / "t.csv")
    assert drops == []
    assert [(clip.identity, clip.start_s, clip.end_s, clip.licence) for clip in clips] == [("Zoë", 1.5, 62.5, "CC-BY")]


def test_whole_floats_of_parquet_are_their_digits_and_nan_is_empty(tmp_path: Path) -> None:
    columns = {
        "id": pa.array([1.0, 10.0, 1.5, 2.0**53, float("nan")]),
        "identity": pa.array([b"Ana", "Zoë".encode(), b"Bo", b"Cy", b"\xff"]),
        "address": [f"https://example.org/{n}" for n in range(5)],
        "start_s": [float("nan"), 0.0, 0.0, 0.0, 0.0],
        "end_s": pa.array([None, 5.0, 5.0, 5.0, 5.0]),
        "licence": [""] * 5,
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    clips, drops = listed_table(tmp_path / "t.parquet")
    assert [(clip.clip_id, clip.identity, clip.start_s) for clip in clips] == [
        ("set/1", "Ana", None),
        ("set/1.5", "Bo", 0.0),
        ("set/10", "Zoë", 0.0),
    ]
    assert reasons((clips, drops)) == {"bad_row": 2}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["identity", "licence", "address"])
def test_a_value_of_more_than_8192_characters_costs_its_row(name: str, suffix: str, tmp_path: Path) -> None:
    rows = [
        {
            "id": str(n),
            "identity": "Ana",
            "address": f"https://example.org/{n}",
            "start_s": "",
            "end_s": "",
            "licence": "",
        }
        for n in range(2)
    ]
    for n, row in enumerate(rows):
        row[name] = row[name].ljust(8192 + n, "x")
    if suffix == "csv":
        put(tmp_path / "t.csv", "\n".join([HEADER, *(",".join(row.values()) for row in rows)]).encode())
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    clips, drops = listed_table(tmp_path / f"t.{suffix}")
    assert [clip.clip_id for clip in clips] == ["set/0"]
    assert [(dropped.reason, len(dropped.detail) < 300) for _, dropped in drops] == [("bad_row", True)]


def test_a_value_of_parquet_that_is_no_text_or_date_costs_its_row(tmp_path: Path) -> None:
    ends = np.array([0, 3, 6, 9], np.int32)
    columns = {
        "id": ["a", "b", "c"],
        "identity": pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(ends), pa.py_buffer(b"Ana\xffo Cy ")]),
        "address": [f"https://example.org/{n}" for n in range(3)],
        "start_s": [None] * 3,
        "end_s": [None] * 3,
        "licence": pa.array([0, 0, 1 << 62]).cast(pa.timestamp("us")),  # in the year 148,108
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    clips, drops = listed_table(tmp_path / "t.parquet")
    assert [(clip.clip_id, clip.identity) for clip in clips] == [("set/a", "Ana")]
    assert [(item, dropped.reason) for item, dropped in drops] == [
        (f"set/{clip_name(f'row {number}')}", "bad_row") for number in (2, 3)
    ]


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        (None, {"inside", "url", "below", "outside", "up", "link", "outside url"}),
        ("anywhere", {"inside", "url", "below", "outside", "up", "link", "outside url"}),
        ("beside_table", {"inside", "below"}),
        ("forbidden", set()),
    ],
)
def test_which_files_a_table_may_name(setting: str | None, allowed: set[str], tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    inside, below, outside = (put(tmp_path / name) for name in ("lists/1.mp4", "lists/b/2.mp4", "secret/3.mp4"))
    (folder / "link.mp4").symlink_to(outside)
    put(folder / "4.mp4")
    addresses = {
        "inside": inside,
        "url": f"FILE://{folder}/%34.mp4",
        "below": below,
        "outside": outside,
        "up": f"{folder}/../secret/3.mp4",
        "link": folder / "link.mp4",
        "outside url": f"file://localhost{outside}",
        "nul": f"file://{folder}/%00",
        "web": "https://example.org/1",
    }
    table = put(
        folder / "t.csv", "\n".join([HEADER, *(f"{id_},Ana,{one},,," for id_, one in addresses.items())]).encode()
    )
    found = list(list_clips("set", {"kind": "table", "input": str(table), "local_files": setting}))
    forbidden = {one[0] for one in found if not isinstance(one, Clip) and one[1].reason == "local_file_forbidden"}
    refused = addresses.keys() - allowed - {"web"} - ({"nul"} if "outside" in allowed else set())
    assert forbidden == {f"set/{clip_name(id_)}" for id_ in refused}
    assert {one.clip_id for one in found if isinstance(one, Clip)} == {
        f"set/{clip_name(id_)}" for id_ in allowed | {"web"}
    }
    assert all(isinstance(one, Clip) or isinstance(one[1], Dropped) for one in found)

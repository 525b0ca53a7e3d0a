"""A folder of videos becomes clips: who speaks, which ids, and what can't be used."""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip, clip_name
from pipeline.sources.folder import list_clips
from pipeline.sources.settings import FolderSource
from tests.sources.listed import Listing, listing_of

OTHER_FILES = f"set/{clip_name('other files/')}"


def source(folder: Path, **changes: Any) -> FolderSource:
    content = {
        "kind": "folder",
        "input": str(folder),
        "identity_from": "sub_folder",
        "identity_pattern": "(?P<identity>.+)",
        "identity_table": None,
        "licence": "CC-BY-4.0",
        "recursive": True,
    }
    return FolderSource.model_validate({**content, **changes})


def listed(section: FolderSource) -> Listing:
    return listing_of(list_clips("set", section))


def put(folder: Path, *files: str) -> None:
    """Write each file with bytes of its own."""
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"bytes of {file}".encode())


def reasons(drops: list[tuple[str, Dropped]]) -> list[tuple[str, str, str]]:
    return [(item, dropped.status, dropped.reason) for item, dropped in drops]


def test_a_file_becomes_a_clip_with_the_hash_of_its_bytes(tmp_path: Path) -> None:
    put(tmp_path, "ana_1.mp4")
    clips, drops = listed(source(tmp_path, identity_from="file_name"))
    assert drops == []
    assert clips == [
        Clip(
            clip_id="set/ana_1.mp4",
            dataset="set",
            identity="ana_1",
            address=(tmp_path / "ana_1.mp4").as_posix(),
            start_s=None,
            end_s=None,
            crop_x=None,
            crop_y=None,
            crop_w=None,
            crop_h=None,
            crop_height_px=None,
            crop_width_px=None,
            media_kind="video",
            published_split="",
            range_fps=None,
            licence="CC-BY-4.0",
            origin=f"folder {tmp_path}",
            content_hash=hashlib.sha256(b"bytes of ana_1.mp4").hexdigest(),
        )
    ]


def test_the_first_level_of_a_nested_tree_names_the_persons(tmp_path: Path) -> None:
    put(tmp_path, "Ünal Ana/day 1/take #1.mp4", "bo/x.MOV", "bo/y.webm", "alone.mp4")
    clips, drops = listed(source(tmp_path))
    assert {clip.identity: clip.address.removeprefix(f"{tmp_path}/") for clip in clips} == {
        "Ünal Ana": "Ünal Ana/day 1/take #1.mp4",
        "bo": "bo/y.webm",
    }
    assert sorted(Path(clip.address).name for clip in clips) == ["take #1.mp4", "x.MOV", "y.webm"]
    assert reasons(drops) == [("set/alone.mp4", "failed", "no_identity")]


def test_ids_are_safe_sorted_and_different(tmp_path: Path) -> None:
    put(tmp_path, "a/x.mp4", "a/x.mov", "a-x.mp4", "ä/x.mp4", "a x.mp4", "...mp4")
    clips, _ = listed(source(tmp_path, identity_from="file_name"))
    ids = [clip.clip_id for clip in clips]
    assert ids == sorted(set(ids))
    assert len(ids) == 5
    assert [one for one in ids if not re.fullmatch(r"set/[A-Za-z0-9_-][A-Za-z0-9._-]*", one)] == []


def test_only_videos_in_sight_count_and_one_row_counts_the_others(tmp_path: Path) -> None:
    put(tmp_path, "a/x.mp4", "a/notes.txt", "a/x.TXT", "a/x.mp4.part", "a/._x.mp4", ".trash/y.mp4", "mp4")
    (tmp_path / "a" / "folder.mp4").mkdir()
    clips, drops = listed(source(tmp_path))
    assert [Path(clip.address).name for clip in clips] == ["x.mp4"]
    counts = "6 files that are no videos: 2 .txt, 2 hidden, 1 .part, 1 without a suffix"
    assert drops == [(OTHER_FILES, Dropped.filtered("other_files", counts))]


def test_without_recursion_only_the_folder_itself_is_listed(tmp_path: Path) -> None:
    put(tmp_path, "x.mp4", "a/y.mp4")
    clips, drops = listed(source(tmp_path, recursive=False, identity_from="file_name"))
    counts = "1 files that are no videos: 1 folders in it, not entered"
    assert [clip.identity for clip in clips] == ["x"]
    assert drops == [(OTHER_FILES, Dropped.filtered("other_files", counts))]


def test_the_pattern_must_match_the_whole_name(tmp_path: Path) -> None:
    put(tmp_path, "ana_01.mp4", "bo_02.mp4", "xbo_02x.mp4", "_03.mp4")
    pattern = r"(?P<identity>[a-z]*)_\d+"
    clips, drops = listed(source(tmp_path, identity_from="file_name", identity_pattern=pattern))
    assert [clip.identity for clip in clips] == ["ana", "bo"]
    assert reasons(drops) == [
        ("set/_03.mp4", "failed", "no_identity"),
        ("set/xbo_02x.mp4", "failed", "no_identity"),
    ]


def test_of_files_with_the_same_bytes_the_first_stays(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.mp4", "c.mov"):
        (tmp_path / name).write_bytes(b"same")
    clips, drops = listed(source(tmp_path, identity_from="file_name"))
    assert [clip.clip_id for clip in clips] == ["set/a.mp4"]
    detail = "same bytes as set/a.mp4, which is there 'a' and here "
    assert drops == [
        ("set/b.mp4", Dropped.filtered("duplicate_content", f"{detail}'b'")),
        ("set/c.mov", Dropped.filtered("duplicate_content", f"{detail}'c'")),
    ]


def test_an_empty_file_and_a_dangling_link_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    clips, drops = listed(source(tmp_path, identity_from="file_name"))
    assert clips == []
    assert reasons(drops) == [
        ("set/empty.mp4", "failed", "empty_file"),
        ("set/link.mp4", "failed", "unreadable"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_dropped(tmp_path: Path) -> None:
    put(tmp_path, "x.mp4")
    (tmp_path / "x.mp4").chmod(0)
    _, drops = listed(source(tmp_path, identity_from="file_name"))
    assert reasons(drops) == [("set/x.mp4", "failed", "unreadable")]


def test_a_link_counts_as_what_it_leads_to_and_no_folder_is_walked_twice(tmp_path: Path) -> None:
    put(tmp_path, "cache/12ab", "videos/ana/x.mp4", "elsewhere/bo/z.mp4", "elsewhere/bo/deep/w.mp4")
    (tmp_path / "videos" / "ana" / "y.mp4").symlink_to(tmp_path / "cache" / "12ab")
    (tmp_path / "videos" / "ana" / "loop").symlink_to(tmp_path / "videos")
    (tmp_path / "videos" / "bo").symlink_to(tmp_path / "elsewhere" / "bo")
    (tmp_path / "videos" / "Again").symlink_to(tmp_path / "videos" / "ana")  # sorts before what it leads to
    (tmp_path / "elsewhere" / "bo" / "deep" / "up").symlink_to("..")
    clips, drops = listed(source(tmp_path / "videos"))
    assert sorted((clip.identity, Path(clip.address).name) for clip in clips) == [
        ("ana", "x.mp4"),
        ("ana", "y.mp4"),
        ("bo", "w.mp4"),
        ("bo", "z.mp4"),
    ]
    assert sorted(dropped.detail for _, dropped in drops) == [
        "'Again': is the folder 'ana'",
        "'ana/loop': is the folder '.'",
        "'bo/deep/up': is the folder 'bo'",
    ]
    assert {dropped.reason for _, dropped in drops} == {"walked_already"}


def test_a_table_names_the_speakers_and_disagreements_with_the_folder_are_dropped(tmp_path: Path) -> None:
    put(tmp_path, "a/x.mp4", "y.mp4", "unnamed.mp4", "blank.mp4")
    rows = "\ufefffile,identity,note\na/x.mp4,Ana,\ny.mp4, NA ,\nblank.mp4,,\nabsent.mp4,Bo,\n"
    (tmp_path / "who.csv").write_text(rows, encoding="utf-8")
    clips, drops = listed(source(tmp_path, identity_from="table", identity_table="who.csv"))
    assert {Path(clip.address).name: clip.identity for clip in clips} == {"x.mp4": "Ana", "y.mp4": "NA"}
    assert reasons(drops) == [
        ("set/absent.mp4", "failed", "not_found"),
        ("set/blank.mp4", "failed", "no_identity"),
        ("set/unnamed.mp4", "failed", "no_identity"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,who\n", "expected the columns ['file', 'identity'], each once, found ['name', 'who']"),
        (b"", "the table is empty, expected a first line with the columns ['file', 'identity']"),
        ("file,identity\nx.mp4,Ana\n".encode("utf-16-le"), "expected a table in UTF-8, found another encoding"),
    ],
)
def test_an_invalid_table_of_speakers_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    put(tmp_path, "x.mp4")
    (tmp_path / "who.csv").write_bytes(content)
    with pytest.raises(BadInput, match=re.escape(message)):
        listed(source(tmp_path, identity_from="table", identity_table="who.csv"))


def test_a_missing_folder_or_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no-folder: expected a folder of videos, found none"):
        listed(source(tmp_path / "no-folder"))
    put(tmp_path, "x.mp4")
    with pytest.raises(BadInput, match=r"who\.csv: No such file or directory. Expected a table with the columns"):
        listed(source(tmp_path, identity_from="table", identity_table="who.csv"))

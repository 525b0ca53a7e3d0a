"""A media file that is not the fetched one is never read: by size always, by hash where it may have changed."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.video import media_check
from pipeline.video.media_check import CheckedFile, check_media, mark_edited

CONTENTS = {"a": b"the media of a", "b": b"the media of b", "c": b"the media of c"}
A_DAY_NS = 24 * 3600 * 10**9


def media(name: str, content: bytes) -> Media:
    return Media(
        kind="video",
        clip_id=f"set/{name}",
        path=f"data/media/set/{name}.mp4",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        duration_s=1.0,
        width_px=320,
        height_px=240,
        rotation_deg=0,
        is_mirrored=False,
        pixel_aspect=1.0,
        colour_matrix="bt709",
        colour_transfer="sdr",
        colour_range="video",
        is_interlaced=False,
        fps=25.0,
        n_frames_stated=25,
        video_codec="h264",
        has_audio=False,
        audio_codec=None,
        audio_rate_hz=None,
        has_jumps=False,
        cut_start_s=None,
        range_scale=1.0,
        tool="file",
        format_id=None,
        uploader=None,
        fetched_on=None,
    )


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    """Three media files, checked once; they are older than a day, as are files that were fetched some time ago."""
    layout = Layout(tmp_path)
    layout.media_folder("set").mkdir(parents=True)
    for name, content in CONTENTS.items():
        path = file_of(layout, name)
        path.write_bytes(content)
        then = path.stat().st_mtime_ns - A_DAY_NS
        os.utime(path, ns=(then, then))
    write_manifest(layout.media("set"), Media, [media(*one) for one in CONTENTS.items()])
    check(layout)
    return layout


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch, at: Layout) -> list[str]:
    """The names of the files that were hashed after the first check."""
    names: list[str] = []

    def spy(path: Path) -> str:
        names.append(path.stem)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(media_check, "sha256_of", spy)
    return names


def file_of(at: Layout, name: str) -> Path:
    return at.media_folder("set") / f"{name}.mp4"


def check(at: Layout) -> None:
    check_media(at.media("set"), at.root)


def message_of(at: Layout) -> str:
    with pytest.raises(BadInput) as raised:
        check(at)
    return str(raised.value)


def edit(path: Path, content: bytes) -> None:
    """Write over the bytes of the file that is there, whatever its mode."""
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()


def edit_and_set_times_back(path: Path, content: bytes) -> None:
    before = path.stat()
    edit(path, content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of a disk goes in steps of some milliseconds
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_older_file(path: Path, content: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(content)
    os.utime(other, ns=(0, 0))
    other.replace(path)


def replace_by_symbolic_link(path: Path, content: bytes) -> None:
    other = path.parents[3] / "elsewhere.mp4"
    other.write_bytes(content)
    path.unlink()
    path.symlink_to(other)


def test_files_that_did_not_change_since_the_last_check_are_not_hashed_again(at: Layout, hashed: list[str]) -> None:
    check(at)
    assert hashed == []


@pytest.mark.parametrize(
    "change",
    [edit, edit_and_set_times_back, replace_by_older_file, replace_by_symbolic_link],
    ids=lambda one: one.__name__,
)
def test_other_content_of_the_same_size_is_found_by_its_hash_and_only_that_file_is_hashed(
    change: Callable[[Path, bytes], None], at: Layout, hashed: list[str]
) -> None:
    change(file_of(at, "b"), CONTENTS["a"])
    expected, found = (hashlib.sha256(CONTENTS[name]).hexdigest() for name in "ba")
    assert message_of(at) == (
        "1 media files differ from what was fetched, the first is data/media/set/b.mp4"
        f" (expected sha256 {expected}, found {found}): run 'dvc repro -f download@set'."
    )
    assert hashed == ["b"]
    assert "1 media files differ" in message_of(at), "a second run finds it too"


@pytest.mark.parametrize("content", [CONTENTS["b"] + b"!", CONTENTS["b"][:-1], b""], ids=["longer", "cut", "emptied"])
def test_a_file_of_another_size_is_found_without_hashing(content: bytes, at: Layout, hashed: list[str]) -> None:
    edit_and_set_times_back(file_of(at, "b"), content)
    assert message_of(at) == (
        "1 media files differ from what was fetched, the first is data/media/set/b.mp4"
        f" (expected 14 bytes, found {len(content)}): run 'dvc repro -f download@set'."
    )
    assert hashed == []


def test_all_differing_files_are_counted_and_the_first_is_named(at: Layout) -> None:
    edit(file_of(at, "c"), b"c")
    edit(file_of(at, "b"), b"b")
    assert message_of(at).startswith("2 media files differ from what was fetched, the first is data/media/set/b.mp4")


def test_missing_files_are_counted_before_any_is_hashed(at: Layout, hashed: list[str]) -> None:
    file_of(at, "a").unlink()
    file_of(at, "c").unlink()
    edit(file_of(at, "b"), CONTENTS["a"])
    assert message_of(at) == (
        "2 media files are missing, the first is data/media/set/a.mp4: run 'dvc repro -f download@set'."
    )
    assert hashed == []


def test_a_file_that_was_only_touched_is_hashed_once_and_is_right(at: Layout, hashed: list[str]) -> None:
    file_of(at, "b").touch()
    check(at)
    check(at)
    assert hashed == ["b"]


def test_a_copy_of_the_checkout_is_hashed_once(at: Layout, hashed: list[str], tmp_path: Path) -> None:
    copy = Layout(tmp_path / "copy")
    shutil.copytree(at.root / "data", copy.root / "data")
    shutil.copytree(at.root / "manifests", copy.root / "manifests")
    check(copy)
    check(copy)
    assert hashed == ["a", "b", "c"]


def test_another_manifest_is_checked_against_the_files_that_are_there(at: Layout, hashed: list[str]) -> None:
    """As after ``dvc checkout`` of another experiment, which changes the manifest and not the media."""
    write_manifest(at.media("set"), Media, [media("a", CONTENTS["a"]), media("b", CONTENTS["c"])])
    assert "1 media files differ from what was fetched, the first is data/media/set/b.mp4" in message_of(at)
    assert hashed == ["b"]


def test_of_new_links_only_the_users_own_files_are_hashed(at: Layout, hashed: list[str], tmp_path: Path) -> None:
    at.checked_media("set").unlink()
    own = tmp_path / "own.mp4"
    own.write_bytes(CONTENTS["b"])
    file_of(at, "b").unlink()
    file_of(at, "b").symlink_to(own)
    check_media(at.media("set"), at.root, are_new_links=True)
    check(at)
    assert hashed == ["b"]
    edit(own, CONTENTS["c"])
    with pytest.raises(BadInput, match=r"1 media files differ .* data/media/set/b\.mp4"):
        check_media(at.media("set"), at.root, are_new_links=True)


def test_an_edited_file_is_newer_afterwards_so_that_the_store_hashes_it_and_the_users_own_file_keeps_its_times(
    at: Layout, tmp_path: Path
) -> None:
    own = tmp_path / "own.mp4"
    own.write_bytes(CONTENTS["c"])
    file_of(at, "c").unlink()
    file_of(at, "c").symlink_to(own)
    check(at)
    times_ns = {}
    for name in CONTENTS:
        edit_and_set_times_back(file_of(at, name), CONTENTS["b"])
        times_ns[name] = file_of(at, name).stat().st_mtime_ns
    mark_edited(at.media("set"), at.root)
    newer_s = {name: (file_of(at, name).stat().st_mtime_ns - times_ns[name]) / 1e9 for name in CONTENTS}
    assert newer_s == {"a": pytest.approx(A_DAY_NS / 1e9, abs=600), "b": 0, "c": 0}


def test_there_is_nothing_to_mark_before_the_first_check_or_without_a_manifest(at: Layout) -> None:
    edit_and_set_times_back(file_of(at, "a"), CONTENTS["b"])
    before_ns = file_of(at, "a").stat().st_mtime_ns
    at.media("set").rename(at.root / "away")
    mark_edited(at.media("set"), at.root)
    (at.root / "away").rename(at.media("set"))
    at.checked_media("set").unlink()
    mark_edited(at.media("set"), at.root)
    assert file_of(at, "a").stat().st_mtime_ns == before_ns


def test_the_table_of_checked_files_states_what_was_found_right(at: Layout) -> None:
    edit(file_of(at, "b"), b"b")
    message_of(at)
    status = file_of(at, "a").stat()
    rows = read_manifest(at.checked_media("set"), CheckedFile)
    assert [row.clip_id for row in rows] == ["set/a", "set/c"]
    assert rows[0] == CheckedFile(
        clip_id="set/a",
        sha256=hashlib.sha256(CONTENTS["a"]).hexdigest(),
        size_bytes=14,
        inode=status.st_ino,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
    )

"""An item's key follows from what determines its result; what is stored is whole and comes back."""

import errno
import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.base.errors import BadManifest
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.schema import column, from_table
from pipeline.core.storage import items
from pipeline.core.storage.items import ItemStore, item_key, put_result


@dataclass(frozen=True, slots=True, kw_only=True)
class Apple:
    apple_id: str = column("id")
    grams: float = column("weight, g")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pear:
    pear_id: str = column("id")


KEY = item_key("crop", 1, {"a": 1, "b": [1, 2]}, ["x", "y"])


@pytest.mark.parametrize(
    "other",
    [
        ("crop2", 1, {"a": 1, "b": [1, 2]}, ["x", "y"]),
        ("crop", 2, {"a": 1, "b": [1, 2]}, ["x", "y"]),
        ("crop", 1, {"a": 2, "b": [1, 2]}, ["x", "y"]),
        ("crop", 1, {"a": 1, "b": [2, 1]}, ["x", "y"]),
        ("crop", 1, {"a": 1}, ["x", "y"]),
        ("crop", 1, {"a": 1, "b": [1, 2], "c": None}, ["x", "y"]),
        ("crop", 1, {"a": 1, "b": [1, 2]}, ["y", "x"]),
        ("crop", 1, {"a": 1, "b": [1, 2]}, ["xy"]),
        ("crop", 1, {"a": 1, "b": [1, 2]}, ["x", "y", ""]),
    ],
)
def test_step_version_params_and_inputs_each_change_the_key(other: tuple[str, int, dict[str, Any], list[str]]) -> None:
    assert item_key(*other) != KEY


def test_neither_the_order_of_params_nor_the_kind_of_sequence_changes_the_key() -> None:
    assert item_key("crop", 1, {"b": (1, 2), "a": 1}, ("x", "y")) == KEY


def test_a_key_stays_what_it_was_so_that_stored_items_are_found_again() -> None:
    assert KEY == "da3ec02ea62bcb994c17f3362579c86924a06712cb940c90e4e0243b2c6877b8"


def test_a_number_that_is_none_makes_no_key() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        item_key("crop", 1, {"a": float("nan")}, [])


def test_rows_of_several_records_come_back_and_a_record_without_rows_is_empty(tmp_path: Path) -> None:
    store = ItemStore(tmp_path)
    rows = [Apple(apple_id="b", grams=2.0), Pear(pear_id="p"), Apple(apple_id="a", grams=1.5)]
    with store.adding("crop", KEY) as folder:
        put_result(folder, rows)
    assert from_table(Apple, store.rows("crop", KEY, Apple)) == [rows[0], rows[2]]
    assert from_table(Pear, store.rows("crop", KEY, Pear)) == [rows[1]]
    assert (store.has("crop", KEY), store.dropped("crop", KEY)) == (True, None)
    assert store.folder("crop", KEY) == tmp_path / "crop" / KEY[:2] / KEY


def test_an_item_without_rows_is_finished_all_the_same(tmp_path: Path) -> None:
    store = ItemStore(tmp_path)
    with store.adding("crop", KEY) as folder:
        put_result(folder, [])
    assert store.has("crop", KEY)
    assert from_table(Apple, store.rows("crop", KEY, Apple)) == []


def test_a_stored_drop_comes_back_as_it_was(tmp_path: Path) -> None:
    store = ItemStore(tmp_path)
    end = Dropped.failed("undecodable", "Müll „am“ Anfang")
    with store.adding("detect", KEY) as folder:
        put_result(folder, end)
    assert store.dropped("detect", KEY) == end
    assert from_table(Pear, store.rows("detect", KEY, Pear)) == []


def test_an_item_is_not_there_until_its_block_ends_nor_after_a_crash(tmp_path: Path) -> None:
    store = ItemStore(tmp_path)
    with pytest.raises(ZeroDivisionError), store.adding("crop", KEY) as folder:
        put_result(folder, [Pear(pear_id="p")])
        assert not store.has("crop", KEY)
        raise ZeroDivisionError
    assert not store.has("crop", KEY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_process_that_is_gone_left_is_removed_and_what_another_works_on_is_not(tmp_path: Path) -> None:
    store = ItemStore(tmp_path)
    left, finished = tmp_path / "step" / "ab" / ".ab1.tmp", store.folder("step", "ab3")
    for folder in (left, finished):
        folder.mkdir(parents=True)
        (folder / "half").touch()
    with store.adding("step", "ab2") as held:
        (held / "half").touch()
        store.sweep("step")
        assert sorted(path.name for path in (tmp_path / "step" / "ab").iterdir()) == [".ab2.tmp", "ab3"]
        assert (held / "half").is_file()


def test_what_a_process_that_is_gone_left_of_the_same_item_is_not_taken_into_it(tmp_path: Path) -> None:
    left = tmp_path / "step" / "ab" / ".ab1.tmp"
    (left / "deep").mkdir(parents=True)
    (left / "deep" / "half").touch()
    store = ItemStore(tmp_path)
    store.ensure("step", "ab1", lambda folder: put_result(folder, [Pear(pear_id="p")]))
    assert sorted(path.name for path in store.folder("step", "ab1").rglob("*")) == ["Pear.parquet", "item.json"]


def finished_item(root: Path) -> tuple[ItemStore, Path]:
    """Return a store with one item of two rows' files and one of a step's own, and the item's folder."""
    store = ItemStore(root)
    with store.adding("crop", KEY) as folder:
        put_result(folder, [Apple(apple_id="a", grams=1.0), Pear(pear_id="p")])
        (folder / "deep").mkdir()
        (folder / "deep" / "note.txt").write_text("content")
    return store, store.folder("crop", KEY)


def test_an_item_states_its_files_and_they_are_read_only(tmp_path: Path) -> None:
    _, folder = finished_item(tmp_path)
    stated = json.loads((folder / "item.json").read_text())["files"]
    assert sorted(stated) == ["Apple.parquet", "Pear.parquet", "deep/note.txt"]
    assert stated["deep/note.txt"] == {"size_bytes": 7, "sha256": hashlib.sha256(b"content").hexdigest()}
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o444}


FILES = ["Apple.parquet", "Pear.parquet", "deep/note.txt", "item.json"]


def _damage(path: Path, kind: str) -> None:
    """Damage a file and leave its time as it was, so that only its content tells."""
    before, content = path.stat(), path.read_bytes()
    path.chmod(0o644)
    if kind == "removed":
        path.unlink()
        return
    path.write_bytes(b"" if kind == "emptied" else content[:-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["removed", "emptied", "cut by a byte"])
def test_an_item_with_a_damaged_file_is_missing_and_written_again(tmp_path: Path, name: str, kind: str) -> None:
    store, folder = finished_item(tmp_path)
    before = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    _damage(folder / name, kind)
    assert not store.has("crop", KEY)
    finished_item(tmp_path)
    assert {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()} == before
    assert store.has("crop", KEY)


def test_an_empty_folder_is_no_item(tmp_path: Path) -> None:
    store = ItemStore(tmp_path)
    store.folder("crop", KEY).mkdir(parents=True)
    assert store.fault("crop", KEY) == "item.json: No such file or directory"


def _flip_a_bit(path: Path, *, keep_time: bool) -> None:
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("name", FILES[:3])
def test_a_flipped_bit_is_found_at_once_where_the_files_time_tells_and_else_by_hashes(
    tmp_path: Path, name: str
) -> None:
    store, folder = finished_item(tmp_path)
    _flip_a_bit(folder / name, keep_time=True)
    assert store.has("crop", KEY)
    assert store.fault("crop", KEY, check_hashes=True) == f"{name}: other content than was written"
    os.utime(folder / name, ns=(0, (folder / "item.json").stat().st_mtime_ns + 1))
    assert not store.has("crop", KEY)


def test_rows_with_a_flipped_bit_are_never_returned(tmp_path: Path) -> None:
    store, folder = finished_item(tmp_path)
    _flip_a_bit(folder / "Apple.parquet", keep_time=True)
    with pytest.raises(BadManifest, match=r"damaged and is removed \(Apple.parquet: other content"):
        store.rows("crop", KEY, Apple)
    assert not folder.exists()


def test_a_file_that_was_only_touched_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, folder = finished_item(tmp_path)
    later_ns = (folder / "item.json").stat().st_mtime_ns + 10**9
    os.utime(folder / "Apple.parquet", ns=(later_ns, later_ns))
    hashed: list[str] = []
    monkeypatch.setattr(items, "sha256_of", lambda path: hashed.append(path.name) or sha256_of(path))
    assert [store.has("crop", KEY), store.has("crop", KEY)] == [True, True]
    assert hashed == ["Apple.parquet", "Pear.parquet", "note.txt"]


def test_an_item_is_written_once_by_those_who_ensure_it(tmp_path: Path) -> None:
    store = ItemStore(tmp_path)
    written: list[int] = []

    def write(folder: Path) -> None:
        written.append(1)
        assert not store.ensure("crop", KEY, write, wait=False)  # held: by this very process here
        put_result(folder, [])

    assert [store.ensure("crop", KEY, write), store.ensure("crop", KEY, write)] == [True, True]
    assert written == [1]


def test_a_removed_item_is_gone_with_all_of_its_files(tmp_path: Path) -> None:
    store, folder = finished_item(tmp_path)
    assert list(store.keys("crop")) == [KEY]
    store.remove("crop", KEY)
    store.remove("crop", KEY)
    assert (list(store.keys("crop")), list(folder.parent.iterdir())) == ([], [])


def _rewrite(path: Path, text: str) -> None:
    before = path.stat()
    path.chmod(0o644)
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({}, "Apple.parquet: not a file of this item"),
        ([], "not the list of this item's files"),
        ({"Apple.parquet": {"size_bytes": 1e400, "sha256": ""}}, "not the list of this item's files"),
        ({"../../x": {"size_bytes": 1, "sha256": ""}}, "'../../x' is no file of this item"),
        ({"/etc/passwd": {"size_bytes": 1, "sha256": ""}}, "'/etc/passwd' is no file of this item"),
        ({"a\0b": {"size_bytes": 1, "sha256": ""}}, "is no file of this item"),
    ],
)
def test_a_list_of_files_that_is_not_the_items_is_a_fault(tmp_path: Path, files: Any, fault: str) -> None:
    store, folder = finished_item(tmp_path)
    own_hash = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    _rewrite(folder / "item.json", json.dumps({"files": files, "sha256_of_files": own_hash}))
    assert fault in store.fault("crop", KEY)


def test_a_flipped_bit_anywhere_in_the_list_of_files_is_a_fault(tmp_path: Path) -> None:
    store, folder = finished_item(tmp_path)
    path = folder / "item.json"
    whole = path.read_bytes()
    path.chmod(0o644)
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert store.fault("crop", KEY) != "" or json.loads(path.read_bytes()) == json.loads(whole), position


def test_a_file_that_the_item_does_not_state_is_a_fault(tmp_path: Path) -> None:
    store, folder = finished_item(tmp_path)
    (folder / "deep" / "more.png").touch()
    assert store.fault("crop", KEY) == "deep/more.png: not a file of this item"


@pytest.mark.parametrize("position", [0, -3])
def test_a_drop_with_a_flipped_bit_is_never_returned(tmp_path: Path, position: int) -> None:
    store = ItemStore(tmp_path)
    store.ensure("crop", KEY, lambda folder: put_result(folder, Dropped.filtered("no_face")))
    path = store.folder("crop", KEY) / "dropped.json"
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(BadManifest, match="damaged and is removed"):
        store.dropped("crop", KEY)
    assert not store.has("crop", KEY)


def test_an_edit_is_found_also_where_the_items_times_are_in_the_future(tmp_path: Path) -> None:
    store, folder = finished_item(tmp_path)
    later_ns = time.time_ns() + 10**15
    for path in folder.rglob("*"):
        os.utime(path, ns=(later_ns, later_ns))
    assert store.has("crop", KEY)
    assert max(path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()) < later_ns
    _flip_a_bit(folder / "Apple.parquet", keep_time=False)
    assert not store.has("crop", KEY)


def test_an_error_that_may_pass_removes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, folder = finished_item(tmp_path)

    def too_many_files(_path: Path) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", too_many_files)
        with pytest.raises(OSError, match="Too many open files"):
            store.rows("crop", KEY, Apple)
    assert folder.is_dir()
    assert store.has("crop", KEY)


def test_a_step_that_writes_a_file_of_the_stores_own_name_is_stored_all_the_same(tmp_path: Path) -> None:
    store = ItemStore(tmp_path)
    store.ensure("crop", KEY, lambda folder: (folder / "item.json").write_text("mine") and None)
    assert store.has("crop", KEY)


def test_a_bit_flipped_without_a_trace_is_found_and_replaced_where_all_files_are_read(tmp_path: Path) -> None:
    store, folder = finished_item(tmp_path)
    _flip_a_bit(folder / "Apple.parquet", keep_time=True)
    whole = [Apple(apple_id="a", grams=1.0)]
    assert store.ensure("crop", KEY, lambda temporary: put_result(temporary, whole), check_hashes=True)
    assert from_table(Apple, store.rows("crop", KEY, Apple)) == whole


def test_an_item_that_another_process_finishes_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ItemStore(tmp_path)
    claim = items.claim

    def finish_first(temporary: Path, *, wait: bool) -> int | None:
        monkeypatch.setattr(items, "claim", claim)
        finished_item(tmp_path)
        return claim(temporary, wait=wait)

    monkeypatch.setattr(items, "claim", finish_first)
    assert store.ensure("crop", KEY, lambda _: pytest.fail("it was there"), check_hashes=True)
    assert store.has("crop", KEY)

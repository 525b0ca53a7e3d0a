"""An item's key follows from what determines its result; what is stored is whole and comes back."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.outcome import Dropped
from pipeline.records.schema import column, from_table
from pipeline.storage.items import ItemStore, item_key, put_result


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


def test_what_a_killed_worker_left_is_removed_after_a_day_and_not_before(tmp_path: Path) -> None:
    store = ItemStore(tmp_path)
    old, young = tmp_path / "step" / "ab" / ".ab1.x.tmp", tmp_path / "step" / "ab" / ".ab2.y.tmp"
    for folder in (old, young, store.folder("step", "ab3")):
        folder.mkdir(parents=True)
        (folder / "half").touch()
    two_days_ago = time.time() - 2 * 86_400
    os.utime(old, (two_days_ago, two_days_ago))
    os.utime(store.folder("step", "ab3"), (two_days_ago, two_days_ago))
    store.sweep("step")
    assert sorted(path.name for path in (tmp_path / "step" / "ab").iterdir()) == [".ab2.y.tmp", "ab3"]

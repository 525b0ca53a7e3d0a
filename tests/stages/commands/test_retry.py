"""Stored ends of one class are removed, of the runs of this checkout alone, and no result is."""

from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.media import Media
from pipeline.core.storage.items import ItemStore, put_result
from pipeline.core.storage.used_items import record_used
from stages.commands.retry import remove_ends
from tests.identity import clips

KEYS = [f"{number:064x}" for number in range(6)]
BLOCKED, REMOVED = Dropped.failed("geo_blocked"), Dropped.failed("removed")
OK = [clips.media(clips.clip("set", "ana", "talk"), "0")]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ItemStore:
    """Of download@a: blocked, removed, ok; of download@b, of detect@a and of another checkout: blocked."""
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path))
    store = ItemStore(tmp_path / "items")
    steps = ["download"] * 4 + ["detect", "download"]
    ends: list[list[Media] | Dropped] = [BLOCKED, REMOVED, OK, BLOCKED, BLOCKED, BLOCKED]
    for step, key, end in zip(steps, KEYS, ends, strict=True):
        with store.adding(step, key) as folder:
            put_result(folder, end)
    record_used(store.root, "download", tmp_path / "here", "download@a", KEYS[:3])
    record_used(store.root, "download", tmp_path / "here", "download@b", KEYS[3:4])
    record_used(store.root, "detect", tmp_path / "here", "detect@a", KEYS[4:5])
    record_used(store.root, "download", tmp_path / "elsewhere", "download@a", KEYS[5:])
    return store


def left(store: ItemStore) -> list[int]:
    return sorted(KEYS.index(key) for step in ("download", "detect") for key in store.keys(step))


def test_ends_of_one_class_are_removed_in_all_steps_of_this_checkout(store: ItemStore, tmp_path: Path) -> None:
    assert remove_ends("geo_blocked", None, Layout(tmp_path / "here")) == (
        "detect@a: 1 items ended as geo_blocked, and will be tried again\n"
        "download@a: 1 items ended as geo_blocked, and will be tried again\n"
        "download@b: 1 items ended as geo_blocked, and will be tried again\n"
        "Run: dvc repro -f -s detect@a download@a download@b && dvc repro"
    )
    assert left(store) == [1, 2, 5]


def test_only_those_of_one_dataset(store: ItemStore, tmp_path: Path) -> None:
    remove_ends("geo_blocked", "b", Layout(tmp_path / "here"))
    assert left(store) == [0, 1, 2, 4, 5]


def test_a_class_that_no_end_has_is_told_with_those_that_there_are(store: ItemStore, tmp_path: Path) -> None:
    found = r"no stored end of dataset 'a' .* 'private'; the classes stored are: geo_blocked \(2\), removed \(1\)"
    with pytest.raises(BadInput, match=found):
        remove_ends("private", "a", Layout(tmp_path / "here"))
    assert left(store) == [0, 1, 2, 3, 4, 5]

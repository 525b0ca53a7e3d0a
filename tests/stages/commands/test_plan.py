"""The plan of a download: counts, hours, disk and time by the list and the store."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml

from benchmarks.cut import PARAMS, range_of
from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.media import Media
from pipeline.core.storage.items import ItemStore, put_result
from pipeline.core.storage.manifest import write_manifest
from stages.commands.plan import render_plan
from stages.download import step_of
from tests.identity import clips

LONG = "https://example.org/long.mp4"
SHORT = "https://example.org/short.mp4"

plan = partial(render_plan, mbit_s=8.0)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Two ranges of one address and one of another, a whole video, the user's own file, and a generated clip."""
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("FACEVOX_PAUSE_S", "600")
    at = Layout(tmp_path)
    listed = [
        range_of(LONG, 0, 100.0, 1000.0),
        range_of(LONG, 1, 2000.0, 2900.0),
        range_of(SHORT, 2, 0.0, 1800.0),
        range_of("https://example.org/whole.mp4", 3, None, None),
        range_of("mine.mp4", 4, None, None),
        range_of("synthetic:seed=1", 5, None, None),
    ]
    write_manifest(at.listed("set"), Clip, listed)
    write_params(at)
    return at


def write_params(at: Layout, **changed: object) -> None:
    at.params.write_text(yaml.safe_dump({"datasets": ["set"], "download": PARAMS.model_dump() | changed}))


def store(at: Layout, clip: Clip, result: list[Media] | Dropped) -> None:
    step, items = step_of(PARAMS), ItemStore(at.root / "store" / "items")
    with items.adding("download", step.key(clip)) as folder:
        put_result(folder, result)


def lines(at: Layout) -> dict[str, str]:
    first, *others = plan([], step_of, at=at).splitlines()
    assert first == "dataset set"
    return {line[:11].strip(): line[12:] for line in others}


def test_before_the_first_download_all_is_to_come(at: Layout) -> None:
    shown = lines(at)
    assert shown["listed"] == (
        "6 clips: 3 ranges of 1.00 h together, 1 of unknown length, which are in no sum below,"
        " 1 files used in place, 1 generated; 3 addresses"
    )
    assert shown["here"] == "0 clips, 0.0 GB"
    assert shown["to fetch"] == "4 clips of 3 addresses"
    # 3600 s, 2 s behind each, and 2 s and 2.5 s to the key frame before two of them, at a megabyte a second.
    assert shown["disk"].startswith("3.6 GB to come: ranges with their margins, at 8 Mbit/s (--mbit-s); ")
    assert shown["transfer"] == "4.7 GB at least: videos are fetched whole, then cut"
    assert shown["time"] == "0.5 h at least: 3 videos of example.org, one in 600 s (FACEVOX_PAUSE_S)"
    assert "limit" not in shown


def test_what_the_store_has_is_not_to_come(at: Layout) -> None:
    media = replace(clips.media(clips.clip("set", "one", "0002"), "0"), size_bytes=2_000_000_000)
    store(at, range_of(SHORT, 2, 0.0, 1800.0), [media])
    store(at, range_of(LONG, 1, 2000.0, 2900.0), Dropped.failed("removed"))
    shown = lines(at)
    assert shown["here"] == "1 clips, 2.0 GB, 1 failed: removed"
    assert shown["to fetch"] == "2 clips of 2 addresses"
    assert shown["disk"].startswith("0.9 GB")
    assert shown["transfer"].startswith("1.0 GB")
    assert shown["time"].startswith("0.3 h at least: 2 videos")


def test_what_is_tried_again_is_to_come(at: Layout) -> None:
    now = step_of(PARAMS).remedy_state
    assert now is not None
    for state in (now("cookies"), "of other cookies"):
        store(
            at, range_of(LONG, 1, 2000.0, 2900.0), Dropped.waiting("private", "", remedy="cookies", remedy_state=state)
        )
        shown = lines(at)
        is_tried = state != now("cookies")
        assert shown["here"] == f"0 clips, 0.0 GB{'' if is_tried else ', 1 waiting: cookies'}"
        assert shown["to fetch"] == f"{4 if is_tried else 3} clips of 3 addresses"


def test_without_cuts_whole_videos_stay(at: Layout) -> None:
    write_params(at, cut_margin_s=None)
    assert lines(at)["disk"].startswith("4.7 GB to come: whole videos, as far as their last range")


def test_a_limit_that_will_be_reached_is_told(at: Layout) -> None:
    write_params(at, max_total_gb=3.7)
    assert "limit" not in lines(at)
    write_params(at, max_total_gb=3.6)
    assert lines(at)["limit"] == "download.max_total_gb is 3.6: clips beyond it wait"


def test_a_dataset_that_is_not_listed_yet_is_told_how(at: Layout) -> None:
    with pytest.raises(BadInput, match="dataset 'other' is not listed yet: run 'dvc repro sources@other' first"):
        plan(["other"], step_of, at=at)

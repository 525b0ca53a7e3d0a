"""Of clips with one id or one content the first stays; every id has one end."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import NO_CROP, Clip
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.manifest import read_manifest
from pipeline.sources.listing import write_listing
from tests.sources.listed import listing_of


def clip(name: str, content: str, identity: str = "ana", origin: str = "list") -> Clip:
    return Clip(
        clip_id=f"set/{name}",
        dataset="set",
        identity=identity,
        address=name,
        start_s=None,
        end_s=None,
        **NO_CROP,
        published_split="",
        range_fps=None,
        licence="",
        origin=origin,
        content_hash=content,
    )


def test_no_clips_are_two_empty_manifests() -> None:
    assert listing_of([]) == ([], [])


def test_clips_come_in_the_order_of_the_bytes_of_their_ids() -> None:
    names = ["talk-2", "b", "talk", "_", "B", "talk.x", "a0", "-"]
    clips, _ = listing_of(clip(name, name) for name in names)
    assert [one.clip_id for one in clips] == sorted(f"set/{name}" for name in names)


def test_the_first_of_an_id_stays_even_where_its_content_is_then_dropped() -> None:
    found = [clip("b", "1", origin="row 1"), clip("b", "2", origin="row 2"), clip("a", "1"), clip("c", "2")]
    clips, drops = listing_of(found)
    assert clips == [found[2], found[3]]
    assert drops == [("set/b", Dropped.failed("duplicate_id", "row 2: the id is taken by row 1; ids must be unique"))]


def test_an_id_found_three_times_is_kept_once_and_has_one_end() -> None:
    found = [clip("a", "1", origin=f"row {number}") for number in range(3)]
    clips, drops = listing_of(found)
    assert clips == found[:1]
    assert drops == [("set/a", Dropped.failed("duplicate_id", "row 2: the id is taken by row 0; ids must be unique"))]


def test_of_several_drops_of_an_id_the_last_reason_is_its_end() -> None:
    found = [("set/a", Dropped.failed("no_identity", "1")), ("set/a", Dropped.failed("bad_range", "2"))]
    assert listing_of(found) == ([], [found[0]])


def test_of_one_content_the_first_id_stays_and_another_identity_is_said() -> None:
    found = [clip("c", "1", "bo"), clip("b", "1"), clip("a", "1")]
    clips, drops = listing_of(found)
    assert clips == [found[2]]
    assert [(item, drop.reason, drop.detail) for item, drop in drops] == [
        ("set/b", "duplicate_content", "same bytes as set/a"),
        ("set/c", "duplicate_content", "same bytes as set/a, which is there 'ana' and here 'bo'"),
    ]


def test_more_clips_than_are_held_in_memory_are_each_kept_once() -> None:
    names = [f"{number * 7919 % 10_007:05d}" for number in range(10_007)]
    clips, drops = listing_of(clip(name, name) for name in [*names, names[0]])
    assert [one.clip_id for one in clips] == [f"set/{number:05d}" for number in range(10_007)]
    assert [(item, drop.reason) for item, drop in drops] == [(f"set/{names[0]}", "duplicate_id")]


def test_a_source_that_fails_half_way_leaves_the_manifests_as_they_were(tmp_path: Path) -> None:
    paths = tmp_path / "sets" / "clips.parquet", tmp_path / "ledger" / "sources.parquet"
    write_listing([clip("a", "1")], *paths)

    def found():
        yield replace(clip("b", "2"))
        raise BadInput("the list ends in the middle of a row")

    with pytest.raises(BadInput, match="the list ends"):
        write_listing(found(), *paths)
    assert [row.clip_id for row in read_manifest(paths[0], Clip)] == ["set/a"]
    assert [row.item_id for row in read_manifest(paths[1], LedgerRow)] == ["set/a"]
    assert [path.name for path in paths[0].parent.iterdir()] == ["clips.parquet"]

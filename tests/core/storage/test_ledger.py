"""Ledgers: counts in parts that are the same as at once, and only the row groups that an item may be in are read."""

from pathlib import Path

import pytest

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.storage.ledger import count_ends, history_of
from pipeline.core.storage.manifest import iterate_manifest, tables_of, write_manifest, write_tables

N = 9000
"""More than two parts of a table that is read in parts."""


def write(path: Path, ends: dict[str, Dropped | None], row_group_rows: int | None = None) -> None:
    rows = [ledger_row("select", item_id, end) for item_id, end in sorted(ends.items())]
    if row_group_rows is None:
        write_manifest(path, LedgerRow, rows)
    else:
        write_tables(path, LedgerRow, tables_of(LedgerRow, rows), row_group_rows=row_group_rows)


def test_a_ledger_of_several_parts_is_counted_whole_and_segments_apart(tmp_path: Path) -> None:
    ends: dict[str, Dropped | None] = {f"a/{number:06d}": None for number in range(N)}
    ends |= {f"a/{number:06d}-a00000000": Dropped.filtered("no_speech") for number in range(N)}
    write(tmp_path / "a" / "audio.parquet", ends)
    clips, segments = count_ends(tmp_path)
    assert (clips.dataset, clips.cut, dict(clips.ends)) == ("a", "", {"ok": N})
    assert (segments.cut, dict(segments.ends)) == ("segments", {"filtered: no_speech": N})
    assert (segments.n_items, segments.n_ok) == (N, 0)


def test_faces_that_crop_ended_are_counted_apart_from_its_clips(tmp_path: Path) -> None:
    """Whatever a clip is called in other stages."""
    ends = {"a/1": None, "a/1-t00-00000040": Dropped.filtered("no_pupils"), "a/1-t100-00000080": None}
    write(tmp_path / "a" / "crop.parquet", ends)
    write(tmp_path / "a" / "detect.parquet", {"a/x-t00-00000040": None})
    counted = [(one.cut, dict(one.ends)) for one in count_ends(tmp_path)]
    assert counted == [("", {"ok": 1}), ("", {"ok": 1}), ("faces", {"filtered: no_pupils": 1, "ok": 1})]


def test_of_ends_of_equal_counts_the_first_in_the_ledger_comes_first(tmp_path: Path) -> None:
    reasons = ["yaw", "pitch", "blur", "lips_open", "dark", "small"]
    ends = {f"a/{number:06d}": Dropped.filtered(reasons[number % 6]) for number in range(N)}
    write(tmp_path / "a" / "select.parquet", ends)
    (counts,) = count_ends(tmp_path)
    assert [end for end, _ in counts.ends.most_common()] == [f"filtered: {reason}" for reason in reasons]


def test_select_runs_once_and_is_counted_by_the_dataset_of_each_item(tmp_path: Path) -> None:
    """Other stages that run once are counted over all datasets."""
    turned, near = Dropped.filtered("yaw"), Dropped.filtered("too_close")
    faces: dict[str, Dropped | None] = {f"a/x/{number:06d}-t00-00000000": None for number in range(N)}
    faces |= {"a-2/1-t00-00000000": near, "a-2/2-t00-00000000": turned, "b/1-t00-00000000": turned}
    write(tmp_path / "select.parquet", faces)
    write_manifest(
        tmp_path / "persons.parquet", LedgerRow, [ledger_row("persons", "a/1"), ledger_row("persons", "b/1")]
    )
    write_manifest(tmp_path / "a" / "crop.parquet", LedgerRow, [ledger_row("crop", "a/1")])
    counted = [(one.dataset, one.stage, list(one.ends.items())) for one in count_ends(tmp_path)]
    assert counted == [
        ("", "persons", [("ok", 2)]),
        ("a", "crop", [("ok", 1)]),
        ("a", "select", [("ok", N)]),
        ("a-2", "select", [("filtered: too_close", 1), ("filtered: yaw", 1)]),
        ("b", "select", [("filtered: yaw", 1)]),
    ]


def test_the_ledgers_of_datasets_are_not_read_where_their_stage_has_one_for_all(tmp_path: Path) -> None:
    """They are of a version in which it ran once for each: their rows would count twice."""
    write(tmp_path / "a" / "select.parquet", {"a/1": Dropped.filtered("yaw"), "a/2": None})
    write(tmp_path / "select.parquet", {"a/1": None, "b/1": None})
    assert [(one.dataset, dict(one.ends)) for one in count_ends(tmp_path)] == [("a", {"ok": 1}), ("b", {"ok": 1})]
    assert [(row.item_id, row.status) for row in history_of(tmp_path, "a/1")] == [("a/1", "ok")]
    assert history_of(tmp_path, "a/2") == []


@pytest.mark.parametrize("row_group_rows", [1, 2, 7, None])
def test_a_history_has_what_begins_with_the_item_in_every_row_group(tmp_path: Path, row_group_rows: int | None) -> None:
    about = ["talk", "talk-2", "talk-2-t00-00000040", "talk-a00000000", "talk-t00-00000040"]
    others = ["talk.b", "talk2", "tal", "a-talk", "z", "talk_-1", "", "x/talk"]
    ids = [f"{dataset}/{name}" for dataset in ("a", "b") for name in [*about, *others]]
    write(tmp_path / "select.parquet", dict.fromkeys(ids), row_group_rows)
    found = [row.item_id for row in history_of(tmp_path, "talk")]
    assert found == [f"{dataset}/{name}" for dataset in ("a", "b") for name in sorted(about)]
    assert [row.item_id for row in history_of(tmp_path, "b/talk")] == [f"b/{name}" for name in sorted(about)]
    assert [row.item_id for row in history_of(tmp_path, "talk-2")] == [
        f"{dataset}/{name}" for dataset in ("a", "b") for name in sorted(about)[1:3]
    ]
    assert history_of(tmp_path, "nobody") == history_of(tmp_path, "b") == []


def test_an_id_is_no_pattern(tmp_path: Path) -> None:
    write(tmp_path / "select.parquet", dict.fromkeys(["a/t.lk", "a/talk", "a/(x"]))
    assert [row.item_id for row in history_of(tmp_path, "t.lk")] == ["a/t.lk"]
    assert [row.item_id for row in history_of(tmp_path, "(x")] == ["a/(x"]


def test_row_groups_that_cannot_have_the_item_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a" / "select.parquet"
    write(path, {f"a/{number:06d}": Dropped.filtered("yaw", f"{number}" * 40) for number in range(N)}, 1000)
    content = bytearray(path.read_bytes())
    content[4:1000] = bytes(996)  # of the first row group
    path.write_bytes(content)
    assert [row.item_id for row in history_of(tmp_path, f"a/{N - 1:06d}")] == [f"a/{N - 1:06d}"]
    assert [row.item_id for row in history_of(tmp_path, f"{N - 1:06d}")] == [f"a/{N - 1:06d}"]


def test_a_message_with_half_of_an_emoji_is_written(tmp_path: Path) -> None:
    row = ledger_row("download", "a/b", Dropped.failed("removed", "gone \ud83d"))
    write_manifest(tmp_path / "ledger.parquet", LedgerRow, [row])
    assert next(iterate_manifest(tmp_path / "ledger.parquet", LedgerRow)).detail == "gone \\ud83d"

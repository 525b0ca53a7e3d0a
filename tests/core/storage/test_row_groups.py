"""Rows by id: those of the row groups that have them."""

from pathlib import Path

import pytest

from pipeline.core.base.errors import BadManifest
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.person import SubjectPerson
from pipeline.core.storage.manifest import tables_of, write_tables
from pipeline.core.storage.row_groups import rows_of_dataset, rows_of_ids

IDS = [f"a/{number:02d}" for number in range(10)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Ten rows, three a row group."""
    rows = [ledger_row("detect", item_id) for item_id in IDS]
    write_tables(tmp_path / "ledger.parquet", LedgerRow, tables_of(LedgerRow, rows), row_group_rows=3)
    return tmp_path / "ledger.parquet"


def found(path: Path, ids: list[str]) -> list[list[str]]:
    return [table.column("item_id").to_pylist() for table in rows_of_ids(path, LedgerRow, ids)]


def test_rows_are_in_id_order_a_table_for_each_row_group_with_any(path: Path) -> None:
    assert found(path, ["a/09", "a/00", "a/02"]) == [["a/00", "a/02"], ["a/09"]]
    assert found(path, IDS) == [IDS[0:3], IDS[3:6], IDS[6:9], IDS[9:]]


def test_ids_without_a_row_have_none(path: Path) -> None:
    assert found(path, ["a/03x", "", "z"]) == []
    assert found(path, []) == []


def test_only_the_columns_asked_for_are_read(path: Path) -> None:
    (table,) = rows_of_ids(path, LedgerRow, ["a/04"], ["item_id", "status"])
    assert table.to_pylist() == [{"item_id": "a/04", "status": "ok"}]


def test_a_file_of_another_record_is_refused(path: Path) -> None:
    with pytest.raises(BadManifest, match=r"ledger.parquet: not a table of SubjectPerson"):
        list(rows_of_ids(path, SubjectPerson, []))


@pytest.mark.parametrize("row_group_rows", [1, 2, 5, 100])
def test_the_rows_of_a_dataset_are_those_whose_ids_begin_with_its_name_and_a_slash(
    tmp_path: Path, row_group_rows: int
) -> None:
    names = ("a", "a-2", "a.b", "a0", "aa", "b")
    ids = {name: [f"{name}/{clip}" for clip in ("", "-", "a/b", "z")] for name in names}
    rows = [ledger_row("select", one) for name in names for one in ids[name]]
    path = tmp_path / "ledger.parquet"
    write_tables(path, LedgerRow, tables_of(LedgerRow, rows), row_group_rows=row_group_rows)
    read = {
        name: [row for table in rows_of_dataset(path, LedgerRow, name, ["item_id"]) for row in table[0].to_pylist()]
        for name in (*names, "", "a-", "c")
    }
    assert read == {**ids, "": [], "a-": [], "c": []}


def test_row_groups_without_a_row_of_the_dataset_are_not_read(tmp_path: Path) -> None:
    rows = [ledger_row("select", f"{name}/{number:02d}") for name in ("a", "a-2", "b") for number in range(10)]
    path = tmp_path / "ledger.parquet"
    write_tables(path, LedgerRow, tables_of(LedgerRow, rows), row_group_rows=10)
    content = bytearray(path.read_bytes())
    content[4:50] = bytes(46)  # of the first row group, that of a-2
    path.write_bytes(content)
    read = [row for table in rows_of_dataset(path, LedgerRow, "a", ["item_id"]) for row in table[0].to_pylist()]
    assert read == [f"a/{number:02d}" for number in range(10)]

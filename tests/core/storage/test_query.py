"""Queries of manifests by SQL."""

from pathlib import Path

import pytest

from pipeline.core.base.errors import BadManifest
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.person import SubjectPerson
from pipeline.core.storage.manifest import write_manifest
from pipeline.core.storage.query import query


def write(path: Path) -> Path:
    write_manifest(path, LedgerRow, [ledger_row("detect", f"a/{number}") for number in range(3)])
    return path


def count(path: Path, record: type = LedgerRow) -> int:
    with query({"rows": (path, record)}, path.parent) as connection:
        ((n,),) = connection.sql('SELECT count(*) FROM "rows"').fetchall()
    return int(n)


@pytest.mark.parametrize("name", ["plain", "a[b]c", "star*", "what?", "it's"])
def test_a_path_is_no_pattern(tmp_path: Path, name: str) -> None:
    assert count(write(tmp_path / name / "ledger.parquet")) == 3
    assert [path.name for path in (tmp_path / name).iterdir()] == ["ledger.parquet"]  # nothing temporary is left


def test_a_missing_file_and_one_of_another_record_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match=r"gone.parquet: not found"):
        count(tmp_path / "gone.parquet")
    with pytest.raises(BadManifest, match="not a table of SubjectPerson"):
        count(write(tmp_path / "ledger.parquet"), SubjectPerson)


def test_damaged_bytes_are_a_bad_manifest_that_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "ledger.parquet")
    content = bytearray(path.read_bytes())
    content[30:60] = b"\x55" * 30
    path.write_bytes(content)
    with (
        pytest.raises(BadManifest, match=r"ledger.parquet.*Delete it and run 'dvc repro'"),
        query({"ledger": (path, LedgerRow)}) as connection,
    ):
        connection.sql("SELECT * FROM ledger").fetchall()

"""Two runs are equal apart from renames, or each difference is named."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from safetensors.numpy import save_file

from benchmarks.compare_runs import Renames, compare, main

RENAMES = Renames({"manifests/old.parquet": "manifests/new.parquet"}, {"heard": "av"}, left_out=("seconds",))


def write_run(folder: Path, *, renamed: bool, value: float = 1.0, weight: float = 0.5) -> Path:
    for name in ("manifests", "data"):
        (folder / name).mkdir(parents=True)
    column, file = ("av", "new") if renamed else ("heard", "old")
    table = pa.table({column: [value, float("nan")], "network": ["trained-" + "0" * 12] * 2})
    pq.write_table(table, folder / f"manifests/{file}.parquet")
    save_file({"w": np.full(3, weight, np.float32)}, folder / "data/n.safetensors", {"format": column})
    (folder / "metrics.json").write_text(json.dumps({"a": {column: [1, 2]}, "seconds": value}))
    return folder


def test_equal_runs_differ_by_names_headers_and_measured_time_only(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", renamed=False)
    after = write_run(tmp_path / "after", renamed=True)
    counts, differences = compare(before, after, RENAMES)
    assert differences == []
    assert counts == {"files": 3, "columns, keys and tensors": 5, "left out": 1}


def test_tables_of_one_new_name_are_compared_by_the_rows_of_all(tmp_path: Path) -> None:
    ids = {"b": ["b/1", "b/2"], "a": ["a/1"], "all": ["a/1", "b/1", "b/2"]}
    for name, rows in ids.items():
        folder = tmp_path / ("after" if name == "all" else "before") / "manifests"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": rows, "value": [ord(one[0]) for one in rows]}), folder / f"{name}.parquet")
    joined = Renames({f"manifests/{name}.parquet": "manifests/all.parquet" for name in ("a", "b")})
    counts, differences = compare(tmp_path / "before", tmp_path / "after", joined)
    assert (differences, counts) == ([], {"files": 1, "columns, keys and tensors": 2})
    (tmp_path / "before/manifests/a.parquet").unlink()
    assert sorted(compare(tmp_path / "before", tmp_path / "after", joined)[1]) == [
        "manifests/all.parquet: id: values differ",
        "manifests/all.parquet: value: values differ",
    ]


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"value": np.nextafter(1.0, 2)}, "manifests/new.parquet: av: values differ"),
        ({"weight": 0.25}, "data/n.safetensors: w: values differ"),
    ],
)
def test_the_last_bit_of_a_value_is_a_difference(tmp_path: Path, changed: dict[str, float], difference: str) -> None:
    before = write_run(tmp_path / "before", renamed=False)
    after = write_run(tmp_path / "after", renamed=True, **changed)
    assert compare(before, after, RENAMES)[1] == [difference]


def test_a_missing_file_and_a_missing_column_are_differences(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", renamed=False)
    after = write_run(tmp_path / "after", renamed=True)
    (after / "data/n.safetensors").unlink()
    pq.write_table(pa.table({"av": [1.0, float("nan")]}), after / "manifests/new.parquet")
    assert compare(before, after, RENAMES)[1] == [
        "data/n.safetensors: only before",
        "manifests/new.parquet: network: only before",
    ]


def test_two_runs_without_a_common_file_are_no_proof(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="no file in common"):
        main(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "is_equal"),
    [
        ([[1.0, float("nan")], None, []], [[1.0, float("nan")], None, []], True),
        ([[1.0, float("nan")]], [[1.0, 2.0]], False),
        ([[1.0], [2.0]], [[1.0, 2.0], []], False),
        ([None], [[]], False),
        ([{"x": float("nan")}, None], [{"x": float("nan")}, None], True),
        ([{"x": 1.0}], [{"x": 1.5}], False),
    ],
)
def test_lists_and_structs_are_compared_by_their_parts(
    before: list, after: list, is_equal: bool, tmp_path: Path
) -> None:
    for name, values in (("before", before), ("after", after)):
        (tmp_path / name / "data").mkdir(parents=True)
        kind = pa.struct({"x": pa.float64()}) if isinstance(before[0], dict) else pa.list_(pa.float64())
        pq.write_table(pa.table({"c": pa.array(values, kind)}), tmp_path / name / "data" / "t.parquet")
    differences = compare(tmp_path / "before", tmp_path / "after", Renames())[1]
    assert differences == ([] if is_equal else ["data/t.parquet: c: values differ"])


def test_the_day_of_a_download_is_no_difference(tmp_path: Path) -> None:
    for name in ("before", "after"):
        (tmp_path / name / "manifests").mkdir(parents=True)
        table = pa.table({"clip_id": ["a"], "fetched_on": ["2026-11-27" if name == "before" else "2026-11-28"]})
        pq.write_table(table, tmp_path / name / "manifests/media.parquet")
    assert compare(tmp_path / "before", tmp_path / "after", Renames())[1] == []

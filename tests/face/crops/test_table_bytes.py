"""The hash of a table is that of its values, whatever its layout in memory; its bytes are of its own rows only."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import describe, to_table
from pipeline.face.crops.table_bytes import content_hash, from_bytes, to_bytes

N_ROWS = 300
RNG = np.random.default_rng(3)


def with_missing(values: list, every: int) -> list:
    return [None if number % every == 0 else value for number, value in enumerate(values)]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Texts, numbers and truth values, each with and without missing ones."""
    columns = {
        "text": [f"row {number}" * (number % 3) for number in range(N_ROWS)],
        "number": RNG.normal(size=N_ROWS).tolist(),
        "count": list(range(N_ROWS)),
        "flag": (RNG.random(N_ROWS) < 0.5).tolist(),
    }
    return pa.table(columns | {f"{name}_missing": with_missing(values, 7) for name, values in columns.items()})


def layouts(table: pa.Table, folder: Path) -> dict[str, pa.Table]:
    """Return the same rows in other places of memory."""
    path = folder / "x.parquet"
    pq.write_table(pa.concat_tables([table.slice(0, 5), table, table.slice(9)]), path, row_group_size=41)
    masked = {name: pa.array(table[name].to_pylist(), table[name].type) for name in table.column_names}
    return {
        "in parts": pa.concat_tables([table.slice(0, 1), table.slice(1, 98), table.slice(99, 0), table.slice(99)]),
        "a slice": pa.concat_tables([table.slice(1, 3), table]).combine_chunks().slice(3),
        "of a file": pq.read_table(path).slice(5, N_ROWS),
        "as bytes": from_bytes(to_bytes(table)),
        "from Python": pa.table(masked),
        "taken": table.take(list(range(N_ROWS))),
    }


def test_the_hash_does_not_depend_on_the_layout(table: pa.Table, tmp_path: Path) -> None:
    assert {name: content_hash(one) for name, one in layouts(table, tmp_path).items()} == dict.fromkeys(
        layouts(table, tmp_path), content_hash(table)
    )


def test_what_lies_in_the_place_of_a_missing_value_does_not_count() -> None:
    mask = pa.array([False, True, False])
    for values in ([1.0, 2.0, 3.0], ["a", "bb", "c"], [True, True, True]):
        array = pa.array(values)
        hidden = pa.Array.from_buffers(
            array.type, 3, [pa.py_buffer(b"\x05"), *array.buffers()[1:]], children=[]
        )  # valid, missing, valid
        assert content_hash(pa.table({"x": hidden})) == content_hash(pa.table({"x": pa.array(values, mask=mask)}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"x": ["ab", "c"]}, {"x": ["a", "bc"]}),
        ({"x": [1]}, {"x": [1.0]}),
        ({"x": [1]}, {"y": [1]}),
        ({"x": [1, 2]}, {"x": [2, 1]}),
        ({"x": [0.0]}, {"x": [-0.0]}),
        ({"x": [""]}, {"x": pa.array([None], pa.string())}),
        ({"x": [0]}, {"x": pa.array([None], pa.int64())}),
        ({"x": pa.array([None, 0])}, {"x": pa.array([0, None])}),
        ({"x": [True, False]}, {"x": [True, True]}),
        ({"x": ["a"], "y": [""]}, {"x": [""], "y": ["a"]}),
        ({"x": pa.array([], pa.string())}, {"x": [""]}),
    ],
)
def test_every_difference_counts(one: dict, other: dict) -> None:
    assert content_hash(pa.table(one)) != content_hash(pa.table(other))


def test_every_column_of_a_frame_counts() -> None:
    one = {name: {"string": "a", "int64": 1, "bool": True}.get(kind, 1.5) for name, kind, _, _ in describe(Frame)}
    other = {name: {"string": "b", "int64": 2, "bool": False}.get(kind, 2.5) for name, kind, _, _ in describe(Frame)}
    frames = [Frame(**one), *(Frame(**{**one, name: value}) for name, value in other.items())]
    assert len({content_hash(to_table(Frame, [frame])) for frame in frames}) == 1 + len(other)


def test_the_bytes_of_a_slice_are_those_of_its_own_rows(table: pa.Table) -> None:
    many = pa.concat_tables([table] * 50).combine_chunks()
    few = many.slice(4 * N_ROWS, 10)
    assert from_bytes(to_bytes(few)).equals(table.slice(0, 10))
    assert len(to_bytes(few)) < 6_000 < len(pickle.dumps(few))

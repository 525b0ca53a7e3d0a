"""Payload lies in few files, and a new clip rewrites one of them."""

import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.base.errors import BadManifest
from pipeline.core.records.schema import Vector, arrow_schema, column, from_table, to_table
from pipeline.core.storage.manifest import write_table
from pipeline.core.storage.shards import (
    CLIPS_PER_SHARD,
    iterate_batches,
    n_shards_for,
    read_columns,
    shard_of,
    shard_paths,
    write_shards,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    sound_id: str = column("id")
    clip_id: str = column("clip")
    log_mel: Vector = column("numbers")


def sounds_of(clip_id: str) -> pa.Table:
    """Return two rows a clip, the later one first."""
    number = int(clip_id.removeprefix("set/"))
    rows = [
        Sound(sound_id=f"{clip_id}-{i}", clip_id=clip_id, log_mel=np.full(3, number + i, np.float32)) for i in (1, 0)
    ]
    return to_table(Sound, rows)


def clips(n: int) -> list[str]:
    return [f"set/{i:04d}" for i in range(n)]


def written(folder: Path, clip_ids: list[str]) -> dict[str, bytes]:
    """Return the bytes of the shards of these clips, by name."""
    write_shards(folder, Sound, clip_ids, sounds_of, {"log_mel": 3})
    return {path.name: path.read_bytes() for path in shard_paths(folder)}


@pytest.mark.parametrize(
    ("n_clips", "n_shards"), [(0, 1), (1, 1), (256, 1), (257, 2), (512, 2), (513, 4), (100_000, 512)]
)
def test_shards_double_where_a_shard_would_hold_more_than_256_clips(n_clips: int, n_shards: int) -> None:
    assert n_shards_for(n_clips) == n_shards


@given(st.text(max_size=20))
def test_doubling_the_shards_splits_each_of_them_in_two(clip_id: str) -> None:
    assert shard_of(clip_id, 8) == shard_of(clip_id, 16) % 8


def test_one_more_clip_rewrites_one_shard_only(tmp_path: Path) -> None:
    before = written(tmp_path / "shards", clips(600))
    after = written(tmp_path / "shards", clips(601))
    changed = [name for name in after if after[name] != before[name]]
    assert list(before) == list(after) == [f"shard-{i:05d}-of-00004.parquet" for i in range(4)]
    assert changed == [f"shard-{shard_of('set/0600', 4):05d}-of-00004.parquet"]


def test_the_order_of_the_clips_changes_no_byte(tmp_path: Path) -> None:
    assert written(tmp_path / "a", clips(300)) == written(tmp_path / "b", clips(300)[::-1])


def test_shards_of_another_count_leave_none_of_the_old_ones(tmp_path: Path) -> None:
    written(tmp_path / "shards", clips(CLIPS_PER_SHARD + 1))
    assert list(written(tmp_path / "shards", clips(CLIPS_PER_SHARD))) == ["shard-00000-of-00001.parquet"]
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]


def test_every_row_is_in_the_shard_of_its_clip_sorted_by_id(tmp_path: Path) -> None:
    written(tmp_path / "shards", clips(300))
    ids = [read_columns_of(path) for path in shard_paths(tmp_path / "shards")]
    assert [sorted(one) for one in ids] == ids
    assert sorted(chain.from_iterable(ids)) == [f"{clip}-{i}" for clip in clips(300) for i in (0, 1)]
    assert all(shard_of(one[:-2], 2) == index for index, part in enumerate(ids) for one in part)


def read_columns_of(path: Path) -> list[str]:
    found: list[str] = pq.read_table(path, columns=["sound_id"]).column("sound_id").to_pylist()
    return found


def test_a_shard_written_in_parts_has_the_bytes_of_one_written_at_once(tmp_path: Path) -> None:
    """Rows of 'set/1' and 'set/1-...' lie in between each other; 64 rows are a row group."""
    clip_ids = [f"set/{name}" for name in ("1", "1-0", "1-00", "2", *range(300, 350))]

    def rows_of(clip_id: str) -> pa.Table:
        number = clip_ids.index(clip_id)
        return to_table(
            Sound,
            [
                Sound(sound_id=f"{clip_id}-{i}", clip_id=clip_id, log_mel=np.full(3, number + i, np.float32))
                for i in (1, 0)
            ],
        )

    write_shards(tmp_path / "shards", Sound, clip_ids, rows_of, {"log_mel": 3})
    rows = pa.concat_tables([rows_of(clip_id).cast(arrow_schema(Sound, {"log_mel": 3})) for clip_id in clip_ids])
    write_table(tmp_path / "whole.parquet", Sound, rows, row_group_rows=64)
    (path,) = shard_paths(tmp_path / "shards")
    assert pq.read_metadata(path).num_row_groups == 2
    assert path.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_clips_without_rows_are_a_shard_of_the_same_schema(tmp_path: Path) -> None:
    schema = arrow_schema(Sound, {"log_mel": 3})
    write_shards(tmp_path / "shards", Sound, clips(3), lambda _: arrow_schema(Sound).empty_table(), {"log_mel": 3})
    (path,) = shard_paths(tmp_path / "shards")
    found = pq.read_schema(path)
    assert (found, found.metadata) == (schema, schema.metadata)


def test_no_clips_are_one_empty_shard(tmp_path: Path) -> None:
    assert list(written(tmp_path / "shards", [])) == ["shard-00000-of-00001.parquet"]
    assert read_columns(tmp_path / "shards", Sound, ["sound_id"]).num_rows == 0


def test_columns_are_read_from_all_shards_in_shard_order(tmp_path: Path) -> None:
    written(tmp_path / "shards", clips(300))
    table = read_columns(tmp_path / "shards", Sound, ["sound_id", "clip_id"])
    assert table.column_names == ["sound_id", "clip_id"]
    expected = sorted(clips(300), key=lambda clip: (shard_of(clip, 2), clip))
    assert table.column("clip_id").to_pylist() == [clip for clip in expected for _ in range(2)]


def test_payload_comes_back_batch_by_batch(tmp_path: Path) -> None:
    written(tmp_path / "shards", clips(300))
    batches = list(iterate_batches(tmp_path / "shards", Sound, ["sound_id", "clip_id", "log_mel"]))
    assert max(batch.num_rows for batch in batches) == 64
    rows = from_table(Sound, pa.Table.from_batches(batches))
    assert {row.sound_id: float(row.log_mel[2]) for row in rows} == {
        f"{clip}-{i}": number + i for number, clip in enumerate(clips(300)) for i in (0, 1)
    }


def test_a_clip_given_twice_is_refused_and_the_old_shards_stay(tmp_path: Path) -> None:
    before = written(tmp_path / "shards", clips(3))
    with pytest.raises(BadManifest, match=r"the id 'set/0001-0' occurs 2 times|the id 'set/0001-1' occurs 2 times"):
        written(tmp_path / "shards", [*clips(3), "set/0001"])
    assert {path.name: path.read_bytes() for path in shard_paths(tmp_path / "shards")} == before


def test_an_absent_or_empty_folder_says_that_its_stage_has_not_run(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(BadManifest, match=re.escape(f"{folder}: no shards. The stage that writes them")):
            read_columns(folder, Sound, ["sound_id"])


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    written(tmp_path / "shards", clips(3))
    path = shard_paths(tmp_path / "shards")[0]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BadManifest, match=re.escape(f"{path}: no readable Parquet file")):
        read_columns(tmp_path / "shards", Sound, ["sound_id"])

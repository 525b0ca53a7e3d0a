"""Every clip gets all of its rows and no others, however ids and row groups lie."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records.schema import column, to_table
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.manifest import write_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    sighting_id: str = column("id")
    clip_id: str = column("clip")
    x_px: float = column("a number")


_CLIPS = st.dictionaries(st.text("at-0.é", min_size=1, max_size=4), st.integers(0, 5), max_size=8)


@given(clips=_CLIPS, row_group_rows=st.integers(1, 7))
def test_each_clip_has_its_rows_also_where_one_clips_id_begins_with_anothers(
    clips: dict[str, int], row_group_rows: int
) -> None:
    rows = [
        Sighting(sighting_id=f"{clip_id}-t00-{i:03d}", clip_id=clip_id, x_px=i)
        for clip_id, n in clips.items()
        for i in range(n)
    ]
    unique = {row.sighting_id: row for row in rows}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        write_table(path, Sighting, to_table(Sighting, unique.values()), row_group_rows=row_group_rows)
        of_clip = ClipRows(path, Sighting)
        for clip_id in [*sorted(clips), "absent"]:
            expected = sorted(row.sighting_id for row in unique.values() if row.clip_id == clip_id)
            assert of_clip.of(clip_id).column("sighting_id").to_pylist() == expected


def test_chosen_columns_come_in_the_order_asked_for_also_for_a_clip_without_rows(tmp_path: Path) -> None:
    rows = [Sighting(sighting_id="a-t00", clip_id="a", x_px=1.5)]
    write_table(tmp_path / "a.parquet", Sighting, to_table(Sighting, rows))
    of_clip = ClipRows(tmp_path / "a.parquet", Sighting, ["x_px", "sighting_id"])
    assert of_clip.of("a").to_pydict() == {"x_px": [1.5], "sighting_id": ["a-t00"]}
    assert of_clip.of("b").to_pydict() == {"x_px": [], "sighting_id": []}

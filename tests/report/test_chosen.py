"""Which rows the page shows: drawn by hash, each person's first before any person's second."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadManifest
from pipeline.core.base.layout import Layout
from pipeline.core.records.face import Face
from pipeline.core.records.person import SubjectPerson
from pipeline.core.records.segment import Segment
from pipeline.core.storage.manifest import write_manifest
from pipeline.report.chosen import Choice, choose, choose_from, read_payload, read_rows
from tests.report.made_run import HOSTILE, QUOTED, SET, face_of

SHARD = f"data/faces/{SET}/shard-00000-of-00001.parquet"


@dataclass(frozen=True)
class Row:
    row_id: str
    person_id: str


ROWS = [Row(f"{person}-{number}", person) for person, n in (("ana", 50), ("bo", 2), ("cy", 1)) for number in range(n)]


def test_each_person_has_a_row_before_any_has_a_second() -> None:
    assert [row.person_id for row in choose(ROWS, 3)] == ["ana", "bo", "cy"]
    assert [row.person_id for row in choose(ROWS, 5)] == ["ana", "ana", "bo", "bo", "cy"]
    assert [row.person_id for row in choose(ROWS, 6)] == ["ana", "ana", "ana", "bo", "bo", "cy"]


def test_the_choice_does_not_depend_on_the_order_of_the_rows() -> None:
    assert choose(ROWS, 7) == choose(ROWS[::-1], 7)


def test_fewer_rows_than_asked_for_are_all_chosen_and_none_is_none() -> None:
    assert sorted(choose(ROWS, 999), key=lambda row: row.row_id) == sorted(ROWS, key=lambda row: row.row_id)
    assert choose(ROWS, 0) == [] == choose([], 5)


def test_a_row_of_a_person_with_many_is_drawn_and_not_the_first() -> None:
    firsts = {choose([Row(f"{name}-{n}", name) for n in range(50)], 1)[0].row_id for name in "abcdefgh"}
    assert firsts != {f"{name}-0" for name in "abcdefgh"}


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 24])
@pytest.mark.parametrize("n_clips", [{"ana": 40, "bo": 2, "cy": 1}, {f"p{number}": 3 for number in range(30)}])
def test_rows_chosen_from_a_file_are_those_chosen_of_its_rows(tmp_path: Path, n: int, n_clips: dict[str, int]) -> None:
    rows = [
        SubjectPerson(
            subject_id=f"{dataset}/{person}-{number}-s00",
            clip_id=f"{dataset}/{person}-{number}",
            dataset=dataset,
            person_id=person,
            split="test" if number % 2 else "train",
        )
        for dataset in ("one", "two")
        for person, n_of_person in n_clips.items()
        for number in range(n_of_person)
    ]
    write_manifest(tmp_path / "subject_persons.parquet", SubjectPerson, rows)
    values = {"dataset": "one", "split": "train"}
    found = choose_from(tmp_path / "subject_persons.parquet", SubjectPerson, values, n)
    wanted = [row for row in rows if (row.dataset, row.split) == ("one", "train")]
    assert found == Choice(choose(wanted, n), len(wanted), len({row.person_id for row in wanted}))


def test_payload_is_read_by_id_and_missing_rows_are_left_out(data_run: Layout) -> None:
    wanted = {face_of(HOSTILE, 1): SHARD, face_of(QUOTED, 2): SHARD, "one/nobody": SHARD, "one/other": "gone.parquet"}
    found = read_payload(data_run.root, Face, wanted, ["clip_id"])
    assert {face_id: row["clip_id"] for face_id, row in found.items()} == {
        face_of(HOSTILE, 1): f"{SET}/{HOSTILE}-000",
        face_of(QUOTED, 2): f"{SET}/{QUOTED}-000",
    }


def test_a_shard_of_another_record_is_refused_by_name(data_run: Layout) -> None:
    with pytest.raises(BadManifest, match=r"shard-00000-of-00001.parquet: not a table of Segment"):
        read_rows(data_run.root / SHARD, Segment, ["a"], ["clip_id"])


def test_of_no_ids_there_are_no_rows(data_run: Layout) -> None:
    assert read_rows(data_run.root / SHARD, Face, [], ["image"]) == []

"""Rows held as a table are the objects they were made of, and ids are found among ids."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records.person import TRAIN, SubjectPerson
from pipeline.core.records.subject import main_subject_id
from pipeline.identity.persons.rows import TableRows, rows_of_ids, texts_of

IDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), unique=True, max_size=30)


def subject_person(clip_id: str) -> SubjectPerson:
    return SubjectPerson(
        subject_id=main_subject_id(clip_id),
        clip_id=clip_id,
        dataset="set",
        person_id=f"person of {clip_id}",
        split=TRAIN,
    )


@given(IDS)
def test_rows_come_back_as_they_were_given_or_in_the_order_of_their_ids(ids: list[str]) -> None:
    given_rows = [subject_person(clip_id) for clip_id in ids]
    rows = TableRows.of(SubjectPerson, iter(given_rows))
    assert list(rows) == [rows[row] for row in range(len(rows))] == given_rows
    assert [one.clip_id for one in rows.in_id_order()] == sorted(ids, key=main_subject_id)
    assert list(texts_of(rows.column("person_id"))) == [one.person_id for one in given_rows]


def test_more_rows_than_are_objects_at_a_time_come_back_too() -> None:
    given_rows = [subject_person(f"{number:05d}") for number in range(5000)]
    rows = TableRows.of(SubjectPerson, iter(given_rows))
    assert list(rows) == given_rows
    assert list(texts_of(rows.column("clip_id"))) == [one.clip_id for one in given_rows]


@given(ids=IDS, wanted=IDS)
def test_an_id_is_found_in_its_row_and_another_in_none(ids: list[str], wanted: list[str]) -> None:
    ids.sort()
    row_of = {one: row for row, one in enumerate(ids)}
    found = rows_of_ids(pa.chunked_array([wanted], pa.string()), pa.chunked_array([ids[:7], ids[7:]], pa.string()))
    assert found.tolist() == [row_of.get(one, -1) for one in wanted]

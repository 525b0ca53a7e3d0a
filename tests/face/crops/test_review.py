"""Overrides of standard faces are read as written, and an invalid one is named with its line."""

from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.face.crops.review import read_review

HEAD = "face_id,is_standard,who,why\n"


def review(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "set.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_table_there_are_no_overrides(tmp_path: Path) -> None:
    assert read_review(tmp_path / "none.csv") == {}


def test_yes_and_no_are_read_in_any_case(tmp_path: Path) -> None:
    path = review(tmp_path, HEAD + 'a-1,yes,ada,"sharp, frontal"\na-2, No ,ada,\n')
    assert read_review(path) == {"a-1": True, "a-2": False}


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = review(tmp_path, "\ufeff" + HEAD.replace("\n", "\r\n") + "a-1,YES,ada,\r\n")
    assert read_review(path) == {"a-1": True}


@pytest.mark.parametrize("value", ["maybe", "", "1", "true"])
def test_another_value_is_named_with_its_line(tmp_path: Path, value: str) -> None:
    path = review(tmp_path, HEAD + f"a-1,yes,ada,\na-2,{value},ada,\n")
    with pytest.raises(BadInput, match=rf"set\.csv: line 3: is_standard is '{value}', expected yes or no"):
        read_review(path)


def test_a_line_that_ends_too_early_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"line 3: is_standard is ''"):
        read_review(review(tmp_path, HEAD + "a-1,yes,ada,\na-2\n"))


def test_a_face_decided_twice_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"line 4: a-1 is decided twice"):
        read_review(review(tmp_path, HEAD + "a-1,yes,ada,\na-2,yes,ada,\na-1,no,ada,\n"))


def test_columns_may_be_in_any_order(tmp_path: Path) -> None:
    path = review(tmp_path, "why,is_standard,face_id,who\n,yes,a-1,ada\n")
    assert read_review(path) == {"a-1": True}


@pytest.mark.parametrize("head", ["face,is_standard\n", "", "face_id,is_standard,who\n"])
def test_other_columns_are_named(tmp_path: Path, head: str) -> None:
    with pytest.raises(BadInput, match=r"columns \['face_id', 'is_standard', 'who', 'why'\], each once, found"):
        read_review(review(tmp_path, head))

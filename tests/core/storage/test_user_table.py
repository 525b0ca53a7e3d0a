"""A table written by hand is read as text with the number of each line, or refused with what is wrong."""

import re
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.storage.user_table import read_user_table

COLUMNS = ("name", "note")


def rows(tmp_path: Path, content: str | bytes) -> list[tuple[int, str, str]]:
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(line, name, note) for line, name, note in read_user_table(path, COLUMNS).itertuples()]


@pytest.mark.parametrize("start", ["", "\ufeff", "\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_values_are_text_without_outer_spaces_and_na_is_a_name(tmp_path: Path, start: str, end: str) -> None:
    text = f'{start}name,note\n NA ,007\n\n"Ünal, Ana",1.50\n'.replace("\n", end)
    first = 2 + text.startswith(end)
    assert rows(tmp_path, text) == [(first, "NA", "007"), (first + 2, "Ünal, Ana", "1.50")]


def test_only_the_columns_asked_for_are_returned_in_their_order(tmp_path: Path) -> None:
    assert rows(tmp_path, "note,more,name\nx,y,Ana\n") == [(2, "Ana", "x")]


def test_what_a_line_lacks_is_empty_and_what_the_header_lacks_is_ignored(tmp_path: Path) -> None:
    assert rows(tmp_path, "name,note\nAna\nBo,x,y,z\n") == [(2, "Ana", ""), (3, "Bo", "x")]


def test_a_header_alone_is_an_empty_table(tmp_path: Path) -> None:
    assert rows(tmp_path, "name,note\n") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected the columns ['name', 'note'], each once, found []"),
        ("name,why\n", "expected the columns ['name', 'note'], each once, found ['name', 'why']"),
        ("name,note,name\n", "expected the columns ['name', 'note'], each once, found ['name', 'note', 'name']"),
        (
            f"name,note{',x' * 300}\na,b\n",
            "expected a CSV file in UTF-8, columns ['name', 'note']: at most 256 columns",
        ),
        ('name,note\n"Ana"x,y\n', "expected a CSV file in UTF-8, columns ['name', 'note']: "),
        ("name,note\nÜnal,x\n".encode("latin1"), "expected a CSV file in UTF-8, columns ['name', 'note']: "),
    ],
)
def test_another_table_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(BadInput, match=re.escape(f"table.csv: {message}")):
        rows(tmp_path, content)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.csv: expected a CSV file"):
        read_user_table(tmp_path / "none.csv", COLUMNS)

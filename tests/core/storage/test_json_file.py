"""A note that another stage writes is read, or its absence or damage is one clear error."""

from pathlib import Path

import pytest

from pipeline.core.base.errors import BadManifest
from pipeline.core.storage.json_file import read_json, read_json_if_any


def test_an_object_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    path.write_text('{"a": [1, null]}', encoding="utf-8")
    assert read_json(path) == read_json_if_any(path) == {"a": [1, None]}


def test_a_file_that_may_be_missing_is_none(tmp_path: Path) -> None:
    assert read_json_if_any(tmp_path / "note.json") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "note.json: not found. The stage that writes it has not run: see 'dvc status'."),
        (b'{"a": ', "note.json: expected JSON: "),
        (b"\xff", "note.json: expected JSON: "),
        (b"[1]", "note.json: expected a JSON object, found list"),
    ],
)
def test_anything_else_is_one_clear_error(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadManifest) as error:
        read_json(path)
    assert message in str(error.value)

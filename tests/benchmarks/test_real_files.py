"""A folder of real recordings is named by a variable, or there is none."""

from pathlib import Path

import pytest

from benchmarks.real_files import CLIPS_VARIABLE, folder_named_by
from pipeline.core.base.errors import BadInput


def test_a_variable_names_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLIPS_VARIABLE, str(tmp_path))
    assert folder_named_by(CLIPS_VARIABLE) == tmp_path


def test_an_unset_or_empty_variable_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLIPS_VARIABLE, "")
    assert folder_named_by(CLIPS_VARIABLE) is None
    monkeypatch.delenv(CLIPS_VARIABLE)
    assert folder_named_by(CLIPS_VARIABLE) is None


def test_a_variable_that_names_no_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLIPS_VARIABLE, str(tmp_path / "away"))
    with pytest.raises(BadInput, match=r"FACEVOX_REAL_CLIPS='.*away': expected a folder"):
        folder_named_by(CLIPS_VARIABLE)

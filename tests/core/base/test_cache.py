"""The cache folder comes from the variable, else it is in the user's own cache folder."""

from pathlib import Path

import pytest
from platformdirs import user_cache_path

from pipeline.core.base.cache import CACHE_VARIABLE, cache_folder


def test_the_variable_names_the_folder_and_without_it_the_users_cache_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv(CACHE_VARIABLE)
    assert cache_folder() == user_cache_path("facevox")


def test_a_relative_folder_counts_from_where_the_run_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, "here")
    assert cache_folder() == tmp_path / "here"

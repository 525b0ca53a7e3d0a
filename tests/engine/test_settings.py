"""Settings come from the environment; a value that makes no sense is named."""

from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.engine.settings import read_settings

NAMES = ("FACEVOX_WORKERS", "FACEVOX_ITEM_TIMEOUT_S", "FACEVOX_WORKER_MEMORY_MB", "FACEVOX_ITEM_OUTPUT_MB")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path))
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_defaults_hold_where_nothing_is_set(tmp_path: Path) -> None:
    settings = read_settings()
    assert (settings.cache, settings.item_timeout_s) == (tmp_path, 900)
    assert (settings.worker_memory_mb, settings.item_output_mb) == (8192, 20480)
    assert settings.n_workers >= 1


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(NAMES, ("3", "0.5", "512", "9"), strict=True):
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert (settings.n_workers, settings.item_timeout_s, settings.worker_memory_mb) == (3, 0.5, 512)
    assert settings.item_output_mb == 9


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["0", "-1", "many", "nan", "inf"])
def test_a_value_that_is_no_positive_number_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=f"{name}='{value}': expected a number above 0"):
        read_settings()


@pytest.mark.parametrize("name", ["FACEVOX_WORKERS", "FACEVOX_WORKER_MEMORY_MB"])
def test_half_a_worker_would_be_none_and_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "0.5")
    with pytest.raises(BadInput, match=f"{name}=0.5: expected a whole number"):
        read_settings()

"""The doctor says in a line each what is there and what to do about what is missing."""

import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stages.__main__ import app
from stages.commands import doctor

Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that does not exist yet, on a disk with 25 GB free; two workers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * 10**9, 75 * 10**9, 25 * 10**9))
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("FACEVOX_WORKERS", "2")
    return tmp_path / "store"


def lines() -> list[str]:
    return doctor.render_checks()[0].splitlines()


def test_a_machine_with_all_requirements_is_healthy(store: Path) -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert {line[:11] for line in result.output.splitlines()} <= {"  ok       ", "  note     "}
    found = [line[11:] for line in result.output.splitlines()]
    assert [line.split()[0] for line in found[:9]] == list(doctor._MODULES)
    assert found[9] == "68-point landmark model, 99 MB"
    assert "codecs h264, aac, libx264, vp9, av1, opus" in found
    assert f"store {store}, 25 GB free; 2 workers" in found


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    (missing,) = [line for line in result.output.splitlines() if not line.startswith(("  ok  ", "  note  "))]
    assert missing.startswith("  missing  webrtcvad can't be imported (")
    assert missing.endswith("): run 'make install'")


def test_a_codec_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_has_codec", lambda name, mode: (name, mode) not in {("av1", "r"), ("libx264", "w")})
    assert "  missing  PyAV lacks the codecs libx264, av1: reinstall 'av' from its wheel" in lines()


def test_a_codec_is_looked_up_by_name_and_direction() -> None:
    assert doctor._has_codec("libx264", "w")
    assert not doctor._has_codec("libx264", "r")
    assert not doctor._has_codec("no codec", "r")


def test_a_disk_that_is_nearly_full_is_named(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * 10**9, 91 * 10**9, 9 * 10**9))
    expected = "expected at least 10 GB. Set FACEVOX_CACHE to a larger disk."
    assert f"  missing  store {store}, 9 GB free; 2 workers: {expected}" in lines()


def test_a_store_on_another_disk_is_worth_a_note(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_is_other_disk", lambda cache, checkout: (cache, checkout) == (store, Path()))
    note = "on another disk than the checkout, which is fine: media are linked, not copied"
    assert f"  note     store {store}, 25 GB free; 2 workers; {note}" in lines()


def test_a_setting_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVOX_WORKERS", "many")
    (missing,) = [line for line in lines() if line.startswith("  missing")]
    assert missing.startswith("  missing  FACEVOX_WORKERS='many': expected ")


@pytest.mark.parametrize(
    ("programs", "line"),
    [
        (("bun", "node"), "  ok       node, which yt-dlp uses for some sites"),
        ((), "  note     no JavaScript runtime (deno, node): yt-dlp needs one for YouTube"),
    ],
)
def test_a_javascript_runtime_is_optional(
    programs: tuple[str, ...], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)
    assert line in lines()

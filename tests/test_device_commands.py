"""Every command that uses a device refuses one that is none in one sentence, before it reads anything."""

import sys
from pathlib import Path

import pytest

from stages import __main__ as command_line

COMMANDS = (
    ["pretrain_identity"],
    ["identify", "clips"],
    ["recognise", "clips"],
    ["pretrain_voice"],
    ["pretrain_audio_face"],
    ["train"],
    ["evaluate"],
    ["evaluate", "--predictions", "pictures"],
    ["inpaint", "face.png", "voice.wav", "--out", "inpainted.png"],
    ["swap", "face.png", "voice.wav", "--out", "swapped.png"],
)


@pytest.fixture(autouse=True)
def processes_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the tests' own process started stay."""
    for name in ("adopt_orphans", "end_descendants"):
        monkeypatch.setattr(command_line, name, lambda: None)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_device_that_is_none_ends_a_command_with_one_sentence(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEVOX_DEVICE", "banana")
    monkeypatch.setattr(sys, "argv", ["facevox", *command])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 1
    expected = "BadInput: FACEVOX_DEVICE=banana: expected cpu, cuda, or cuda:N for GPU N, from 0\n"
    assert capsys.readouterr() == ("", expected)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("banana", "  missing  FACEVOX_DEVICE=banana: expected cpu, cuda, or cuda:N for GPU N, from 0"),
        ("cuda:998", "  missing  FACEVOX_DEVICE=cuda:998: torch finds "),
    ],
)
def test_the_doctor_names_a_device_that_is_none(
    name: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FACEVOX_DEVICE", name)
    monkeypatch.setattr(sys, "argv", ["facevox", "doctor"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 1
    found = [line for line in capsys.readouterr().out.splitlines() if "FACEVOX_DEVICE" in line]
    assert len(found) == 1
    assert found[0].startswith(expected)

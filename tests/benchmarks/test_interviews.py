"""The command writes an interview, its ground truth and a sheet of its shots, and says what it holds."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import interviews
from benchmarks.interviews import TILE_WIDTH_PX, main
from pipeline.core.base.images import decode_png
from pipeline.core.records.truth import TruthFace, TruthFrame, TruthShot, TruthSound, TruthVoice
from pipeline.core.storage.manifest import read_manifest
from pipeline.interview.plan import InterviewSpec


def test_the_command_writes_files_truth_and_a_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(*, seed: int, duration_s: float) -> InterviewSpec:
        return InterviewSpec(seed=seed, duration_s=duration_s, width_px=214, height_px=120)

    monkeypatch.setattr(interviews, "InterviewSpec", small)
    main(tmp_path / "out", n=2, seconds=3.0, seed=8)
    printed = capsys.readouterr().out.splitlines()
    for line, name in zip(printed, ("interview-0008", "interview-0009"), strict=True):
        path = tmp_path / "out" / f"{name}.mp4"
        assert line.startswith(f"{path}: drawn in ") and "somebody seen speaks for" in line
        assert path.stat().st_size > 0
        (shot,) = read_manifest(path.with_suffix(".shots.parquet"), TruthShot)
        assert (shot.start_s, shot.end_s, shot.n_frames) == (0.0, 3.0, 75)
        assert line.endswith(f"; 1 {shot.kind}")
        frames = read_manifest(path.with_suffix(".frames.parquet"), TruthFrame)
        faces = read_manifest(path.with_suffix(".faces.parquet"), TruthFace)
        assert len(frames) == 75 * len(faces)
        voices = read_manifest(path.with_suffix(".voices.parquet"), TruthVoice)
        assert all(0 <= voice.start_s < voice.end_s <= 3.0 for voice in voices)
        read_manifest(path.with_suffix(".sounds.parquet"), TruthSound)
        sheet = decode_png(path.with_suffix(".png").read_bytes())
        assert sheet.shape[1] == interviews.SHEET_COLUMNS * TILE_WIDTH_PX
        assert np.std(sheet[:, :TILE_WIDTH_PX]) > 5

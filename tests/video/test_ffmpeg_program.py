"""The ffmpeg program runs what is described, and its failure is one clear line."""

from pathlib import Path

import ffmpeg
import pytest

from pipeline.core.base.errors import BadMedia
from pipeline.video.ffmpeg_program import run_ffmpeg


def test_what_is_written_to_the_pipe_is_returned() -> None:
    red = ffmpeg.input("color=red:size=4x2:duration=1", format="lavfi")
    assert run_ffmpeg(red.output("pipe:", format="rawvideo", pix_fmt="rgb24", vframes=1)) == bytes([253, 0, 0] * 8)


def test_a_range_of_a_file_is_cut_and_replaces_what_was_there(tmp_path: Path) -> None:
    tone, part = tmp_path / "tone.wav", tmp_path / "part.wav"
    part.write_bytes(b"old")
    sine = ffmpeg.input("sine=duration=2:sample_rate=16000", format="lavfi")
    run_ffmpeg(sine.output(str(tone), fflags="+bitexact"))
    run_ffmpeg(ffmpeg.input(str(tone), ss=0.5, t=1.0).output(str(part), fflags="+bitexact"))
    assert part.read_bytes()[-32_000:] == tone.read_bytes()[-48_000:-16_000]


def test_a_failure_is_raised_with_the_last_line_of_ffmpeg(tmp_path: Path) -> None:
    missing = ffmpeg.input(str(tmp_path / "none.mp4")).output(str(tmp_path / "out.mp4"))
    with pytest.raises(BadMedia, match=r"ffmpeg_failed: .*No such file or directory"):
        run_ffmpeg(missing)

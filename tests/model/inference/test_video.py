"""A written video has the given frames at their times, and the source's sound in step with them."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.recordings import (
    CLOSE_S,
    MP4,
    OTHERS,
    PICTURE_LATE,
    SOUND_LATE,
    Recording,
    click_and_flash,
    click_times_s,
    describe,
    flash_times_s,
    write_recording,
)
from model.inference.video import writing_video
from pipeline.audio.extract import extract_waveform
from pipeline.video.decode import rgb_frames
from pipeline.video.probe import probe

RECORDINGS = [replace(one, **offset) for one in (MP4, *OTHERS[1:3]) for offset in (SOUND_LATE, PICTURE_LATE)]


def copied(source: Path, out: Path) -> Path:
    with writing_video(out, source) as write_frame:
        for time_s, picture in rgb_frames(source, rotation_deg=0):
            write_frame(time_s, picture)
    return out


@pytest.mark.parametrize("recording", RECORDINGS, ids=describe)
def test_sound_stays_in_step_with_the_picture(recording: Recording, tmp_path: Path) -> None:
    source = tmp_path / f"in.{recording.suffix}"
    flashes_s, _ = click_and_flash(recording, source)
    out = copied(source, tmp_path / "out.mp4")
    assert flash_times_s(out) == pytest.approx(flashes_s, abs=1e-3)
    assert click_times_s(extract_waveform(out, max_duration_s=60)) == pytest.approx(flashes_s, abs=CLOSE_S)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, "out.mp4"])


def test_a_silent_source_gives_a_silent_video(tmp_path: Path) -> None:
    source = write_recording(tmp_path / "in.mp4", MP4, None)
    assert not probe(copied(source, tmp_path / "out.mp4")).has_audio

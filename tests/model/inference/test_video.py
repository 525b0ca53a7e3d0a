"""A written video has the given frames at their times, and the source's sound in step with them."""

from dataclasses import replace
from pathlib import Path

import av
import ffmpeg
import numpy as np
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
    clicks,
    describe,
    flash_times_s,
    write_recording,
)
from model.inference.video import writing_video
from pipeline.audio.extract import extract_waveform
from pipeline.video.decode import rgb_frames
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.probe import probe
from tests.video.test_picture import coded, patches, write_planes

RECORDINGS = [replace(one, **offset) for one in (MP4, *OTHERS[1:3]) for offset in (SOUND_LATE, PICTURE_LATE)]


def copied(source: Path, out: Path) -> Path:
    with writing_video(out, source) as write_frame:
        for time_s, picture in rgb_frames(source):
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


@pytest.mark.parametrize("size", [(640, 360), (1280, 720)])
def test_pictures_are_written_as_shown_in_colours_that_are_tagged(size: tuple[int, int], tmp_path: Path) -> None:
    source = write_planes(tmp_path / "in.mkv", [coded(patches(*size), 1)] * 2, colorspace=1)
    squeezed = tmp_path / "squeezed.mp4"
    filters = f"scale={size[0] // 2}:{size[1]},setsar=2/1"
    run_ffmpeg(ffmpeg.input(source).output(str(squeezed), vcodec="libx264", crf=4, vf=filters))
    out = copied(squeezed, tmp_path / "out.mp4")
    form = probe(out).form
    assert (probe(out).width_px, probe(out).height_px, form.pixel_aspect) == (*size, 1.0)
    assert (form.colour_matrix, form.colour_range) == ("bt709", "video")
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.colorspace == 1
    pairs = zip(rgb_frames(squeezed), rgb_frames(out), strict=True)
    assert all(np.abs(one.astype(int) - other).mean() < 2 for (_, one), (_, other) in pairs)


def test_a_picture_that_changes_size_is_written_at_the_first_size(tmp_path: Path) -> None:
    source, out = write_planes(tmp_path / "in.mkv", [coded(patches(64, 48), 1)] * 2), tmp_path / "out.mp4"
    with writing_video(out, source) as write_frame:
        write_frame(0.0, patches(64, 48))
        write_frame(0.04, patches(128, 96))
    (_, first), (_, second) = rgb_frames(out)
    assert first.shape == second.shape == (48, 64, 3)
    assert np.abs(first.astype(int) - second).mean() < 3


def test_the_default_sound_of_any_rate_and_layout_is_written_as_48_khz_stereo(tmp_path: Path) -> None:
    """The first track is a commentary; the second, 192 kHz with 8 channels, is what players take."""
    source = tmp_path / "in.mkv"
    given = write_recording(tmp_path / "given.mp4", MP4, clicks(2.0, [0.5, 1.5], MP4.rate_hz))
    sound = ffmpeg.input(str(given))
    other = ffmpeg.input("sine=300:r=48000:d=2", f="lavfi")
    options = {"c:a": "pcm_s16le", "ar:a:1": 192_000, "ac:a:1": 8, "disposition:a:0": "0", "disposition:a:1": "default"}
    run_ffmpeg(ffmpeg.output(sound["v"], other, sound["a"], str(source), vcodec="copy", **options))
    out = copied(source, tmp_path / "out.mp4")
    waveform = extract_waveform(out, max_duration_s=60)
    assert click_times_s(0.5 * waveform / waveform.max()) == pytest.approx([0.5, 1.5], abs=CLOSE_S)
    with av.open(str(out)) as container:
        (audio,) = container.streams.audio
        assert (audio.rate, audio.layout.name) == (48_000, "stereo")


def test_joined_recordings_keep_their_sound_in_step(tmp_path: Path) -> None:
    parts = []
    for number, at_s in enumerate((0.8, 0.4)):
        recording = replace(OTHERS[4], suffix="ts", shown_s=2.0)
        part = write_recording(tmp_path / f"{number}.ts", recording, clicks(2.0, [at_s]), flashes_s=[at_s])
        parts.append(part.read_bytes())
    source = tmp_path / "in.ts"
    source.write_bytes(b"".join(parts))
    out = copied(source, tmp_path / "out.mp4")
    flashes_s = flash_times_s(out)
    assert flashes_s == pytest.approx([0.8, 2.4], abs=0.12)  # after the longer of picture and sound
    assert click_times_s(extract_waveform(out, max_duration_s=60)) == pytest.approx(flashes_s, abs=0.04)

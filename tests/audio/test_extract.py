"""Sound is decoded to 16 kHz mono, in step with the picture, whatever the container does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks.recordings import (
    EVENTS_S,
    RECORDINGS,
    Recording,
    Sound,
    blocks,
    click_and_flash,
    click_times_s,
    clicks,
    describe,
    pictures,
    write_recording,
)
from pipeline.audio.extract import extract_waveform
from pipeline.audio.segment import cut
from pipeline.audio.settings import AudioParams
from pipeline.base.errors import BadMedia


def tone(duration_s: float, rate_hz: int, amplitude: float = 0.5) -> Sound:
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)


def write_media(
    path: Path, sound: Sound | None, *, skip: Callable[[float], bool] = lambda time_s: False, **how: Any
) -> Path:
    """Write 2 s of picture, MPEG-4, with ``sound``; ``how`` changes fields of Recording."""
    return write_recording(path, Recording(suffix=path.suffix[1:], **how), sound, skip=skip)


CONTAINERS = [
    ("mp4", "aac"),
    ("mkv", "aac"),
    ("mkv", "pcm_s16le"),
    ("mov", "pcm_s16le"),
    ("avi", "pcm_s16le"),
]


@pytest.mark.parametrize("recording", RECORDINGS, ids=describe)
def test_a_click_and_a_flash_of_the_same_time_stay_together(recording: Recording, tmp_path: Path) -> None:
    flashes_s, clicks_s = click_and_flash(recording, tmp_path / f"clip.{recording.suffix}")
    first_shown_s = recording.picture_s + recording.cut_s
    assert flashes_s == pytest.approx([time_s - first_shown_s for time_s in EVENTS_S], abs=float(1 / recording.fps))
    assert clicks_s == pytest.approx(flashes_s, abs=0.002)


def test_segments_lie_where_the_picture_shows_them(audio_params: Callable[..., AudioParams], tmp_path: Path) -> None:
    recording = next(one for one in RECORDINGS if one.sound_s)
    flashes_s, _ = click_and_flash(recording, tmp_path / f"clip.{recording.suffix}")
    waveform = extract_waveform(tmp_path / f"clip.{recording.suffix}", max_duration_s=60)
    segments = cut(waveform, audio_params(segment_s=0.44, segment_step_s=0.44))
    clicks_s = [segment.start_s + time_s for segment in segments for time_s in click_times_s(segment.samples)]
    assert clicks_s == pytest.approx(flashes_s, abs=0.002)


@pytest.mark.parametrize("shown_s", [0.5, 3.0])
def test_sound_keeps_its_own_length_beside_a_shorter_or_longer_picture(shown_s: float, tmp_path: Path) -> None:
    path = write_media(tmp_path / "clip.mkv", clicks(1.5, [0.5, 1.25]), shown_s=shown_s)
    waveform = extract_waveform(path, max_duration_s=60)
    assert len(waveform) == pytest.approx(1.5 * 16_000, abs=2)
    assert click_times_s(waveform) == pytest.approx([0.5, 1.25], abs=0.002)


@pytest.mark.parametrize(("suffix", "codec"), CONTAINERS)
def test_a_click_is_where_the_picture_shows_it(suffix: str, codec: str, tmp_path: Path) -> None:
    path = write_media(tmp_path / f"clip.{suffix}", clicks(2.0, [0.5, 1.5]), audio=codec)
    assert click_times_s(extract_waveform(path, max_duration_s=60)) == pytest.approx([0.5, 1.5], abs=0.02)


@pytest.mark.parametrize(("suffix", "codec"), CONTAINERS[:4])
def test_sound_that_starts_late_is_preceded_by_silence(suffix: str, codec: str, tmp_path: Path) -> None:
    path = write_media(tmp_path / f"clip.{suffix}", clicks(1.5, [0.5]), audio=codec, sound_s=0.32)
    waveform = extract_waveform(path, max_duration_s=60)
    assert click_times_s(waveform) == pytest.approx([0.82], abs=0.02)
    assert np.abs(waveform[: round(0.3 * 16_000)]).max() == 0


@pytest.mark.parametrize(("suffix", "codec"), CONTAINERS[:4])
def test_sound_before_the_first_picture_is_cut_off(suffix: str, codec: str, tmp_path: Path) -> None:
    path = write_media(tmp_path / f"clip.{suffix}", clicks(2.0, [0.1, 1.5]), audio=codec, picture_s=0.4)
    waveform = extract_waveform(path, max_duration_s=60)
    assert click_times_s(waveform) == pytest.approx([1.1], abs=0.02)
    assert len(waveform) == pytest.approx(1.6 * 16_000, abs=0.03 * 16_000)


def test_a_gap_in_the_sound_is_filled_with_zeros(tmp_path: Path) -> None:
    sound = clicks(2.0, [0.2, 1.6]) + 0.05 * tone(2.0, 48_000)
    path = write_media(tmp_path / "clip.mkv", sound, skip=lambda time_s: 0.5 < time_s < 1.2)
    waveform = extract_waveform(path, max_duration_s=60)
    assert click_times_s(waveform) == pytest.approx([0.2, 1.6], abs=0.02)
    assert np.abs(waveform[round(0.55 * 16_000) : round(1.15 * 16_000)]).max() == 0


@pytest.mark.parametrize("sound_s", [0.0, 3.0])
def test_sound_without_a_picture_counts_from_its_own_start(sound_s: float, tmp_path: Path) -> None:
    path = write_media(tmp_path / "sound.mkv", clicks(1.0, [0.25]), shown_s=None, sound_s=sound_s)
    assert click_times_s(extract_waveform(path, max_duration_s=60)) == pytest.approx([0.25], abs=0.02)


def test_a_wav_of_16_khz_mono_comes_out_value_by_value(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(-32_768, 32_767, 20_000).astype(np.float32) / np.float32(32_768)
    path = write_media(tmp_path / "sound.wav", values, rate_hz=16_000, shown_s=None)
    waveform = extract_waveform(path, max_duration_s=60)
    assert waveform.dtype == np.float32
    assert waveform.tolist() == values.tolist()


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_any_rate_keeps_pitch_level_and_length(rate_hz: int, tmp_path: Path) -> None:
    path = write_media(tmp_path / "sound.wav", tone(1.0, rate_hz), rate_hz=rate_hz, shown_s=None)
    waveform = extract_waveform(path, max_duration_s=60)
    assert len(waveform) == pytest.approx(16_000, abs=2)
    assert int(np.argmax(np.abs(np.fft.rfft(waveform, 16_000)))) == 440
    assert np.abs(waveform[2000:14_000]).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("layout", "n_channels"), [("stereo", 2), ("quad", 4), ("5.1", 6), ("6.1", 7)])
def test_equal_full_channels_are_mixed_without_clipping(layout: str, n_channels: int, tmp_path: Path) -> None:
    sound = np.tile(tone(0.5, 48_000, amplitude=0.9), (n_channels, 1))
    path = write_media(tmp_path / "sound.wav", sound, layout=layout, shown_s=None)
    waveform = extract_waveform(path, max_duration_s=60)
    assert np.abs(waveform[1000:7000]).max() == pytest.approx(0.9, abs=0.02)


def test_the_centre_of_aac_surround_is_in_step(tmp_path: Path) -> None:
    sound = np.zeros((6, 96_000), dtype=np.float32)
    sound[2] = clicks(2.0, [0.5])
    path = write_media(tmp_path / "clip.mp4", 1.2 * sound, audio="aac", layout="5.1")
    waveform = extract_waveform(path, max_duration_s=60)
    assert np.argmax(np.abs(waveform)) / 16_000 == pytest.approx(0.502, abs=0.02)


def test_sound_after_the_longest_duration_is_left_out(tmp_path: Path) -> None:
    path = write_media(tmp_path / "sound.wav", tone(2.0, 48_000), shown_s=None)
    whole = extract_waveform(path, max_duration_s=60)
    assert extract_waveform(path, max_duration_s=0.75).tolist() == whole[:12_000].tolist()


def test_sound_that_begins_after_the_longest_duration_is_none(tmp_path: Path) -> None:
    path = write_media(tmp_path / "clip.mkv", clicks(0.5, [0.1]), sound_s=1.6)
    with pytest.raises(BadMedia, match=r"undecodable: clip.mkv: no sound decodes in the first 1 s"):
        extract_waveform(path, max_duration_s=1.0)


def test_sound_that_ends_before_the_first_picture_is_empty(tmp_path: Path) -> None:
    path = write_media(tmp_path / "clip.mkv", clicks(0.5, [0.1]), picture_s=1.0)
    assert extract_waveform(path, max_duration_s=60).tolist() == []


def test_a_video_without_sound_is_no_audio(tmp_path: Path) -> None:
    path = write_media(tmp_path / "mute.mp4", None)
    with pytest.raises(BadMedia, match=r"no_audio: mute.mp4"):
        extract_waveform(path, max_duration_s=60)


@pytest.mark.parametrize("content", [b"", b"not a video", bytes(5000)])
def test_a_file_that_is_no_media_is_undecodable(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(BadMedia, match=r"undecodable: broken.mp4"):
        extract_waveform(path, max_duration_s=60)


def test_a_truncated_file_keeps_its_beginning(tmp_path: Path) -> None:
    path = write_media(tmp_path / "clip.mkv", clicks(2.0, [0.3, 1.8]))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    waveform = extract_waveform(path, max_duration_s=60)
    assert click_times_s(waveform) == pytest.approx([0.3], abs=0.02)
    assert 0.8 * 16_000 < len(waveform) < 1.5 * 16_000


def test_an_mp4_without_its_index_is_undecodable(tmp_path: Path) -> None:
    path = write_media(tmp_path / "clip.mp4", clicks(2.0, [0.3]), audio="aac")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BadMedia, match=r"undecodable: clip.mp4"):
        extract_waveform(path, max_duration_s=60)


def test_damage_in_the_middle_leaves_the_rest_in_its_place(tmp_path: Path) -> None:
    sound = clicks(4.0, [0.5, 3.5]) + 0.05 * tone(4.0, 48_000)
    path = write_media(tmp_path / "clip.mp4", sound, audio="aac", shown_s=0.2)
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = np.random.default_rng(0).bytes(third)
    path.write_bytes(content)
    waveform = extract_waveform(path, max_duration_s=60)
    assert len(waveform) == pytest.approx(4.0 * 16_000, abs=0.05 * 16_000)
    assert click_times_s(waveform[:16_000]) == pytest.approx([0.5], abs=0.02)
    assert click_times_s(waveform[3 * 16_000 :]) == pytest.approx([0.5], abs=0.02)


def test_a_rate_that_changes_on_the_way_is_followed(tmp_path: Path) -> None:
    parts = [tone(1.0, 48_000), tone(1.0, 44_100)]
    rates_hz = [48_000, 44_100]
    names = [tmp_path / "first.aac", tmp_path / "second.aac"]
    for part, rate_hz, name in zip(parts, rates_hz, names, strict=True):
        write_media(name, part, audio="aac", rate_hz=rate_hz, shown_s=None)
    both = tmp_path / "both.aac"
    both.write_bytes(b"".join(name.read_bytes() for name in names))
    waveform = extract_waveform(both, max_duration_s=60)
    for start in (3200, 20_000):
        half_second = np.hanning(8000) * waveform[start : start + 8000]
        assert 2 * int(np.argmax(np.abs(np.fft.rfft(half_second)))) == 440


def test_a_cover_image_is_no_picture_to_keep_step_with(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        cover = container.add_stream("mjpeg", rate=1, width=64, height=48, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        audio = container.add_stream("aac", rate=48_000, layout="mono")
        container.mux(cover.encode(pictures(Recording(suffix="m4a", shown_s=0.04))[0]))
        for _, frame in blocks(clicks(1.0, [0.25]), audio, 0.5):
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    aac_priming_s = 1024 / 48_000
    clicks_s = click_times_s(extract_waveform(path, max_duration_s=60))
    assert clicks_s == pytest.approx([0.25 + aac_priming_s], abs=0.02)


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    path = write_media(tmp_path / "clip.mp4", tone(1.0, 44_100), audio="aac", rate_hz=44_100)
    first, second = (extract_waveform(path, max_duration_s=60) for _ in range(2))
    assert first.tobytes() == second.tobytes()

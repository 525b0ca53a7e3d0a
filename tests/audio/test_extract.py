"""Sound is decoded to 16 kHz mono, in step with the picture, whatever the container does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import ffmpeg
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
from pipeline.audio.extract import extract_waveform, joined, of_sound, played_sound
from pipeline.audio.reading import SoundRange, SoundReading
from pipeline.audio.segment import cut
from pipeline.audio.settings import AudioParams
from pipeline.core.base.errors import BadMedia
from pipeline.video.clock import clock_of
from pipeline.video.ffmpeg_program import run_ffmpeg


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


def remuxed(source: Path, out: Path, late_s: Callable[[int], float]) -> Path:
    """Copy the packets of ``source``; the stamps of the n-th of the sound are later by ``late_s(n)``."""
    n_sound = 0
    with av.open(str(source)) as given, av.open(str(out), "w") as container:
        streams = {stream.index: container.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                ticks = round(late_s(n_sound) / packet.time_base)
                packet.dts += ticks
                packet.pts = packet.dts
                n_sound += 1
            packet.stream = streams[packet.stream.index]
            container.mux(packet)
    return out


def noise_and_clicks(duration_s: float, at_s: list[float], rate_hz: int = 48_000) -> Sound:
    noise = 0.02 * np.random.default_rng(3).standard_normal(round(duration_s * rate_hz))
    return (clicks(duration_s, at_s, rate_hz) + noise).astype(np.float32)


STAMPED = [("mp4", "aac"), ("mov", "aac"), ("mkv", "aac"), ("webm", "libopus"), ("ts", "aac"), ("flv", "aac")]


def late_sound(path: Path, codec: str, rate_hz: int = 48_000) -> Path:
    """Write 3 s of sound that starts 0.2 s after a picture; block by block, as captured."""
    video = {"webm": "libvpx", "flv": "flv", "ts": "libx264"}.get(path.suffix[1:], "mpeg4")
    recording = Recording(
        suffix=path.suffix[1:], video=video, audio=codec, shown_s=3.2, sound_s=0.2, rate_hz=rate_hz, layout="mono"
    )
    return write_recording(path, recording, noise_and_clicks(3.0, [0.3, 2.3], rate_hz))


def in_fours(n: int) -> float:
    """Four packets 10 ms early, four late, ..., as of a capture device."""
    return 0.01 * (-1 if n % 8 < 4 else 1)


def in_waves(n: int) -> float:
    """Up to 30 ms early and late within half a second."""
    return 0.03 * float(np.sin(2 * np.pi * n / 24))


@pytest.mark.parametrize("late_s", [in_fours, in_waves])
@pytest.mark.parametrize(("suffix", "codec"), STAMPED)
def test_sound_whose_stamps_wobble_equals_the_clean_one_sample_for_sample(
    suffix: str, codec: str, late_s: Callable[[int], float], tmp_path: Path
) -> None:
    source = late_sound(tmp_path / f"source.{suffix}", codec)
    clean = extract_waveform(remuxed(source, tmp_path / f"clean.{suffix}", lambda _: 0.0), max_duration_s=60)
    wobbling = extract_waveform(remuxed(source, tmp_path / f"wobbling.{suffix}", late_s), max_duration_s=60)
    if codec == "libopus":  # the first packet's stamp, of which a part is left out, is rounded otherwise: to 1 ms
        later = len(clean) - len(wobbling)
        assert abs(later) <= 16
        clean = clean[later:]
    assert np.array_equal(wobbling, clean)


def test_stamps_off_at_random_tear_no_hole_into_the_sound(tmp_path: Path) -> None:
    source = late_sound(tmp_path / "source.mkv", "aac")
    off_s = np.random.default_rng(0).uniform(-0.01, 0.01, 400)
    wobbling = extract_waveform(remuxed(source, tmp_path / "w.mkv", lambda n: float(off_s[n])), max_duration_s=60)
    clean = extract_waveform(source, max_duration_s=60)
    late = round(click_times_s(wobbling)[0] * 16_000) - round(click_times_s(clean)[0] * 16_000)
    assert abs(late) <= 0.01 * 16_000
    assert np.array_equal(wobbling[5000 + late : 45_000 + late], clean[5000:45_000])


def test_a_gap_that_is_longer_than_what_the_stamps_wobble_by_is_kept(tmp_path: Path) -> None:
    """Two packets of 21 ms are lost."""
    source = late_sound(tmp_path / "source.mkv", "aac")
    gap_s = 2 * 1024 / 48_000
    path = remuxed(source, tmp_path / "w.mkv", lambda n: 0.009 * (-1) ** n + gap_s * (n >= 60))
    first_s, second_s = click_times_s(extract_waveform(path, max_duration_s=60))
    assert second_s - first_s == pytest.approx(2.0 + gap_s, abs=0.016)


@pytest.mark.parametrize("drift", [0.004, -0.004])
def test_stamps_that_drift_are_followed_smoothly(drift: float, tmp_path: Path) -> None:
    """Two clocks that differ: without holes, and the sound ends where the stamps say, to 15 ms."""
    recording = Recording(suffix="mkv", audio="aac", shown_s=1.0)
    sound = noise_and_clicks(12.0, [0.5, 11.0])
    source = write_recording(tmp_path / "source.mkv", recording, sound)
    drifting = remuxed(source, tmp_path / "drift.mkv", lambda n: n * drift * 1024 / 48_000)
    waveform = extract_waveform(drifting, max_duration_s=60)
    assert click_times_s(waveform)[1] == pytest.approx(11.0 * (1 + drift), abs=0.02)
    quiet = np.convolve(np.abs(waveform[1000:-1000]), np.ones(32), "valid")
    assert quiet.min() > 0


RANGES_S = [(0.2, 1.0), (2.3, 4.3), (4.513, 5.5), (6.5, 30.0)]
SOUGHT = [
    ("mp4", "libx264", "aac", 44_100),
    ("mov", "mpeg4", "pcm_s16le", 44_100),
    ("mkv", "libx264", "flac", 44_100),
    ("mkv", "libx264", "aac", 48_000),
    ("webm", "libvpx", "libopus", 48_000),
    ("ts", "libx264", "aac", 44_100),
    ("flv", "flv", "libmp3lame", 44_100),
    ("avi", "mpeg4", "libmp3lame", 44_100),
]


def vowels(duration_s: float, rate_hz: int) -> Sound:
    """Tones that glide and swell, so that no two stretches are alike."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    phase = 2 * np.pi * (150 * time_s + 40 / 7 * np.sin(7 * time_s))
    swelling = 0.1 + 0.05 * np.sin(3 * time_s)
    tones = [swelling * np.sin(number * phase) / number for number in range(1, 9)]
    return np.asarray(np.sum(tones, axis=0), np.float32)


@pytest.mark.parametrize(("suffix", "video", "codec", "rate_hz"), SOUGHT)
def test_a_range_has_the_samples_of_decoding_from_the_start(
    suffix: str, video: str, codec: str, rate_hz: int, tmp_path: Path
) -> None:
    recording = Recording(suffix=suffix, video=video, audio=codec, rate_hz=rate_hz, shown_s=8.0)
    path = write_recording(tmp_path / f"clip.{suffix}", recording, vowels(8.0, rate_hz))
    whole = extract_waveform(path, max_duration_s=60)
    for start_s, end_s in RANGES_S:
        part = extract_waveform(path, max_duration_s=60, start_s=start_s, end_s=end_s)
        expected = whole[round(start_s * 16_000) : round(end_s * 16_000)]
        assert len(part) == len(expected)
        # Opus' decoder converges, and where AAC fills bands with noise, that depends on all that was decoded.
        assert np.abs(part - expected).max() <= (0.001 if codec in ("aac", "libopus") else 0)


def test_the_limit_on_length_counts_from_the_start_of_the_range(tmp_path: Path) -> None:
    path = write_media(tmp_path / "sound.wav", tone(3.0, 48_000), shown_s=None)
    whole = extract_waveform(path, max_duration_s=60)
    part = extract_waveform(path, max_duration_s=0.5, start_s=2.0, end_s=3.0)
    assert part.tolist() == whole[32_000:40_000].tolist()


@pytest.mark.parametrize("end_s", [0.0, -1.0])
def test_a_range_that_ends_before_it_starts_is_empty(end_s: float, tmp_path: Path) -> None:
    """Of a clip shorter than the offset of its sound."""
    path = write_media(tmp_path / "sound.wav", tone(1.0, 48_000), shown_s=None)
    assert len(extract_waveform(path, max_duration_s=60, start_s=0.0, end_s=end_s)) == 0


def test_the_cost_of_a_range_follows_its_length(tmp_path: Path) -> None:
    path = write_media(tmp_path / "clip.mp4", tone(12.0, 48_000), audio="aac")
    wanted = SoundRange(max_duration_s=60, start_s=9.0, end_s=10.0, has_jumps=False)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(SoundReading(container, stream, clock_of(path, has_jumps=False), wanted).frames)
    assert sum(frame.samples for frame in frames) / 48_000 == pytest.approx(1.6, abs=0.1)


@pytest.mark.parametrize(("start_s", "is_behind"), [(1.99, False), (2.01, True), (30.0, True)])
def test_a_range_behind_the_end_of_picture_and_sound_is_a_bad_range(
    start_s: float, is_behind: bool, tmp_path: Path
) -> None:
    path = write_media(tmp_path / "clip.mp4", tone(1.0, 48_000), audio="aac")  # the picture lasts 2 s
    if is_behind:
        with pytest.raises(BadMedia, match=r"bad_range: clip.mp4 ends at 2\.000 s, before the range that starts at"):
            extract_waveform(path, max_duration_s=60, start_s=start_s, end_s=start_s + 6)
    else:
        assert extract_waveform(path, max_duration_s=60, start_s=start_s, end_s=start_s + 6).tolist() == []


def read(path: Path) -> tuple[np.ndarray, str]:
    return of_sound(path, SoundRange(max_duration_s=60), joined)


@pytest.mark.parametrize(
    ("right", "channel"),
    [(-1.0, "FL"), (-0.9, "FL"), (-1.2, "FR"), (-0.5, "FL"), (-0.3, "mix"), (0.0, "mix"), (1.0, "mix")],
)
def test_where_mixing_cancels_the_voice_the_louder_channel_is_read(right: float, channel: str, tmp_path: Path) -> None:
    """The limit is 10 dB: the mix of 1 and -0.5 is 12 dB below the louder, of 1 and -0.3 it is 9.1 dB."""
    left = 0.5 * tone(1.0, 48_000)
    path = write_media(tmp_path / "s.wav", np.stack([left, right * left]), layout="stereo", shown_s=None)
    waveform, found = read(path)
    assert found == channel
    level = {"FL": 0.25, "FR": 0.3, "mix": 0.25 * (1 + right) / 2}[channel]
    assert np.abs(waveform[2000:14_000]).max() == pytest.approx(level, abs=0.01)


@pytest.mark.parametrize(("n_inverted", "channel"), [(1, "mix"), (2, "FL"), (5, "FL")])
def test_a_channel_is_read_where_the_mix_cancels_the_voice_in_a_quarter_of_the_sound(
    n_inverted: int, channel: str, tmp_path: Path
) -> None:
    """Seconds of five."""
    left = 0.5 * tone(5.0, 48_000)
    right = np.where(np.arange(len(left)) < (5 - n_inverted) * 48_000, left, -left)
    path = write_media(tmp_path / "s.wav", np.stack([left, right]), layout="stereo", shown_s=None)
    waveform, found = read(path)
    assert found == channel
    assert np.abs(waveform[-4000:-400]).max() == pytest.approx(0.0 if channel == "mix" else 0.25, abs=0.01)


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_f32le", "flac"])
def test_the_channel_is_found_in_samples_of_any_format(codec: str, tmp_path: Path) -> None:
    left = tone(0.5, 48_000)
    path = write_media(tmp_path / "s.mkv", np.stack([-left, left]), layout="stereo", audio=codec, shown_s=None)
    waveform, found = read(path)
    assert found == "FL"
    assert np.abs(waveform[1000:7000]).max() == pytest.approx(0.5, abs=0.02)


def test_a_voice_in_the_centre_of_surround_is_mixed_and_an_inverted_one_in_front_is_read(tmp_path: Path) -> None:
    front, silent = tone(0.5, 48_000), np.zeros(24_000, np.float32)
    centre = write_media(
        tmp_path / "c.wav", np.stack([silent, silent, front, silent, silent, silent]), layout="5.1", shown_s=None
    )
    inverted = write_media(
        tmp_path / "i.wav", np.stack([front, -front, silent, silent, silent, silent]), layout="5.1", shown_s=None
    )
    assert (read(centre)[1], read(inverted)[1]) == ("mix", "FL")


def test_sound_of_two_ranges_chooses_its_channel_in_each(tmp_path: Path) -> None:
    left = np.tile(0.5 * tone(1.0, 48_000), 2)
    right = np.concatenate([-left[:48_000], left[48_000:]])
    path = write_media(tmp_path / "s.wav", np.stack([left, right]), layout="stereo", shown_s=None)
    ranges = [SoundRange(max_duration_s=60, start_s=start_s, end_s=start_s + 0.9) for start_s in (0.0, 1.0)]
    assert [of_sound(path, one, joined)[1] for one in ranges] == ["FL", "mix"]


def test_the_sound_that_is_played_is_stereo_at_the_given_rate(tmp_path: Path) -> None:
    stereo = write_media(tmp_path / "s.wav", tone(1.0, 48_000), shown_s=None)
    path = tmp_path / "clip.mkv"
    run_ffmpeg(ffmpeg.input(str(stereo)).output(str(path), acodec="pcm_s16le", ar=192_000, ac=8))
    sound = np.concatenate(list(played_sound(path, rate_hz=48_000)))
    assert sound.shape[1] == 2
    assert len(sound) == pytest.approx(48_000, abs=5)
    assert int(np.argmax(np.abs(np.fft.rfft(sound[:, 0], 48_000)))) == 440

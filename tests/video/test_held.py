"""A media file is a video, a still picture or sound alone by its content, and what it is listed as must be true."""

import wave
from pathlib import Path

import ffmpeg
import numpy as np
import pytest
from PIL import Image

from pipeline.core.base import images
from pipeline.core.base.errors import BadMedia
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.held import hold
from pipeline.video.still import read_still
from tests.video.conftest import write_video

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
SECONDS = 0.7


def write_wav(path: Path, seconds: float = SECONDS) -> Path:
    tone = (8000 * np.sin(np.arange(round(16_000 * seconds)) / 8)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(tone.tobytes())
    return path


def with_cover(sound: Path, path: Path) -> Path:
    Image.fromarray(PICTURE).save(path.with_suffix(".jpg"))
    both = ffmpeg.input(sound), ffmpeg.input(path.with_suffix(".jpg"))
    run_ffmpeg(ffmpeg.output(*both, str(path), **{"c:v": "copy", "disposition:v:0": "attached_pic"}))
    return path


def reason_of(path: Path, promised: str | None = None) -> str:
    with pytest.raises(BadMedia) as error:
        hold(path, promised)
    assert path.name in error.value.detail
    return error.value.reason


@pytest.mark.parametrize(
    ("suffix", "codec"), [("jpg", "jpeg"), ("png", "png"), ("webp", "webp"), ("lossless.webp", "webp")]
)
def test_a_picture_is_one_frame_without_sound(suffix: str, codec: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(PICTURE).save(path, **({"lossless": True} if "lossless" in suffix else {}))
    held = hold(path, None)
    assert (held.kind, held.duration_s, held.fps, held.size_px) == ("picture", 0.0, None, (40, 24))
    assert (held.columns["video_codec"], held.columns["has_audio"], held.columns["n_frames_stated"]) == (
        codec,
        False,
        1,
    )
    if codec != "jpeg" and suffix != "webp":
        assert np.array_equal(read_still(path), PICTURE)


def test_the_size_of_a_picture_is_that_of_the_upright_one(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    for suffix in ("jpg", "png", "webp"):
        Image.fromarray(PICTURE).save(tmp_path / f"a.{suffix}", exif=turned)
        assert hold(tmp_path / f"a.{suffix}", "picture").size_px == (24, 40)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "m4a", "aac"])
def test_sound_alone_has_its_length_and_no_picture(suffix: str, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav")
    if suffix != "wav":
        run_ffmpeg(ffmpeg.input(path).output(str(tmp_path / f"b.{suffix}")))
        path = tmp_path / f"b.{suffix}"
    held = hold(path, None)
    assert (held.kind, held.size_px, held.columns["has_audio"], held.columns["fps"]) == ("sound", None, True, None)
    assert held.duration_s == pytest.approx(SECONDS, abs=0.14)  # of compressed sound, with what the coder adds
    assert suffix != "wav" or held.duration_s == SECONDS


@pytest.mark.parametrize("suffix", ["m4a", "mp3", "flac"])
def test_sound_with_a_cover_is_sound_alone(suffix: str, tmp_path: Path) -> None:
    path = with_cover(write_wav(tmp_path / "a.wav"), tmp_path / f"b.{suffix}")
    held = hold(path, None)
    assert (held.kind, held.size_px) == ("sound", None)


def test_a_video_with_sound_or_without_is_a_video_and_may_be_taken_as_sound(video: Path, tmp_path: Path) -> None:
    mute = write_video(tmp_path / "mute.mp4", sound=False)
    assert [hold(path, None).kind for path in (video, mute)] == ["video", "video"]
    as_sound = hold(video, "sound")
    assert (as_sound.kind, as_sound.size_px, as_sound.columns) == ("sound", None, hold(video, "video").columns)
    assert reason_of(mute, "sound") == "no_audio"


def test_what_moves_is_a_video_and_an_animated_webp_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE)]
    for suffix in ("gif", "png", "webp"):
        frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], duration=400)
    assert [hold(tmp_path / f"a.{suffix}", None).kind for suffix in ("gif", "png")] == ["video", "video"]
    with pytest.raises(BadMedia, match=r"undecodable: .*found an animated one"):
        hold(tmp_path / "a.webp", None)


def test_a_damaged_picture_or_video_is_nothing_else(video: Path, tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:700])
    assert reason_of(tmp_path / "a.png") == "undecodable"
    content = bytearray(write_video(tmp_path / "x.mp4").read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:end] = b"\xff" * (end - start)
    (tmp_path / "x.mp4").write_bytes(content)
    assert reason_of(tmp_path / "x.mp4") == "undecodable"


def test_a_file_with_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nNo picture, no sound.\n")
    assert reason_of(tmp_path / "a.srt") in ("no_media", "undecodable")
    write_wav(tmp_path / "a.wav")
    (tmp_path / "list.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.7,\n{tmp_path / 'a.wav'}\n#EXT-X-ENDLIST\n"
    )
    assert reason_of(tmp_path / "list.m3u8") in ("no_media", "undecodable")


def test_another_kind_than_was_promised_is_refused(video: Path, tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "a.wav")
    Image.fromarray(PICTURE).save(tmp_path / "a.jpg")
    assert reason_of(sound, "video") == reason_of(tmp_path / "a.jpg", "video") == "no_video"
    assert reason_of(tmp_path / "a.jpg", "sound") == "no_audio"
    assert reason_of(video, "picture") == "undecodable"


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_pixels_are_bounded_before_they_are_decoded(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", PICTURE.shape[0] * PICTURE.shape[1])
    for width, kind in ((40, "picture"), (41, "too_large")):
        path = tmp_path / f"{width}.{suffix}"
        Image.new("RGB", (width, 24)).save(path)
        assert (hold(path, None).kind if kind == "picture" else reason_of(path)) == kind


def test_a_picture_of_a_hundred_megapixels_is_too_large(tmp_path: Path) -> None:
    Image.new("L", (10_000, 10_000)).save(tmp_path / "a.png")
    assert reason_of(tmp_path / "a.png") == "too_large"

"""One choice of picture and sound: what players take, and no cover."""

from pathlib import Path
from typing import Any

import av
import ffmpeg
import numpy as np
import pytest
from PIL import Image

from pipeline.core.base.errors import BadMedia
from pipeline.video.decode import grey_frames
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.probe import probe
from pipeline.video.streams import picture_stream, sound_stream


def colour(size: str, *, rate: int = 25) -> Any:
    return ffmpeg.input(f"testsrc=s={size}:r={rate}:d=1", f="lavfi")


def tone(frequency_hz: int, rate_hz: int = 48_000) -> Any:
    return ffmpeg.input(f"sine={frequency_hz}:r={rate_hz}:d=1", f="lavfi")


def written(path: Path, *streams: Any, **options: Any) -> Path:
    run_ffmpeg(ffmpeg.output(*streams, str(path), **options))
    return path


def chosen(path: Path) -> tuple[int, int]:
    with av.open(str(path)) as container:
        return picture_stream(path, container).index, sound_stream(path, container).index


@pytest.fixture(scope="module")
def cover(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that is larger than the video."""
    path = tmp_path_factory.mktemp("cover") / "cover.png"
    Image.fromarray(np.full((480, 640, 3), 255, np.uint8)).save(path)
    return path


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "png"), ("mkv", "mjpeg"), ("mp4", "mjpeg"), ("mov", "png")])
def test_a_cover_without_a_mark_is_no_picture(
    suffix: str, codec: str, is_first: bool, cover: Path, tmp_path: Path
) -> None:
    pictures = [ffmpeg.input(str(cover)), colour("64x48")]
    at = 0 if is_first else 1
    codecs = {f"c:v:{at}": codec, f"c:v:{1 - at}": "libx264", "disposition:v": "0"}
    path = written(tmp_path / f"a.{suffix}", *(pictures if is_first else pictures[::-1]), tone(300), **codecs)
    assert chosen(path) == (1 - at, 2)
    held = probe(path)
    assert (held.video_codec, held.width_px) == ("h264", 64)
    assert len(list(grey_frames(path, max_side_px=64))) == 25


def test_of_two_videos_the_default_is_taken_and_without_one_the_larger(tmp_path: Path) -> None:
    videos = colour("64x48"), colour("128x96"), tone(300)
    marked = {"disposition:v:0": "default", "disposition:v:1": "0"}
    assert chosen(written(tmp_path / "a.mkv", *videos, **marked))[0] == 0
    assert chosen(written(tmp_path / "b.mkv", *videos, **{"disposition:v": "0"}))[0] == 1


def test_a_track_of_few_large_pictures_is_no_video(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.mp4", colour("128x96", rate=2), colour("64x48"), tone(300), **{"fps_mode": "passthrough"}
    )
    assert chosen(path)[0] == 1


@pytest.mark.parametrize(
    ("marks", "index"),
    [
        (("0", "default"), 2),
        (("0", "0"), 1),
        (("default", "default"), 1),
        (("comment", "0"), 2),
        (("default+comment", "0"), 2),
        (("visual_impaired", "0"), 2),
        (("hearing_impaired", "comment"), 1),
    ],
)
def test_the_sound_is_the_one_that_players_take(marks: tuple[str, str], index: int, tmp_path: Path) -> None:
    """Not the one of the higher rate, which is the second."""
    named = {f"disposition:a:{number}": mark for number, mark in enumerate(marks)}
    path = written(tmp_path / "a.mkv", colour("64x48"), tone(300, 16_000), tone(600), acodec="pcm_s16le", **named)
    assert chosen(path) == (0, index)
    assert probe(path).audio_rate_hz == (16_000 if index == 1 else 48_000)


def test_without_sound_the_reason_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "mute.mp4", colour("64x48"))
    with av.open(str(path)) as container, pytest.raises(BadMedia, match=r"no_audio: mute.mp4: no audio stream"):
        sound_stream(path, container)

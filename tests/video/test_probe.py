"""What a probe reports about a file, against what wrote it; and the files it refuses."""

from pathlib import Path
from typing import Any

import ffmpeg
import pytest
from PIL import Image

from pipeline.core.base.errors import BadMedia
from pipeline.video import probe as module
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.picture import PictureForm
from pipeline.video.probe import Probe, probe
from tests.video.conftest import write_video


def test_a_video_with_sound_is_described_as_it_was_written(video: Path) -> None:
    assert probe(video) == Probe(
        duration_s=0.4,
        width_px=64,
        height_px=48,
        form=PictureForm(
            rotation_deg=0,
            is_mirrored=False,
            pixel_aspect=1.0,
            colour_matrix="bt601",
            colour_primaries="bt709",
            colour_transfer="sdr",
            colour_range="video",
            is_interlaced=False,
            first_line=0,
        ),
        fps=25.0,
        n_frames_stated=10,
        video_codec="mpeg4",
        has_audio=True,
        audio_codec="aac",
        audio_rate_hz=16_000,
        has_jumps=False,
    )


def test_without_sound_the_audio_columns_are_empty(tmp_path: Path) -> None:
    held = probe(write_video(tmp_path / "mute.mp4", sound=False))
    assert (held.has_audio, held.audio_codec, held.audio_rate_hz) == (False, None, None)


CODECS = {".webm": {"vcodec": "libvpx", "acodec": "libopus"}, ".ts": {"vcodec": "mpeg2video", "acodec": "aac"}}


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".mov", ".ts", ".webm"])
def test_the_duration_is_right_in_every_container(suffix: str, video: Path, tmp_path: Path) -> None:
    codecs = CODECS.get(suffix, {"codec": "copy"})
    run_ffmpeg(ffmpeg.input(video).output(str(tmp_path / f"talk{suffix}"), **codecs))
    held = probe(tmp_path / f"talk{suffix}")
    assert held.duration_s == pytest.approx(0.4, abs=0.08)  # Matroska states the longer of picture and sound
    assert (held.width_px, held.height_px, held.has_audio) == (64, 48, True)


def test_a_container_without_a_duration_is_read_to_its_end(video: Path, tmp_path: Path) -> None:
    piped = tmp_path / "live.webm"
    written = ffmpeg.input(video).output("pipe:", vcodec="libvpx", an=None, live=1, format="webm")
    piped.write_bytes(run_ffmpeg(written))
    assert probe(piped).duration_s == pytest.approx(0.4, abs=0.05)


def reason_for(path: Path) -> str:
    with pytest.raises(BadMedia) as error:
        probe(path)
    assert str(path) in error.value.detail
    return error.value.reason


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    assert reason_for(tmp_path / "none.mp4") == "not_found"


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"<html>no video</html>"])
def test_bytes_that_are_no_media_are_undecodable(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(content)
    assert reason_for(tmp_path / "x.mp4") == "undecodable"


def test_a_file_cut_before_its_index_is_undecodable(video: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:4000])
    assert reason_for(tmp_path / "cut.mp4") == "undecodable"


def test_a_file_whose_pictures_are_garbage_is_undecodable(tmp_path: Path) -> None:
    content = bytearray(write_video(tmp_path / "x.mp4", sound=False).read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:end] = b"\xff" * (end - start)
    (tmp_path / "x.mp4").write_bytes(content)
    assert reason_for(tmp_path / "x.mp4") == "undecodable"


def test_sound_alone_is_no_video_even_with_cover_art(video: Path, tmp_path: Path) -> None:
    sound, cover = tmp_path / "sound.m4a", tmp_path / "cover.jpg"
    run_ffmpeg(ffmpeg.input(video).output(str(sound), vn=None, codec="copy"))
    assert reason_for(tmp_path / "sound.m4a") == "no_video"
    Image.new("RGB", (32, 32)).save(cover)
    both = ffmpeg.input(sound), ffmpeg.input(cover)
    covered = {"codec": "copy", "disposition:v:0": "attached_pic"}
    run_ffmpeg(ffmpeg.output(*both, str(tmp_path / "covered.m4a"), **covered))
    assert reason_for(tmp_path / "covered.m4a") == "no_video"


def test_a_still_picture_is_no_video(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "still.png")
    (tmp_path / "still.png").rename(tmp_path / "still.mp4")
    assert reason_for(tmp_path / "still.mp4") == "no_video"


def test_a_playlist_that_names_other_files_is_refused(video: Path, tmp_path: Path) -> None:
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\n{video}\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.mp4").write_text(text)
    assert reason_for(tmp_path / "list.mp4") in ("undecodable", "no_video")


@pytest.mark.parametrize(("name", "reason"), [("MAX_PIXELS", "too_large"), ("MAX_DURATION_S", "too_long")])
def test_a_file_on_the_limit_is_taken_and_one_past_it_is_refused(
    name: str, reason: str, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit: Any = {"MAX_PIXELS": 64 * 48, "MAX_DURATION_S": 0.4}[name]
    monkeypatch.setattr(module, name, limit)
    assert probe(video).n_frames_stated == 10
    monkeypatch.setattr(module, name, limit * 0.99)
    assert reason_for(video) == reason

"""ffmpeg, the program: encode frames and sound by its own words, and decode pictures and sound to arrays."""

import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-threads", "1")
H264_RGB = ("-c:v", "libx264rgb", "-preset", "veryfast", "-crf", "10", "-threads", "1")
H265 = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "10", "-x265-params", "log-level=error:pools=1")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "2", "-threads", "1")
MPEG4 = ("-c:v", "mpeg4", "-q:v", "2", "-threads", "1")
VP8 = ("-c:v", "libvpx", "-crf", "8", "-b:v", "2M", "-cpu-used", "8", "-deadline", "realtime")
VP9 = ("-c:v", "libvpx-vp9", "-crf", "12", "-b:v", "0", "-cpu-used", "8", "-deadline", "realtime")
AV1 = ("-c:v", "libsvtav1", "-preset", "12", "-crf", "18", "-svtav1-params", "lp=1")
AAC = ("-c:a", "aac", "-b:a", "128k", "-ar", "48000")
MP2 = ("-c:a", "mp2", "-ar", "48000")
MP3 = ("-c:a", "libmp3lame", "-ar", "44100")
OPUS = ("-c:a", "libopus")
VORBIS = ("-c:a", "libvorbis")
PCM = ("-c:a", "pcm_s16le", "-ar", "48000")
BT601 = "scale=out_color_matrix=bt601:out_range=tv,format=yuv420p,setparams=colorspace=unknown"


class FFmpegFailed(Exception):
    """ffmpeg could not do it; the text is what it said."""


@cache
def program() -> str:
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def ff(*args: Any, feed: Iterable[NDArray[np.uint8]] = ()) -> bytes:
    """Run ffmpeg, with the arrays as its standard input; return its standard output."""
    command = [program(), "-y", "-v", "error", *map(str, args)]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said)
        assert process.stdin and process.stdout
        try:
            for array in feed:
                process.stdin.write(np.ascontiguousarray(array).data)
        except BrokenPipeError:
            pass
        out, _ = process.communicate()
        said.seek(0)
        if process.returncode:
            raise FFmpegFailed(f"{' '.join(command)}\n{said.read()[-2000:].decode(errors='replace')}")
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Encode:
    """How frames and sound become a file. ``colour``: filters from RGB to the coded picture, tags included.

    ``sound`` is () for none. ``inputs`` are further inputs, and ``maps`` then chooses all streams (0 is the picture,
    1 the sound).
    """

    video: tuple[str, ...] = H264
    colour: str = BT601
    more_filters: str = ""
    sound: tuple[str, ...] = AAC
    sound_filters: str = ""
    inputs: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    video_options: tuple[str, ...] = field(default=())


def encode(
    path: Path, frames: NDArray[np.uint8], fps: Fraction | int, wave: Path | None, how: Encode = Encode()
) -> Path:
    """Encode ``frames`` (T, H, W, 3) uint8 RGB and a sound file to ``path``, both from time 0; return ``path``."""
    height, width = frames.shape[1:3]
    picture = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(Fraction(fps)), "-i", "-")
    has_sound = wave is not None and bool(how.sound)
    sound = ("-i", str(wave)) if has_sound else ()
    filters = ",".join(part for part in (how.colour, how.more_filters) if part)
    audio = (*how.sound, *(("-af", how.sound_filters) if how.sound_filters else ())) if has_sound else ("-an",)
    ff(
        *(*picture, *sound, *how.inputs, *how.maps, "-vf", filters, "-fps_mode", "passthrough"),
        *(*how.video, *how.video_options, *audio, *how.options, path),
        feed=frames,
    )
    return path


def decode_rgb(path: Path, size_px: tuple[int, int], filters: str = "null") -> NDArray[np.uint8]:
    """Return the pictures of ``path`` as ffmpeg shows them, (T, H, W, 3) uint8 RGB of that (width, height)."""
    out = ff("-i", path, "-an", "-vf", filters, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(out, np.uint8).reshape(-1, size_px[1], size_px[0], 3)


def write_wave(path: Path, sound: NDArray[np.float32], rate_hz: int) -> Path:
    """Write mono sound, (N,) in [-1, 1], as 16-bit PCM."""
    samples = np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2")
    ff("-f", "s16le", "-ar", rate_hz, "-ac", 1, "-i", "-", "-c:a", "pcm_s16le", path, feed=[samples.view(np.uint8)])
    return path

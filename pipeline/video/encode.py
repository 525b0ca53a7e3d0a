"""Encode pictures and sound to an mp4, H.264 and AAC, reproducibly to the same bytes."""

import platform
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB

AAC_FRAME = 1024
AUDIO_BITS_PER_S = 64_000
# x264's AVX-512 code reads memory that it never wrote where rows are padded, at widths that are no multiple of 128, so
# the bytes differ from run to run. Code up to SSE4.2, which every x86-64 processor since 2008 has, gives equal bytes at
# every size, the same as AVX2 code does.
_INSTRUCTIONS = ":asm=MMX2,SSE2Fast,SSSE3,SSE4.2" if platform.machine() in ("x86_64", "AMD64") else ""
X264_OPTIONS = {"preset": "veryfast", "x264-params": f"threads=1:lookahead_threads=1{_INSTRUCTIONS}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How pictures are encoded: ``size_px`` is (width, height), ``crf`` x264's quality, 0 (lossless) to 51."""

    fps: Fraction
    size_px: tuple[int, int]
    crf: int


def write_mp4(
    path: Path,
    frames: Iterable[ImageRGB],
    encoding: Encoding,
    *,
    sound: NDArray[np.float32] | None,
    sample_rate_hz: int,
) -> None:
    """Encode RGB frames and mono sound, (N,) float32 in [-1, 1] or None, both starting at time 0."""
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        picture = _video_stream(container, encoding)
        voice = None if sound is None else _audio_stream(container, sample_rate_hz)
        chunks = deque(() if sound is None else _chunks(sound, sample_rate_hz))
        for index, image in enumerate(frames):
            container.mux(picture.encode(_picture(image, index, encoding.fps)))
            _mux_sound(container, voice, chunks, before_s=(index + 1) / encoding.fps)
        _mux_sound(container, voice, chunks, before_s=None)
        container.mux(picture.encode(None))
        if voice is not None:
            container.mux(voice.encode(None))


def _mux_sound(
    container: OutputContainer,
    voice: AudioStream | None,
    chunks: deque[av.AudioFrame],
    *,
    before_s: Fraction | None,
) -> None:
    """Encode the waiting sound that starts before a time, or all of it."""
    while voice is not None and chunks and (before_s is None or (chunks[0].time or 0) < before_s):
        container.mux(voice.encode(chunks.popleft()))


def _video_stream(container: OutputContainer, encoding: Encoding) -> VideoStream:
    options = {**X264_OPTIONS, "crf": str(encoding.crf)}
    stream = container.add_stream("libx264", rate=encoding.fps, options=options)
    stream.width, stream.height = encoding.size_px
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = 1 / encoding.fps
    stream.codec_context.thread_count = 1
    stream.codec_context.flags |= Flags.bitexact
    return stream


def _audio_stream(container: OutputContainer, sample_rate_hz: int) -> AudioStream:
    stream = container.add_stream("aac", rate=sample_rate_hz, layout="mono")
    stream.bit_rate = AUDIO_BITS_PER_S
    stream.codec_context.thread_count = 1
    stream.codec_context.flags |= Flags.bitexact
    return stream


def _picture(image: ImageRGB, index: int, fps: Fraction) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    frame.pts, frame.time_base = index, 1 / fps
    return frame


def _chunks(sound: NDArray[np.float32], sample_rate_hz: int) -> Iterable[av.AudioFrame]:
    for start in range(0, len(sound), AAC_FRAME):
        samples = sound[None, start : start + AAC_FRAME]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = sample_rate_hz, start, Fraction(1, sample_rate_hz)
        yield frame

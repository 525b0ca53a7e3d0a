"""Decode the sound of a media file as 16 kHz mono, in step with its picture."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.audio.pcm import from_int16
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.base.arrays import Waveform, WaveformInt16
from pipeline.base.errors import BadMedia
from pipeline.base.units import samples_in
from pipeline.video.streams import FILES_ONLY

if TYPE_CHECKING:
    from av import AudioFrame, AudioResampler, AudioStream, Packet
    from av.container import InputContainer

PIECE_S = 1.0  # resampled at a time: one decoded frame at a time would take twice as long
GAP_S = 0.02  # containers round time stamps, Matroska to 1 ms; only a larger jump is a gap


def extract_waveform(path: Path, *, max_duration_s: float) -> Waveform:
    """Return the sound of ``path`` as mono 16 kHz; sample 0 is at the first picture's time.

    Raises BadMedia and treats the media as :func:`sound_pieces` does.
    """
    return from_int16(np.concatenate(list(sound_pieces(path, max_duration_s=max_duration_s))))


def sound_pieces(path: Path, *, max_duration_s: float) -> Iterator[WaveformInt16]:
    """Yield the sound of ``path`` piece by piece, mono 16 kHz; the first sample is at the first picture's time.

    Sound before the picture is cut off; a late start and gaps are filled with zeros. A file without a picture
    counts from its own first sample. Packets that don't decode are skipped, and so is what lies later than
    ``max_duration_s``. Channels are mixed by FFmpeg's matrix, scaled so that nothing clips. Sound that ends
    before the first picture gives an empty waveform.
    Raises BadMedia: ``no_audio``, ``undecodable``.
    """
    import av

    try:
        with av.open(str(path), options=FILES_ONLY) as container:
            pieces = _pieces(container, samples_in(max_duration_s, SAMPLE_RATE_HZ))
            first = next(pieces, None)
            if first is None:
                raise BadMedia("undecodable", f"{path.name}: no sound decodes in the first {max_duration_s:g} s")
            yield first
            yield from pieces
    except av.error.FFmpegError as error:
        raise BadMedia("undecodable", f"{path.name}: {error.strerror}") from None


def _pieces(container: "InputContainer", max_samples: int) -> Iterator[WaveformInt16]:
    """Yield the pieces to join: sound, and zeros where there is none, from the first picture on."""
    stream = _audio_stream(container)
    origin_s = _first_picture_s(container)
    filled = 0
    for start_s, run in _runs(_decoded(container, stream)):
        origin_s = start_s if origin_s is None else origin_s
        at = round((start_s - origin_s) * SAMPLE_RATE_HZ)
        for samples in _resampled(run):
            start = max(at, filled)
            if start < max_samples:
                fresh = samples[start - at :][: max_samples - start]
                yield np.zeros(start - filled, dtype=np.int16)
                yield fresh
                filled = start + len(fresh)
            if filled == max_samples:
                return
            at += len(samples)


def _audio_stream(container: "InputContainer") -> "AudioStream":
    if not container.streams.audio:
        raise BadMedia("no_audio", f"{Path(container.name).name}: no audio stream")
    best = container.streams.best("audio")
    stream = next((s for s in container.streams.audio if s is best), container.streams.audio[0])
    if stream.codec_context is None:
        raise BadMedia("undecodable", f"{Path(container.name).name}: no decoder for the audio stream")
    stream.codec_context.thread_count = 1
    return stream


def _first_picture_s(container: "InputContainer") -> float | None:
    """Return the first time stamp of the video, or None without one; a cover image is no video."""
    from av.stream import Disposition

    for video in container.streams.video:
        if not video.disposition & Disposition.attached_pic:
            return float((video.start_time or 0) * (video.time_base or 0))
    return None


def _decoded(container: "InputContainer", stream: "AudioStream") -> Iterator["AudioFrame"]:
    """Yield the frames that decode; a truncated file ends early."""
    from av.error import FFmpegError

    def packets() -> Iterator["Packet[AudioStream]"]:
        with suppress(FFmpegError):
            yield from container.demux(stream)

    for packet in packets():
        frames: list[AudioFrame] = []
        with suppress(FFmpegError):
            frames = packet.decode()
        yield from (frame for frame in frames if frame.samples)


class _Timed(NamedTuple):
    run: int
    run_start_s: float
    frame: "AudioFrame"


def _runs(frames: Iterable["AudioFrame"]) -> Iterator[tuple[float, Iterator["AudioFrame"]]]:
    """Yield (time of the first sample, frames) of each stretch without a gap and in one format."""
    for (_, start_s), run in groupby(_timed(frames), key=lambda timed: timed[:2]):
        yield start_s, (timed.frame for timed in run)


def _timed(frames: Iterable["AudioFrame"]) -> Iterator[_Timed]:
    run, run_start_s, next_s, form = 0, 0.0, 0.0, None
    for frame in frames:
        time_s = next_s if frame.time is None else frame.time
        if _form(frame) != form or abs(time_s - next_s) > GAP_S:
            run, run_start_s, next_s, form = run + 1, time_s, time_s, _form(frame)
        next_s += frame.samples / frame.sample_rate
        yield _Timed(run, run_start_s, frame)


def _form(frame: "AudioFrame") -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _resampled(run: Iterator["AudioFrame"]) -> Iterator[WaveformInt16]:
    """Yield 16 kHz mono pieces, of PIECE_S and a remainder, of consecutive frames."""
    from av import AudioFifo, AudioResampler

    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    waiting = AudioFifo()
    for frame in run:
        frame.pts = None
        waiting.write(frame)
        if waiting.samples >= PIECE_S * frame.sample_rate:
            yield from _converted(resampler, waiting.read())
    if waiting.samples:
        yield from _converted(resampler, waiting.read())
    yield from _converted(resampler, None)


def _converted(resampler: "AudioResampler", frame: "AudioFrame | None") -> Iterator[WaveformInt16]:
    for mono in resampler.resample(frame):
        if mono is not None:  # None: from an empty resampler when flushed
            yield mono.to_ndarray()[0]

"""Decode the sound of a media file, in step with its picture, as 16 kHz mono or as players play it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from pipeline.audio.channels import MIX, ChannelMeter, only_channel
from pipeline.audio.pcm import from_int16
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.reading import SoundRange, SoundReading
from pipeline.audio.runs import Run, Stretch, runs
from pipeline.core.base.arrays import Waveform, WaveformInt16
from pipeline.core.base.errors import BadMedia
from pipeline.video.clock import clock_of
from pipeline.video.probe import MAX_DURATION_S
from pipeline.video.streams import FILES_ONLY, sound_stream

if TYPE_CHECKING:
    from av import AudioFifo, AudioFrame, AudioResampler, AudioStream
    from av.container import InputContainer

PIECE_S = 1.0  # resampled at a time: one decoded frame at a time would take twice as long

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How samples are returned."""

    rate_hz: int = SAMPLE_RATE_HZ
    layout: str = "mono"
    channel: str = MIX


def extract_waveform(
    path: Path, *, max_duration_s: float, start_s: float = 0.0, end_s: float | None = None
) -> Waveform:
    """Return the sound of ``path`` from ``start_s`` to ``end_s``, (N,) float32 mono 16 kHz.

    Times and the limit are those of :class:`SoundRange`, the rest is as :func:`of_sound` does.
    """
    wanted = SoundRange(max_duration_s=max_duration_s, start_s=start_s, end_s=end_s)
    return of_sound(path, wanted, joined)[0]


def joined_int16(pieces: Iterator[WaveformInt16]) -> WaveformInt16:
    """Return ``pieces`` as one, (N,): half of what floats take. A range of no length has no pieces."""
    return np.concatenate([np.zeros(0, np.int16), *pieces])


def joined(pieces: Iterator[WaveformInt16]) -> Waveform:
    """Return ``pieces`` as one waveform, (N,) float32."""
    return from_int16(joined_int16(pieces))


def of_sound(path: Path, wanted: SoundRange, use: Callable[[Iterator[WaveformInt16]], Result]) -> tuple[Result, str]:
    """Return what ``use`` makes of the sound of ``path``, and which channel was read: ``mix``, or a channel's name.

    ``use`` gets pieces to join, mono 16 kHz; sample 0 is at the start of the range. Sound before that is cut off; a
    late start and gaps are filled with zeros. Samples that follow each other stay together though their stamps wobble;
    only where these drift for long, pieces are stretched a little. Packets that don't decode are skipped. What is
    decoded follows the range's length, not its place. Sound that ends before the range gives an empty waveform.

    Channels are mixed by FFmpeg's matrix, scaled so that nothing clips. Where they cancel each other, ``use`` is called
    once more, with the loudest channel.
    Raises BadMedia: ``no_audio``, ``undecodable``, ``discontinuous``; ``bad_range`` for a range behind the end.
    """
    meter = ChannelMeter()
    result = use(_pieces(path, wanted, _Form(), meter))
    channel = meter.channel_to_read()
    return (result if channel == MIX else use(_pieces(path, wanted, _Form(channel=channel), ChannelMeter()))), channel


def played_sound(path: Path, *, rate_hz: int, has_jumps: bool | None = None) -> Iterator[WaveformInt16]:
    """Yield the whole sound of ``path`` piece by piece, (N, 2) int16 at ``rate_hz``, from the first picture on.

    Raises BadMedia and treats the media as :func:`of_sound` does, but mixes to stereo as players do.
    """
    wanted = SoundRange(max_duration_s=MAX_DURATION_S, has_jumps=has_jumps)
    yield from _pieces(path, wanted, _Form(rate_hz=rate_hz, layout="stereo"), ChannelMeter())


@contextmanager
def _opened(path: Path) -> Iterator[tuple["InputContainer", "AudioStream"]]:
    """Yield the container and its sound; raises BadMedia where FFmpeg fails, also later on."""
    import av

    try:
        with av.open(str(path), options=FILES_ONLY) as container:
            stream = sound_stream(path, container)
            stream.codec_context.thread_count = 1  # workers share the processors; one thread each
            yield container, stream
    except av.error.FFmpegError as error:
        raise BadMedia("undecodable", f"{path.name}: {error.strerror}") from None


def _pieces(path: Path, wanted: SoundRange, form: _Form, meter: ChannelMeter) -> Iterator[WaveformInt16]:
    """Yield the pieces to join: sound, and zeros where there is none, from the start of the range on."""
    clock = clock_of(path, has_jumps=wanted.has_jumps)
    n_samples = wanted.n_samples(form.rate_hz)
    with _opened(path) as (container, stream):
        reading = SoundReading(container, stream, clock, wanted)
        filled, has_sound = 0, False
        for run in runs(reading.frames):
            at, skipped = reading.place(run, form.rate_hz)
            for samples in _resampled(run, skipped, form, meter):
                start = max(at, filled)
                if start < n_samples:
                    has_sound = True
                    fresh = samples[max(0, start - at) :][: n_samples - start]
                    yield from _silence(start - filled, samples.shape[1:], form.rate_hz)
                    yield fresh
                    filled = start + len(fresh)
                if filled == n_samples:
                    return
                at += len(samples)
        if not has_sound or filled == 0:
            yield _nothing(path.name, reading, wanted, has_sound=has_sound)


def _silence(n_samples: int, n_channels: tuple[int, ...], rate_hz: int) -> Iterator[WaveformInt16]:
    """Yield zeros in pieces of a minute: a gap may be as long as a day."""
    for start in range(0, n_samples, 60 * rate_hz):
        yield np.zeros((min(60 * rate_hz, n_samples - start), *n_channels), dtype=np.int16)


def _nothing(name: str, reading: SoundReading, wanted: SoundRange, *, has_sound: bool) -> WaveformInt16:
    """Return an empty waveform, or raise BadMedia for why there is no sound."""
    if wanted.is_part and (end_s := reading.end_s()) is not None and wanted.start_s >= end_s:
        start_s = wanted.start_s
        raise BadMedia("bad_range", f"{name} ends at {end_s:.3f} s, before the range that starts at {start_s:g} s")
    if not has_sound and (reading.is_damaged or not wanted.is_part):
        raise BadMedia("undecodable", f"{name}: no sound decodes in the first {wanted.max_duration_s:g} s")
    return np.zeros(0, dtype=np.int16)


def _resampled(run: Run, skipped: int, form: _Form, meter: ChannelMeter) -> Iterator[WaveformInt16]:
    """Yield pieces, of PIECE_S and a remainder, of a run's frames without its first ``skipped`` samples."""
    from av import AudioFifo, AudioResampler

    resampler = AudioResampler(format="s16", layout=form.layout, rate=form.rate_hz)
    stretch = Stretch(form.rate_hz)
    waiting, drift_s = AudioFifo(), 0.0
    for frame, drift_s in run.frames():
        chosen = frame if form.channel == MIX else only_channel(frame, form.channel)
        chosen.pts = None
        waiting.write(chosen)
        if skipped and waiting.samples > skipped:
            waiting.read(skipped)
            skipped = 0
        if waiting.samples >= PIECE_S * frame.sample_rate:
            yield from _converted(resampler, _metered(waiting, meter), stretch, drift_s)
    if waiting.samples:
        yield from _converted(resampler, _metered(waiting, meter), stretch, drift_s)
    yield from _converted(resampler, None, stretch, drift_s)


def _metered(waiting: "AudioFifo", meter: ChannelMeter) -> "AudioFrame":
    frame = cast("AudioFrame", waiting.read())
    meter.add(frame)
    return frame


def _converted(
    resampler: "AudioResampler", frame: "AudioFrame | None", stretch: Stretch, drift_s: float
) -> Iterator[WaveformInt16]:
    for one in resampler.resample(frame):
        if one is not None:  # None: from an empty resampler when flushed
            samples = one.to_ndarray()[0]
            n_channels = one.layout.nb_channels
            yield stretch.followed(samples if n_channels == 1 else samples.reshape(-1, n_channels), drift_s)

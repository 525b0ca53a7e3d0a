"""Read the packets and frames of a range of a file's sound, by seeking where the container allows it."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, takewhile
from math import gcd
from typing import TYPE_CHECKING

from pipeline.audio.runs import Run
from pipeline.core.base.units import samples_in
from pipeline.video.clock import Clock
from pipeline.video.probe import MAX_DURATION_S
from pipeline.video.stamps.packets import NO_STAMP

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet
    from av.container import InputContainer

# Decoded before a range: a codec's first samples depend on those before, Opus needs 80 ms, and a resampler 1 ms.
_RUN_IN_S = 0.5
# Packets are read until their stamps are this far behind the range: they wobble.
_RUN_OUT_S = 0.1
# A container without an index may land behind the time sought: then seek this much earlier.
_SEEK_BACK_S = (0.0, 2.0, 10.0)
# Containers whose sound has stamps of its own; in others they are guessed after seeking.
_SEEKABLE = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts", "avi", "flv", "asf"}
# Rounded stamps are this near to a whole number of frames.
_ROUNDED_S = 0.0025


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundRange:
    """Which part of a file's sound is read; times are seconds since the first picture (without one: sample)."""

    max_duration_s: float
    """No more than this is returned: it bounds the memory."""
    start_s: float = 0.0
    end_s: float | None = None
    has_jumps: bool | None = None
    """As for :func:`clock_of`."""

    @property
    def is_part(self) -> bool:
        """Whether it is a range that somebody chose, and not the whole file."""
        return self.start_s > 0 or self.end_s is not None

    @property
    def duration_s(self) -> float:
        """How long it is at most."""
        return self.max_duration_s if self.end_s is None else min(self.max_duration_s, self.end_s - self.start_s)

    def n_samples(self, rate_hz: int) -> int:
        """Return how many samples it has at most."""
        most = samples_in(self.max_duration_s, rate_hz)
        if self.end_s is None:
            return most
        return max(0, min(most, samples_in(self.end_s, rate_hz) - samples_in(self.start_s, rate_hz)))


class SoundReading:
    """The frames of the wanted sound, and where they belong."""

    def __init__(self, container: "InputContainer", stream: "AudioStream", clock: Clock, wanted: SoundRange) -> None:
        self._container, self._stream, self._clock, self._wanted = container, stream, clock, wanted
        self._tick_s = float(stream.time_base or 0)
        self._n_packets = self._n_frames = 0
        self._is_sought = False
        packets = self._packets()
        self._first = next(self._decoded(packets), None)
        first_s = float(self._first.time or 0.0) if self._first else 0.0
        start_s = clock.sound_start_s
        self._start_s = first_s if start_s is None else start_s  # of the clock, in the sound's stamps
        self.frames = self._frames(packets, first_s)

    @property
    def is_damaged(self) -> bool:
        """Whether packets were read and none decodes."""
        return self._n_packets > 0 and self._n_frames == 0

    def end_s(self) -> float | None:
        """Return when the media ends, seconds since the first picture, as far as it states it."""
        import av

        stamps = [one for one in (self._clock.picture, self._clock.sound) if one is not None and len(one.dts)]
        last_s = [float(one.dts.max() * one.tick_s) for one in stamps if one.dts.max() != NO_STAMP]
        if last_s:
            return max(last_s) - self._start_s
        container = self._container
        if container.duration is None:
            return None
        return (container.duration + (container.start_time or 0)) / av.time_base - self._start_s

    def place(self, run: Run, rate_hz: int) -> tuple[int, int]:
        """Return the sample of the range at which a run begins, and how many of its samples are to be left out before.

        After seeking, the samples are those of decoding from the start: their times are whole samples after the first
        frame, though stamps are rounded, and the resampler begins at a sample where it would give one, too.
        """
        first = self._first
        offset = samples_in(self._wanted.start_s, rate_hz)
        frame = run.first
        if not self._is_sought or first is None or frame.sample_rate != first.sample_rate:
            return round((run.start_s - self._start_s) * rate_hz) - offset, 0
        self._is_sought = False
        first_s = float(first.time or 0.0)
        after = (run.start_s - first_s) * first.sample_rate - first.samples
        whole = round(after / frame.samples) * frame.samples
        index = first.samples + (whole if abs(after - whole) <= _ROUNDED_S * first.sample_rate else round(after))
        period = first.sample_rate // gcd(first.sample_rate, rate_hz)
        skipped = -index % period
        sought = (index + skipped) * rate_hz // first.sample_rate
        return round((first_s - self._start_s) * rate_hz) + sought - offset, skipped

    def _frames(self, packets: Iterator["Packet[AudioStream]"], first_s: float) -> Iterator["AudioFrame"]:
        if self._first is None:
            return
        wanted = self._wanted
        from_s = self._start_s + min(wanted.start_s, MAX_DURATION_S) - _RUN_IN_S
        end_s = self._start_s + wanted.start_s + wanted.duration_s + _RUN_OUT_S
        if wanted.start_s == 0 or from_s <= first_s:
            if first_s < end_s:
                yield self._first
        else:
            self._is_sought = True
            self._n_packets = self._n_frames = 0
            packets = self._packets_from(packets, from_s)
        yield from self._decoded(takewhile(lambda packet: packet.pts is None or self._time_s(packet) < end_s, packets))

    def _packets(self) -> Iterator["Packet[AudioStream]"]:
        """Yield the packets; a truncated file ends early."""
        from av.error import FFmpegError

        with suppress(FFmpegError):
            yield from self._clock.packets(self._container, self._stream)

    def _packets_from(self, packets: Iterator["Packet[AudioStream]"], from_s: float) -> Iterator["Packet[AudioStream]"]:
        """Yield the packets that end after ``from_s``, in the sound's stamps."""
        if self._container.format.name in _SEEKABLE and not self._clock.has_jumps:
            packets = self._sought(from_s)
        for packet in packets:
            if packet.pts is None or self._time_s(packet) + (packet.duration or 0) * self._tick_s > from_s:
                yield packet

    def _sought(self, time_s: float) -> Iterator["Packet[AudioStream]"]:
        """Return the packets from one at or before ``time_s`` on."""
        from av.error import FFmpegError

        for back_s in _SEEK_BACK_S:
            ticks = int((time_s - back_s) / self._tick_s)
            with suppress(FFmpegError):
                self._container.seek(ticks, stream=self._stream, backward=True)
                packets = self._packets()
                first = next(packets, None)
                if first is not None and first.pts is not None and self._time_s(first) <= time_s:
                    return chain([first], packets)
        self._container.seek(int(self._start_s / self._tick_s), stream=self._stream, backward=True)
        return self._packets()

    def _time_s(self, packet: "Packet[AudioStream]") -> float:
        return (packet.pts or 0) * self._tick_s

    def _decoded(self, packets: Iterable["Packet[AudioStream]"]) -> Iterator["AudioFrame"]:
        """Yield the frames that decode."""
        from av.error import FFmpegError

        for packet in packets:
            self._n_packets += packet.size > 0
            frames: list[AudioFrame] = []
            with suppress(FFmpegError):
                frames = packet.decode()
            for frame in frames:
                if frame.samples:
                    self._n_frames += 1
                    yield frame

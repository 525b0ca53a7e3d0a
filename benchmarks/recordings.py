"""Write small media files with known times: pictures with flashes and sound with clicks, in any container."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.audio.extract import extract_waveform
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.video.decode import grey_frames

Sound = NDArray[np.float32]

WIDTH_PX, HEIGHT_PX = 64, 48
WHITE, HALF_WHITE = 255, 160
CLICK_HZ, CLICK_S, CLICK_LEVEL = 2000, 0.004, 0.8
LOUD = 0.2  # a quarter of a click
APART_S = 0.05  # loud samples less than this apart belong to one click
BLOCK_SAMPLES = 1024
KEEP_TIMES = {"avoid_negative_ts": "disabled"}  # by default a muxer shifts negative times to zero


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A media file to write. All times are on one clock, on which picture and sound may start at different times."""

    suffix: str
    video: str = "mpeg4"
    audio: str = "pcm_s16le"
    fps: Fraction = Fraction(25)
    rate_hz: int = 48_000
    layout: str = "mono"
    picture_s: float = 0.0
    """Time of the first picture, a multiple of 1 / fps."""
    shown_s: float | None = 2.0
    """Length of the picture; None: there is none."""
    sound_s: float = 0.0
    """Time of the first sample."""
    cut_s: float = 0.0
    """This much of the beginning is at negative times in the file: in mp4 and mov an edit list hides it."""


def write_recording(
    path: Path,
    recording: Recording,
    sound: Sound | None,
    *,
    flashes_s: Sequence[float] = (),
    skip: Callable[[float], bool] = lambda time_s: False,
) -> Path:
    """Write grey pictures, white from each of ``flashes_s`` for one frame, and ``sound`` (N,) or (channels, N).

    Audio packets for whose time ``skip`` returns true are not written.
    """
    with av.open(str(path), "w", options=KEEP_TIMES if recording.cut_s else {}) as container:
        frames: list[tuple[float, Any, Any]] = []
        if recording.shown_s is not None:
            video = container.add_stream(
                recording.video, rate=recording.fps, width=WIDTH_PX, height=HEIGHT_PX, pix_fmt="yuv420p"
            )
            frames += [(float(frame.time), video, frame) for frame in pictures(recording, flashes_s)]
        if sound is not None:
            audio = container.add_stream(recording.audio, rate=recording.rate_hz, layout=recording.layout)
            frames += [(time_s, audio, frame) for time_s, frame in blocks(sound, audio, recording.sound_s)]
        for time_s, stream, frame in sorted(frames, key=lambda item: item[0]):
            if stream.type == "video" or not skip(time_s):
                _mux(container, stream, frame, recording.cut_s)
        for stream in container.streams:
            _mux(container, stream, None, recording.cut_s)
    return path


def _mux(container: Any, stream: Any, frame: Any, cut_s: float) -> None:
    for packet in stream.encode(frame):
        if cut_s:
            ticks = round(cut_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
        container.mux(packet)


def pictures(recording: Recording, flashes_s: Sequence[float] = ()) -> list[Any]:
    """Return frames, each a little brighter than the one before, and white where a flash is nearest in time."""
    first = round(Fraction(str(recording.picture_s)) * recording.fps)
    flashes = {round(Fraction(str(time_s)) * recording.fps) for time_s in flashes_s}
    frames = []
    for number in range(round((recording.shown_s or 0) * recording.fps)):
        level = WHITE if first + number in flashes else 90 + number % 50
        frame = av.VideoFrame.from_ndarray(np.full((HEIGHT_PX, WIDTH_PX, 3), level, np.uint8), format="rgb24")
        frame.pts, frame.time_base = first + number, 1 / recording.fps
        frames.append(frame)
    return frames


def blocks(sound: Sound, audio: Any, start_s: float) -> list[tuple[float, Any]]:
    """Return (time, frame) of each block of ``sound``."""
    channels = np.atleast_2d(sound)
    frames = []
    for start in range(0, channels.shape[1], BLOCK_SAMPLES):
        piece = np.ascontiguousarray(channels[:, start : start + BLOCK_SAMPLES])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=audio.layout)
        frame.sample_rate, frame.time_base = audio.rate, Fraction(1, audio.rate)
        frame.pts = start + round(start_s * audio.rate)
        frames.append((start_s + start / audio.rate, frame))
    return frames


def clicks(duration_s: float, at_s: Sequence[float], rate_hz: int = 48_000) -> Sound:
    """Return silence with bursts of CLICK_HZ, CLICK_S long, that begin at ``at_s``."""
    sound = np.zeros(round(duration_s * rate_hz), dtype=np.float32)
    burst = CLICK_LEVEL * np.sin(2 * np.pi * CLICK_HZ * np.arange(round(rate_hz * CLICK_S)) / rate_hz)
    for start_s in at_s:
        start = round(start_s * rate_hz)
        sound[start : start + len(burst)] = burst
    return sound


def click_times_s(waveform: Sound) -> list[float]:
    """Return the times, seconds, at which sound louder than LOUD begins, at least APART_S apart."""
    loud_s = np.flatnonzero(np.abs(waveform) > LOUD) / SAMPLE_RATE_HZ
    begins = np.diff(loud_s, prepend=-1.0) > APART_S
    return [float(time_s) for time_s in loud_s[begins]]


def flash_times_s(path: Path) -> list[float]:
    """Return the times, seconds, at which the picture turns white, decoded as by the stage detect."""
    frames = [(one.time_s, one.grey.mean() > HALF_WHITE) for one in grey_frames(path, max_side_px=64)]
    before = [False, *(is_white for _, is_white in frames)]
    return [time_s for (time_s, is_white), was_white in zip(frames, before, strict=False) if is_white and not was_white]


# Flashes and clicks at the same times, on a clock that starts with neither stream.
CLOSE_S = 0.02  # half a frame: shorter offsets are imperceptible
EVENTS_S = (1.2, 2.0, 2.8)
LAST_SOUND_S = 3.4
SOUND_LATE: dict[str, Any] = {"shown_s": 3.2, "sound_s": 0.32}
PICTURE_LATE: dict[str, Any] = {"shown_s": 2.8, "picture_s": 0.4}
BEGINNING_CUT: dict[str, Any] = {"shown_s": 3.2, "cut_s": 0.6}
MP4 = Recording(suffix="mp4", video="libx264", audio="aac", rate_hz=44_100)
MOV = Recording(suffix="mov", audio="pcm_s16le", rate_hz=96_000, layout="5.1")
OTHERS = (
    Recording(suffix="mkv", video="libx264", audio="flac", rate_hz=22_050, fps=Fraction(30_000, 1001)),
    Recording(suffix="mkv", audio="pcm_s16le", rate_hz=8_000),
    Recording(suffix="webm", video="libvpx", audio="libopus", fps=Fraction(24)),
    Recording(suffix="ts", video="mpeg2video", audio="mp2", rate_hz=44_100),
    Recording(suffix="ts", video="libx264", audio="aac"),
)
AVI = Recording(suffix="avi", audio="pcm_s16le", rate_hz=11_025, shown_s=3.2)
RECORDINGS = (
    *(replace(one, **offset) for one in (MP4, MOV, *OTHERS) for offset in (SOUND_LATE, PICTURE_LATE)),
    *(replace(one, **BEGINNING_CUT) for one in (MP4, MOV)),
    AVI,  # which has no offsets
)


def describe(recording: Recording) -> str:
    """Return a recording's format and offsets as text."""
    offsets = {
        "sound late": recording.sound_s,
        "picture late": recording.picture_s,
        "beginning cut by an edit list": recording.cut_s,
    }
    how = ", ".join(f"{name} {by_s:g} s" for name, by_s in offsets.items() if by_s) or "no offset"
    return f"{recording.suffix} {recording.video}+{recording.audio} {recording.rate_hz} Hz {recording.layout}, {how}"


def click_and_flash(recording: Recording, path: Path) -> tuple[list[float], list[float]]:
    """Write flashes and clicks at the same times; return both times, seconds, as decoded by the stages."""
    events_s = [float(round(Fraction(str(time_s)) * recording.fps) / recording.fps) for time_s in EVENTS_S]
    sound = clicks(
        LAST_SOUND_S - recording.sound_s, [time_s - recording.sound_s for time_s in events_s], recording.rate_hz
    )
    if recording.layout == "5.1":
        silent = np.zeros_like(sound)
        sound = np.stack([silent, silent, 1.2 * sound, silent, silent, silent])  # speech is in the centre channel
    write_recording(path, recording, sound, flashes_s=events_s)
    return flash_times_s(path), click_times_s(extract_waveform(path, max_duration_s=60))

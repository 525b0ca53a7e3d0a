"""The clock of a media file, common to picture and sound; it starts with the first picture that is shown."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.base.errors import BadMedia
from pipeline.video.picture import display_matrix
from pipeline.video.stamps.jumps import without_jumps
from pipeline.video.stamps.packets import NO_STAMP, Stamps, read_stamps
from pipeline.video.streams import FILES_ONLY, picture_stream, sound_stream

# Containers for broadcast and live streams: recordings are joined by writing one behind the other.
_MAY_RESTART = {"mpegts", "mpeg", "flv", "live_flv"}
# Their stamps say when pictures are decoded. FFmpeg derives when they are shown, one picture later, but for these
# codecs it keeps the order of decoding.
_DECODING_TIMES = {"avi"}
_KEPT_IN_DECODING_ORDER = {"h264", "hevc"}
# Pictures that do not decode are passed over in the search for the first.
PACKETS_TO_TRY = 300
# In these a picture may say itself how it is shown.
_TELL_MATRIX = {"h264", "hevc"}
# The start of an edit list lies within one picture.
_LONGEST_PICTURE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Where a file's clock starts in the stamps of each stream, and stamps to use where the file's own jump."""

    picture_start: int | None
    """When the first picture is shown, in ticks of the picture's stream; None: there is no picture, or no stamp."""
    sound_start_s: float | None
    """The same moment in the stamps of the sound, seconds; None: there is no picture."""
    picture: Stamps | None = None
    """Where the file's clock jumps: the stamps on one running clock; None: the file's own are right."""
    sound: Stamps | None = None
    picture_length_s: float | None = None
    """How long the picture is by its packets, or, without stamps, their number and rate; None: they were not read."""
    first_matrix: bytes | None = None
    """The display matrix of the first picture, where its codec may say it; of the others many have none then."""
    n_unstamped: int = 0
    """So many pictures come first that have no stamp, as Matroska has none before 0: they follow at the stated rate."""
    is_in_decoding_order: bool = False
    """The stamps of pictures follow the order of decoding; sorted, they are those of showing."""

    @property
    def has_jumps(self) -> bool:
        """Whether the file's own stamps jump, so that its packets are found by reading it from the start only."""
        return self.picture is not None or self.sound is not None

    def packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield the packets of one stream with right stamps; from the start of the file where its clock jumps."""
        stamps = {"video": self.picture, "audio": self.sound}[stream.type]
        if stamps is None:
            yield from container.demux(stream)
            return
        numbers = iter(range(len(stamps.pts)))
        for packet in container.demux(stream):
            number = next(numbers, None) if packet.size else None  # as read_stamps counts them
            if number is not None:
                packet.pts, packet.dts = _or_none(stamps.pts[number]), _or_none(stamps.dts[number])
            yield packet


def clock_of(path: Path, *, has_jumps: bool | None = None) -> Clock:
    """Return the clock of ``path``; it is kept for the next calls.

    ``has_jumps``: as the column of Media says; None: not known, then the whole file is read. Raises BadMedia
    ``discontinuous`` where picture and sound have no common clock, ``undecodable`` for what cannot be opened.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise BadMedia("undecodable", f"{path.name}: {error.strerror}") from None
    return _clock_of(path, state.st_size, state.st_mtime_ns, has_jumps)


@lru_cache(maxsize=64)  # files that one process reads in turn: clips of one file follow each other
def _clock_of(path: Path, size_bytes: int, changed_ns: int, has_jumps: bool | None) -> Clock:
    import av

    del size_bytes, changed_ns  # a file that was replaced is another
    try:
        unset = Clock(picture_start=None, sound_start_s=None)
        return _from_first_picture(path, unset if has_jumps is False else _without_jumps(path, unset))
    except av.error.FFmpegError as error:
        raise BadMedia("undecodable", f"{path.name}: {error.strerror}") from None


def _without_jumps(path: Path, clock: Clock) -> Clock:
    """Return ``clock`` with the stamps of picture and sound put right, where they jump, and the picture's length."""
    import av

    with av.open(str(path), options=FILES_ONLY) as container:
        streams = _streams(path, container)
        stamps = read_stamps(container, list(streams.values()))
        changed = without_jumps(stamps, may_restart=container.format.name in _MAY_RESTART)
        by_name = dict(zip(streams, changed or stamps, strict=True))
        length_s = _length_s(by_name["picture"], streams["picture"]) if "picture" in streams else None
    clock = replace(clock, picture_length_s=length_s)
    if changed is None:
        return clock
    return replace(clock, picture=by_name.get("picture"), sound=by_name.get("sound"))


def _length_s(stamps: Stamps, stream: Any) -> float:
    known = stamps.pts != NO_STAMP
    if not known.any():
        return float(len(known) / stream.guessed_rate) if stream.guessed_rate else 0.0
    first, last = int(stamps.pts[known].min()), int((stamps.pts + stamps.duration)[known].max())
    return max(0.0, _seconds(last, stream) - _seconds(first, stream))


def _streams(path: Path, container: Any) -> dict[str, Any]:
    """Return the streams that are read, those that there are, by ``picture`` and ``sound``."""
    streams = {}
    for name, choose in {"picture": picture_stream, "sound": sound_stream}.items():
        with suppress(BadMedia):
            streams[name] = choose(path, container)
    return streams


def _from_first_picture(path: Path, clock: Clock) -> Clock:
    """Return ``clock`` with the time of the first picture that is shown."""
    import av

    with av.open(str(path), options=FILES_ONLY) as container:
        stream = _streams(path, container).get("picture")
        if stream is None:
            return clock
        first, n_unstamped, shown = _first_shown(container, stream, clock)
        if shown is None:
            return replace(clock, picture_start=stream.start_time, sound_start_s=_seconds(stream.start_time, stream))
        n_unstamped = n_unstamped if stream.guessed_rate else 0
        shown -= round(n_unstamped / (stream.guessed_rate * stream.time_base)) if n_unstamped else 0
        sound_start_s = _seconds(shown, stream)
        if first.is_discard:
            sound_start_s += _shift_of_edit_list_s(path, container, stream, shown)
        has_matrix = stream.codec_context.name in _TELL_MATRIX
        has_decoding_times = container.format.name in _DECODING_TIMES
        delay = _reordering_delay(container, stream) if has_decoding_times else 0
        clock = replace(
            clock,
            picture_start=shown,
            sound_start_s=sound_start_s - _seconds(delay, stream),
            n_unstamped=n_unstamped,
            is_in_decoding_order=delay > 0 and stream.codec_context.name in _KEPT_IN_DECODING_ORDER,
        )
    # With the container closed: of a file of hours each open one takes 30 MB for its index.
    return replace(clock, first_matrix=_first_matrix(path)) if has_matrix else clock


def _first_shown(container: Any, stream: Any, clock: Clock) -> tuple[Any, int, int | None]:
    """Return the first packet, how many pictures come before the first that has a stamp, and that; None: none has one.

    Only pictures that decode count.
    """
    import av

    stream.codec_context.thread_count = 1
    first, n_unstamped = None, 0
    for packet in islice(clock.packets(container, stream), PACKETS_TO_TRY):
        first = first or packet
        # Decoding a picture costs more than all else here, and is only needed where the first is not shown.
        is_plain = packet is first and packet.is_keyframe and not packet.is_discard and not clock.has_jumps
        if is_plain and packet.pts is not None and packet.pts == stream.start_time:
            return first, 0, packet.pts
        with suppress(av.error.FFmpegError):
            for frame in packet.decode():
                if frame.pts is not None or stream.start_time is None:
                    return first, n_unstamped, frame.pts
                n_unstamped += 1
    return first, 0, None


def _first_matrix(path: Path) -> bytes | None:
    import av

    with av.open(str(path), options=FILES_ONLY) as container:
        stream = picture_stream(path, container)
        stream.codec_context.thread_count = 1
        for packet in islice(container.demux(stream), PACKETS_TO_TRY):
            with suppress(av.error.FFmpegError):
                for frame in packet.decode():
                    return display_matrix(frame)
    return None


def _reordering_delay(container: Any, stream: Any) -> int:
    """Return by how many ticks, one picture, stamps of showing are later than if no picture had to wait for another."""
    container.seek(stream.start_time or 0, stream=stream)
    first = [one for one in islice(container.demux(stream), PACKETS_TO_TRY) if None not in (one.pts, one.dts)]
    if all(one.pts == one.dts for one in first):
        return 0
    steps = [after.dts - before.dts for before, after in pairwise(first) if after.dts > before.dts]
    return min(steps, default=0)


def _shift_of_edit_list_s(path: Path, container: Any, stream: Any, shown: int) -> float:
    """Return how much later, seconds, the picture at ``shown`` is by an edit list that hides what is before it.

    Where the list's start lies between two pictures FFmpeg moves the second to 0, but not the sound.
    """
    import av

    container.seek(0, stream=stream)
    place = next((packet.pos for packet in container.demux(stream) if packet.pts == shown), None)
    with av.open(str(path), options=FILES_ONLY | {"advanced_editlist": "0"}) as plain:
        same = plain.streams[stream.index]
        for packet in islice(plain.demux(same), PACKETS_TO_TRY):
            if packet.pos == place and packet.pts is not None:
                shift_s = _seconds(packet.pts - shown, same)
                return shift_s if 0 <= shift_s <= _LONGEST_PICTURE_S else 0.0
    return 0.0


def _seconds(ticks: int | None, stream: Any) -> float:
    return float((ticks or 0) * (stream.time_base or 0))


def _or_none(stamp: np.int64) -> int | None:
    return None if stamp == NO_STAMP else int(stamp)

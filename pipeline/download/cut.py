"""Cut a downloaded file to a clip's range: packets are copied from the key frame before it on, nothing is encoded.

Where the cut's clock stands in the file's is found from the packets that both have: those of picture and of sound must
agree, and what the cut's streams hold must be what the file's do. A file for which that fails is kept whole.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import itemgetter
from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadMedia
from pipeline.core.base.units import SAME_TIME_S
from pipeline.engine.disk_errors import check_room
from pipeline.video.clock import Clock, clock_of
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.probe import Probe, probe
from pipeline.video.streams import FILES_ONLY, picture_stream, sound_stream

# Their stamps are those of each packet, and FFmpeg writes them with the same ticks. The muxer, by the file's suffix.
_MUXERS = {
    "mov,mp4,m4a,3gp,3g2,mj2": {".mov": "mov", "": "mp4"},
    "matroska,webm": {".webm": "webm", "": "matroska"},
}
# Packets of picture and sound may differ by this much from one shift: stamps are rounded to milliseconds.
_ROUNDED_S = Fraction(2, 1000)
# FFmpeg seeks this much earlier, as pictures are reordered.
_SEEK_BACK_S = 0.25
# So many packets of a stream are compared, by so many bytes.
_COMPARED = 50
_LAST_BYTES = 64


@dataclass(frozen=True, slots=True)
class Cut:
    """A file that was cut from another."""

    probe: Probe
    start_s: float
    """Where its clock starts in the clock of the whole file, seconds."""


@dataclass(frozen=True, slots=True)
class CutRange:
    """The range of a file that is to be kept, seconds on its clock; None: from its start, or to its end."""

    start_s: float | None
    end_s: float | None
    margin_s: float
    """How much more is kept before and behind."""

    @property
    def from_s(self) -> float:
        """Where the margin before begins."""
        return max(0.0, (self.start_s or 0.0) - self.margin_s)

    def is_part_of(self, duration_s: float) -> bool:
        """Return whether a file of this length has more than the range and its margins."""
        to_s = duration_s if self.end_s is None else self.end_s + self.margin_s
        return self.from_s < duration_s and (self.from_s > 0 or to_s < duration_s)


def cut(whole: Path, held: Probe, wanted: CutRange, place: Path) -> Cut | None:
    """Write the range of ``whole``, whose probe is ``held``, to the new file ``place``, of the same suffix.

    Return None, and write nothing, where there is nothing to cut off, the container is none of MP4 and Matroska, stamps
    jump, or the cut can't be proved to be exact. Raises OSError where that may be for want of room on the disk.
    """
    clock = clock_of(whole, has_jumps=held.has_jumps)
    if held.has_jumps or not wanted.is_part_of(held.duration_s) or not _is_plain(clock, whole):
        return None
    try:
        made = _made(whole, clock, wanted, place)
    except BadMedia:  # FFmpeg can't write these streams to this container, or not so that they can be read
        made = None
    # What is stated of the whole stream is another number for a part of it.
    if made is not None and replace(made.probe, **{name: getattr(held, name) for name in _OF_LENGTH}) == held:
        return made
    check_room(place.parent)
    place.unlink(missing_ok=True)
    return None


_OF_LENGTH = ("duration_s", "fps", "n_frames_stated")


def _is_plain(clock: Clock, path: Path) -> bool:
    """Return whether picture and sound have one clock in the file's own stamps, and all pictures have one."""
    import av

    if clock.picture_start is None or clock.n_unstamped or clock.is_in_decoding_order:
        return False
    with av.open(str(path), options=FILES_ONLY) as container:
        start_s = float(clock.picture_start * picture_stream(path, container).time_base)
    return abs((clock.sound_start_s or 0.0) - start_s) <= SAME_TIME_S


def _made(whole: Path, clock: Clock, wanted: CutRange, place: Path) -> Cut | None:
    """Write the cut, and find out where it starts; None where that can't be told, or is behind the range's start."""
    shift_s = None
    if _write(whole, clock, wanted, place) and (kept := _packets(place, 0.0, None)).picture:
        first_s = float(kept.picture[0].time_s)
        length_s = max(float(one.time_s) - first_s for one in (*kept.picture, *kept.sound))
        shift_s = _shift_s(kept, _packets(whole, wanted.from_s - _SEEK_BACK_S, length_s))
    if shift_s is None:
        return None
    probed, its_clock = probe(place), clock_of(place, has_jumps=False)
    if not _is_plain(its_clock, place):
        return None
    start_s = float(_picture_start_s(place, its_clock) + shift_s - _picture_start_s(whole, clock))
    return Cut(probed, start_s) if start_s <= (wanted.start_s or 0.0) + SAME_TIME_S else None


def _write(whole: Path, clock: Clock, wanted: CutRange, place: Path) -> bool:
    """Copy the packets of the range, and the margins, of the streams that are read; return whether there is a muxer."""
    import av
    import ffmpeg

    with av.open(str(whole), options=FILES_ONLY) as container:
        demuxer = container.format.name
        muxers = _MUXERS.get(demuxer)
        if muxers is None:
            return False
        streams = [picture_stream(whole, container)]
        with suppress(BadMedia):
            streams.append(sound_stream(whole, container))
        # FFmpeg counts from the first stamp of all streams.
        late_s = float((clock.picture_start or 0) * streams[0].time_base) - (container.start_time or 0) / av.time_base
        chosen = [str(one.index) for one in streams]
    where = {"protocol_whitelist": "file", "format": demuxer.split(",")[0]}
    if wanted.from_s > 0:
        where["ss"] = f"{wanted.from_s + late_s:.6f}"
    what = {"codec": "copy", "avoid_negative_ts": "make_zero", "fflags": "+bitexact", "map_chapters": -1}
    if wanted.end_s is not None:
        what["t"] = f"{wanted.end_s + wanted.margin_s - wanted.from_s + (0 if 'ss' in where else late_s):.6f}"
    source = ffmpeg.input(f"file:{whole}", **where)
    muxer = muxers.get(place.suffix, muxers[""])
    run_ffmpeg(ffmpeg.output(*(source[one] for one in chosen), f"file:{place}", format=muxer, **what))
    return True


@dataclass(frozen=True, slots=True)
class _Packet:
    time_s: Fraction  # of showing
    content: bytes  # its last bytes: a muxer may write what is before them otherwise, such as the headers of AV1
    is_key: bool


@dataclass(frozen=True, slots=True)
class _Packets:
    picture: list[_Packet]
    sound: list[_Packet]


def _packets(path: Path, from_s: float, length_s: float | None) -> _Packets:
    """Return the packets from the key frame at or before ``from_s`` on, until ``length_s`` behind it in both streams.

    None: the first ones of both, from the first key frame on.
    """
    import av

    with av.open(str(path), options=FILES_ONLY) as container:
        streams: list[Any] = [picture_stream(path, container)]
        with suppress(BadMedia):
            streams.append(sound_stream(path, container))
        found: list[list[_Packet]] = [[] for _ in streams]
        if from_s > 0:
            ticks = int(from_s / streams[0].time_base) + (streams[0].start_time or 0)
            container.seek(ticks, stream=streams[0], backward=True)
        for packet in container.demux(streams):
            if not packet.size or packet.pts is None:
                continue
            at = streams.index(packet.stream)
            time_s = packet.pts * packet.time_base
            found[at].append(_Packet(time_s, bytes(packet)[-_LAST_BYTES:], bool(packet.is_keyframe)))
            if length_s is None:
                is_done = all(len(one) > _COMPARED for one in found)
            else:
                is_done = all(one and float(one[-1].time_s) > from_s + length_s + 2 * _SEEK_BACK_S for one in found)
            if is_done:
                break
    return _Packets(found[0], found[1] if len(found) > 1 else [])


def _shift_s(kept: _Packets, whole: _Packets) -> Fraction | None:
    """Return how much later the stamps of the whole file are than those of the cut; None where no shift fits."""
    first = kept.picture[0]
    starts = [one for one in whole.picture if one.is_key and _is_same(one.content, first.content)]
    for one in reversed(starts):
        shift_s = one.time_s - first.time_s
        sound = [one for one in kept.sound if one.time_s >= first.time_s]
        if _agree(kept.picture, whole.picture, shift_s) and _agree(sound, whole.sound, shift_s):
            return shift_s
    return None


def _agree(kept: Sequence[_Packet], whole: Sequence[_Packet], shift_s: Fraction) -> bool:
    """Return whether all packets of the cut are in the whole file, ``shift_s`` later."""
    times_s = sorted((one.time_s, one.content) for one in whole)
    for one in kept:
        first = bisect_left(times_s, (one.time_s + shift_s - _ROUNDED_S, b""))
        last = bisect_right(times_s, one.time_s + shift_s + _ROUNDED_S, key=itemgetter(0))
        if not any(_is_same(one.content, content) for _, content in times_s[first:last]):
            return False
    return True


def _is_same(content: bytes, other: bytes) -> bool:
    return content.endswith(other) or other.endswith(content)


def _picture_start_s(path: Path, clock: Clock) -> Fraction:
    import av

    with av.open(str(path), options=FILES_ONLY) as container:
        return Fraction((clock.picture_start or 0) * picture_stream(path, container).time_base)

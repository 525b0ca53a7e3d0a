"""The time stamps of the packets of a file, as they are."""

from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.errors import BadMedia

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_STAMP = np.iinfo(np.int64).min
"""In arrays of stamps: the packet has none."""

# Decoding times never go back. Those of captured sound wobble by up to 30 ms, which is less.
BACK_S = 0.1
# Stamps that return to the expected ones within this long are stray: a jump must persist to count.
PERSIST_S = 0.5
# At most so many pictures are decoded before one that is shown before them.
MOST_REORDERED = 32
# Packets one behind the other, whose times differ by less than this share of their lengths, have one stamp.
_STILL_SHARE = 0.1
_LARGEST = 2.0**62
# How many ticks stamps count before they start again from 0.
_WRAPS = {"mpegts": 2**33, "mpeg": 2**33}
_COLUMNS = ("pts", "dts", "duration", "order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """The stamps of the packets of one stream, in the order of the file, in ticks of ``tick_s``."""

    pts: Ints  # (N,) when shown or heard; NO_STAMP: none
    dts: Ints  # (N,) when decoded; NO_STAMP: none
    duration: Ints  # (N,) 0: not stated
    order: Ints  # (N,) number of the packet in the file
    tick_s: float
    wraps_s: float = 0.0  # the stamps start again from 0 after this long; 0: they don't


def read_stamps(container: Any, streams: Sequence[Any]) -> list[Stamps]:
    """Read the stamps of all packets, 32 bytes each; of a file that breaks off, those before."""
    import av

    columns = {stream.index: [array("q") for _ in _COLUMNS] for stream in streams}
    with suppress(av.error.FFmpegError):
        for number, packet in enumerate(container.demux(streams) if streams else ()):
            if packet.size:
                pts, dts, duration, order = columns[packet.stream_index]
                pts.append(NO_STAMP if packet.pts is None else packet.pts)
                dts.append(NO_STAMP if packet.dts is None else packet.dts)
                duration.append(packet.duration or 0)
                order.append(number)
    wraps = _WRAPS.get(container.format.name, 0)
    return [
        Stamps(
            **dict(zip(_COLUMNS, (np.frombuffer(one, np.int64) for one in columns[stream.index]), strict=True)),
            tick_s=float(stream.time_base),
            wraps_s=float(wraps * stream.time_base),
        )
        for stream in streams
    ]


def is_in_order(given: Stamps) -> bool:
    """Return whether no packet is shown earlier than one long before it in the file."""
    has_both = (given.pts != NO_STAMP) & (given.dts != NO_STAMP)
    n_reordered = MOST_REORDERED if (given.pts != given.dts)[has_both].any() else 1
    shown_s = np.where(given.pts == NO_STAMP, given.dts, given.pts)
    shown_s = shown_s[shown_s != NO_STAMP] * given.tick_s
    latest_s = np.maximum.accumulate(shown_s)
    return not (shown_s[n_reordered:] < latest_s[:-n_reordered] - BACK_S).any()


def with_own_stamps(given: Stamps) -> Stamps:
    """Return ``given`` with a stamp for each packet that has none of its own: it is that of the one before, for long.

    Muxers whose stamps must not go back raise all that follow a stray one to it, and recorders give one stamp to all
    that had to wait. The first of them is stray as well, unless there is time for all behind it. Where there is none
    before it either, nothing is known, and they stay. Raises BadMedia as ``ticks`` does.
    """
    if len(given.pts) < MOST_REORDERED or (given.pts != given.dts).any() or (given.pts == NO_STAMP).any():
        return given
    time_s = np.asarray(given.dts * given.tick_s, np.float64)
    length_s, is_still = _lengths_s(given, time_s)
    edges = np.diff(np.concatenate([[False], is_still, [False]]).astype(np.int8))
    ends_s = np.concatenate([[0.0], np.cumsum(length_s)])
    is_changed = False
    for first, last in zip(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0) + 1, strict=True):
        together_s = ends_s[last] - ends_s[first]
        if together_s >= PERSIST_S and (span := _span_s(time_s, length_s, slice(first, last), together_s)):
            start_s, end_s = span
            stretch = (end_s - start_s) / together_s
            time_s[first:last] = start_s + stretch * (ends_s[first:last] - ends_s[first])
            is_changed = True
    if not is_changed:
        return given
    stamps = ticks(time_s, given.tick_s)
    return replace(given, pts=stamps, dts=stamps.copy())


def ticks(time_s: Floats, tick_s: float) -> Ints:
    """Return times as stamps. Raises BadMedia ``discontinuous`` for those that no stamp can hold."""
    stamps = np.round(time_s / tick_s)
    if not (np.abs(stamps) < _LARGEST).all():
        raise BadMedia("discontinuous", "stamps so far apart that none can be between them")
    return stamps.astype(np.int64)


def _span_s(time_s: Floats, length_s: Floats, packets: slice, together_s: float) -> tuple[float, float] | None:
    """Return from when to when ``packets`` last, that have one stamp and are ``together_s`` long; None: not known."""
    first, last = packets.start, packets.stop
    if last == len(time_s):
        start_s = time_s[first - 1] + length_s[first - 1]
        return start_s, start_s + together_s
    next_s = time_s[last]
    before_s = time_s[first - 1] + length_s[first - 1] if first else next_s - together_s
    for start_s in (time_s[first], before_s):
        if start_s + together_s <= next_s + BACK_S:
            is_near = start_s + together_s >= next_s - BACK_S
            return start_s, next_s if is_near else start_s + together_s
    return None


def _lengths_s(given: Stamps, time_s: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the length of each packet, (N,), and whether the next one has the same stamp, (N - 1,).

    Stated lengths are rounded, to 1 ms in Matroska, and in mp4 they are the step to the next stamp: those that are far
    from the usual one become it, and all are made as long on average as the steps.
    """
    steps_s = np.diff(time_s)
    mean_s = (time_s[-1] - time_s[0]) / len(steps_s)
    stated_s = given.duration * given.tick_s
    is_stated = given.duration > 1  # 1 tick is the least that stamps which must not be equal can be raised by
    usual_s = float(np.median(stated_s[is_stated])) if is_stated.any() else mean_s
    is_far = (stated_s < _STILL_SHARE * usual_s) | (stated_s > 2 * usual_s)
    length_s = np.asarray(np.where(is_far, usual_s, stated_s), np.float64)
    is_still = (steps_s >= 0) & (steps_s < _STILL_SHARE * np.minimum(length_s[:-1], mean_s))
    is_usual = np.abs(steps_s - length_s[:-1]) <= np.maximum(length_s[:-1] / 4, given.tick_s)
    if length_s[:-1][is_usual].sum() > 0:
        length_s *= steps_s[is_usual].sum() / length_s[:-1][is_usual].sum()
    return length_s, is_still

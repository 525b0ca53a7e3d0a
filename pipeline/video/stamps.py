"""Put right the time stamps of a file's packets where its clock jumps.

Recorders restart their clock, streams are joined end to end, single packets carry a wrong stamp. The stamps of all
packets of picture and sound, in the order of the file, become those of one running clock: after a jump the part
continues where the one before ended, with one offset for both streams, so that picture and sound keep their relation;
a stray stamp becomes the expected one; a gap in one stream, while the other goes on, is real and stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadMedia

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_STAMP = np.iinfo(np.int64).min
"""In arrays of stamps: the packet has none."""

# Decoding times never go back. Those of captured sound wobble by up to 30 ms, which is less.
BACK_S = 0.1
# A longer pause of one stream is looked at: a picture that stands still for less is usual.
AHEAD_S = 0.5
# Stamps that return to the expected ones within this long are stray: a jump must persist to count.
PERSIST_S = 0.5
# Packets of picture and sound of one time lie at most this far apart in a file, also where recordings are joined.
APART_S = 1.0
# Further from the other stream's stamps beside it than this, a packet at the beginning or end of a file is stray.
STRAY_S = 4.0
# Where the clock may restart, a longer pause of both picture and sound is a restart. FFmpeg has the same limit.
LONGEST_PAUSE_S = 10.0
# A picture is shown at most this long after it is decoded, or before the last of so many pictures after it is decoded:
# those between it and a pause are decoded before the pause.
LONGEST_REORDER_S = 5.0
MOST_REORDERED = 32
# Of a file with more, nothing is known for sure, and putting them right would take long.
MOST_JUMPS = 2000
_USUAL_PACKETS = 100  # before and after a jump, of which the usual distance to the other stream is taken
_MOST_TRIED = 64  # jumps after a packet, in search of the one that ends its stray stamps


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """The stamps of the packets of one stream, in the order of the file, in ticks of ``tick_s``."""

    pts: Ints  # (N,) when shown or heard; NO_STAMP: none
    dts: Ints  # (N,) when decoded; NO_STAMP: none
    duration: Ints  # (N,) 0: not stated
    order: Ints  # (N,) number of the packet in the file
    tick_s: float
    wraps_s: float = 0.0  # the stamps start again from 0 after this long; 0: they don't


def without_jumps(streams: Sequence[Stamps], *, may_restart: bool) -> list[Stamps] | None:
    """Return ``streams``, one or two, with stamps on one running clock; None where they are so already.

    ``may_restart``: in this container the clock may restart, so that a pause of both streams longer than
    LONGEST_PAUSE_S is none. Raises BadMedia ``discontinuous`` where the relation of picture and sound is lost.
    """
    if not may_restart and all(_is_in_order(one) for one in streams):
        return None
    lines = [_Line(one) for one in streams if len(one.pts) >= MOST_REORDERED]  # of fewer nothing is usual
    if not any(line.is_changed or len(line.breaks()) for line in lines):
        return None
    for line in lines:
        line.replace_strays([other for other in lines if other is not line])
    _join_parts(lines, may_restart=may_restart)
    changed = iter([line.stamps() for line in lines])
    result = [next(changed) if len(one.pts) >= MOST_REORDERED else one for one in streams]
    pairs = zip(result, streams, strict=True)
    is_same = all(np.array_equal(a.pts, b.pts) and np.array_equal(a.dts, b.dts) for a, b in pairs)
    return None if is_same else result


def _is_in_order(given: Stamps) -> bool:
    """Return whether no packet is shown earlier than one long before it in the file."""
    has_both = (given.pts != NO_STAMP) & (given.dts != NO_STAMP)
    n_reordered = MOST_REORDERED if (given.pts != given.dts)[has_both].any() else 1
    shown_s = np.where(given.pts == NO_STAMP, given.dts, given.pts)
    shown_s = shown_s[shown_s != NO_STAMP] * given.tick_s
    latest_s = np.maximum.accumulate(shown_s)
    return not (shown_s[n_reordered:] < latest_s[:-n_reordered] - BACK_S).any()


class _Line:
    """The decoding times of one stream, seconds, while they are put right."""

    def __init__(self, given: Stamps) -> None:
        self._given = given
        self.order = given.order
        has_pts, has_dts = given.pts != NO_STAMP, given.dts != NO_STAMP
        # Presentation times are out of order; of a reordered stream's first packets they are all that there is.
        is_known, known = (has_dts, given.dts) if has_dts.any() else (has_pts, given.pts)
        stamps_s = np.where(is_known, known, 0) * given.tick_s
        if has_dts.any():
            _fill_beginning(stamps_s, is_known, np.where(has_pts, given.pts * given.tick_s, np.inf))
        self.length_s = _lengths_s(given, stamps_s[is_known])
        self._run_ends_s = np.concatenate([[0.0], np.cumsum(self.length_s)])
        self.time_s = _filled(stamps_s, is_known, self.length_s)
        self._reorder_s = np.where(has_pts, given.pts, 0) * given.tick_s - np.where(has_pts, self.time_s, 0)
        self.is_changed = False
        if given.wraps_s:
            unwrapped_s = np.unwrap(self.time_s, period=given.wraps_s)
            self.is_changed = not np.array_equal(unwrapped_s, self.time_s)
            self.time_s = unwrapped_s
            self._reorder_s -= np.round(self._reorder_s / given.wraps_s) * given.wraps_s
        is_wrong = self._reorder_s < -LONGEST_REORDER_S
        shown_s, later_s = self.time_s + self._reorder_s, self.time_s[MOST_REORDERED:]
        is_far = shown_s[:-MOST_REORDERED] - later_s > LONGEST_REORDER_S
        is_wrong[:-MOST_REORDERED] |= is_far & (self._reorder_s[:-MOST_REORDERED] > LONGEST_REORDER_S)
        if is_wrong.any():
            self.is_changed = True
            self._reorder_s[is_wrong] = 0.0 if is_wrong.all() else np.median(self._reorder_s[~is_wrong])

    def breaks(self) -> Ints:
        """Return the indices of the packets whose time is far from the end of the one before."""
        steps_s = np.diff(self.time_s)
        ahead_s = max(AHEAD_S, 2 * float(np.median(steps_s))) if len(steps_s) else AHEAD_S  # slides stand for long
        return np.flatnonzero((steps_s < -BACK_S) | (steps_s - self.length_s[:-1] > ahead_s)) + 1

    def replace_strays(self, others: Sequence["_Line"]) -> None:
        """Give the expected time to packets whose time leaves the line and returns to it, or has no sequel."""
        bounds = [*self.breaks().tolist(), len(self.time_s)]
        if len(bounds) > 1 and self._is_stray_beginning(bounds[0], others):
            self._place(0, bounds[0], self.time_s[bounds[0]] - self.run_s(0, bounds[0]))
        number = 0
        while number < len(bounds) - 1:
            tried = bounds[number : number + _MOST_TRIED]
            last = self._end_of_stray(tried, others)
            if last is None:
                number += 1
            else:
                self._place(bounds[number], last, self.end_s(bounds[number]))
                number += tried.index(last) + (last < len(self.time_s))

    def _is_stray_beginning(self, end: int, others: Sequence["_Line"]) -> bool:
        if self.run_s(0, end) >= PERSIST_S:
            return False
        return self._is_far(0, others) if others else bool(self.time_s[end] < self.time_s[0])

    def _end_of_stray(self, bounds: Sequence[int], others: Sequence["_Line"]) -> int | None:
        """Return the packet, of ``bounds``, at which the line goes on; None where the first bound is no stray's."""
        first = bounds[0]
        for at in bounds[1:]:
            run_s = self.run_s(first, at)
            if run_s >= PERSIST_S:
                return None
            if at == len(self.time_s):
                return at if others and self._is_far(first, others) else None
            if abs(self.time_s[at] - self.end_s(first) - run_s) <= AHEAD_S:
                return at
        return None

    def _is_far(self, at: int, others: Sequence["_Line"]) -> bool:
        """Return whether packet ``at`` is far from what the other stream has beside it in the file."""
        return all(abs(self.later_than(one, slice(at, at + 1))[0]) > STRAY_S for one in others)

    def later_than(self, other: "_Line", packets: slice) -> Floats:
        """Return by how much ``packets`` are later than what the other stream has before them in the file."""
        beside = np.maximum(0, np.searchsorted(other.order, self.order[packets]) - 1)
        return np.asarray(self.time_s[packets] - other.time_s[beside])

    def index_of(self, order: int) -> int:
        """Return the index of the first packet at or after position ``order`` of the file."""
        return int(np.searchsorted(self.order, order))

    def end_s(self, at: int) -> float:
        """Return when the packet before ``at`` ends."""
        return float(self.time_s[at - 1] + self.length_s[at - 1])

    def jump_s(self, at: int) -> float:
        """Return how much later than the end of the packet before it packet ``at`` is, seconds."""
        return float(self.time_s[at]) - self.end_s(at)

    def run_s(self, first: int, last: int) -> float:
        """Return how long the packets from ``first`` to before ``last`` are together, seconds."""
        return float(self._run_ends_s[last] - self._run_ends_s[first])

    def _place(self, first: int, last: int, start_s: float) -> None:
        self.time_s[first:last] = start_s + np.concatenate([[0.0], np.cumsum(self.length_s[first : last - 1])])

    def stamps(self) -> Stamps:
        """Return the stamps, put right."""
        given = self._given
        dts = np.round(self.time_s / given.tick_s).astype(np.int64)
        pts = np.round((self.time_s + self._reorder_s) / given.tick_s).astype(np.int64)
        return replace(
            given,
            pts=np.where(given.pts == NO_STAMP, NO_STAMP, pts),
            dts=np.where(given.dts == NO_STAMP, NO_STAMP, dts),
        )


def _fill_beginning(stamps_s: Floats, is_known: NDArray[np.bool_], shown_s: Floats) -> None:
    """Give the first packets, those before any that is known, the latest times at which they may be decoded.

    ``shown_s``: when each is shown, infinity: not known. Pictures are decoded in time to be shown, one after another.
    """
    first = int(np.argmax(is_known))
    latest_s = np.minimum.accumulate(np.append(shown_s[:first], stamps_s[first])[::-1])[::-1][:first]
    stamps_s[:first] = latest_s
    is_known[:first] = True


def _lengths_s(given: Stamps, stamps_s: Floats) -> Floats:
    """Return the length of each packet; where none is stated, the usual step."""
    steps_s = np.diff(stamps_s)
    usual_s = float(np.median(steps_s[steps_s > 0])) if (steps_s > 0).any() else 0.0
    return np.where(given.duration > 0, given.duration * given.tick_s, usual_s)


def _filled(stamps_s: Floats, has_stamp: NDArray[np.bool_], length_s: Floats) -> Floats:
    """Return times; a packet without one has that of the last with one, plus the lengths between them."""
    if has_stamp.all() or not has_stamp.any():
        return stamps_s
    starts_s = np.concatenate([[0.0], np.cumsum(length_s)[:-1]])
    known = np.maximum.accumulate(np.where(has_stamp, np.arange(len(stamps_s)), int(np.argmax(has_stamp))))
    return np.asarray(stamps_s[known] + starts_s - starts_s[known])


def _join_parts(lines: Sequence[_Line], *, may_restart: bool) -> None:
    """Let each part of the file continue where the one before ended."""
    jumps = [(int(line.order[at]), number, at) for number, line in enumerate(lines) for at in line.breaks().tolist()]
    jumps.sort()
    if len(jumps) > MOST_JUMPS:
        raise BadMedia("discontinuous", f"{len(jumps)} jumps of the clock, expected at most {MOST_JUMPS}")
    while jumps:
        order, number, at = jumps.pop(0)
        starts = {number: at}
        if len(lines) > 1:
            other = 1 - number
            partner = next((one for one in jumps if one[1] == other), None)
            if partner is not None and _between_s(lines[other], order, partner[0]) <= APART_S:
                jumps.remove(partner)
                starts[other] = partner[2]
            elif _is_in_one_part(lines[other], order):
                _check_one_sided(lines[number], at, lines[other])
                continue
            elif _is_gap(lines[number], at, lines[other]):
                continue
            elif _between_s(lines[other], 0, order) <= APART_S:
                starts[other] = 0
        _join(lines, starts, may_restart=may_restart)


def _join(lines: Sequence[_Line], starts: dict[int, int], *, may_restart: bool) -> None:
    """Shift what follows the packets ``starts``, an index by stream, by one offset, so that it follows what is before.

    A pause of both streams is real, unless it is too long.
    """
    ends_s = {number: lines[number].end_s(at) for number, at in starts.items() if at}
    starts_s = {number: float(lines[number].time_s[at]) for number, at in starts.items()}
    pause_s = min(starts_s.values()) - max(ends_s.values())
    goes_back = any(starts_s[number] < end_s - BACK_S for number, end_s in ends_s.items())
    if goes_back or (may_restart and pause_s > LONGEST_PAUSE_S):
        for number, at in starts.items():
            lines[number].time_s[at:] -= pause_s


def _between_s(line: _Line, first: int, last: int) -> float:
    """Return how many seconds of a stream lie between two positions of the file."""
    return line.run_s(line.index_of(first), line.index_of(last))


def _is_in_one_part(line: _Line, order: int) -> bool:
    """Return whether a stream goes on over this position of the file."""
    at = line.index_of(order)
    return line.run_s(0, at) > APART_S and line.run_s(at, len(line.time_s)) > APART_S


def _is_gap(line: _Line, at: int, other: _Line) -> bool:
    """Return whether a stream jumps ahead before packet ``at``, far, while the other goes on for as long."""
    jump_s = line.jump_s(at)
    # The median: packets at a gap may come late, when the next one does, or early, in one pack with those before it.
    before_s = np.median(line.later_than(other, slice(max(0, at - _USUAL_PACKETS), at)))
    after_s = np.median(line.later_than(other, slice(at, at + _USUAL_PACKETS)))
    return jump_s > 2 * APART_S and bool(abs(after_s - before_s) <= jump_s / 2)


def _check_one_sided(line: _Line, at: int, other: _Line) -> None:
    """Raise BadMedia for a jump of one stream that is no gap, while the other does not jump, if it is far."""
    jump_s = line.jump_s(at)
    if not (-AHEAD_S <= jump_s <= 2 * APART_S or _is_gap(line, at, other)):
        place_s = float(line.time_s[at - 1] - line.time_s[0])
        detail = f"the clock of one stream jumps by {jump_s:.1f} s at {place_s:.1f} s, that of the other does not"
        raise BadMedia("discontinuous", detail)

"""The times of one stream's packets, while they are put right."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.video.stamps.packets import BACK_S, MOST_REORDERED, NO_STAMP, PERSIST_S, Floats, Ints, Stamps, ticks

# A longer pause of one stream is looked at: a picture that stands still for less is usual.
AHEAD_S = 0.5
# Where the packets of both streams begin before those before them ended, by more than sound wobbles, and stay so early,
# the clock went back, by however little.
OVERLAP_S = 0.03
# Further from the other stream's stamps beside it than this, a packet at the beginning or end of a file is stray.
STRAY_S = 4.0
# A picture is shown at most this long after it is decoded, or before the last of MOST_REORDERED pictures after it is
# decoded: those between it and a pause are decoded before the pause.
LONGEST_REORDER_S = 5.0
# Of a file with more, nothing is known for sure, and putting them right would take long.
MOST_JUMPS = 2000
_MOST_TRIED = 64  # jumps after a packet, in search of the one that ends its stray stamps


class Line:
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

    def overlaps(self) -> Ints:
        """Return the indices of the packets before which the time goes back a little, for good.

        None where it does so too often: these stamps wobble.
        """
        back_s = self.time_s[1:] - self.time_s[:-1] - self.length_s[:-1]
        found = np.flatnonzero((back_s < -OVERLAP_S) & (self.time_s[1:] < self.time_s[:-1])) + 1
        late_s = self.time_s - self._run_ends_s[:-1]
        if len(found) > MOST_JUMPS:
            return found[:0]
        return np.array([at for at in found.tolist() if self._persists(late_s, at)], np.int64)

    def _persists(self, late_s: Floats, at: int) -> bool:
        """Return whether all packets for a while after ``at`` are early, compared with all those for a while before."""
        first = np.searchsorted(self._run_ends_s, self._run_ends_s[at] - PERSIST_S)
        last = np.searchsorted(self._run_ends_s, self._run_ends_s[at] + PERSIST_S)
        before, after = slice(min(first, at - 1), at), slice(at, max(last, at + 1))  # packets may have no length
        return bool(late_s[after].max() < late_s[before].min())

    def replace_strays(self, others: Sequence["Line"]) -> None:
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

    def _is_stray_beginning(self, end: int, others: Sequence["Line"]) -> bool:
        if self.run_s(0, end) >= PERSIST_S:
            return False
        return self._is_far(0, others) if others else bool(self.time_s[end] < self.time_s[0])

    def _end_of_stray(self, bounds: Sequence[int], others: Sequence["Line"]) -> int | None:
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

    def _is_far(self, at: int, others: Sequence["Line"]) -> bool:
        """Return whether packet ``at`` is far from what the other stream has beside it in the file."""
        return all(abs(self.later_than(one, slice(at, at + 1))[0]) > STRAY_S for one in others)

    def later_than(self, other: "Line", packets: slice) -> Floats:
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
        dts, pts = (ticks(one, given.tick_s) for one in (self.time_s, self.time_s + self._reorder_s))
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

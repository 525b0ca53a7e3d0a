"""Put right the time stamps of a file's packets where its clock jumps.

Recorders restart their clock, streams are joined end to end, single packets carry a wrong stamp. The stamps of all
packets of picture and sound, in the order of the file, become those of one running clock: after a jump the part
continues where the one before ended, with one offset for both streams, so that picture and sound keep their relation;
a stray stamp becomes the expected one, and so do those that a muxer raised to it; a gap in one stream, while the other
goes on, is real and stays.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.core.base.errors import BadMedia
from pipeline.video.stamps.line import AHEAD_S, MOST_JUMPS, Line
from pipeline.video.stamps.packets import BACK_S, MOST_REORDERED, Stamps, is_in_order, with_own_stamps

# Packets of picture and sound of one time lie at most this far apart in a file, also where recordings are joined.
APART_S = 1.0
# Where the clock may restart, a longer pause of both picture and sound is a restart. FFmpeg has the same limit.
LONGEST_PAUSE_S = 10.0
_USUAL_PACKETS = 100  # before and after a jump, of which the usual distance to the other stream is taken


def without_jumps(streams: Sequence[Stamps], *, may_restart: bool) -> list[Stamps] | None:
    """Return ``streams``, one or two, with stamps on one running clock; None where they are so already.

    ``may_restart``: in this container the clock may restart, so that a pause of both streams longer than
    LONGEST_PAUSE_S is none. Raises BadMedia ``discontinuous`` where the relation of picture and sound is lost.
    """
    own = [with_own_stamps(one) for one in streams]
    is_right = not may_restart and all(is_in_order(one) for one in own)
    result = own if is_right else _on_one_clock(own, may_restart=may_restart)
    pairs = zip(result, streams, strict=True)
    is_same = all(np.array_equal(a.pts, b.pts) and np.array_equal(a.dts, b.dts) for a, b in pairs)
    return None if is_same else result


def _on_one_clock(streams: list[Stamps], *, may_restart: bool) -> list[Stamps]:
    """Return ``streams`` without jumps and stray stamps."""
    lines = [Line(one) for one in streams if len(one.pts) >= MOST_REORDERED]  # of fewer nothing is usual
    if not any(line.is_changed or len(line.breaks()) or len(line.overlaps()) for line in lines):
        return streams
    for line in lines:
        line.replace_strays([other for other in lines if other is not line])
    _join_parts(lines, may_restart=may_restart)
    _part_overlaps(lines)
    changed = iter([line.stamps() for line in lines])
    return [next(changed) if len(one.pts) >= MOST_REORDERED else one for one in streams]


def _join_parts(lines: Sequence[Line], *, may_restart: bool) -> None:
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


def _join(lines: Sequence[Line], starts: dict[int, int], *, may_restart: bool) -> None:
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


def _part_overlaps(lines: Sequence[Line]) -> None:
    """Where both streams go back a little, at one place of the file, let the part after it follow the one before."""
    if len(lines) < 2:
        return
    one, other = lines
    places = other.overlaps().tolist()
    for at in one.overlaps().tolist():
        near = [place for place in places if _between_s(one, *sorted((one.order[at], other.order[place]))) <= APART_S]
        if near:
            shift_s = min(one.jump_s(at), other.jump_s(near[0]))
            one.time_s[at:] -= shift_s
            other.time_s[near[0] :] -= shift_s
            places.remove(near[0])


def _between_s(line: Line, first: int, last: int) -> float:
    """Return how many seconds of a stream lie between two positions of the file."""
    return line.run_s(line.index_of(first), line.index_of(last))


def _is_in_one_part(line: Line, order: int) -> bool:
    """Return whether a stream goes on over this position of the file."""
    at = line.index_of(order)
    return line.run_s(0, at) > APART_S and line.run_s(at, len(line.time_s)) > APART_S


def _is_gap(line: Line, at: int, other: Line) -> bool:
    """Return whether a stream jumps ahead before packet ``at``, far, while the other goes on for as long."""
    jump_s = line.jump_s(at)
    # The median: packets at a gap may come late, when the next one does, or early, in one pack with those before it.
    before_s = np.median(line.later_than(other, slice(max(0, at - _USUAL_PACKETS), at)))
    after_s = np.median(line.later_than(other, slice(at, at + _USUAL_PACKETS)))
    return jump_s > 2 * APART_S and bool(abs(after_s - before_s) <= jump_s / 2)


def _check_one_sided(line: Line, at: int, other: Line) -> None:
    """Raise BadMedia for a jump of one stream that is no gap, while the other does not jump, if it is far."""
    jump_s = line.jump_s(at)
    if not (-AHEAD_S <= jump_s <= 2 * APART_S or _is_gap(line, at, other)):
        place_s = float(line.time_s[at - 1] - line.time_s[0])
        detail = f"the clock of one stream jumps by {jump_s:.1f} s at {place_s:.1f} s, that of the other does not"
        raise BadMedia("discontinuous", detail)

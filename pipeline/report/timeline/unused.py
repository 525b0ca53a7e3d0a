"""Which time of a clip is in the dataset's segments, and why the other is not."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from pipeline.audio.segment import Interval
from pipeline.core.base.units import SAME_TIME_S
from pipeline.report.timeline.results import ClipResult, SubjectResult
from pipeline.report.timeline.words import NO_FACE_SEEN, NOBODY_SEEN_SPEAKS, NOT_TAKEN, REASONS, TOO_SHORT, in_words

# A track ends at the time of its last frame, which is shown until the next one.
_FRAME_S = 0.1


@dataclass(frozen=True, slots=True)
class UnusedTime:
    """Why some time of a clip is in no segment of the dataset, in words, and its intervals in order, seconds."""

    why: str
    intervals_s: list[Interval]

    @property
    def length_s(self) -> float:
        """Seconds of all intervals together."""
        return sum(end_s - start_s for start_s, end_s in self.intervals_s)


def unused_time(clip: ClipResult) -> list[UnusedTime]:
    """Return the time of ``clip`` that is in no segment of the dataset, by reason; each moment has one reason."""
    edges, reasons = _painted(_layers(clip), (clip.shots[0][0], clip.shots[-1][1]) if clip.shots else (0.0, 0.0))
    found: dict[str, list[Interval]] = {}
    before = ""
    for (start_s, end_s), reason in zip(pairwise(edges), reasons, strict=True):
        if reason == NO_FACE_SEEN and end_s - start_s <= _FRAME_S:
            reason = before
        before = reason
        if not reason or end_s - start_s <= SAME_TIME_S:
            continue
        of_reason = found.setdefault(reason, [])
        if of_reason and start_s - of_reason[-1][1] <= SAME_TIME_S:
            start_s, _ = of_reason.pop()
        of_reason.append((start_s, end_s))
    order = list(REASONS)
    ranked = sorted(found, key=lambda reason: (order.index(reason) if reason in order else len(order), reason))
    return [UnusedTime(in_words(reason), found[reason]) for reason in ranked]


def _painted(layers: Iterable[tuple[Interval, str]], whole_s: Interval) -> tuple[list[float], list[str]]:
    """Return the edges of all intervals within ``whole_s``, and the reason between each and the next."""
    first_s, last_s = whole_s
    inside = [((max(first_s, start_s), min(last_s, end_s)), reason) for (start_s, end_s), reason in layers]
    kept = [(interval_s, reason) for interval_s, reason in inside if interval_s[0] < interval_s[1]]
    edges = sorted({edge_s for interval_s, _ in kept for edge_s in interval_s})
    reasons = [""] * max(0, len(edges) - 1)
    for (start_s, end_s), reason in kept:
        first, last = bisect_left(edges, start_s), bisect_left(edges, end_s)
        reasons[first:last] = [reason] * (last - first)
    return edges, reasons


def _layers(clip: ClipResult) -> Iterable[tuple[Interval, str]]:
    """Yield intervals with why they are not used, '' where they are; of those that overlap the last one counts."""
    for shot in clip.shots:
        yield shot, NO_FACE_SEEN
    for one in clip.subjects:
        yield from ((track.interval_s, NOBODY_SEEN_SPEAKS) for track in one.tracks)
    for one in clip.subjects:
        yield from (((turn.start_s, turn.end_s), _of_turns(clip, one)) for turn in one.turns)
    for one in clip.subjects:
        yield from _dropped_pieces(clip, one)
    for one in clip.subjects:
        for segment in one.segments:
            yield from ((part_s, segment.left_out) for part_s in segment.parts_s)


def _of_turns(clip: ClipResult, one: SubjectResult) -> str:
    """Return why those parts of a subject's turns are not used that are in no segment."""
    if not one.subject.is_taken:
        return NOT_TAKEN
    return clip.ends.sound or TOO_SHORT


def _dropped_pieces(clip: ClipResult, one: SubjectResult) -> Iterable[tuple[Interval, str]]:
    """Yield the parts of a subject's turns from where a piece was dropped to where the next piece or segment begins."""
    if not one.subject.is_taken:
        return
    turns_s = [turn.start_s for turn in one.turns]
    turn_at = {moment_s: bisect_right(turns_s, moment_s + SAME_TIME_S) - 1 for moment_s in clip.ends.dropped_s}
    own_s = [moment_s for moment_s, place in turn_at.items() if place >= 0 and moment_s < one.turns[place].end_s]
    starts_s = sorted([*own_s, *(segment.parts_s[0][0] for segment in one.segments)])
    for moment_s in own_s:
        next_place = bisect_right(starts_s, moment_s)
        next_s = starts_s[next_place] if next_place < len(starts_s) else inf
        for turn in one.turns[turn_at[moment_s] : bisect_left(turns_s, next_s)]:
            yield (max(turn.start_s, moment_s), min(turn.end_s, next_s)), clip.ends.dropped_s[moment_s]

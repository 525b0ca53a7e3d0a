"""Move the ends of turns, which are those of stretches, to where the mouth begins and ends to go with the sound.

A half second of one mouth tells little, and how much differs from person to person. So it counts by how well it tells a
subject's own turns from the rest of the time in which the subject is seen, as if its values were normally distributed
in both (linear discriminant analysis).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.audio.segment import Interval
from pipeline.core.base.units import milliseconds
from pipeline.core.records.subject import Turn
from pipeline.core.storage.vectors import Vectors
from pipeline.speaker.agreement import BIN_S

# With fewer half seconds in turns, or outside, nothing is known of how well they are told apart.
_LEAST_HALF_SECONDS = 16
_MOST_LOG_ODDS = 2.0  # of one half second
# From the mean of the others to that of the own ones: where a half second speaks for neither. A speaker rests, too.
_NEUTRAL_SHARE = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class HalfSeconds:
    """The half seconds in which a subject is seen, in order: starts (N,), and log odds (N,) that the voice is its."""

    starts_s: Vectors
    log_odds: Vectors

    def within(self, start_s: float, end_s: float) -> "HalfSeconds":
        """Return those whose middle lies in a span."""
        first, end = np.searchsorted(self.starts_s + BIN_S / 2, [start_s, end_s])
        return HalfSeconds(self.starts_s[first:end], self.log_odds[first:end])


def with_moved_ends(
    turns: Sequence[Turn], mouths: Mapping[str, HalfSeconds], stretches_s: Sequence[Interval], min_log_odds: float
) -> list[Turn]:
    """Return ``turns``, which are in order of time, with ends moved that are likelier by ``min_log_odds`` elsewhere.

    A turn may end within its first and its last stretch, or within a neighbouring one in which nobody has a turn.
    ``mouths``: of each subject, by id.
    """
    speaking = {turn.subject_id for turn in turns}
    calibrated = {subject: _calibrated(mouths[subject], subject, turns) for subject in speaking}
    is_free = [all(end_s <= one.start_s or start_s >= one.end_s for one in turns) for start_s, end_s in stretches_s]
    place_at = {start_s: place for place, (start_s, _) in enumerate(stretches_s)}
    place_until = {end_s: place for place, (_, end_s) in enumerate(stretches_s)}
    moved: list[Turn] = []
    for turn in turns:
        first, last = place_at[turn.start_s], place_until[turn.end_s]
        before, behind = place_until.get(turn.start_s), place_at.get(turn.end_s)
        from_s = stretches_s[before][0] if before is not None and is_free[before] else turn.start_s
        to_s = stretches_s[behind][1] if behind is not None and is_free[behind] else turn.end_s
        mouth = calibrated[turn.subject_id]
        start_s = _start(mouth.within(from_s, stretches_s[first][1]), turn.start_s, from_s, min_log_odds)
        last_s = max(start_s, stretches_s[last][0])
        end_s = _end(mouth.within(last_s, to_s), turn.end_s, to_s, min_log_odds)
        if moved:
            start_s = max(start_s, moved[-1].end_s)  # both may have moved into one stretch
        turn_id = f"{turn.subject_id}-{milliseconds(start_s):08d}"
        moved.append(replace(turn, turn_id=turn_id, start_s=start_s, end_s=end_s))
    return moved


def _calibrated(mouth: HalfSeconds, subject_id: str, turns: Sequence[Turn]) -> HalfSeconds:
    """Return log odds that a half second is in a turn of the subject, by how its values differ in its turns."""
    middles_s = mouth.starts_s + BIN_S / 2
    is_own = np.zeros(len(middles_s), bool)
    for turn in turns:
        if turn.subject_id == subject_id:
            is_own |= (middles_s >= turn.start_s) & (middles_s < turn.end_s)
    own, others = mouth.log_odds[is_own], mouth.log_odds[~is_own]
    if min(len(own), len(others)) < _LEAST_HALF_SECONDS:
        return replace(mouth, log_odds=np.zeros(len(middles_s)))
    variance = (len(own) * own.var() + len(others) * others.var()) / len(middles_s)
    apart = max(0.0, own.mean() - others.mean())
    neutral = others.mean() + _NEUTRAL_SHARE * apart
    log_odds = (mouth.log_odds - neutral) * (apart / variance if apart and variance else 0.0)
    return replace(mouth, log_odds=np.clip(log_odds, -_MOST_LOG_ODDS, _MOST_LOG_ODDS))


def _start(mouth: HalfSeconds, start_s: float, from_s: float, min_log_odds: float) -> float:
    """Return the likeliest start of a turn, ``from_s`` or one of ``mouth``; ``start_s`` where it is not likelier."""
    before, here = _sums(mouth), _n_before(mouth, start_s)
    place = int(np.argmin(before[:-1])) if len(before) > 1 else here
    is_likelier = 2 * (before[here] - before[place]) > min_log_odds
    return max(from_s, float(mouth.starts_s[place])) if is_likelier else start_s


def _end(mouth: HalfSeconds, end_s: float, to_s: float, min_log_odds: float) -> float:
    """Return the likeliest end, likewise, up to ``to_s``."""
    before, here = _sums(mouth), _n_before(mouth, end_s)
    place = 1 + int(np.argmax(before[1:])) if len(before) > 1 else here
    is_likelier = 2 * (before[place] - before[here]) > min_log_odds
    return min(to_s, float(mouth.starts_s[place - 1]) + BIN_S) if is_likelier else end_s


def _sums(mouth: HalfSeconds) -> Vectors:
    """Return (N + 1,) the sum of the log odds before each half second, and of all."""
    return np.concatenate([[0.0], np.cumsum(mouth.log_odds)])


def _n_before(mouth: HalfSeconds, time_s: float) -> int:
    return int(np.searchsorted(mouth.starts_s + BIN_S / 2, time_s))

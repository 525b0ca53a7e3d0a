"""Join the turns of one subject to a waveform, and find the times of its samples in the media."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.units import samples_in

Interval = tuple[float, float]
"""Start and end, seconds."""


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """A stretch of a clip's sound that is the subject's; times within the media, ``log_odds`` as of Turn."""

    start_s: float
    end_s: float
    log_odds: float | None


WHOLE_CLIP = HeardTurn(0.0, inf, None)
"""All of a clip's sound, however long."""


@dataclass(frozen=True, slots=True, eq=False)
class JoinedTurns:
    """Turns that follow each other in ``waveform`` (N,), which has nothing of what lies between them."""

    waveform: Waveform
    turns: tuple[HeardTurn, ...]

    def parts(self, start_s: float, end_s: float) -> list[tuple[HeardTurn, Interval]]:
        """Return the turns that a piece of the waveform is of, in order, each with its interval of the media."""
        found = []
        begin_s = 0.0
        for turn in self.turns:
            last_s = begin_s + turn.end_s - turn.start_s
            first, last = max(start_s, begin_s), min(end_s, last_s)
            if first < last:
                found.append((turn, (turn.start_s + first - begin_s, turn.start_s + last - begin_s)))
            begin_s = last_s
        return found


def joined_turns(waveform: Waveform, offset_s: float, turns: Sequence[HeardTurn], *, join: bool) -> list[JoinedTurns]:
    """Return the sound of ``turns`` joined, or each by itself where not ``join``; those beyond the sound are left out.

    ``waveform`` (N,) begins at ``offset_s`` of the media.
    """
    end_s = offset_s + len(waveform) / SAMPLE_RATE_HZ
    cut = [HeardTurn(max(offset_s, one.start_s), min(end_s, one.end_s), one.log_odds) for one in turns]
    inside = [one for one in cut if one.end_s > one.start_s]
    if len(inside) == 1 and inside[0].end_s - inside[0].start_s == end_s - offset_s:
        return [JoinedTurns(waveform, tuple(inside))]
    pieces = [waveform[samples_at(one.start_s - offset_s) : samples_at(one.end_s - offset_s)] for one in inside]
    if join and inside:
        return [JoinedTurns(np.concatenate(pieces), tuple(inside))]
    return [JoinedTurns(piece, (one,)) for piece, one in zip(pieces, inside, strict=True)]


def samples_at(time_s: float) -> int:
    """Return the sample nearest to ``time_s``."""
    return samples_in(time_s, SAMPLE_RATE_HZ)

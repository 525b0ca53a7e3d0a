"""Join the turns of one subject, and cut sound into the segments whose features are computed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.settings import AudioParams
from pipeline.core.base.arrays import Samples
from pipeline.core.base.units import samples_in


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One piece of sound; ``end_s`` is the end of its own sound, before any repetition."""

    start_s: float
    end_s: float
    samples: Samples

    @property
    def n_own_samples(self) -> int:
        """Samples before any repetition."""
        return round((self.end_s - self.start_s) * SAMPLE_RATE_HZ)


def cut(waveform: Samples, params: AudioParams) -> list[Segment]:
    """Return the full pieces of ``segment_s``, one every ``segment_step_s``; a shorter remainder is dropped.

    Sound shorter than one segment is repeated until it fills it and gives one (paper: "shorter recordings
    repeated to at least 6 s"). Empty sound has none.
    """
    n_samples = samples_in(params.segment_s, SAMPLE_RATE_HZ)
    if len(waveform) < n_samples:
        return [_repeated(waveform, n_samples)] if len(waveform) else []
    step = samples_in(params.segment_step_s, SAMPLE_RATE_HZ)
    starts = range(0, len(waveform) - n_samples + 1, step)
    return [_piece(waveform, start, start + n_samples) for start in starts]


def _piece(waveform: Samples, start: int, end: int) -> Segment:
    return Segment(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ, waveform[start:end])


def _repeated(waveform: Samples, n_samples: int) -> Segment:
    return Segment(0.0, len(waveform) / SAMPLE_RATE_HZ, np.resize(waveform, n_samples))


Interval = tuple[float, float]
"""Start and end, seconds."""


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """A stretch of a clip's sound that is the subject's; times within the media, ``log_odds`` as of Turn."""

    start_s: float
    end_s: float
    log_odds: float | None


def within(start_s: float, end_s: float, intervals_s: Iterable[Interval]) -> list[Interval]:
    """Return the parts of ``intervals_s`` between ``start_s`` and ``end_s``, in order: what a segment is joined of."""
    cut = [(max(start_s, first_s), min(end_s, last_s)) for first_s, last_s in intervals_s]
    return sorted(part for part in cut if part[0] < part[1])


def seconds_within(start_s: float, end_s: float, intervals_s: Iterable[Interval]) -> float:
    """Return for how long ``intervals_s`` last between ``start_s`` and ``end_s``, seconds, the sum over them."""
    return sum(max(0.0, min(end_s, last_s) - max(start_s, first_s)) for first_s, last_s in intervals_s)


@dataclass(frozen=True, slots=True)
class StretchShares:
    """A stretch of a clip's sound: the shares of its time with overlapping voices and with music; None: unknown."""

    start_s: float
    end_s: float
    overlap_share: float | None
    music_share: float | None


def shares_within(parts_s: Sequence[Interval], stretches: Sequence[StretchShares]) -> tuple[float | None, float | None]:
    """Return the shares of ``parts_s`` with overlapping voices and with music, 0-1: those of the stretches in them.

    Each stretch counts by how much of it lies in the parts; None where none that does is known.
    """
    overlaps: list[tuple[float, float]] = []
    music: list[tuple[float, float]] = []
    for one in stretches:
        both_s = seconds_within(one.start_s, one.end_s, parts_s)
        for known, share in ((overlaps, one.overlap_share), (music, one.music_share)):
            if share is not None and both_s > 0:
                known.append((both_s, share))
    return _weighted_mean(overlaps), _weighted_mean(music)


def _weighted_mean(values: Sequence[tuple[float, float]]) -> float | None:
    weight = sum(weight for weight, _ in values)
    return sum(weight * value for weight, value in values) / weight if weight else None


WHOLE_CLIP = HeardTurn(0.0, inf, None)
"""All of a clip's sound, however long."""


@dataclass(frozen=True, slots=True, eq=False)
class JoinedTurns:
    """Turns that follow each other in ``waveform`` (N,), which has nothing of what lies between them."""

    waveform: Samples
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


def joined_turns(waveform: Samples, offset_s: float, turns: Sequence[HeardTurn], *, join: bool) -> list[JoinedTurns]:
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

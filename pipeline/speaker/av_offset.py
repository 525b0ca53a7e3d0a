"""Measure by how much the whole of a clip's sound is out of step with its picture.

Re-uploads and careless cuts shift the sound by a constant. It is the lag at which the mouths of the clip correlate
best with the sound, less the usual lag: the correlation of mouth_sound.py, at lags up to a second and more. Among so
many lags the best one of an unrelated voice is high, too, and syllables make side lobes, so what counts is how far the
best lag exceeds every other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.records.frame import Frame
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker.mouth_sound import (
    GRID_HZ,
    Floats,
    centred,
    fast_part,
    is_quiet,
    mouth_on_grid,
    movements,
    variance_factor,
)

Integers = NDArray[np.int_]

# Fixed: the meaning of av_offset_certainty was measured with these.
N_MOVEMENTS = 3  # of a mouth, of mouth_sound.py
# The lag of talkers in step: of real ones the median is 0.03 s, of those recorded in a laboratory and of generated ones
# it is 0.0 s. detect.usual_av_lag_s is the middle of a range instead.
IN_STEP_LAG_S = 0.02
PEAK_S = 0.16  # lags closer than this to the best one belong to its peak


@dataclass(frozen=True, slots=True, kw_only=True)
class AvOffset:
    """By how much a clip's sound comes later than its picture.

    ``offset_s``: the best lag less IN_STEP_LAG_S, seconds; positive: the sound is late. None without enough of both.
    ``certainty``: (z^2 - z'^2) / 2, with the z-score z at the best lag and the greatest z-score z' at lags that are
    not of its peak: the logarithm of how much likelier that lag is than any other. Of unrelated voices and mouths, the
    median is 0.8, the 90 % quantile 2.5, the 99 % quantile 6. 0 where the best lag is the first or last one tried, as
    the peak may lie beyond.
    ``out_of_step_s``: the offset where it is certain and large, else 0.
    """

    offset_s: float | None = None
    certainty: float | None = None
    out_of_step_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Curves:
    """How one track's movements, or those of several tracks, follow the sound at each of (lags,)."""

    products: Floats
    """(lags, movements): the sum of the products of movement and sound, each standardised."""
    variances: Floats
    """(lags, movements): the variance of that sum, were the two unrelated."""
    n: Floats
    """(lags,): how many values are compared."""


def av_offset(frames_of: Sequence[Sequence[Frame]], loud: Floats, params: DetectParams) -> AvOffset:
    """Return the offset of a clip, given the frames of each of its tracks, in time order, and its ``loudness``.

    Offsets up to ``max_av_offset_s`` are tried, those at which face and sound are both there for
    ``min_av_covered_s``. The z-score at a lag is the greatest of those of each track and of all tracks together, by
    each measure of the mouth. There is no offset where fewer than half of the lags can be tried, or where the sound is
    never as loud as ``min_av_loudness``. It is out of step where the certainty is at least ``min_av_offset_certainty``
    and the offset at least ``min_av_offset_s``.
    """
    usual, furthest = round(IN_STEP_LAG_S * GRID_HZ), round(params.max_av_offset_s * GRID_HZ)
    lags = np.arange(usual - furthest, usual + furthest + 1)
    begin = max(0, round(min(frames[0].time_s for frames in frames_of) * GRID_HZ) + int(lags[0]))
    if not len(loud[begin:]) or is_quiet(loud[begin:], params.min_av_loudness):
        return AvOffset()
    sound = fast_part(loud[begin:])
    tracks = [_curves(frames, sound, lags - begin) for frames in frames_of]
    zscores = _zscores(tracks, min_n=params.min_av_covered_s * GRID_HZ)
    is_tried = np.isfinite(zscores)
    if is_tried.sum() < len(lags) / 2:
        return AvOffset()
    best = int(np.argmax(zscores))
    others = zscores[is_tried & (np.abs(lags - lags[best]) > PEAK_S * GRID_HZ)]
    best_zscore, next_zscore = (max(0.0, float(found.max(initial=0.0))) for found in (zscores[is_tried], others))
    is_inside = is_tried[max(0, best - 1) : best + 2].sum() == 3
    shift = _peak_shift(zscores, best) if is_inside else 0.0
    offset_s = float(lags[best] + shift) / GRID_HZ - IN_STEP_LAG_S
    certainty = (best_zscore**2 - next_zscore**2) / 2 if is_inside else 0.0
    is_out = certainty >= params.min_av_offset_certainty and abs(offset_s) >= params.min_av_offset_s
    return AvOffset(offset_s=offset_s, certainty=certainty, out_of_step_s=offset_s if is_out else 0.0)


def _curves(frames: Sequence[Frame], sound: Floats, lags: Integers) -> _Curves:
    """Return the curves of one track's mouth."""
    last = round(frames[-1].time_s * GRID_HZ)
    first, measures, covered = mouth_on_grid(frames, last + 1)
    moving = np.array(movements(measures, covered)) if covered.any() else np.zeros((N_MOVEMENTS, len(covered)))
    products, n = np.zeros((len(lags), N_MOVEMENTS)), np.zeros(len(lags))
    for at, lag in enumerate(lags):
        start, end = np.clip((first + lag, first + lag + len(covered)), 0, len(sound))
        inside = slice(start - first - lag, end - first - lag)
        n[at] = covered[inside].sum()
        if n[at]:
            voice = centred(sound[start:end], covered[inside])
            std = np.sqrt(voice @ voice / n[at])
            products[at] = moving[:, inside] @ voice / std if std else 0.0
    around = sound[max(0, first + lags[0]) : max(0, first + lags[-1] + len(covered))]
    factors = np.array([variance_factor(movement, around) for movement in moving])
    return _Curves(products, n[:, None] * factors, n)


def _zscores(tracks: Sequence[_Curves], min_n: float) -> Floats:
    """Return (lags,): the greatest z-score of one track, or of all together, by any movement.

    -inf where all together have fewer than ``min_n`` values; a track that alone has fewer does not count alone.
    """
    together = _Curves(
        np.sum([one.products for one in tracks], axis=0),
        np.sum([one.variances for one in tracks], axis=0),
        np.sum([one.n for one in tracks], axis=0),
    )
    return np.asarray(np.max([_best_movement(one, min_n) for one in (*tracks, together)], axis=0))


def _best_movement(curves: _Curves, min_n: float) -> Floats:
    zscores = (curves.products / np.sqrt(np.maximum(curves.variances, 1.0))).max(axis=1)
    return np.asarray(np.where(curves.n >= min_n, zscores, -np.inf))


def _peak_shift(zscores: Floats, best: int) -> float:
    """Return where the parabola through the highest value and its neighbours is highest, steps from it, -0.5 to 0.5."""
    before, at, after = zscores[best - 1 : best + 2]
    curvature = before - 2 * at + after
    return float((before - after) / (2 * curvature)) if curvature < 0 else 0.0

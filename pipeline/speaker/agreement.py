"""Measure, in each half second of a track, how far its mouth moves as a voice of its own would make it move.

Over a whole track the correlation of mouth_sound.py tells whether a face speaks; these are sums in time, of which any
stretch can be made up. There are two: one compares the mouth's height with the loudness, as mouth_sound.py does; one
looks at more of the mouth and more of the sound, by what both are in real people (mouth_model.py). Drawn or badly
followed mouths need not move as the second one says.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.core.base.units import milliseconds
from pipeline.core.records.frame import Frame
from pipeline.core.records.track import Agreement
from pipeline.speaker.mouth_model import CONTEXT_STEPS, MOUTH_WEIGHTS, fast_bands, mouth_measures, predicted
from pipeline.speaker.mouth_sound import (
    GRID_HZ,
    Flags,
    Floats,
    centred,
    fast_part,
    is_quiet,
    mouth_on_grid,
    movements,
    variance_factor,
)
from pipeline.speaker.sound_bands import Bands

BIN_S = 0.5
LAGS_S = tuple(round(0.04 * n, 2) for n in range(-7, 8))
"""From the usual lag of the clip, at which mouth and sound are compared; a peak is 0.1 to 0.16 s wide."""

_BIN_STEPS = round(BIN_S * GRID_HZ)
_IN_STEP = len(LAGS_S) // 2


def agreement(
    frames: Sequence[Frame],
    loud: Floats,
    bands: Bands,
    *,
    out_of_step_s: float,
    usual_lag_s: float,
    min_loudness: float,
) -> list[Agreement]:
    """Return the agreement of the mouth of one track's ``frames``, in time order, and the sound, by half second.

    ``loud`` (n,): as of ``loudness``; ``bands`` (n, N_BANDS): of the same sound; ``out_of_step_s``: by how much it
    comes late; ``usual_lag_s``: from a mouth to its loudness, in step. Half seconds begin at multiples of BIN_S. None
    where face and sound are not both there, or where the track's sound is never as loud as ``min_loudness``, or never
    changes.
    """
    first, heights, covered = mouth_on_grid(frames, len(loud))
    if not covered.any() or is_quiet(loud[first:][: len(covered)][covered], min_loudness):
        return []
    loud_lags, lags = (_steps(out_of_step_s + usual_s) for usual_s in (usual_lag_s, 0.0))
    voices = _loudness_at(loud, first, covered, loud_lags)
    if not voices.any():
        return []
    movement = movements(heights, covered)[-1]
    predictions = _predictions_at(bands, first, len(covered), lags)
    both = mouth_measures(frames, len(loud))[1] @ MOUTH_WEIGHTS
    numbers, starts = np.unique((first + np.arange(len(covered))) // _BIN_STEPS, return_index=True)
    covered_steps, loud_products, loud_power, products, power = (
        np.add.reduceat(values, starts)
        for values in (
            covered.astype(float),
            movement[:, None] * voices,
            np.square(voices[:, _IN_STEP]),
            np.einsum("nk,nlk->nl", both, predictions),
            np.where(covered, np.square(predictions[:, _IN_STEP]).sum(axis=1), 0.0),
        )
    )
    factor = variance_factor(movement, voices[:, _IN_STEP])
    return [
        Agreement(
            agreement_id=f"{frames[0].track_id}-{milliseconds(number * BIN_S):08d}",
            clip_id=frames[0].clip_id,
            track_id=frames[0].track_id,
            start_s=float(number * BIN_S),
            covered_s=float(covered_steps[at]) / GRID_HZ,
            products=products[at].astype(np.float32),
            voice_power=float(power[at]),
            loud_products=loud_products[at].astype(np.float32),
            loud_power=float(loud_power[at]),
            variance_factor=factor,
        )
        for at, number in enumerate(numbers.tolist())
    ]


def _steps(usual_s: float) -> list[int]:
    return [round((usual_s + lag_s) * GRID_HZ) for lag_s in LAGS_S]


def _loudness_at(loud: Floats, first: int, covered: Flags, lags: Sequence[int]) -> Floats:
    """Return (n, lags): the fast part of the loudness, of standard deviation 1 at the middle lag; 0 if constant."""
    steps = first + np.arange(len(covered))
    begin = max(0, first + lags[0])
    sound = fast_part(loud[begin : first + len(covered) + lags[-1]])
    voices = [centred(sound[np.clip(steps + lag - begin, 0, len(sound) - 1)], covered) for lag in lags]
    scale = float(np.sqrt(voices[_IN_STEP] @ voices[_IN_STEP] / covered.sum()))
    return np.stack(voices, axis=1) / scale if scale else np.zeros((len(covered), len(lags)))


def _predictions_at(bands: Bands, first: int, n: int, lags: Sequence[int]) -> Floats:
    """Return (n, lags, 2): the movements that the bands predict."""
    around = np.arange(first + lags[0] + CONTEXT_STEPS[0], first + n + lags[-1] + CONTEXT_STEPS[-1])
    sound = predicted(fast_bands(bands[np.clip(around, 0, len(bands) - 1)]))
    return np.stack([sound[lag - lags[0] :][:n] for lag in lags], axis=1)

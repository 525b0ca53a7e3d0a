"""The speech of a clip: bursts of syllables between pauses, and the mouth opening that belongs to them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

VOWELS = ("a", "e", "i", "o", "u")
VOWEL_OPENNESS = np.array([1.0, 0.62, 0.34, 0.72, 0.30])

PAUSE_S = (0.55, 0.95)
BURST_S = (0.7, 1.5)
# Lips part this fast after a burst starts, and have met again this long before it ends: the end of a burst
# is the decay of the voice behind closing lips, and belongs to the speech.
LIPS_PART_S = 0.07
LIPS_MEET_S = 0.10
BUMP_WIDTH = 0.62


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """Bursts and syllables of one speaker. Arrays have one entry per syllable, in order of time."""

    bursts_s: tuple[tuple[float, float], ...]
    centre_s: Floats
    length_s: Floats
    stress: Floats
    vowel: NDArray[np.intp]
    has_hiss: NDArray[np.bool_]


def plan_bursts(rng: np.random.Generator, duration_s: float, *, at_least: int = 1) -> tuple[tuple[float, float], ...]:
    """Return speech intervals (start, end), seconds, with a pause at both ends and between any two.

    Pauses last PAUSE_S where the clip is long enough; a clip of a second still has two short ones.
    """
    n_bursts = max(at_least, round((duration_s - np.mean(PAUSE_S)) / (np.mean(PAUSE_S) + np.mean(BURST_S))))
    pauses = rng.uniform(*PAUSE_S, n_bursts + 1)
    bursts = rng.uniform(*BURST_S, n_bursts)
    pauses *= min(1.0, 0.55 * duration_s / pauses.sum())
    bursts *= (duration_s - pauses.sum()) / bursts.sum()
    starts = np.cumsum(pauses[:-1]) + np.concatenate([[0.0], np.cumsum(bursts)[:-1]])
    return tuple((round(float(s), 4), round(float(s + b), 4)) for s, b in zip(starts, bursts, strict=True))


def generate_speech(rng: np.random.Generator, bursts_s: tuple[tuple[float, float], ...], syllables_hz: float) -> Speech:
    """Return speech that fills the bursts with syllables at the speaker's rate."""
    edges = [_syllable_edges(rng, start, end, syllables_hz) for start, end in bursts_s]
    starts = np.array([a for row in edges for a, _ in pairwise(row)])
    ends = np.array([b for row in edges for _, b in pairwise(row)])
    n = len(starts)
    return Speech(
        bursts_s=bursts_s,
        centre_s=(starts + ends) / 2,
        length_s=ends - starts,
        stress=rng.uniform(0.6, 1.0, n),
        vowel=rng.integers(0, len(VOWELS), n),
        has_hiss=rng.random(n) < 0.35,
    )


def _syllable_edges(rng: np.random.Generator, start_s: float, end_s: float, rate_hz: float) -> list[float]:
    n = max(1, round((end_s - start_s) * rate_hz))
    parts = rng.uniform(0.75, 1.25, n)
    inner = start_s + np.cumsum(parts) / parts.sum() * (end_s - start_s)
    return [start_s, *(float(e) for e in inner)]


def is_speaking(speech: Speech, time_s: Floats) -> NDArray[np.bool_]:
    """Return for each time whether it lies in a burst."""
    inside = [(time_s >= start) & (time_s < end) for start, end in speech.bursts_s]
    return np.any(inside, axis=0) if inside else np.zeros(len(time_s), bool)


def mouth_opening(speech: Speech, time_s: Floats) -> Floats:
    """Return how far the mouth is open in [0, 1]: exactly 0 outside bursts, one bump a syllable inside."""
    if not speech.bursts_s:
        return np.zeros(len(time_s))
    # A bump reaches no further than its neighbours' middles, so the two syllables around a time decide.
    after = np.searchsorted(speech.centre_s, time_s)
    near = np.clip(np.stack([after - 1, after]), 0, len(speech.centre_s) - 1)
    offset = (time_s - speech.centre_s[near]) / (BUMP_WIDTH * speech.length_s[near])
    bumps = np.where(np.abs(offset) < 1, np.cos(offset * np.pi / 2) ** 2, 0.0)
    height = speech.stress[near] * VOWEL_OPENNESS[speech.vowel[near]]
    return np.asarray((bumps * height).max(axis=0) * _lips_apart(speech, time_s))


def _lips_apart(speech: Speech, time_s: Floats) -> Floats:
    gates = [
        np.clip((time_s - start) / LIPS_PART_S, 0, 1) * np.clip((end - LIPS_MEET_S - time_s) / LIPS_MEET_S, 0, 1)
        for start, end in speech.bursts_s
    ]
    return smooth_step(np.max(gates, axis=0))


def smooth_step(x: Floats) -> Floats:
    """Map [0, 1] to [0, 1] with flat ends."""
    return np.asarray(x * x * (3 - 2 * x))

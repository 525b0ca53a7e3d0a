"""The stretches of a clip's sound in each of which it is decided who speaks: parts of shots, that end at pauses."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.segment import Interval
from pipeline.core.storage.vectors import Vectors
from pipeline.identity.sound.overlap_network import STEP_SAMPLES, HeardVoices
from pipeline.identity.subjects.sound import LIKELY, ClipSound

# Of the length of a shot's equal parts: by how much an end may move, in how many steps, and the least length.
_MOST_MOVED_SHARE, _N_STEPS, _LEAST_SHARE = 0.6, 12, 0.6
# What an end at a pause, and one where another voice begins, are worth. A stretch whose length differs from that of
# equal parts by the whole of it costs 1.
_PAUSE_WORTH, _CHANGE_WORTH = 3.0, 9.0
_PAUSE_STEPS = round(0.4 * SAMPLE_RATE_HZ / STEP_SAMPLES)  # a pause of this length, or longer, is worth most


def stretches(shots_s: Iterable[Interval], length_s: float) -> list[list[Interval]]:
    """Return the stretches of each shot: equal parts, as near to ``length_s`` as can be; a shorter shot is one.

    A shot of a clip's last frame alone ends where it starts, and has none.
    """
    parts = []
    for start_s, end_s in shots_s:
        n = max(1, round((end_s - start_s) / length_s))
        edges = np.linspace(start_s, end_s, n + 1).tolist()
        parts.append([*pairwise(edges)] if end_s > start_s else [])
    return parts


def ended_at_pauses(shots: Iterable[Sequence[Interval]], voices: HeardVoices, sound: ClipSound) -> list[list[Interval]]:
    """Return the stretches of each shot, given as equal parts, with ends moved to pauses and to where voices change.

    In a stretch in which the speaker changes, nobody can be told to speak in all of it. Most speakers change at pauses.
    """
    from scipy.ndimage import uniform_filter1d

    pauses = uniform_filter1d((voices.speech < LIKELY).astype(np.float64), _PAUSE_STEPS, mode="constant")
    worth = _PAUSE_WORTH * pauses + _CHANGE_WORTH * voices.change
    return [[*pairwise(_moved(parts, worth, sound))] if parts else [] for parts in shots]


def _moved(parts_s: Sequence[Interval], worth: Vectors, sound: ClipSound) -> list[float]:
    """Return the edges of one shot's stretches, seconds: those of greatest worth in sum, less what lengths cost."""
    length_s = (parts_s[-1][1] - parts_s[0][0]) / len(parts_s)
    steps_s = length_s * _MOST_MOVED_SHARE * np.linspace(-1, 1, 2 * _N_STEPS + 1)
    choices = [np.array([parts_s[0][0]])]
    choices += [start_s + steps_s for start_s, _ in parts_s[1:]] + [np.array([parts_s[-1][1]])]
    best, came_from = np.zeros(1), []
    for before_s, here_s in pairwise(choices):
        relative = (here_s[:, None] - before_s) / length_s
        costs = np.where(relative >= _LEAST_SHARE - 1e-9, (relative - 1) ** 2, np.inf)
        sums = best - costs
        came_from.append(np.argmax(sums, axis=1))
        best = sums.max(axis=1) + _worth_at(here_s, worth, sound)
    edges, place = [parts_s[-1][1]], 0
    for edge_s, back in zip(choices[-2::-1], came_from[::-1], strict=True):
        place = int(back[place])
        edges.append(float(edge_s[place]))
    return edges[::-1]


def _worth_at(times_s: Vectors, worth: Vectors, sound: ClipSound) -> Vectors:
    places = [sound.place(time_s, STEP_SAMPLES) for time_s in times_s.tolist()]
    return np.array([worth[place] if place < len(worth) else 0.0 for place in places])

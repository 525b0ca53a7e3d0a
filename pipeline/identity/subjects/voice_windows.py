"""Where a clip's voices are embedded: windows that lie in speech, and that stretches of one voice share."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.segment import Interval
from pipeline.identity.network.voice_network import WINDOW_SAMPLES
from pipeline.identity.sound.overlap_network import STEP_SAMPLES
from pipeline.identity.subjects.sound import BEYOND_S, HeardSound

# Neighbouring stretches of a shot are of one voice where it changes by less at the end between them: of 283 ends within
# shots of one voice, 96 % do.
_ONE_VOICE = 0.3
_APART_S = 2.0  # a long stretch has windows inside, not nearer to each other than this
_GRID_SAMPLES = round(0.05 * SAMPLE_RATE_HZ)
# A window may lie by a second elsewhere for this much more of its time with speech.
_SHARE_A_SECOND = 0.1


def voice_windows(shots: Sequence[Sequence[Interval]], heard: HeardSound) -> list[tuple[Interval, list[int]]]:
    """Return each stretch of ``shots`` with the first samples of its windows, none where there is too little sound.

    A stretch has a window near its start and one near its end. Stretches of one voice that follow each other share the
    one between them. Each lies where most speech is; where no voices are heard for, as far apart as can be.
    """
    speech = None if heard.voices is None else np.concatenate([[0.0], np.cumsum(heard.voices.speech, dtype=np.float64)])
    found: list[tuple[Interval, list[int]]] = []
    for parts_s in shots:
        for run in _of_one_voice(parts_s, heard):
            found += _windows_of_run(run, heard, speech)
    return found


def _of_one_voice(parts_s: Sequence[Interval], heard: HeardSound) -> Iterator[list[Interval]]:
    """Yield the stretches of a shot in runs of one voice."""
    run: list[Interval] = []
    for part_s in parts_s:
        if run and (heard.voices is None or heard.change_near(part_s[0], heard.voices) >= _ONE_VOICE):
            yield run
            run = []
        run.append(part_s)
    if run:
        yield run


def _windows_of_run(
    run: Sequence[Interval], heard: HeardSound, speech: NDArray[np.float64] | None
) -> Iterator[tuple[Interval, list[int]]]:
    place, n_samples = heard.sound.place, len(heard.sound.waveform)
    shared: list[int] = []
    for number, (start_s, end_s) in enumerate(run):
        begin, end = place(start_s), min(n_samples, place(end_s + BEYOND_S))
        last, middle = end - WINDOW_SAMPLES, (begin + end) // 2
        if len(run) == 1 and last - begin < WINDOW_SAMPLES:
            windows = _best(begin, last, (begin + last) // 2, speech)
        else:
            windows = shared or _best(begin, max(begin, middle - WINDOW_SAMPLES), begin, speech)
            n_apart = max(1, int((end_s - start_s) / _APART_S))
            for inner in range(1, n_apart):
                windows = windows + _around(begin + (end - begin) * inner // n_apart, speech)
            is_last = number == len(run) - 1
            shared = _best(min(middle, last), last, last, speech) if is_last else _around(place(end_s), speech)
            windows = windows + shared
        yield (start_s, end_s), [first for first in windows if 0 <= first <= n_samples - WINDOW_SAMPLES]


def _around(place: int, speech: NDArray[np.float64] | None) -> list[int]:
    """Return the window about a place that has most speech."""
    return _best(place - WINDOW_SAMPLES, place, place - WINDOW_SAMPLES // 2, speech)


def _best(first: int, last: int, wanted: int, speech: NDArray[np.float64] | None) -> list[int]:
    """Return which window from ``first`` to ``last`` has most speech, near to ``wanted``; none where none fits."""
    if last < first:
        return []
    if speech is None:
        return [wanted]
    firsts = np.arange(max(0, first), last + 1, _GRID_SAMPLES)
    if not len(firsts):
        return []
    ends = np.minimum((firsts + WINDOW_SAMPLES) // STEP_SAMPLES, len(speech) - 1)
    of_time = (speech[ends] - speech[np.minimum(firsts // STEP_SAMPLES, ends)]) * STEP_SAMPLES / WINDOW_SAMPLES
    return [int(firsts[np.argmax(of_time - _SHARE_A_SECOND / SAMPLE_RATE_HZ * np.abs(firsts - wanted))])]

"""Hold the log-mels of a file's segments against the sound that it truly has at their time."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.media_corpus.project import log_mel_of
from benchmarks.media_corpus.talkers import PERSONS, SOUND_HZ, Talker, voice_of
from benchmarks.media_corpus.truth import Heard, Truth
from pipeline.audio.filters import mel_filters
from pipeline.audio.logmel import mel_power
from pipeline.audio.profiles import SYNC, SYNC_HOP_SAMPLES
from pipeline.core.records.segment import Segment

COLUMN_S = SYNC_HOP_SAMPLES / SOUND_HZ
STEP_S, FURTHEST_S = 0.01, 0.4
MAX_LAG_S = COLUMN_S + STEP_S / 2
WINDOW_COLUMNS = 20  # 0.8 s: long enough to have loud and quiet parts
MIN_WINDOW_CORRELATION = 0.35
MIN_BETTER = 0.02  # another lag must fit so much better than the true one to count
MIN_SILENT_COLUMNS = 5
MIN_DEVIATION = 1.0  # of the log power: in less there is nothing to tell times apart
N_EDGE_COLUMNS = 2
MIN_SILENT_DROP = 0.5  # of the standardised log-mel: what is silent lies this far below what sounds


def sound_faults(truth: Truth, segments: list[Segment]) -> Iterator[str]:
    """Yield what is wrong about the sound of a file whose segments are these."""
    covered_s = 0.0
    for segment in sorted(segments, key=lambda one: one.start_s):
        yield from _segment_faults(truth, segment)
        covered_s += segment.n_valid_frames * COLUMN_S
    heard_s = sum(one.end_s - max(0.0, one.start_s) for one in truth.heard)
    if covered_s < 0.5 * heard_s and not truth.is_damaged:
        yield f"sound: {covered_s:.1f} s of segments for {heard_s:.1f} s that are heard"


def _segment_faults(truth: Truth, segment: Segment) -> Iterator[str]:
    found = log_mel_of(segment)
    rows = _rows_below(truth.top_hz)
    lags = np.arange(-round(FURTHEST_S / STEP_S), round(FURTHEST_S / STEP_S) + 1) * STEP_S
    expected = {lag: _log_power(truth, segment.start_s + lag, found.shape[1])[rows] for lag in lags}
    found = found[rows]
    claimed, sounding = _columns(truth, segment.start_s, found.shape[1])
    use = claimed & sounding
    if use.sum() < WINDOW_COLUMNS:
        return
    scores = np.array([_correlation(found[:, use], expected[lag][:, use]) for lag in lags])
    best = int(scores.argmax())
    where = f"sound of {segment.start_s:.2f} s on"
    near = np.abs(lags) <= MAX_LAG_S
    own = {piece.talker.person for piece in truth.heard if piece.talker is not None}
    for person in sorted(set(range(PERSONS)) - own):
        other = _spoken_by(truth, Talker(person))
        of_other = [_log_power(other, segment.start_s + lag, found.shape[1])[rows] for lag in (0.0, lags[best])]
        if max(_correlation(found[:, use], one[:, use]) for one in of_other) > scores[best]:
            yield f"{where}: sounds like person {person}"
            return
    if scores[best] < truth.min_sound_correlation:
        yield f"{where}: is not what is heard (correlation {scores[best]:.2f} at best)"
        return
    if not near[best] and scores[best] > scores[near].max() + MIN_BETTER:
        # found(t) is the truth of t + lag: what sounds at t belongs later, so it comes too early.
        yield f"{where}: {abs(lags[best]):.2f} s too {'early' if lags[best] > 0 else 'late'}"
        return
    if truth.is_damaged:
        return
    yield from _window_faults(where, found, expected, lags, use)
    silent = claimed & ~sounding
    if silent.sum() >= MIN_SILENT_COLUMNS and found[:, silent].mean() > found[:, use].mean() - MIN_SILENT_DROP:
        yield f"{where}: {silent.sum() * COLUMN_S:.2f} s that are silent are not"


def _spoken_by(truth: Truth, talker: Talker) -> Truth:
    """Return ``truth`` with the clip of that talker wherever one is heard."""
    pieces = (replace(piece, talker=talker) if piece.talker is not None else piece for piece in truth.heard)
    return replace(truth, heard=tuple(pieces))


def _window_faults(
    where: str,
    found: NDArray[Any],
    expected: dict[float, NDArray[Any]],
    lags: NDArray[Any],
    use: NDArray[np.bool_],
) -> Iterator[str]:
    """Yield the parts of a segment that are wrong though the whole is right: holes, and pieces moved."""
    near = [lag for lag in lags if abs(lag) <= MAX_LAG_S]
    wrong = [
        start
        for start in range(0, found.shape[1] - WINDOW_COLUMNS + 1, WINDOW_COLUMNS // 4)
        if use[start : start + WINDOW_COLUMNS].mean() > 0.9
        and expected[near[len(near) // 2]][:, start : start + WINDOW_COLUMNS].std() > MIN_DEVIATION
        and max(
            _correlation(found[:, start : start + WINDOW_COLUMNS], expected[lag][:, start : start + WINDOW_COLUMNS])
            for lag in near
        )
        < MIN_WINDOW_CORRELATION
    ]
    if wrong:
        from_s, to_s = wrong[0] * COLUMN_S, (wrong[-1] + WINDOW_COLUMNS) * COLUMN_S
        yield f"{where}: wrong from {from_s:.2f} s to {to_s:.2f} s of it"


def _rows_below(top_hz: float) -> NDArray[np.bool_]:
    """Return which mel bins end below a frequency, (n_mels,)."""
    filters = mel_filters(SYNC)
    bins_hz = np.arange(filters.shape[1]) * SOUND_HZ / SYNC.n_fft
    highest = np.array([bins_hz[row > 0].max(initial=0.0) for row in filters])
    return np.asarray(highest < top_hz)


def _log_power(truth: Truth, start_s: float, n_columns: int) -> NDArray[Any]:
    sound = true_sound(truth, start_s, n_columns * SYNC_HOP_SAMPLES)
    samples = np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    return np.log(np.maximum(mel_power(samples, SYNC), truth.noise))[:, :n_columns]


def true_sound(truth: Truth, start_s: float, n_samples: int) -> NDArray[Any]:
    """Return the (n_samples,) that the file truly sounds like from a time on, at SOUND_HZ."""
    sound = np.zeros(n_samples, np.float32)
    time_s = start_s + np.arange(n_samples) / SOUND_HZ
    for piece in truth.heard:
        if piece.talker is not None:
            master = voice_of(piece.talker)
            at_s = piece.source_s + (time_s - piece.start_s) * piece.rate
            inside = (time_s >= piece.start_s) & (time_s < piece.end_s)
            sound[inside] = np.interp(at_s[inside], np.arange(len(master)) / SOUND_HZ, master, left=0, right=0)
    return sound


def _columns(truth: Truth, start_s: float, n_columns: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return of each column whether something is claimed of it, and whether a talker's clip runs in it."""
    time_s = start_s + (np.arange(n_columns) + 0.5) * COLUMN_S
    claimed, sounding = np.ones(n_columns, bool), np.zeros(n_columns, bool)
    for piece in truth.heard:
        inside = (time_s >= piece.start_s) & (time_s < piece.end_s)
        if piece.talker is None:
            claimed &= ~inside
        sounding |= inside & (piece.talker is not None)
        claimed &= ~_near_ends(piece, time_s)
    return claimed, sounding


def _near_ends(piece: Heard, time_s: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which times are so near to where a piece begins or ends that a codec's delay decides."""
    width_s = N_EDGE_COLUMNS * COLUMN_S
    return (np.abs(time_s - piece.start_s) < width_s) | (np.abs(time_s - piece.end_s) < width_s)


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the correlation of two log-mels, each bin less its own mean and over its own deviation."""
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    vary = (one.std(axis=1) > 1e-3) & (other.std(axis=1) > 1e-3)
    if not vary.any():
        return 0.0
    one, other = one[vary] / one[vary].std(axis=1, keepdims=True), other[vary] / other[vary].std(axis=1, keepdims=True)
    return float((one * other).mean())

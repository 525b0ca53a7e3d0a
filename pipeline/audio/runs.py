"""Join decoded sound by its time stamps: samples that follow each other stay together though their stamps wobble."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.core.base.arrays import WaveformInt16

if TYPE_CHECKING:
    from av import AudioFrame

GAP_S = 0.02
"""Containers round time stamps, Matroska to 1 ms; only a larger step that lasts is a gap or an overlap."""
# Stamps this close to the samples are rounded, not wobbling: the first of a run is as right as all together.
_ROUNDED_S = 0.0025
# So far ahead stamps are compared: a step from which they return within this time is none.
_LOOK_S = 1.0
# Fewer frames than these do not show whether stamps wobble, and by no more than this they do.
_FEW_S = 0.25
_WOBBLE_S = 0.05
# Stamps that drifted this far from the samples are followed again; a face's lips do not show less.
_DRIFT_S = 0.015
# At most this part of a piece's length is added or taken then: a twelfth of a semitone.
_MOST = 0.005


class _Stamped(NamedTuple):
    frame: "AudioFrame"
    form: tuple[str, str, int]
    position_s: float  # of its first sample, by counting samples
    late_s: float  # by how much its stamp is later than that


class Run:
    """A stretch of sound without a gap and in one format."""

    def __init__(self, ahead: "_Ahead") -> None:
        self._ahead = ahead
        first = ahead.frames[0]
        self.first = first.frame
        """Its first frame."""
        self._late_s = _late_s(ahead, first)
        is_stamped = first.frame.time is not None and self._late_s == first.late_s
        self.start_s = float(first.frame.time or 0.0) if is_stamped else first.position_s + self._late_s
        """The time of the first sample."""

    def frames(self) -> Iterator[tuple["AudioFrame", float]]:
        """Yield each frame, and by how many seconds the stamps around it are later than those at the run's start."""
        recent: deque[float] = deque()
        recent_s, total = 0.0, 0.0
        form = self._ahead.frames[0].form
        level_s, wobbles = self._late_s, False
        while self._ahead.fill() and (one := self._ahead.frames[0]).form == form:
            off_s = abs(one.late_s - level_s)
            if off_s > GAP_S and recent and self._ahead.stays_off(level_s, wobbles=wobbles):
                return
            wobbles = wobbles or off_s > GAP_S
            self._ahead.frames.popleft()
            recent.append(one.late_s)
            total, recent_s = total + one.late_s, recent_s + _length_s(one.frame)
            if recent_s > 2 * _LOOK_S:
                total, recent_s = total - recent.popleft(), recent_s - _length_s(one.frame)
                level_s = total / len(recent)
            yield one.frame, level_s - self._late_s


class _Ahead:
    """The next _LOOK_S of frames."""

    def __init__(self, frames: Iterable["AudioFrame"]) -> None:
        self.frames: deque[_Stamped] = deque()
        self._coming = iter(frames)
        self._next_s = 0.0

    def fill(self) -> bool:
        """Read on; return whether there is a frame."""
        while not self.frames or self._next_s - self.frames[0].position_s < _LOOK_S:
            frame = next(self._coming, None)
            if frame is None:
                break
            late_s = self.frames[-1].late_s if self.frames else 0.0
            if frame.time is not None:
                late_s = frame.time - self._next_s
            form = frame.format.name, frame.layout.name, frame.sample_rate
            self.frames.append(_Stamped(frame, form, self._next_s, late_s))
            self._next_s += _length_s(frame)
        return bool(self.frames)

    def stays_off(self, level_s: float, *, wobbles: bool) -> bool:
        """Return whether the stamps of all frames ahead are off in the direction of the first one.

        At the end of sound whose stamps wobble there are too few to tell that from a short gap.
        """
        first = self.frames[0]
        is_late = first.late_s > level_s
        if wobbles and self._next_s - first.position_s < _FEW_S and abs(first.late_s - level_s) <= _WOBBLE_S:
            return False
        return all((one.late_s - level_s if is_late else level_s - one.late_s) > GAP_S for one in self.frames)


def runs(frames: Iterable["AudioFrame"]) -> Iterator[Run]:
    """Yield the runs of frames that follow each other in one stream; the frames of one before the next run."""
    ahead = _Ahead(frames)
    while ahead.fill():
        yield Run(ahead)


def _late_s(ahead: _Ahead, first: _Stamped) -> float:
    """Return by how much the stamps at the start of a run are later than its samples.

    That is the first one's lateness, unless it is among those that wobble: then the middle of their range.
    """
    late_s = [one.late_s for one in ahead.frames if one.form == first.form]
    left = next((n for n, one in enumerate(late_s) if abs(one - late_s[0]) > _ROUNDED_S), len(late_s))
    if not any(abs(one - late_s[0]) <= _ROUNDED_S for one in late_s[left:]):
        return late_s[0]
    near_s = [one for one in late_s if abs(one - late_s[0]) <= 2 * _WOBBLE_S]
    tick_s = float(first.frame.time_base or 1)
    return round((min(near_s) + max(near_s)) / 2 / tick_s) * tick_s


def _length_s(frame: "AudioFrame") -> float:
    return float(frame.samples / frame.sample_rate)


class Stretch:
    """Stretches pieces, one after another, by so much that their times stay near those of the stamps."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._followed = 0  # samples added so far
        self._is_following = False

    def followed(self, piece: WaveformInt16, drift_s: float) -> WaveformInt16:
        """Return ``piece``, (N,) or (N, channels), longer or shorter; ``drift_s``: how late the stamps have become."""
        missing = round(drift_s * self._rate_hz) - self._followed
        self._is_following = missing != 0 and (self._is_following or abs(missing) > _DRIFT_S * self._rate_hz)
        most = int(_MOST * len(piece))
        added = max(-most, min(most, missing)) if self._is_following else 0
        self._followed += added
        return _of_length(piece, len(piece) + added) if added else piece


def _of_length(piece: WaveformInt16, n_samples: int) -> WaveformInt16:
    from scipy.ndimage import map_coordinates

    places = np.linspace(0, len(piece) - 1, n_samples)
    columns = piece.reshape(len(piece), -1).astype(np.float64).T
    stretched = [map_coordinates(one, [places], order=3, mode="nearest") for one in columns]
    limits = np.iinfo(np.int16)
    return np.clip(np.round(stretched), limits.min, limits.max).astype(np.int16).T.reshape(n_samples, *piece.shape[1:])

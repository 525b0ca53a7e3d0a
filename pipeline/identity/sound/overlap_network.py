"""The segmentation network of pyannote.audio 2.1: when two voices sound at once, and where one follows another.

PyanNet (Bredin and Laurent 2021, End-to-end speaker segmentation for overlap-aware resegmentation): sinc filters, four
bidirectional LSTMs, and for each 16.9 ms the probabilities that each of up to three voices of a window of 5 s sounds.
Which of the three a voice is differs from window to window: the largest probability is that of speech, the second
largest that of an overlap, and voices before and after a moment are compared within each window.
"""

from dataclasses import dataclass
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
from pipeline.weights.published import filled
from pipeline.weights.state_dict import read_checkpoint

STEP_SAMPLES = 270
"""From one probability to the next: the filters' step of 10, three times a third."""
_WINDOW_SAMPLES = 5 * SAMPLE_RATE_HZ  # of which the network was trained
# Windows follow each other: with one every 2.5 s, turns on montages are as right, for twice the time.
_HOP_SAMPLES = _WINDOW_SAMPLES
_BATCH = 16
_FILTERED_TOGETHER = 4  # windows in the filters at once: their values are many, and stay in the processor's cache
_FIRST_STEP = 1  # a window's first probability is of the 991 samples that it begins with: of the second step
_SLOPE = 0.01
_COMPARED_STEPS = round(0.7 * SAMPLE_RATE_HZ / STEP_SAMPLES)  # before a moment with as many behind it
# Voices before and behind a moment are compared in full from this norm of their mean probabilities on.
_LEAST_NORM = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class HeardVoices:
    """What voices sound, every STEP_SAMPLES of a sound: M values, 0-1, each the mean over the windows that it lies in.

    ``speech``: the probability that a voice sounds. ``overlap``: that two do at once. ``change``: how unlike the voices
    of the 0.7 s before and behind it are, one less the cosine of their mean probabilities; less in silence.
    """

    speech: NDArray[np.float32]
    overlap: NDArray[np.float32]
    change: NDArray[np.float32]


class OverlapNetwork:
    """The network of ``weights`` (``find_weights("overlap_detector")``), loaded at the first use in each process."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights

    def __reduce__(self) -> tuple[type["OverlapNetwork"], tuple[Path]]:
        return OverlapNetwork, (self.weights,)

    @cached_property
    def _network(self) -> "_PyanNet":
        """Raises BadInput and UntrustedWeights for what is no such checkpoint."""
        return filled(_PyanNet, read_checkpoint(self.weights, KEPT_AS_NOTHING), self.weights)

    def hear(self, sound: Waveform) -> HeardVoices:
        """Return what voices are heard in ``sound`` (N,), 16 kHz; M is N // STEP_SAMPLES.

        The last window overlaps the one before it. Zeros fill a sound that is shorter than one.
        """
        n = len(sound) // STEP_SAMPLES
        means = [_Mean(n) for _ in range(3)]
        last_start = max(0, len(sound) - _WINDOW_SAMPLES)
        starts = [*range(0, last_start, _HOP_SAMPLES), last_start]
        for first in range(0, len(starts), _BATCH):
            batch = starts[first : first + _BATCH]
            windows = np.stack([_window(sound, start) for start in batch])
            with torch.inference_mode(), single_thread():
                found = self._network(torch.from_numpy(windows)).numpy()
            for start, of_voices in zip(batch, found, strict=True):
                begin = start // STEP_SAMPLES + _FIRST_STEP
                ordered = np.sort(of_voices, axis=1)
                means[0].add(begin, ordered[:, -1])
                means[1].add(begin, ordered[:, -2])
                means[2].add(begin + _COMPARED_STEPS, _changes(of_voices))
        speech, overlap, change = (mean.values() for mean in means)
        return HeardVoices(speech, overlap, change)


class _Mean:
    """The mean of values that overlap, of ``n`` steps; between known ones on a line."""

    def __init__(self, n: int) -> None:
        self._sums, self._counts = np.zeros(n), np.zeros(n, np.int64)

    def add(self, begin: int, values: NDArray[np.float32]) -> None:
        own = values[: max(0, len(self._sums) - begin)]
        self._sums[begin : begin + len(own)] += own
        self._counts[begin : begin + len(own)] += 1

    def values(self) -> NDArray[np.float32]:
        known = np.flatnonzero(self._counts)
        if not len(known):
            return np.zeros(len(self._sums), np.float32)
        means = self._sums[known] / self._counts[known]
        return np.interp(np.arange(len(self._sums)), known, means).astype(np.float32)


def _changes(of_voices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how unlike the voices before and behind each step of one window are, from the first compared one on."""
    steps = _COMPARED_STEPS
    sums = np.concatenate([np.zeros((1, of_voices.shape[1])), np.cumsum(of_voices, axis=0, dtype=np.float64)])
    before, behind = (sums[steps:-steps] - sums[: -2 * steps]) / steps, (sums[2 * steps :] - sums[steps:-steps]) / steps
    norms = np.linalg.norm(before, axis=1), np.linalg.norm(behind, axis=1)
    cosines = (before * behind).sum(axis=1) / np.maximum(norms[0] * norms[1], 1e-9)
    weights = np.minimum(1.0, np.minimum(*norms) / _LEAST_NORM)
    return np.asarray((1 - np.minimum(cosines, 1.0)) * weights, np.float32)


def _window(sound: Waveform, start: int) -> NDArray[np.float32]:
    part = np.asarray(sound[start : start + _WINDOW_SAMPLES], np.float32)
    return np.pad(part, (0, _WINDOW_SAMPLES - len(part)))


class _SincFilters(nn.Module):
    """80 band-pass filters of 251 samples, of 40 bands, each as a cosine and as a sine (Ravanelli and Bengio 2018)."""

    _LEAST_HZ = 50.0

    def __init__(self) -> None:
        super().__init__()
        self.low_hz_ = nn.Parameter(torch.zeros(40, 1))
        self.band_hz_ = nn.Parameter(torch.zeros(40, 1))
        self.window_ = nn.Parameter(torch.zeros(125))
        self.n_ = nn.Parameter(torch.zeros(1, 125))

    def forward(self) -> Tensor:
        low = self._LEAST_HZ + self.low_hz_.abs()
        high = (low + self._LEAST_HZ + self.band_hz_.abs()).clamp(self._LEAST_HZ, SAMPLE_RATE_HZ / 2)
        band = high - low
        scale = self.window_ / (self.n_ / 2) / (2 * band)
        even = (torch.sin(high @ self.n_) - torch.sin(low @ self.n_)) * scale
        odd = (torch.cos(low @ self.n_) - torch.cos(high @ self.n_)) * scale
        middle = torch.ones_like(band)
        cosines = torch.cat([even, middle, even.flip(1)], dim=1)
        sines = torch.cat([odd, 0 * middle, -odd.flip(1)], dim=1)
        return torch.cat([cosines, sines])[:, None]


class _FilterBank(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filterbank = _SincFilters()

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv1d(x, self.filterbank(), stride=10)


class _SincNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wav_norm1d = nn.InstanceNorm1d(1, affine=True)
        self.conv1d = nn.ModuleList([_FilterBank(), nn.Conv1d(80, 60, 5), nn.Conv1d(60, 60, 5)])
        self.norm1d = nn.ModuleList([nn.InstanceNorm1d(n, affine=True) for n in (80, 60, 60)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.wav_norm1d(x)
        for number, (convolution, norm) in enumerate(zip(self.conv1d, self.norm1d, strict=True)):
            x = convolution(x)
            x = norm(functional.max_pool1d(x if number else x.abs(), 3))
            x = functional.leaky_relu(x, _SLOPE)
        return x


class _PyanNet(nn.Module):
    """From (B, N) sound to (B, frames, 3) probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.sincnet = _SincNet()
        self.lstm = nn.LSTM(60, 128, num_layers=4, bidirectional=True, batch_first=True)
        self.linear = nn.ModuleList([nn.Linear(256, 128), nn.Linear(128, 128)])
        self.classifier = nn.Linear(128, 3)

    def forward(self, sound: Tensor) -> Tensor:
        filtered = torch.cat([self.sincnet(part) for part in torch.split(sound[:, None], _FILTERED_TOGETHER)])
        x = self.lstm(filtered.transpose(1, 2))[0]
        for linear in self.linear:
            x = functional.leaky_relu(linear(x), _SLOPE)
        return torch.sigmoid(self.classifier(x))


KEPT_AS_NOTHING = (
    "typing.Any",
    "pyannote.audio.core.model.Introspection",
    "pyannote.audio.core.task.Problem",
    "pyannote.audio.core.task.Resolution",
    "pyannote.audio.core.task.Specifications",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "torch.torch_version.TorchVersion",
    "collections.defaultdict",
    "builtins.dict",
    "builtins.int",
    "builtins.list",
)
"""What the checkpoint names beside tensors: settings of its training, of which nothing is needed."""

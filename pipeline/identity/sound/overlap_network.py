"""The segmentation network of pyannote.audio 2.1: in which moments two voices sound at once.

PyanNet (Bredin and Laurent 2021, End-to-end speaker segmentation for overlap-aware resegmentation): sinc filters, four
bidirectional LSTMs, and for each 16.9 ms the probabilities that each of up to three voices of a window of 5 s sounds.
Which of the three a voice is differs from window to window; the second largest probability is that of an overlap.
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
from pipeline.weights.published import filled
from pipeline.weights.state_dict import read_checkpoint

STEP_SAMPLES = 270
"""From one probability to the next: the filters' step of 10, three times a third."""
_WINDOW_SAMPLES = 5 * SAMPLE_RATE_HZ  # of which the network was trained
_HOP_SAMPLES = _WINDOW_SAMPLES // 2
_BATCH = 16
_FIRST_STEP = 1  # a window's first probability is of the 991 samples that it begins with: of the second step
_SLOPE = 0.01


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

    def probabilities(self, sound: Waveform) -> NDArray[np.float32]:
        """Return (M,) the probability, 0-1, that two voices sound at once, every STEP_SAMPLES of ``sound`` (N,) 16 kHz.

        The mean over windows that begin every 2.5 s; M is N // STEP_SAMPLES. Zeros fill what is shorter than a window.
        """
        n = len(sound) // STEP_SAMPLES
        sums, counts = np.zeros(n), np.zeros(n, np.int64)
        last_start = max(0, len(sound) - _WINDOW_SAMPLES)
        starts = [*range(0, last_start, _HOP_SAMPLES), last_start]
        for first in range(0, len(starts), _BATCH):
            batch = starts[first : first + _BATCH]
            windows = np.stack([_window(sound, start) for start in batch])
            with torch.inference_mode(), single_thread():
                found = self._network(torch.from_numpy(windows)).numpy()
            for start, second in zip(batch, np.sort(found, axis=2)[:, :, -2], strict=True):
                begin = start // STEP_SAMPLES + _FIRST_STEP
                own = second[: max(0, n - begin)]
                sums[begin : begin + len(own)] += own
                counts[begin : begin + len(own)] += 1
        known = np.flatnonzero(counts)
        if not len(known):
            return np.zeros(n, np.float32)
        return np.interp(np.arange(n), known, sums[known] / counts[known]).astype(np.float32)


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
        x = self.lstm(self.sincnet(sound[:, None]).transpose(1, 2))[0]
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

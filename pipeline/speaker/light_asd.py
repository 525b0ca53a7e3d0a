"""Light-ASD: the network that tells in each 25th of a second whether a face, by its moving lips and the sound, speaks.

Liao et al. 2023, A Light Weight Model for Active Speaker Detection: a grey picture of the lower face and 13 cepstral
coefficients of the sound go through blocks of convolutions over place and over time, and their sum through two
recurrent layers, forwards and backwards in time.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.torch_threads import single_thread
from pipeline.weights.published import filled, read_weights

FRAME_HZ = 25
CEPSTRA_HZ = 100
INPUT_PX = 112
_CEPSTRA_A_FRAME = CEPSTRA_HZ // FRAME_HZ
_MEAN, _STD = 0.4161, 0.1688  # of a pixel, 0-1, in its training faces
_N_FFT, _WINDOW_SAMPLES, _HOP_SAMPLES = 512, 400, 160
_N_MELS, _N_CEPSTRA, _LIFTER = 26, 13, 22
_PRE_EMPHASIS = 0.97
_FULL_SCALE = 32768.0
_LEAST = float(np.finfo(np.float64).eps)

# The names of parts in the published file, and those here; of the second head, which sees the picture alone, none.
_NAMES = {
    "model.visualEncoder.": "picture.",
    "model.audioEncoder.": "sound.",
    "model.GRU.gru_forward.": "ahead.",
    "model.GRU.gru_backward.": "back.",
    "lossAV.FC.": "speaks.",
}
_UNUSED = "lossV."


class LightAsd:
    """The network of ``weights`` (``find_weights("light_asd")``), loaded at the first use in each process."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights

    def __reduce__(self) -> tuple[type["LightAsd"], tuple[Path]]:
        return LightAsd, (self.weights,)

    @cached_property
    def _network(self) -> "_Network":
        """Raises BadInput and UntrustedWeights for what is no such file."""
        return filled(_Network, _renamed(read_weights(self.weights, unused=_UNUSED)), self.weights)

    def log_odds(self, faces: NDArray[np.uint8], cepstra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N,): the natural logarithm of how much likelier the face speaks than not, by picture.

        ``faces`` (N, 112, 112) grey: as ``lower_face`` cuts them out, 25 a second; ``cepstra`` (4 N, 13): of the sound
        in the same time.
        """
        with torch.inference_mode(), single_thread():
            pictures = (torch.from_numpy(faces).float() / 255 - _MEAN) / _STD
            return np.asarray(self._network(pictures, torch.from_numpy(cepstra)).numpy())


def _renamed(found: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for name, tensor in found.items():
        start = next((one for one in _NAMES if name.startswith(one)), "")
        renamed[_NAMES.get(start, "") + name.removeprefix(start)] = tensor
    return renamed


def mel_cepstra(sound: Waveform) -> NDArray[np.float32]:
    """Return (M, 13) liftered mel cepstral coefficients of 25 ms, every 10 ms, of (N,) 16 kHz ``sound``.

    The first is the logarithm of the window's power. Zeros fill the last window; samples count as 16-bit ones.
    """
    from scipy.fft import dct

    samples = np.asarray(sound, np.float64) * _FULL_SCALE
    samples = np.append(samples[:1], samples[1:] - _PRE_EMPHASIS * samples[:-1])
    n = max(1, 1 + -(-(len(samples) - _WINDOW_SAMPLES) // _HOP_SAMPLES))
    samples = np.pad(samples, (0, max(0, (n - 1) * _HOP_SAMPLES + _WINDOW_SAMPLES - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW_SAMPLES)[::_HOP_SAMPLES][:n]
    powers = np.abs(np.fft.rfft(frames, _N_FFT, axis=1)) ** 2 / _N_FFT
    mels = np.log(np.maximum(powers @ _mel_filters().T, _LEAST))
    cepstra = dct(mels, type=2, axis=1, norm="ortho")[:, :_N_CEPSTRA]
    cepstra *= 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(_N_CEPSTRA) / _LIFTER)
    cepstra[:, 0] = np.log(np.maximum(powers.sum(axis=1), _LEAST))
    return np.asarray(cepstra, np.float32)


def _mel_filters() -> NDArray[np.float64]:
    """Return (26, 257) triangles between whole numbers of the spectrum, of equal width on the mel scale, 0 to 8 kHz."""
    edges_mel = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE_HZ / 2 / 700), _N_MELS + 2)
    edges_hz = 700 * (10 ** (edges_mel / 2595) - 1)
    low, top, high = (np.floor((_N_FFT + 1) * edges_hz / SAMPLE_RATE_HZ)[n : n + _N_MELS, None] for n in range(3))
    places = np.arange(_N_FFT // 2 + 1)
    return np.asarray(np.clip(np.minimum((places - low) / (top - low), (high - places) / (high - top)), 0, None))


class _Block(nn.Module):
    """Two branches, of sizes 3 and 5, each a convolution over place and one over time; of their sum one of size 1.

    A picture has two places and time before them, a sound one place, its cepstra, and time behind it.
    """

    def __init__(self, n_in: int, n_out: int, *, is_picture: bool, stride: int = 1) -> None:
        super().__init__()
        convolution: Any = nn.Conv3d if is_picture else nn.Conv2d
        norm: Any = nn.BatchNorm3d if is_picture else nn.BatchNorm2d
        self.place = "s" if is_picture else "m"
        for size in (3, 5):
            place, time = ((1, size, size), (size, 1, 1)) if is_picture else ((size, 1), (1, size))
            strides = (1, stride, stride) if is_picture else 1
            for part, n, sizes, steps in ((self.place, n_in, place, strides), ("t", n_out, time, 1)):
                padding = tuple(one // 2 for one in sizes)
                self.add_module(f"{part}_{size}", convolution(n, n_out, sizes, steps, padding, bias=False))
                self.add_module(f"bn_{part}_{size}", norm(n_out, eps=0.001))
        self.last = convolution(n_out, n_out, 1, bias=False)
        self.bn_last = norm(n_out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        three, five = (self._branch(x, size) for size in (3, 5))
        return functional.relu(self.bn_last(self.last(three + five)))

    def _branch(self, x: Tensor, size: int) -> Tensor:
        for part in (self.place, "t"):
            name = f"{part}_{size}"
            x = functional.relu(self.get_submodule(f"bn_{name}")(self.get_submodule(name)(x)))
        return x


class _Picture(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1 = _Block(1, 32, is_picture=True, stride=2)
        self.block2 = _Block(32, 64, is_picture=True)
        self.block3 = _Block(64, 128, is_picture=True)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, 112, 112) to (N, 128)."""
        x = x[None, None]
        for block in (self.block1, self.block2):
            x = functional.max_pool3d(block(x), (1, 3, 3), (1, 2, 2), (0, 1, 1))
        found: Tensor = self.block3(x)[0]
        return found.amax((2, 3)).T


class _Sound(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1 = _Block(1, 32, is_picture=False)
        self.block2 = _Block(32, 64, is_picture=False)
        self.block3 = _Block(64, 128, is_picture=False)

    def forward(self, x: Tensor) -> Tensor:
        """From (4 N, 13) to (N, 128)."""
        x = x.T[None, None]
        for block in (self.block1, self.block2):
            x = functional.max_pool2d(block(x), (1, 3), (1, 2), (0, 1))
        found: Tensor = self.block3(x)[0]
        return found.mean(1).T


class _Network(nn.Module):
    """From (N, 112, 112) pictures and (4 N, 13) cepstra to (N,) log odds."""

    def __init__(self) -> None:
        super().__init__()
        self.picture, self.sound = _Picture(), _Sound()
        self.ahead, self.back = (nn.GRU(128, 128, batch_first=True) for _ in range(2))
        self.speaks = nn.Linear(128, 2)

    def forward(self, faces: Tensor, cepstra: Tensor) -> Tensor:
        x = self.picture(faces) + self.sound(cepstra)
        x = functional.gelu(self.ahead(x)[0])
        x = functional.gelu(self.back(x.flip(0))[0].flip(0))
        logits: Tensor = self.speaks(x)
        return logits[:, 1] - logits[:, 0]

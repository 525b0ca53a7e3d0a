"""The audio-face decoder: from a voice embedding to a face, with the features that join the face decoder.

Up to 64 px it is voice2face's generator (Wen, Raj and Singh 2019, "Face reconstruction from voice using generative
adversarial networks"); the paper adds layers that upsample to 256 px, their geometry is the released code's.
"""

import math
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from model.networks.voice import VOICE_SIZE
from pipeline.weights.shape_check import check_state
from pipeline.weights.state_dict import read_state_dict

UPSAMPLING = "upsample."
KERNEL, STRIDE = 4, 2


class AudioFace(NamedTuple):
    """A face from a voice alone, and four features of the layers before it.

    ``face_BCHW`` is (B, 3, 256, 256) RGB; training pulls it into [-1, 1], but nothing bounds it. ``taps`` have 4w, 2w,
    w and w/2 channels at 16, 32, 64 and 128 px, after ReLU.
    """

    face_BCHW: Tensor
    taps: tuple[Tensor, ...]


class AudioFaceDecoder(nn.Module):
    """Voice embeddings to audio faces; ``model.*`` is named, and at width 64 shaped, as voice2face's generator.

    ``model.10`` made its RGB of 64 px. It is kept so that a generator's file loads whole, isn't run, and is frozen.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.model = nn.Sequential(
            nn.ConvTranspose2d(VOICE_SIZE, 16 * width, KERNEL),
            nn.ReLU(),
            *_doubling(16 * width, 8 * width, 4 * width, 2 * width, width),
            nn.ConvTranspose2d(width, 3, 1).requires_grad_(False),
        )
        self.upsample = nn.Sequential(
            *_doubling(width, width // 2, width // 4),
            nn.ConvTranspose2d(width // 4, 3, 1),
        )
        _initialise(self)

    def forward(self, voice_B64: Tensor) -> AudioFace:
        """(B, 64) voice embeddings of unit length -> audio faces."""
        x_BCHW = voice_B64[:, :, None, None]
        features = []  # of 4, 8, 16, 32, 64, 128 and 256 px
        for layer in (*list(self.model)[:-1], *self.upsample):
            x_BCHW = layer(x_BCHW)
            if isinstance(layer, nn.ReLU):
                features.append(x_BCHW)
        return AudioFace(x_BCHW, tuple(features[2:6]))


def load_audio_face_decoder(decoder: AudioFaceDecoder, path: Path) -> None:
    """Load a whole decoder, or voice2face's generator (a file without ``upsample.*``) and leave the rest as it is.

    Raises BadInput naming the first tensor that is missing, unknown, of another shape or type or not finite,
    UntrustedWeights for a file that would run code; the decoder is then as it was.
    """
    state = read_state_dict(path)
    own = decoder.state_dict()
    kept = {name: tensor for name, tensor in own.items() if name.startswith(UPSAMPLING)}
    is_whole = not kept.keys().isdisjoint(state)
    what = "an audio-face decoder" if is_whole else "a voice2face generator"
    found = state if is_whole else kept | state
    check_state(own, found, path, f"{what} of width {decoder.width}")
    decoder.load_state_dict(found)


def _doubling(*channels: int) -> list[nn.Module]:
    """Transposed convolutions, each to twice the size and followed by ReLU."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(channels):
        layers += [nn.ConvTranspose2d(n_in, n_out, KERNEL, stride=STRIDE, padding=1), nn.ReLU()]
    return layers


def _initialise(decoder: AudioFaceDecoder) -> None:
    """He initialisation over the inputs that reach an output pixel, (4 / 2)^2 places where a layer doubles; no bias.

    There is no norm to correct the scale, and torch's default takes a transposed convolution's outputs for its inputs:
    faces of different voices would differ by 1e-6 in the beginning (std over voices; here 0.06), and long after.
    """
    for layer in decoder.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            n_positions = (KERNEL // STRIDE) ** 2 if layer.stride == (STRIDE, STRIDE) else 1
            nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / (n_positions * layer.in_channels)))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

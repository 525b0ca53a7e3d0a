"""The generator's U-Net: a face encoder from 256 px to one pixel, and a face decoder back, with skips between.

The paper's network in the geometry of the released code, which is pix2pix's ``unet_256`` (Isola et al. 2017) with
features of the audio-face decoder joining at 16, 32, 64 and 128 px. All convolutions are 4x4 of stride 2, padding 1,
with bias; "norm" is instance norm without weights. For width w, the output of each block:

    e1      w at 128 px                      no norm
    e2-e4   2w, 4w, 8w at 64, 32, 16 px      leaky ReLU before, norm after
    e5-e7   8w at 8, 4, 2 px                 leaky ReLU before, norm after
    e8      8w at 1 px                       leaky ReLU before, no norm
    d8      8w at 2 px                       ReLU before, norm after; input: the code
    d7-d5   8w at 4, 8, 16 px                ReLU before, norm after; input: the block before and its skip
    d4-d2   4w, 2w, w at 32, 64, 128 px      the same, and the fused feature of 4w, 2w, w channels
    d1      RGB at 256 px                    ReLU before, tanh after; the same, with w/2 channels
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.networks.avff import AVFF
from model.settings import ModelParams

CHANNELS_PER_WIDTH = (1, 2, 4, 8, 8, 8, 8, 8)
"""Of e1 to e8, in multiples of the width."""

N_WITHOUT_TAP = 3
"""d8, d7 and d6 are followed by no fused feature: the taps of the audio-face decoder begin at 16 px."""

LEAK = 0.2
INITIAL_STD = 0.02


class Encoded(NamedTuple):
    """``code_BC`` is e8, (B, 8w), any sign; ``skips`` are e1 to e7 after their leaky ReLU, 128 px first."""

    code_BC: Tensor
    skips: tuple[Tensor, ...]


class FaceEncoder(nn.Module):
    """Masked faces to a code and seven skips."""

    def __init__(self, width: int) -> None:
        super().__init__()
        channels = (3, *(width * multiple for multiple in CHANNELS_PER_WIDTH))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(n_in, n_out, 4, stride=2, padding=1) for n_in, n_out in pairwise(channels)
        )
        initialise_convolutions(self)

    def forward(self, faces_BCHW: Tensor) -> Encoded:
        """(B, 3, 256, 256) -> code and skips."""
        first, *between, last = self.convolutions
        skips = [functional.leaky_relu(first(faces_BCHW), LEAK)]
        for convolution in between:
            skips.append(functional.leaky_relu(functional.instance_norm(convolution(skips[-1])), LEAK))
        return Encoded(last(skips[-1]).flatten(1), tuple(skips))


class FaceDecoder(nn.Module):
    """A code and seven skips to a face; taps of the audio-face decoder join as ``params.fusion`` states.

    The input of each block is (block before, its skip, fused feature), in this order of channels. ``avffs`` is None
    where taps are concatenated as they are (``concat``) and where there are none.
    """

    def __init__(self, params: ModelParams) -> None:
        super().__init__()
        outs = [params.width * multiple for multiple in reversed(CHANNELS_PER_WIDTH[:-1])]
        taps = [n // 2 if params.fusion and block >= N_WITHOUT_TAP else 0 for block, n in enumerate(outs)]
        joined = [2 * n + tap for n, tap in zip(outs, taps, strict=True)]  # a block's skip has its channels
        self.convolutions = nn.ModuleList(
            nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1)
            for n_in, n_out in zip([CHANNELS_PER_WIDTH[-1] * params.width, *joined], [*outs, 3], strict=True)
        )
        initialise_convolutions(self)
        self.avffs: nn.ModuleList | None = None
        if params.fusion == "avff":
            self.avffs = nn.ModuleList(AVFF(tap, params.avff_gain) for tap in taps[N_WITHOUT_TAP:])

    def forward(self, code_BC: Tensor, skips: Sequence[Tensor], taps: Sequence[Tensor]) -> Tensor:
        """(B, 8w), skips 128 px first, taps 16 px first (none without fusion) -> (B, 3, 256, 256) in (-1, 1)."""
        x_BCHW = code_BC[:, :, None, None]
        for block, skip_BCHW in enumerate(reversed(skips)):
            face_BCHW = functional.instance_norm(self.convolutions[block](functional.relu(x_BCHW)))
            x_BCHW = torch.cat([face_BCHW, skip_BCHW, *self._joined_tap(block - N_WITHOUT_TAP, face_BCHW, taps)], dim=1)
        return torch.tanh(self.convolutions[-1](functional.relu(x_BCHW)))

    def _joined_tap(self, level: int, face_BCHW: Tensor, taps: Sequence[Tensor]) -> list[Tensor]:
        """Return the features to concatenate at that level: none, the tap, or the tap fused with the face feature."""
        if level < 0 or not taps:
            return []
        return [taps[level] if self.avffs is None else self.avffs[level](face_BCHW, taps[level])]


def initialise_convolutions(network: nn.Module) -> None:
    """Draw the weights of all convolutions from a normal distribution of std 0.02, as pix2pix does; biases are 0."""
    for layer in network.modules():
        # Drawing on the meta device would import dynamo.
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and not layer.weight.is_meta:
            nn.init.normal_(layer.weight, 0.0, INITIAL_STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

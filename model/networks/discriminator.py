"""The discriminator: for each patch of 70 px, whether it is real (pix2pix's PatchGAN, Isola et al. 2017)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from model.networks.unet import LEAK, initialise_convolutions


class PatchDiscriminator(nn.Module):
    """Logits of patches, of one face at a time (Eq. 5) or of pairs (the released code: face and other face).

    Channels w, 2w, 4w, 8w, 1; 4x4 convolutions with bias, three of stride 2 and two of stride 1; instance norm
    without weights before the second to fourth leaky ReLU; no sigmoid.
    """

    def __init__(self, n_images: int, width: int) -> None:
        super().__init__()
        self.n_images = n_images
        layers: list[nn.Module] = [nn.Conv2d(3 * n_images, width, 4, stride=2, padding=1), nn.LeakyReLU(LEAK)]
        for n_in, n_out in pairwise([width, 2 * width, 4 * width, 8 * width]):
            stride = 2 if n_out < 8 * width else 1
            convolution = nn.Conv2d(n_in, n_out, 4, stride=stride, padding=1)
            layers += [convolution, nn.InstanceNorm2d(n_out), nn.LeakyReLU(LEAK)]
        layers.append(nn.Conv2d(8 * width, 1, 4, stride=1, padding=1))
        self.model = nn.Sequential(*layers)
        initialise_convolutions(self)

    def forward(self, *images_BCHW: Tensor) -> Tensor:
        """``n_images`` of (B, 3, 256, 256) -> (B, 1, 30, 30) logits; other sizes than 256 px give other than 30."""
        if len(images_BCHW) != self.n_images:
            raise TypeError(f"discriminator: expected {self.n_images} images, found {len(images_BCHW)}")
        logits_B1HW: Tensor = self.model(torch.cat(images_BCHW, dim=1))
        return logits_B1HW

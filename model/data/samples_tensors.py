"""Faces and log-mels as tensors for the networks."""

from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from torch import Tensor

from pipeline.core.base.arrays import ImageRGB, LogMel

HALF_RANGE = 127.5
"""Half of the 255 grey levels: a network's input is p / HALF_RANGE - 1 for a pixel p."""


@runtime_checkable
class Packed(Protocol):
    """A batch as it is copied to a device: bytes, and masks of a bit a pixel."""

    def unpacked(self) -> Any:
        """Return the batch as networks take it, on the same device."""


def copy_face(face: ImageRGB, to: ImageRGB, *, flip: bool, grey: bool) -> None:
    """Copy a face (H, W, 3) to ``to`` of this shape, mirrored or without colour where asked for.

    Without colour: luma by ITU-R BT.601 in all channels, as in the released code's library.
    """
    if grey:
        face = np.asarray(cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
    if flip:
        cv2.flip(face, 1, dst=to)
    else:
        to[...] = face


def faces_tensor(faces_BHWC: Tensor) -> Tensor:
    """Return (B, 3, H, W) float32 in [-1, 1], channels last in memory, of (B, H, W, 3) uint8 faces."""
    return faces_BHWC.permute(0, 3, 1, 2).float().div_(HALF_RANGE).sub_(1)


def masks_tensor(masks_BHN: Tensor, width_px: int) -> Tensor:
    """Return (B, 1, H, ``width_px``) float32, 1 in the masked region, of masks as ``numpy.packbits`` packs rows."""
    places = torch.arange(7, -1, -1, dtype=torch.uint8, device=masks_BHN.device)
    bits_BHN8 = (masks_BHN[..., None] >> places) & 1
    return bits_BHN8.flatten(2)[:, None, :, :width_px].float()


def log_mel_tensor(log_mel: LogMel) -> Tensor:
    """Return a copy, (M, T) float32: a map of a file is read-only."""
    return torch.from_numpy(np.array(log_mel))

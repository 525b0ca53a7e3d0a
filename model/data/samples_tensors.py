"""Faces and log-mels as tensors for the networks."""

import cv2
import numpy as np
import torch
from torch import Tensor

from pipeline.core.base.arrays import ImageRGB, LogMel


def face_tensor(face: ImageRGB) -> Tensor:
    """Return (3, H, W) float32 in [-1, 1] of an (H, W, 3) uint8 face."""
    return torch.from_numpy(face).permute(2, 0, 1).contiguous().float().div_(127.5).sub_(1)


def log_mel_tensor(log_mel: LogMel) -> Tensor:
    """Return a copy, (M, T) float32: a map of a file is read-only."""
    return torch.from_numpy(np.array(log_mel))


def flipped(face: ImageRGB) -> ImageRGB:
    """Return the face's mirror image."""
    return np.ascontiguousarray(face[:, ::-1])


def greyed(face: ImageRGB) -> ImageRGB:
    """Return the face without colour, (H, W, 3): luma by ITU-R BT.601, as in the released code's library."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))

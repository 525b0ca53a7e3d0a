"""Pictures of what a network does, for people: a row a face, masked, inpainted, from the voice alone, and true."""

import numpy as np
import torch
from torch import Tensor

from pipeline.base.arrays import ImageRGB


def sample_grid(
    masked_BCHW: Tensor, inpainted_BCHW: Tensor, audio_face_BCHW: Tensor | None, true_BCHW: Tensor
) -> ImageRGB:
    """Return (B * H, 4 * W, 3) uint8 of RGB faces in [-1, 1], clipped to it; without audio faces, 3 * W."""
    columns = [one for one in (masked_BCHW, inpainted_BCHW, audio_face_BCHW, true_BCHW) if one is not None]
    rows_BCHW = torch.cat([one.float().clamp(-1, 1) for one in columns], dim=3)
    grey_levels = ((rows_BCHW + 1) * 127.5).round().to(torch.uint8)
    n_faces, _, height, width = rows_BCHW.shape
    picture = grey_levels.permute(0, 2, 3, 1).reshape(n_faces * height, width, 3)
    return np.ascontiguousarray(picture.cpu().numpy())

"""Pictures of samples: one row per face, with masked, inpainted, audio and true face."""

import numpy as np
import torch
from torch import Tensor

from pipeline.core.base.arrays import ImageRGB


def sample_grid(
    masked_BCHW: Tensor, inpainted_BCHW: Tensor, audio_face_BCHW: Tensor | None, true_BCHW: Tensor
) -> ImageRGB:
    """Return (B * H, 4 * W, 3) uint8 of RGB faces in [-1, 1], clipped to it; without audio faces, 3 * W."""
    columns = [faces for faces in (masked_BCHW, inpainted_BCHW, audio_face_BCHW, true_BCHW) if faces is not None]
    rows_BCHW = torch.cat([faces.float().clamp(-1, 1) for faces in columns], dim=3)
    grey_levels = ((rows_BCHW + 1) * 127.5).round().to(torch.uint8)
    n_faces, _, height, width = rows_BCHW.shape
    picture = grey_levels.permute(0, 2, 3, 1).reshape(n_faces * height, width, 3)
    return np.ascontiguousarray(picture.cpu().numpy())

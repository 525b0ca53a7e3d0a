"""What a recogniser takes for a face."""

import numpy as np

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadInput


def check_face(face: ImageRGB) -> None:
    """Raise BadInput for anything but a square RGB picture of bytes."""
    if face.ndim != 3 or face.shape[0] != face.shape[1] or face.shape[2] != 3 or face.dtype != np.uint8:
        raise BadInput(f"face: expected (H, H, 3) uint8 RGB, aligned, found {face.shape} {face.dtype}")

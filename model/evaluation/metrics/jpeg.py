"""A picture as JPEG stores it: the released test saves inpainted and true faces so, before anything is measured."""

from io import BytesIO

import numpy as np
from PIL import Image

from pipeline.core.base.arrays import ImageRGB


def as_jpeg(picture: ImageRGB, quality: int) -> ImageRGB:
    """Return a picture (H, W, 3) after it was written as JPEG of a quality of 1 to 100, chroma halved, and read."""
    written = BytesIO()
    Image.fromarray(picture).save(written, "JPEG", quality=quality)
    with Image.open(written) as stored:
        return np.asarray(stored.convert("RGB"))

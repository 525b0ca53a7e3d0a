"""Pictures as bytes and back, lossless."""

from typing import cast

import numpy as np

from pipeline.arrays import ImageRGB

# PNG is lossless at every level; 1 is much faster than the default and a few percent larger.
_PNG_COMPRESSION = 1


def encode_png(picture: ImageRGB) -> bytes:
    """Return ``picture`` as PNG."""
    import cv2

    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION])
    return data.tobytes()


def decode_png(data: bytes) -> ImageRGB:
    """Return the picture of ``encode_png``'s bytes."""
    import cv2

    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cast(ImageRGB, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))

"""Payload as the bytes of files: arrays and pictures."""

import io

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.images import decode_png


def encode_npy(array: NDArray[np.float32]) -> bytes:
    """Return ``array`` as a NumPy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def png_as_jpeg(png: bytes) -> bytes:
    """Return the picture as JPEG with the least loss: quality 100, colour at full size."""
    import cv2

    bgr = cv2.cvtColor(decode_png(png), cv2.COLOR_RGB2BGR)
    settings = [cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", bgr, settings)
    return data.tobytes()

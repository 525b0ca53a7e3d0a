"""Array types: shape, dtype, range and order, stated once.

Letter key: T frames, H rows, W columns, P landmark points, N samples, M mel bins, F mel frames, D embedding.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

ImageRGB: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB, C-contiguous; rotation metadata applied."""

ImageGrey: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8 luma, full range 0-255, C-contiguous (dlib ignores strides)."""

FramesRGB: TypeAlias = NDArray[np.uint8]
"""(T, H, W, 3) uint8, RGB."""

Landmarks: TypeAlias = NDArray[np.float32]
"""(P, 2) float32, pixels of the frame it was found in, (x, y), origin top left; (N, P, 2): of N frames."""

Measured: TypeAlias = NDArray[np.floating]
"""(...) float: one number for each set of landmarks of (..., P, 2); of a single set, an array of no dimensions."""

Profile: TypeAlias = NDArray[np.float32]
"""(29,) float32: grey values 0-255 down the mouth, or an eye."""

Profiles: TypeAlias = NDArray[np.float32]
"""(3, 29) float32: grey values 0-255 down the mouth, the image-left eye and the image-right eye."""

Similarity: TypeAlias = NDArray[np.float64]
"""(2, 3) float64: rotation, scale and shift from source pixels to target pixels, ``target = A @ (x, y, 1)``."""

Waveform: TypeAlias = NDArray[np.float32]
"""(N,) float32 in [-1, 1], mono, 16 kHz."""

WaveformInt16: TypeAlias = NDArray[np.int16]
"""(N,) int16, mono, 16 kHz: the amplitude scale on which the mel floor is defined."""

Samples: TypeAlias = NDArray[np.float32 | np.int16]
"""Sound in either form."""

LogMel: TypeAlias = NDArray[np.float32]
"""(M, F) float32, standardised per mel bin; columns past ``n_valid_frames`` are padding."""

FaceEmbedding: TypeAlias = NDArray[np.float32]
"""(D,) float32."""

"""High dynamic range and wide gamut, shown on an SDR screen: BT.2020, PQ (SMPTE ST 2084) and HLG (BT.2100) to BT.709.

SDR white is at 203 cd/m2 (BT.2408). What is darker than the knee is shown as an SDR original would be; above it all
light up to the brightest is compressed into what is left, colour by its largest component, so that hues stay.
"""

from functools import cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, ImageRGB

SDR, PQ, HLG = "sdr", "pq", "hlg"

WHITE_CD_M2 = 203.0
HLG_PEAK_CD_M2 = 1000.0
# A screen of that peak shows HLG by a gamma of 1.2: BT.2100 raises the luminance to it, SDR cameras and FFmpeg's zscale
# each component, which is up to 10 levels more or less red for skin. Half of it each way is near to both.
HLG_HALF_GAMMA = 1.2**0.5
SDR_GAMMA = 2.4  # BT.1886
# In light relative to SDR white: 232 of 255 as coded, above a lit skin, below white paper.
KNEE = 0.8
_BT2020_LUMINANCE = np.array([[0.2627, 0.6780, 0.0593]], np.float32)
# Tables by coded value have 12 bits; by light they go with its root, which resolves shadows.
_DROPPED_BITS, _LAST = 4, 4095
# FFmpeg's converter writes white as 255 x 256 in 16-bit RGB (of full range slightly more), as 65535 in 16-bit grey.
_RGB_WHITE, _GREY_WHITE = 255 * 256 >> _DROPPED_BITS, _LAST
_GAIN_STEPS = 512  # of the table of gains, per root of SDR white
_BAND_ROWS = 32  # converted at a time, so that what lies between fits a processor's cache
_WHITE_XY = (0.3127, 0.3290)  # D65
_PRIMARIES_XY = {
    "bt709": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}


def sdr_rgb(coded: NDArray[np.uint16], transfer: str, primaries: str) -> ImageRGB:
    """Return (H, W, 3) uint8 R'G'B' of BT.709 for (H, W, 3) uint16 R'G'B', white at 65280.

    ``transfer`` is SDR, PQ or HLG; ``primaries`` is bt709, bt2020 or p3.
    """
    shown = np.empty(coded.shape, np.uint8)
    for top in range(0, len(coded), _BAND_ROWS):
        band = slice(top, top + _BAND_ROWS)
        shown[band] = _coded_table()[_root_index(_shown_light(coded[band], transfer, primaries))]
    return shown


def _shown_light(coded: NDArray[np.uint16], transfer: str, primaries: str) -> NDArray[np.float32]:
    """Return linear RGB of BT.709, relative to SDR white, before it is clipped to 0-1."""
    import cv2

    light = _light_table(transfer, _RGB_WHITE)[coded >> _DROPPED_BITS]
    if transfer == HLG:
        luminance = cv2.transform(light, _BT2020_LUMINANCE)
        light *= _hlg_gain(cast("NDArray[np.float32]", luminance))[..., None]
    if primaries != "bt709":
        light = cast("NDArray[np.float32]", cv2.transform(light, _to_bt709(primaries)))
    if transfer != SDR:
        red, green, blue = cv2.split(light)
        largest = np.maximum(cv2.max(cv2.max(red, green), blue), 0)
        light = light * _gain_table()[(np.sqrt(largest) * _GAIN_STEPS).astype(np.uint16)][..., None]
    return cast("NDArray[np.float32]", light)


def sdr_luma(coded: NDArray[np.uint16], transfer: str) -> ImageGrey:
    """Return (H, W) uint8 full-range luma for (H, W) uint16 luma of PQ or HLG, white at 65535.

    Of a grey pixel it is that of ``sdr_rgb``; of a coloured one nearly so, at a hundredth of the cost.
    """
    return cast(ImageGrey, _luma_table(transfer)[coded >> _DROPPED_BITS])


@cache
def _light_table(transfer: str, white: int) -> NDArray[np.float32]:
    """Return light by coded value: relative to SDR white, 0 or more; of HLG before the gamma of luminance, 0-1."""
    coded = np.minimum(np.arange(_LAST + 1) / white, 1)
    if transfer == PQ:
        return (_pq_cd_m2(coded) / WHITE_CD_M2).astype(np.float32)
    if transfer == HLG:
        return (_hlg_scene(coded) ** HLG_HALF_GAMMA).astype(np.float32)
    return (coded**SDR_GAMMA).astype(np.float32)


def _pq_cd_m2(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """The EOTF of SMPTE ST 2084."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = coded ** (1 / m2)
    return 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def _hlg_scene(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse OETF of BT.2100 HLG, from 0-1 to 0-1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)


def _hlg_gain(luminance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return light relative to SDR white per light of the table, by the luminance of the latter."""
    return np.float32(HLG_PEAK_CD_M2 / WHITE_CD_M2) * np.maximum(luminance, 0) ** np.float32(HLG_HALF_GAMMA - 1)


def _compressed(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return light above the knee compressed: of slope 1 at the knee, and nearing 1 for the brightest."""
    room = np.float32(1 - KNEE)
    above = light - np.float32(KNEE)
    return np.float32(KNEE) + room * above / (above + room)


@cache
def _gain_table() -> NDArray[np.float32]:
    """Return what light is multiplied by, by the root of its largest component."""
    brightest = 10_000 / WHITE_CD_M2 * 2  # PQ's, in a gamut where one component may be more
    light = ((np.arange(int(brightest**0.5 * _GAIN_STEPS) + 1) + 0.5) / _GAIN_STEPS).astype(np.float32) ** 2
    return np.where(light > KNEE, _compressed(np.maximum(light, KNEE)) / light, 1).astype(np.float32)


@cache
def _luma_table(transfer: str) -> ImageGrey:
    """Return SDR luma by coded luma, by way of the light of a grey pixel."""
    light = _light_table(transfer, _GREY_WHITE)
    if transfer == HLG:
        light = light * _hlg_gain(light)
    shown = np.where(light > KNEE, _compressed(np.maximum(light, KNEE)), light)
    return _coded_table()[_root_index(shown)]


@cache
def _coded_table() -> ImageGrey:
    """Return 8-bit values by the root of light, both from 0 to 1."""
    return np.rint(255 * np.linspace(0, 1, _LAST + 1) ** (2 / SDR_GAMMA)).astype(np.uint8)


def _root_index(light: NDArray[np.float32]) -> NDArray[np.uint16]:
    return (np.sqrt(np.clip(light, 0, 1)) * _LAST + np.float32(0.5)).astype(np.uint16)


@cache
def _to_bt709(primaries: str) -> NDArray[np.float32]:
    """Return the (3, 3) matrix from linear RGB of ``primaries`` to that of BT.709."""
    return (np.linalg.inv(_to_xyz("bt709")) @ _to_xyz(primaries)).astype(np.float32)


def _to_xyz(primaries: str) -> NDArray[np.float64]:
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in _PRIMARIES_XY[primaries]]).T
    x, y = _WHITE_XY
    white = np.array([x / y, 1, (1 - x - y) / y])
    return cast("NDArray[np.float64]", columns * np.linalg.solve(columns, white))

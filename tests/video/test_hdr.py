"""HDR and wide gamut are shown as the SDR original below the highlights; its formulas stand here once more."""

from pathlib import Path

import ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.base.outcome import Dropped
from pipeline.download.fetch import refuse
from pipeline.video.decode import grey_frames
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.held import held_video
from pipeline.video.probe import probe
from tests.download.test_fetch import PARAMS
from tests.video.test_picture import BT709, BT2020, coded, grey, rgb, write_planes, write_rgb

PQ, HLG, SDR_10_BIT = 16, 18, 14  # AVColorTransferCharacteristic
BT2020_PRIMARIES, P3_PRIMARIES = 9, 12
SKIN = np.array(
    [(198, 134, 110), (241, 194, 170), (224, 172, 105), (141, 85, 36), (92, 57, 43), (60, 46, 40), (229, 184, 143)]
    + [(180, 180, 180)],
    np.uint8,
)
# ITU-R BT.2087 and, for P3, SMPTE EG 432-1: linear RGB of BT.709 to that of the wider gamut.
FROM_BT709 = {
    "bt2020": np.array([(0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956)]),
    "p3": np.array([(0.8225, 0.1774, 0.0), (0.0332, 0.9669, 0.0), (0.0171, 0.0724, 0.9108)]),
}


def pq(cd_m2: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084, inverse EOTF."""
    power = (np.maximum(cd_m2, 0) / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(cd_m2: NDArray[np.float64]) -> NDArray[np.float64]:
    """ITU-R BT.2100, inverse OOTF and OETF, for a screen of 1000 cd/m2; (..., 3) linear BT.2020."""
    shown = np.maximum(cd_m2, 0) / 1000
    luminance = np.maximum(shown @ np.array([0.2627, 0.6780, 0.0593]), 1e-9)[..., None]
    scene = shown * luminance ** (1 / 1.2 - 1)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


def swatches(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(np.repeat(colours, 8, axis=0)[None], 48, axis=0)


def write_hdr(path: Path, cd_m2: NDArray[np.float64], transfer: int, *, bits: int = 10) -> Path:
    """Write linear BT.2020 light, (H, W, 3), as PQ or HLG."""
    curve = pq if transfer == PQ else hlg
    planes = coded(255 * curve(cd_m2), BT2020, bits=bits)  # type: ignore[arg-type]
    tags = {"colorspace": BT2020, "color_primaries": BT2020_PRIMARIES, "color_trc": transfer, "color_range": 1}
    return write_planes(path, [planes], bits=bits, **tags)


def light_of(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return linear BT.2020 in cd/m2 of an SDR picture whose white is at 203 cd/m2."""
    return np.asarray(203 * (picture / 255) ** 2.4 @ FROM_BT709["bt2020"].T)


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("bits", [10, 12])
def test_below_the_highlights_hdr_is_shown_as_its_sdr_original(transfer: int, bits: int, tmp_path: Path) -> None:
    original = swatches(SKIN)
    path = write_hdr(tmp_path / "a.mkv", light_of(original), transfer, bits=bits)
    held = probe(path).form
    assert (held.colour_transfer, held.colour_matrix) == ({PQ: "pq", HLG: "hlg"}[transfer], "bt2020")
    below = original.max(axis=2) < 230
    difference = np.abs(rgb(path).astype(int) - original)
    assert difference[below].max() <= (2 if transfer == PQ else 7) and difference.max() <= 8


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_detection_sees_hdr_nearly_as_the_original(transfer: int, tmp_path: Path) -> None:
    greys = np.repeat(np.arange(0, 230, 10, dtype=np.uint8)[:, None], 3, axis=1)
    for colours, tolerance in ((greys, 2), (SKIN, 6)):
        original = swatches(colours)
        path = write_hdr(tmp_path / "a.mkv", light_of(original), transfer)
        luma = original @ np.array([0.2126, 0.7152, 0.0722])
        assert np.abs(grey(path) - luma).max() <= tolerance
        (small,) = grey_frames(path, max_side_px=48)
        assert small.is_full_range and max(small.shape) == 48


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_highlights_keep_their_order_and_their_hue(transfer: int, tmp_path: Path) -> None:
    steps = np.array([150, 162, 203, 300, 500, 1000, 4000][: 7 if transfer == PQ else 6], float)
    light = np.repeat(np.repeat(steps[:, None], 3, axis=1), 8, axis=0)[None].repeat(48, axis=0)
    white = rgb(write_hdr(tmp_path / "a.mkv", light, transfer))[24, 4::8].astype(int)
    assert np.ptp(white, axis=1).max() <= 2
    assert (np.diff(white[:, 1]) > 0).all()
    assert white[2, 1] == pytest.approx(244, abs=2) and white[5, 1] >= 252
    orange = light * (np.array([1.0, 0.5, 0.2]) @ FROM_BT709["bt2020"].T)
    shown = (rgb(write_hdr(tmp_path / "b.mkv", orange, transfer))[24, 4::8] / 255) ** 2.4
    assert shown[:, 1] / shown[:, 0] == pytest.approx(0.5, abs=0.02 if transfer == PQ else 0.04)


ZSCALE = (
    "zscale=tin=bt709:min=bt709:pin=bt709:rin=tv:t=linear:npl=203,format=gbrpf32le,"
    "zscale=p=bt2020:t={}:m=bt2020nc:r=tv:npl=203,format=yuv420p10le"
)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_made_by_ffmpeg_is_shown_as_its_original(transfer: str, tmp_path: Path) -> None:
    original = swatches(SKIN).repeat(4, axis=0).repeat(4, axis=1)
    known = {"colorspace": BT709, "color_primaries": 1, "color_trc": 1, "color_range": 1}
    whole, path = write_planes(tmp_path / "a.mkv", [coded(original, BT709)], **known), tmp_path / "b.mp4"
    tags = {"colorspace": "bt2020nc", "color_primaries": "bt2020", "color_trc": transfer}
    encoder = {"vcodec": "libx265", "crf": "4", "preset": "ultrafast", "x265-params": "log-level=error"}
    run_ffmpeg(ffmpeg.input(whole).output(str(path), vf=ZSCALE.format(transfer), **tags, **encoder))
    shown = rgb(path)[8:-8]
    centres = slice(16, None, 32)
    assert np.abs(shown[:, centres].astype(int) - original[8:-8, centres]).max() <= 8


@pytest.mark.parametrize(("primaries", "name"), [(BT2020_PRIMARIES, "bt2020"), (P3_PRIMARIES, "p3")])
def test_sdr_of_a_wider_gamut_is_shown_in_the_colours_of_bt709(primaries: int, name: str, tmp_path: Path) -> None:
    original = swatches(SKIN)
    wide = 255 * np.clip((original / 255) ** 2.4 @ FROM_BT709[name].T, 0, 1) ** (1 / 2.4)
    matrix = BT2020 if name == "bt2020" else BT709
    transfer = SDR_10_BIT if name == "bt2020" else 1
    tags = {"colorspace": matrix, "color_primaries": primaries, "color_trc": transfer}
    path = write_planes(tmp_path / "a.mkv", [coded(wide, matrix, bits=10)], bits=10, **tags)  # type: ignore[arg-type]
    assert probe(path).form.colour_transfer == "sdr"
    assert np.abs(rgb(path).astype(int) - original).max() <= 2
    luma = wide @ np.array([0.2627, 0.6780, 0.0593] if name == "bt2020" else [0.2126, 0.7152, 0.0722])
    assert np.abs(grey(path) - luma).max() <= 2


def test_hdr_is_filtered_where_the_params_say_so(tmp_path: Path) -> None:
    hdr = probe(write_hdr(tmp_path / "a.mkv", light_of(swatches(SKIN)), HLG))
    sdr = probe(write_rgb(tmp_path / "b.mkv", [swatches(SKIN)]))
    params = PARAMS.model_copy(update={"min_duration_s": 0.0})
    assert refuse(held_video(hdr), params) is None
    params = params.model_copy(update={"hdr": "filter"})
    assert refuse(held_video(hdr), params) == Dropped.filtered("hdr", "the picture is coded in HLG")
    assert refuse(held_video(sdr), params) is None


def test_detection_sees_the_same_hdr_picture_each_time(tmp_path: Path) -> None:
    path = write_hdr(tmp_path / "a.mkv", light_of(swatches(SKIN)), HLG)
    first = grey(path)
    assert all(np.array_equal(grey(path), first) for _ in range(40))

"""FAN's weights are read without running code, and its heatmaps become points of the picture; networks are made up."""

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.core.base.errors import BadInput, ToolMissing, UntrustedWeights, WeightsUnavailable
from pipeline.face.backends.face_alignment_backend import _MIRRORED, FaceAlignmentBackend, load_fan, peaks
from pipeline.face.backends.interface import Detection
from pipeline.face.backends.registry import build_backend
from pipeline.face.measures.boxes import Box
from tests.face.drawn import EYES, INTEROCULAR_PX, drawn_face
from tests.real_files import WEIGHTS, needs_weights

BOX = Box(100.0, 80.0, 100.0, 100.0)
# FAN's input square: 2.61 boxes, raised by 0.22 of one.
SIDE = 261.0
LEFT, TOP = 150 - SIDE / 2, 130 - SIDE / 2 - 22


class BrightestPixel(torch.nn.Module):
    """A fake of FAN: every point's heatmap is the picture itself, 64x64; as one of several stacks' outputs."""

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        assert pictures.shape == (2, 3, 256, 256)
        small = torch.nn.functional.avg_pool2d(pictures[:, :1], 4)
        return [torch.zeros(1), small.expand(-1, 68, -1, -1)]


class NoDetector:
    """A fake of YuNet."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights

    def detect(self, grey: np.ndarray) -> list[Detection]:
        return [Detection(BOX, 0.9)]


def backend_of(network: Any, monkeypatch: pytest.MonkeyPatch) -> FaceAlignmentBackend:
    monkeypatch.setattr("pipeline.face.backends.face_alignment_backend.YunetDetector", NoDetector)
    monkeypatch.setattr("pipeline.face.backends.face_alignment_backend.load_fan", lambda path: network)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return FaceAlignmentBackend(Path("yunet.onnx"), Path("fan.pth"))


@pytest.mark.parametrize(("x", "y"), [(150, 108), (60, 50), (250, 200), (199, 131)])
def test_points_are_pixels_of_the_picture(x: int, y: int, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.zeros((300, 400), np.uint8)
    grey[y - 2 : y + 3, x - 2 : x + 3] = 255
    points = backend_of(BrightestPixel(), monkeypatch).landmarks(grey, BOX)
    assert points.shape == (68, 2)
    assert points.dtype == np.float32
    one_heatmap_pixel = SIDE / 64
    np.testing.assert_allclose(points, np.tile((x, y), (68, 1)), atol=0.5 * one_heatmap_pixel)


def test_a_box_that_reaches_beyond_the_picture_is_filled_with_black(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.full((40, 40), 7, np.uint8)
    grey[10:14, 20:24] = 255
    points = backend_of(BrightestPixel(), monkeypatch).landmarks(grey, Box(-30, -30, 60, 60))
    np.testing.assert_allclose(points[0], (21.5, 11.5), atol=2)


def test_the_mirrored_heatmaps_count_for_the_points_on_the_other_side(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sided(torch.nn.Module):
        """Finds point 36 left of the centre and 45 right of it, whatever the picture, so that mirroring cancels."""

        def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
            maps = torch.zeros(2, 68, 64, 64)
            maps[:, 36, 30, 20] = 1.0
            maps[:, 45, 30, 43] = 1.0
            return [maps]

    heatmaps = backend_of(Sided(), monkeypatch)._heatmaps(np.zeros((256, 256), np.uint8))
    assert np.argwhere(heatmaps == 1.0).tolist() == [[36, 30, 20], [45, 30, 43]]
    assert heatmaps.sum() == 2.0


def test_mirroring_is_that_of_the_package() -> None:
    utils = pytest.importorskip("face_alignment.utils")
    order = utils.shuffle_lr(torch.arange(68)[None, :, None, None]).flatten().tolist()
    assert list(_MIRRORED) == order


def test_heatmaps_are_read_as_the_package_reads_them_but_finer(monkeypatch: pytest.MonkeyPatch) -> None:
    utils = pytest.importorskip("face_alignment.utils")
    for compiled in ("transform_np", "_get_preds_fromhm"):  # compiling them takes longer than one call
        monkeypatch.setattr(utils, compiled, getattr(utils, compiled).py_func)
    rng = np.random.default_rng(0)
    heatmaps = rng.random((68, 64, 64)).astype(np.float32)
    heatmaps[0, 0, 0] = heatmaps[1, 63, 20] = heatmaps[2, 30, 63] = 2.0
    _, theirs, _ = utils.get_preds_fromhm(heatmaps[None], np.array([150.0, 108.0]), SIDE / 200)
    ours = peaks(heatmaps) * SIDE + (LEFT, TOP) - 0.5
    # They cut the fraction off.
    difference = ours - theirs[0]
    assert difference.min() >= -1.0
    assert difference.max() <= 1.0


def test_points_off_the_edge_are_moved_a_quarter_of_a_heatmap_pixel_to_the_higher_neighbour() -> None:
    heatmaps = np.zeros((2, 64, 64), np.float32)
    heatmaps[0, 10, 20], heatmaps[0, 10, 21], heatmaps[0, 9, 20] = 1.0, 0.5, 0.2
    heatmaps[1, 0, 0] = 1.0
    np.testing.assert_allclose(peaks(heatmaps) * 64, [(20.75, 10.25), (0.5, 0.5)])


def test_landmarks_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Threads(BrightestPixel):
        def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
            seen.append(torch.get_num_threads())
            return super().forward(pictures)

    backend_of(Threads(), monkeypatch).landmarks(np.zeros((50, 50), np.uint8), BOX)
    assert seen == [1]


def test_faces_are_those_of_yunet(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = backend_of(BrightestPixel(), monkeypatch)
    assert backend.detect(np.zeros((9, 9), np.uint8)) == [Detection(BOX, 0.9)]
    assert backend._detector.weights == Path("yunet.onnx")


@pytest.fixture(scope="module")
def fan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the right shapes, drawn at random."""
    models = pytest.importorskip("face_alignment.models")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("fan") / "2DFAN4-11f355bf06.pth.tar"
    torch.save(models.FAN(4).state_dict(), path)
    return path


def test_weights_of_the_right_shapes_are_loaded_for_evaluation(fan_file: Path) -> None:
    network = load_fan(fan_file)
    assert not network.training
    assert network.num_modules == 4
    expected = torch.load(fan_file, weights_only=True)["l3.bias"]
    assert torch.equal(network.l3.bias, expected)


@needs_weights
def test_the_real_network_and_the_real_detector_work_together(fan_file: Path) -> None:
    backend = FaceAlignmentBackend(WEIGHTS / _yunet_file(), fan_file)
    (found,) = backend.detect(drawn_face())
    assert np.abs(EYES.mean(axis=0) - (found.box.x + found.box.w / 2, found.box.y + found.box.h / 2)).max() < (
        INTEROCULAR_PX
    )
    points = backend.landmarks(drawn_face(), found.box)
    assert points.shape == (68, 2)
    assert np.array_equal(points, backend.landmarks(drawn_face(), found.box))
    assert backend.box_around(points).w > 0


def _yunet_file() -> str:
    return "ShiqiYu+libfacedetection.train__onnx__yunet_n_dynamic.onnx"


def test_weights_of_other_shapes_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("face_alignment")
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(BadInput, match=r"other\.pth: expected the weights of 2DFAN-4: "):
        load_fan(tmp_path / "other.pth")


def test_weights_that_would_run_code_are_refused_and_run_nothing(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return (open, (str(ran), "w"))

    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth", pickle_module=pickle)
    with pytest.raises(UntrustedWeights, match=r"evil\.pth: .* Nothing was run\."):
        load_fan(tmp_path / "evil.pth")
    assert not ran.exists()


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    monkeypatch.setitem(sys.modules, "face_alignment.models", None)
    with pytest.raises(ToolMissing, match="needs the package face-alignment"):
        load_fan(tmp_path / "fan.pth")


@needs_weights
def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    def offline(*_: object, **__: object) -> None:
        raise requests.ConnectionError

    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path))
    monkeypatch.setattr("pipeline.weights.retrieve._download", offline)
    with pytest.raises(WeightsUnavailable, match=r"weights 'fan_2d' .* as 2DFAN4-11f355bf06\.pth\.tar"):
        build_backend("face_alignment")

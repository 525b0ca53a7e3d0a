"""YuNet finds small faces and turned heads in boxes such as dlib's; runs with the real weights where these exist."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.base.errors import WeightsUnavailable
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.registry import build_backend
from pipeline.face.backends.yunet_backend import YunetDlibBackend, _box
from pipeline.face.measures.boxes import Box, iou
from tests.face.drawn import drawn_face
from tests.face.faces import points_in
from tests.real_files import needs_weights


def face_row(x: float, y: float, w: float, h: float) -> np.ndarray:
    """Return YuNet's row of a face: box, five points around its centre, score."""
    centre = np.array([x + w / 2, y + h / 2])
    offsets = np.array([(-0.2, -0.2), (0.2, -0.2), (0, 0), (-0.15, 0.2), (0.15, 0.2)]) * (w, h)
    return np.array([x, y, w, h, *(centre + offsets).ravel(), 0.9], np.float32)


def test_a_box_is_a_square_around_the_mean_of_the_five_points() -> None:
    box = _box(face_row(100, 50, 90, 160))
    assert box.w == box.h == pytest.approx(0.94 * 120)
    assert (box.x + box.w / 2, box.y + box.h / 2) == pytest.approx((145, 130))


@pytest.fixture
def backend() -> YunetDlibBackend:
    built = build_backend("yunet_dlib")
    assert isinstance(built, YunetDlibBackend)
    return built


@needs_weights
def test_a_picture_without_a_face_has_no_detection(backend: YunetDlibBackend) -> None:
    assert backend.detect(np.full((90, 160), 128, np.uint8)) == []


@needs_weights
def test_the_same_picture_gives_the_same_faces_whatever_came_before(backend: YunetDlibBackend) -> None:
    first = backend.detect(drawn_face())
    backend.detect(drawn_face()[:100, :120].copy())
    assert backend.detect(drawn_face()) == first


@needs_weights
def test_a_drawn_face_is_found_where_dlib_finds_it(backend: YunetDlibBackend) -> None:
    (dlibs,) = DlibBackend().detect(drawn_face())
    (found,) = backend.detect(drawn_face())
    assert iou(found.box, dlibs.box) > 0.6
    assert 0.6 <= found.score <= 1


@needs_weights
def test_a_face_too_small_for_dlib_is_found(backend: YunetDlibBackend) -> None:
    small = cv2.resize(drawn_face(), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    assert DlibBackend().detect(small) == []
    (found,) = backend.detect(small)
    (large,) = backend.detect(drawn_face())
    assert iou(found.box.scaled(4), large.box) > 0.6


@needs_weights
def test_the_best_come_first(backend: YunetDlibBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.array([face_row(50, 50, 40, 40), face_row(150, 50, 60, 60)])
    rows[1, 14] = 0.95

    class Seen:
        def setInputSize(self, size: object) -> None:
            assert size == (160, 90)

        def detect(self, picture: np.ndarray) -> tuple[int, np.ndarray]:
            assert picture.shape == (90, 160, 3)
            return 1, rows

    monkeypatch.setattr(backend._yunet, "_detector", Seen())
    assert [round(one.score, 2) for one in backend.detect(np.zeros((90, 160), np.uint8))] == [0.95, 0.9]


def test_its_landmarks_and_boxes_are_those_of_dlib() -> None:
    assert YunetDlibBackend.landmarks is DlibBackend.landmarks
    assert YunetDlibBackend.box_around is DlibBackend.box_around
    points = points_in(Box(10, 20, 100, 100))
    assert DlibBackend().box_around(points).w > 0


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVOX_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pipeline.weights.retrieve._download", _offline)
    with pytest.raises(WeightsUnavailable, match=r"weights 'yunet' .* into .* as yunet_n_dynamic\.onnx"):
        build_backend("yunet_dlib")


def _offline(*_: object, **__: object) -> None:
    import requests

    raise requests.ConnectionError

"""BlazeFace finds faces of all sizes, once each; what the mesh sees no face in is none."""

import cv2
import numpy as np
import pytest

from pipeline.core.base.errors import WeightsUnavailable
from pipeline.face.backends.blazeface_backend import BlazefaceDlibBackend, BlazefaceMeshBackend
from pipeline.face.backends.blazeface_detector import BlazeFaceDetector, anchor_middles, scales
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.interface import Detection
from pipeline.face.backends.registry import build_backend
from pipeline.face.measures.boxes import Box, iou
from pipeline.face.measures.points import eye_centres
from pipeline.face.mesh.face_mesh import MeshFit
from pipeline.weights.fetch import find_weights
from tests.face.drawn import EYES, INTEROCULAR_PX, drawn_face


@pytest.fixture(scope="module")
def detector() -> BlazeFaceDetector:
    return BlazeFaceDetector(find_weights("blazeface_back"))


@pytest.fixture(scope="module")
def backend() -> BlazefaceDlibBackend:
    built = build_backend("blazeface_dlib")
    assert type(built) is BlazefaceDlibBackend
    return built


@pytest.fixture(scope="module")
def mesh_backend() -> BlazefaceMeshBackend:
    built = build_backend("blazeface_mesh")
    assert type(built) is BlazefaceMeshBackend
    return built


def pasted(height_px: int, at: tuple[int, int]) -> tuple[np.ndarray, Box]:
    """Return a picture of 640x360 with a drawn face that dlib would box at this height, and its box."""
    (found,) = DlibBackend().detect(drawn_face())
    scale = height_px / found.box.h
    face = cv2.resize(drawn_face(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = np.full((360, 640), int(face[0, 0]), np.uint8)
    face = face[: 360 - at[1], : 640 - at[0]]
    grey[at[1] : at[1] + face.shape[0], at[0] : at[0] + face.shape[1]] = face
    return grey, found.box.scaled(scale).moved(*at)


def test_anchors_are_the_middles_of_cells_of_16_and_32_px_row_by_row() -> None:
    found = anchor_middles(1, 2)
    assert len(found) == 2 * 2 * 4 + 6 * 1 * 2
    assert found[:10:2].tolist() == [[8, 8], [24, 8], [40, 8], [56, 8], [8, 24]]
    assert found[::2][:8].tolist() == found[1::2][:8].tolist()
    assert found[16:].tolist() == [[16, 16]] * 6 + [[48, 16]] * 6
    assert len(anchor_middles(8, 8)) == 896


@pytest.mark.parametrize(
    ("longer_px", "expected"),
    [
        (50, [(2.56, True)]),
        (128, [(1.0, True)]),
        (256, [(1.0, True)]),
        (257, [(1.0, False), (128 / 257, True)]),
        (1024, [(1.0, False), (0.25, True)]),
        (4000, [(1.0, False), (0.25, False), (0.0625, True)]),
    ],
)
def test_a_picture_is_searched_at_its_own_size_and_shrunk_until_all_of_it_is_seen_at_once(
    longer_px: int, expected: list[tuple[float, bool]]
) -> None:
    assert scales(longer_px) == expected


@pytest.mark.slow
@pytest.mark.parametrize("height_px", [24, 40, 95, 105, 150])
def test_faces_of_all_sizes_are_found_once_where_dlib_places_them(detector: BlazeFaceDetector, height_px: int) -> None:
    grey, expected = pasted(height_px, (150, 5))
    (found,) = detector.detect(grey)
    assert iou(found.box, expected) > 0.55
    assert 0.6 <= found.score <= 1


def test_a_face_as_high_as_a_large_picture_is_found_and_its_parts_are_no_faces(backend: BlazefaceDlibBackend) -> None:
    (found,) = backend.detect(cv2.resize(drawn_face()[100:400, 100:400], (1200, 1200)))
    (small,) = backend.detect(drawn_face())
    assert iou(found.box, small.box.moved(-100, -100).scaled(4)) > 0.55


def test_two_faces_are_both_found_the_surer_first(detector: BlazeFaceDetector) -> None:
    grey, first = pasted(60, (20, 60))
    second, box = pasted(60, (400, 60))
    grey[:, 320:] = second[:, 320:]
    found = detector.detect(grey)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for place in (first, box):
        assert sum(iou(one.box, place) > 0.5 for one in found) == 1


def test_results_do_not_depend_on_what_came_before(detector: BlazeFaceDetector) -> None:
    first = detector.detect(drawn_face())
    detector.detect(drawn_face()[:100, :120])
    assert detector.detect(drawn_face()) == first


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (300, 2), (257, 31)])
def test_pictures_of_any_shape_are_searched(detector: BlazeFaceDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full(shape, 128, np.uint8)) == []


def test_an_unsure_face_counts_where_the_mesh_sees_one(
    backend: BlazefaceDlibBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = [Box(0, 0, 50, 50), Box(60, 0, 50, 50), Box(120, 0, 50, 50), Box(180, 0, 50, 50)]
    scores, presences = (0.9, 0.8, 0.79, 0.6), iter((0.1, 0.09))
    found = [Detection(box, score) for box, score in zip(boxes, scores, strict=True)]
    monkeypatch.setattr(backend._blazeface, "detect", lambda grey: found)
    monkeypatch.setattr(backend._mesh, "fit", lambda *_: MeshFit(np.zeros((478, 3), np.float32), next(presences)))
    assert backend.detect(np.zeros((50, 240), np.uint8)) == found[:3]
    assert next(presences, None) is None


def test_its_landmarks_and_boxes_are_those_of_dlib() -> None:
    assert BlazefaceDlibBackend.landmarks is DlibBackend.landmarks
    assert BlazefaceDlibBackend.box_around is DlibBackend.box_around
    assert BlazefaceDlibBackend.min_face_px == 24


@pytest.mark.parametrize("yaw_deg", [-15.0, 0.0, 15.0])
def test_the_meshs_eyes_are_where_they_were_drawn(mesh_backend: BlazefaceMeshBackend, yaw_deg: float) -> None:
    (found,) = mesh_backend.detect(drawn_face(yaw_deg))
    points = mesh_backend.landmarks(drawn_face(yaw_deg), found.box)
    assert points is not None
    assert (points.shape, points.dtype) == ((68, 2), np.float32)
    assert np.hypot(*(np.array(eye_centres(points)) - EYES).T).max() < 0.1 * INTEROCULAR_PX


def test_the_mesh_has_no_points_where_it_sees_no_face(mesh_backend: BlazefaceMeshBackend) -> None:
    assert mesh_backend.landmarks(np.full((300, 300), 128, np.uint8), Box(100, 100, 80, 80)) is None


@pytest.mark.parametrize("gone", ["blazeface_back", "face_landmarker"])
def test_a_missing_network_is_named(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pipeline.weights.fetch.find_packaged",
        lambda entry, package: None if entry.name == gone else find_weights(gone),
    )
    monkeypatch.delenv("FACEVOX_WEIGHTS", raising=False)
    with pytest.raises(WeightsUnavailable, match=rf"weights '{gone}' .*: they come in the package "):
        build_backend("blazeface_dlib")

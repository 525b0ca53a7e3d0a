"""MediaPipe's mesh has the named points; the tiles of a picture cover every face. Needs the optional package."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.base.errors import BadInput, ToolMissing
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.mediapipe_backend import MediapipeBackend, _detector_bytes, _square
from pipeline.face.backends.registry import build_backend
from pipeline.face.measures.boxes import Box, iou
from pipeline.face.measures.points import eye_centres
from tests.face.drawn import EYES, INTEROCULAR_PX, drawn_face
from tests.real_files import WEIGHTS, needs_weights


@pytest.fixture(scope="module")
def backend() -> Iterator[MediapipeBackend]:
    pytest.importorskip("mediapipe")
    if not WEIGHTS.is_dir():
        pytest.skip(needs_weights.kwargs["reason"])
    built = build_backend("mediapipe")
    assert isinstance(built, MediapipeBackend)
    yield built
    for network in (built._detector, built._landmarker):  # they complain when they are still open as Python ends
        network.close()


def test_a_square_is_black_where_it_reaches_beyond_the_picture() -> None:
    grey = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    assert _square(grey, -1, 1, 3).tolist() == [[0, 5, 6], [0, 9, 10], [0, 0, 0]]
    assert _square(grey, 3, -2, 3).tolist() == [[0, 0, 0], [0, 0, 0], [4, 0, 0]]
    assert _square(grey, 50, 50, 2).tolist() == [[0, 0], [0, 0]]
    assert _square(grey, -9, -9, 2).tolist() == [[0, 0], [0, 0]]


def test_a_drawn_face_is_found_where_dlib_finds_it(backend: MediapipeBackend) -> None:
    (dlibs,) = DlibBackend().detect(drawn_face())
    (found,) = backend.detect(drawn_face())
    assert iou(found.box, dlibs.box) > 0.6
    assert 0.7 <= found.score <= 1


def test_a_small_face_in_a_large_picture_is_found_once(backend: MediapipeBackend) -> None:
    import cv2

    small = cv2.resize(drawn_face(), None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    large = np.full((720, 1280), int(small[0, 0]), np.uint8)
    large[400 : 400 + small.shape[0], 900 : 900 + small.shape[1]] = small
    (found,) = backend.detect(large)
    (alone,) = backend.detect(drawn_face())
    shrunk = alone.box.scaled(0.3)
    assert iou(found.box, Box(shrunk.x + 900, shrunk.y + 400, shrunk.w, shrunk.h)) > 0.6


@pytest.mark.parametrize("yaw_deg", [-15.0, 0.0, 15.0])
def test_the_eyes_of_a_drawn_face_are_where_they_were_drawn(backend: MediapipeBackend, yaw_deg: float) -> None:
    (found,) = backend.detect(drawn_face(yaw_deg))
    points = backend.landmarks(drawn_face(yaw_deg), found.box)
    assert points is not None
    assert points.dtype == np.float32
    assert np.hypot(*(np.array(eye_centres(points)) - EYES).T).max() < 0.1 * INTEROCULAR_PX


def test_named_points_lie_where_dlib_finds_them(backend: MediapipeBackend) -> None:
    fitter = DlibBackend()
    (found,) = fitter.detect(drawn_face())
    ours, theirs = backend.landmarks(drawn_face(), found.box), fitter.landmarks(drawn_face(), found.box)
    assert ours is not None
    distances = np.hypot(*(ours - theirs).T) / INTEROCULAR_PX
    assert distances[27:].mean() < 0.1
    assert distances[:27].mean() < 0.25


def test_points_follow_the_box_only_as_far_as_the_face_lies_in_it(backend: MediapipeBackend) -> None:
    (found,) = backend.detect(drawn_face())
    box = found.box
    reference = backend.landmarks(drawn_face(), box)
    moved = backend.landmarks(drawn_face(), Box(box.x + 0.2 * box.w, box.y - 0.1 * box.h, box.w, box.h))
    assert reference is not None
    assert moved is not None
    assert np.hypot(*(moved - reference).T).mean() < 0.05 * INTEROCULAR_PX
    assert backend.landmarks(drawn_face(), Box(box.x + 0.7 * box.w, box.y, box.w, box.h)) is None


def test_where_there_is_no_face_there_are_no_points(backend: MediapipeBackend) -> None:
    grey = np.full((300, 300), 128, np.uint8)
    assert backend.detect(grey) == []
    assert backend.landmarks(grey, Box(100, 100, 80, 80)) is None


def test_results_do_not_depend_on_what_came_before(backend: MediapipeBackend) -> None:
    (found,) = backend.detect(drawn_face())
    first = backend.landmarks(drawn_face(), found.box)
    backend.landmarks(drawn_face(15.0), found.box)
    backend.detect(drawn_face(-15.0))
    assert backend.detect(drawn_face()) == [found]
    assert np.array_equal(first, backend.landmarks(drawn_face(), found.box))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mediapipe", "mediapipe.tasks", "mediapipe.tasks.python"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ToolMissing, match=r"'mediapipe' needs the package mediapipe: run 'make mediapipe'"):
        MediapipeBackend(tmp_path / "face_landmarker.task")


def test_a_file_without_the_detector_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.task").write_bytes(b"no bundle")
    with pytest.raises(BadInput, match=r"other\.task: expected a Face Landmarker bundle that holds face_detector"):
        _detector_bytes(tmp_path / "other.task")


@needs_weights
def test_the_detector_is_taken_from_within_the_landmarkers_file() -> None:
    (path,) = WEIGHTS.glob("*face_landmarker*.task")
    assert _detector_bytes(path)[4:8] == b"TFL3"

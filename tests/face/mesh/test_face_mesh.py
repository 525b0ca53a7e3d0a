"""The mesh lies on the face: on drawn faces whose eyes are known, whatever the region it was given."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.base.errors import BadInput
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.interface import averaged_landmarks
from pipeline.face.measures.points import MOUTH_LEFT, MOUTH_RIGHT, eye_centres, interocular_px
from pipeline.face.mesh.face_mesh import FaceMesh, MeshFit
from pipeline.face.mesh.mesh_measures import mesh_eye_centres, mesh_interocular_px, mesh_pose_deg, named_points
from pipeline.face.mesh.region import Region
from pipeline.video.decode import rgb_frames
from pipeline.weights.fetch import find_weights
from tests.face.drawn import EYES, INTEROCULAR_PX, drawn_face
from tests.real_files import CLIPS, needs_clips

REGION = Region.of_eyes(*EYES)


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh(find_weights("face_landmarker"))


def eyes_off(fit: MeshFit) -> float:
    """Return how far the eyes are from where they were drawn, over their distance."""
    return float(np.hypot(*(np.array(mesh_eye_centres(fit.points)) - EYES).T).max() / INTEROCULAR_PX)


def test_the_eyes_of_a_drawn_face_are_where_they_were_drawn(mesh: FaceMesh) -> None:
    found = mesh.fit(drawn_face(), REGION)
    assert found.points.shape == (478, 3)
    assert found.points.dtype == np.float32
    assert eyes_off(found) < 0.1
    assert 0.9 < found.presence <= 1


def test_where_there_is_no_face_presence_is_low(mesh: FaceMesh) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    assert mesh.fit(noise, Region(150, 150, 200, 0)).presence < 0.1
    assert mesh.fit(np.full((300, 300), 128, np.uint8), Region(150, 150, 200, 0)).presence < 0.1


def test_a_turned_and_enlarged_picture_has_the_same_mesh_turned_and_enlarged(mesh: FaceMesh) -> None:
    move = cv2.getRotationMatrix2D((240, 240), -30.0, 1.5)
    picture = cv2.warpAffine(drawn_face(), move, (480, 480), borderMode=cv2.BORDER_REPLICATE)
    eyes = EYES @ move[:, :2].T + move[:, 2]
    plain, turned = mesh.fit(drawn_face(), REGION), mesh.fit(picture, Region.of_eyes(*eyes))
    expected = plain.points[:, :2] @ move[:, :2].T + move[:, 2]
    assert np.hypot(*(turned.points[:, :2] - expected).T).mean() < 0.03 * 1.5 * INTEROCULAR_PX
    assert turned.points[:, 2].std() == pytest.approx(1.5 * plain.points[:, 2].std(), rel=0.1)
    assert mesh_pose_deg(turned.points)[2] - mesh_pose_deg(plain.points)[2] == pytest.approx(30, abs=3)


def test_a_face_cut_by_the_pictures_edge_is_still_fitted(mesh: FaceMesh) -> None:
    cut = drawn_face()[150:, 150:]
    found = mesh.fit(cut, Region.of_eyes(*(EYES - 150)))
    assert np.hypot(*(np.array(mesh_eye_centres(found.points)) + 150 - EYES).T).max() < 0.15 * INTEROCULAR_PX


def test_a_second_fit_corrects_a_region_that_is_off(mesh: FaceMesh) -> None:
    off = Region(REGION.x + 0.1 * REGION.side, REGION.y, 1.3 * REGION.side, 0.15)
    right, again = mesh.fit_again(drawn_face(), REGION), mesh.fit_again(drawn_face(), off)
    assert np.hypot(*(again.points - right.points)[:, :2].T).mean() < 0.03 * INTEROCULAR_PX


def test_grey_is_colour_of_equal_channels_and_results_do_not_depend_on_what_came_before(mesh: FaceMesh) -> None:
    grey = drawn_face()
    first = mesh.fit(grey, REGION)
    mesh.fit(drawn_face(15.0), REGION)
    second = mesh.fit(np.repeat(grey[..., None], 3, axis=2), REGION)
    assert second.points.tobytes() == first.points.tobytes()
    assert second.presence == first.presence


@pytest.mark.parametrize(
    ("picture", "side"),
    [
        (np.zeros((9, 9), np.float32), 5.0),
        (np.zeros((9, 9, 4), np.uint8), 5.0),
        (np.zeros((0, 9), np.uint8), 5.0),
        (np.zeros((9, 9), np.uint8), 0.0),
        (np.zeros((9, 9), np.uint8), np.nan),
    ],
)
def test_what_is_no_picture_or_no_region_is_refused(mesh: FaceMesh, picture: np.ndarray, side: float) -> None:
    with pytest.raises(BadInput, match=r"^picture"):
        mesh.fit(picture, Region(4, 4, side, 0))


def test_a_file_without_the_mesh_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.task").write_bytes(b"no bundle")
    with zipfile.ZipFile(tmp_path / "empty.task", "w") as bundle:
        bundle.writestr("face_detector.tflite", b"")
    for name in ("other.task", "empty.task"):
        with pytest.raises(BadInput, match=rf"{name}: expected a Face Landmarker bundle that holds face_landmarks_"):
            FaceMesh(tmp_path / name)


@needs_clips
def test_on_real_faces_eyes_and_mouth_corners_are_those_of_dlib(mesh: FaceMesh) -> None:
    dlib, eyes, corners = DlibBackend(), [], []
    for name in ("video-retalking__examples_face_3.mp4", "LipNet__bbaf2n.mpg", "styletalk__muxed_Obama_clip2.mp4"):
        for index, (_, picture) in enumerate(rgb_frames(CLIPS / name)):
            if index % 15 == 0:
                grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
                points = averaged_landmarks(dlib, grey, dlib.detect(grey)[0].box)
                assert points is not None
                found = mesh.fit_again(picture, Region.of_eyes(*eye_centres(points)))
                assert found.presence > 0.99
                apart = np.hypot(*(np.array(mesh_eye_centres(found.points)) - eye_centres(points)).T)
                eyes.append(apart.mean() / interocular_px(points))
                mouth = [MOUTH_LEFT, MOUTH_RIGHT]
                off = np.hypot(*(named_points(found.points)[mouth] - points[mouth]).T)
                corners.append(off.mean() / mesh_interocular_px(found.points))
            if index == 30:
                break
    assert np.median(eyes) < 0.03
    assert np.median(corners) < 0.03

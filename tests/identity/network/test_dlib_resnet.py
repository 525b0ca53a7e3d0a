"""dlib's face recognition network gets faces as dlib aligns them, and embeds each with the same bits in any batch."""

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.core.base.device import Placement
from pipeline.core.base.errors import BadInput, UntrustedWeights
from pipeline.face.crops.align import transform
from pipeline.identity.network.dlib_resnet import (
    _MOST_TOGETHER,
    CHIP_POINTS,
    INPUT_PX,
    MEAN_FEATURE,
    DlibResnet,
    chip_of,
)
from pipeline.identity.network.five_points import five_points, similarity_on, usual_landmarks
from pipeline.identity.network.recogniser import build_recogniser
from pipeline.weights.fetch import find_weights
from tests.face.drawn import drawn_face


@pytest.fixture(scope="module")
def network() -> DlibResnet:
    built = build_recogniser(find_weights("dlib_face_recognition"))
    assert isinstance(built, DlibResnet)
    return built


@pytest.fixture(scope="module")
def dlibs_own() -> Any:
    import dlib

    return dlib.face_recognition_model_v1(str(find_weights("dlib_face_recognition")))


def face(yaw_deg: float = 0.0) -> np.ndarray:
    """An aligned face of 256 px: eyes at (96, 120) and (160, 120)."""
    return cv2.cvtColor(drawn_face(yaw_deg)[112:368, 112:368].copy(), cv2.COLOR_GRAY2RGB)


def test_the_eyes_are_placed_where_dlib_places_them() -> None:
    black = np.zeros((256, 256, 3), np.uint8)
    black[116:125, 92:101] = 255  # the eye on the image's left
    chip = chip_of(black, usual_landmarks(black))[..., 0].astype(float)
    assert chip.shape == (INPUT_PX, INPUT_PX)
    rows, columns = np.mgrid[:INPUT_PX, :INPUT_PX]
    at = (columns * chip).sum() / chip.sum(), (rows * chip).sum() / chip.sum()
    five = five_points(usual_landmarks(black))
    assert at == pytest.approx(transform(similarity_on(five, CHIP_POINTS), five[:1])[0], abs=0.5)


def test_a_grey_face_is_aligned_as_one_of_colours() -> None:
    grey = face(10.0)
    coloured = grey.copy()
    coloured[0, 0] = 1, 2, 3
    points = usual_landmarks(grey)
    differs = np.any(chip_of(grey, points) != chip_of(coloured, points), axis=2)
    assert not differs[10:].any() and not differs[:, 10:].any()


def test_features_are_those_that_dlib_computes(network: DlibResnet, dlibs_own: Any) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (256, 256, 3), np.uint8) for _ in range(3)]
    faces = [face(), face(15.0), np.zeros((256, 256, 3), np.uint8), *noise, cv2.GaussianBlur(noise[0], (0, 0), 5)]
    theirs = [dlibs_own.compute_face_descriptor(chip_of(one, usual_landmarks(one))) for one in faces]
    assert network.embed(faces) + MEAN_FEATURE == pytest.approx(np.array(theirs), abs=2e-5)


def test_an_embedding_is_that_of_dlibs_own_alignment(network: DlibResnet, dlibs_own: Any) -> None:
    import dlib

    from pipeline.face.backends.dlib_backend import DlibBackend

    grey = drawn_face()
    (found,) = DlibBackend().detect(grey)
    points = DlibBackend().landmarks(grey, found.box)
    rounded = [dlib.point(round(float(x)), round(float(y))) for x, y in points]
    shape = dlib.full_object_detection(dlib.rectangle(0, 0, 1, 1), rounded)
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    theirs = np.array(dlibs_own.compute_face_descriptor(picture, shape))
    assert np.linalg.norm(network.embed([picture], [points])[0] + MEAN_FEATURE - theirs) < 0.25


def test_a_face_alone_and_among_others_has_the_same_bits(network: DlibResnet) -> None:
    faces = [face(), face(10.0)]
    together = network.embed(faces)
    assert together.shape == (2, 128)
    assert together.dtype == np.float32
    assert together[1:].tobytes() == network.embed(faces[1:]).tobytes()
    assert network.embed([]).shape == (0, 128)


def test_faces_in_several_groups_have_the_bits_of_each_alone(network: DlibResnet) -> None:
    faces = [face(yaw_deg) for yaw_deg in np.linspace(-20, 20, _MOST_TOGETHER + 1)]
    assert network.embed(faces).tobytes() == b"".join(network.embed([one]).tobytes() for one in faces)


def test_it_goes_to_workers_as_the_path_of_its_weights(network: DlibResnet) -> None:
    network.embed([face()])
    sent = pickle.dumps(network)
    assert len(sent) < 1000
    assert pickle.loads(sent).weights == network.weights
    assert pickle.loads(pickle.dumps(DlibResnet(network.weights, Placement(threads=2)))).placement.threads == 2


def test_what_is_no_square_face_is_refused(network: DlibResnet) -> None:
    with pytest.raises(BadInput, match=r"expected \(H, H, 3\) uint8 RGB, aligned, found \(4, 5, 3\)"):
        network.embed([np.zeros((4, 5, 3), np.uint8)])


def test_other_bytes_than_dlibs_own_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.dat"
    file.write_bytes(b"\x01\x01")
    with pytest.raises(UntrustedWeights, match=r"mine\.dat: expected sha256 55533b28.* of dlib's network, found"):
        build_recogniser(file).embed([face()])

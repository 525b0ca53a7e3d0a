"""MobileFaceNet gets faces as it was trained on, and embeds each with the same bits in any batch."""

import pickle
from itertools import combinations
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.base.errors import BadInput
from pipeline.core.storage.vectors import unit
from pipeline.face.backends.interface import averaged_landmarks
from pipeline.face.backends.registry import build_backend
from pipeline.face.crops.align import Template, crop_aligned, similarity_to, transform
from pipeline.face.measures.points import LEFT_EYE, MOUTH_LEFT, MOUTH_RIGHT, NOSE_TIP, RIGHT_EYE, eye_centres
from pipeline.identity.network import recogniser
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.identity.network.five_points import FIVE_POINTS, five_points, similarity_on
from pipeline.identity.network.recogniser import (
    INPUT_PX,
    PIXEL_DEVIATION,
    PIXEL_MEAN,
    MobileFaceNet,
    build_recogniser,
    prepared,
)
from pipeline.weights.fetch import locate_entry
from pipeline.weights.registry import REGISTRY
from tests.real_files import PHOTOS, WEIGHTS, needs_photos, needs_weights

# Where the five points lie in an aligned face of 256 pixels, about.
ALIGNED = np.array([(96, 120), (160, 120), (128, 156), (102, 194), (154, 194)], np.float32)


def points_68(five: np.ndarray) -> np.ndarray:
    points = np.zeros((68, 2), np.float32)
    points[LEFT_EYE], points[RIGHT_EYE] = five[0], five[1]
    points[NOSE_TIP], points[MOUTH_LEFT], points[MOUTH_RIGHT] = five[2:]
    return points


def pictures(n: int) -> list[np.ndarray]:
    """Smooth pictures of 256 pixels, which resampling hardly changes."""
    rng = np.random.default_rng(1)
    coarse = rng.uniform(0, 255, (n, 8, 8, 3))
    return [np.kron(one, np.ones((32, 32, 1))).astype(np.uint8) for one in coarse]


@pytest.fixture(scope="module")
def network() -> MobileFaceNet:
    weights = locate_entry(REGISTRY["mobilefacenet"], cache=Path("unused"), local_folder=WEIGHTS)
    return MobileFaceNet(weights)


@given(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-50, 50), st.floats(-50, 50))
def test_a_turned_scaled_and_moved_set_of_points_is_brought_back(
    turn: float, scale: float, right: float, down: float
) -> None:
    move = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = FIVE_POINTS @ move.T + (right, down)
    assert transform(similarity_on(moved, FIVE_POINTS), moved) == pytest.approx(FIVE_POINTS, abs=1e-3)


def test_the_fit_is_the_least_squares_one() -> None:
    similarity = similarity_on(ALIGNED, FIVE_POINTS)
    design = np.concatenate([[(x, -y, 1, 0), (y, x, 0, 1)] for x, y in ALIGNED])
    (a, b, c, d), *_ = np.linalg.lstsq(design, FIVE_POINTS.ravel(), rcond=None)
    np.testing.assert_allclose(similarity, [[a, -b, c], [b, a, d]], atol=1e-9)


def test_the_five_points_are_the_middles_of_the_eyes_nose_and_mouth_corners() -> None:
    assert five_points(points_68(ALIGNED)).tolist() == ALIGNED.tolist()


def test_the_picture_is_standardised_channel_by_channel_in_the_order_red_green_blue() -> None:
    colour = np.array([200, 100, 50], np.uint8)
    picture = prepared(np.broadcast_to(colour, (256, 256, 3)).copy(), points_68(ALIGNED))
    assert picture.shape == (1, 3, INPUT_PX, INPUT_PX)
    assert picture.dtype == np.float32
    expected = (colour / 255 - PIXEL_MEAN) / PIXEL_DEVIATION
    np.testing.assert_allclose(picture[0, :, 56, 56], expected, rtol=1e-5)


def test_the_eyes_are_placed_where_the_network_expects_them() -> None:
    face = np.zeros((256, 256, 3), np.uint8)
    face[116:125, 92:101] = 255  # the eye on the image's left
    grey = prepared(face, points_68(ALIGNED))[0].mean(axis=0)
    grey -= grey.min()
    rows, columns = np.mgrid[:INPUT_PX, :INPUT_PX]
    at = (columns * grey).sum() / grey.sum(), (rows * grey).sum() / grey.sum()
    expected = transform(similarity_on(ALIGNED, FIVE_POINTS), ALIGNED[:1])[0]
    assert at == pytest.approx(expected, abs=0.5)


@needs_weights
def test_a_face_alone_and_among_others_has_the_same_bits(network: MobileFaceNet) -> None:
    faces, points = pictures(5), [points_68(ALIGNED)] * 5
    together = network.embed(faces, points)
    alone = np.concatenate([network.embed([face], points[:1]) for face in faces[::-1]])[::-1]
    assert together.shape == (5, 128)
    assert together.dtype == np.float32
    assert together.tobytes() == np.ascontiguousarray(alone).tobytes()
    assert network.embed([], []).shape == (0, 128)


@needs_weights
def test_it_goes_to_workers_as_the_path_of_its_weights(network: MobileFaceNet) -> None:
    network.embed(pictures(1), [points_68(ALIGNED)])
    again = pickle.loads(pickle.dumps(network))
    assert again.weights == network.weights
    assert (
        again.embed(pictures(1), [points_68(ALIGNED)]).tobytes()
        == network.embed(pictures(1), [points_68(ALIGNED)]).tobytes()
    )


@pytest.mark.parametrize("content", [b"", b"no network"])
def test_a_file_that_is_no_network_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "mine.onnx"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"mine\.onnx: expected a network in ONNX"):
        MobileFaceNet(file).embed(pictures(1), [points_68(ALIGNED)])


@needs_weights
def test_a_network_of_another_input_is_named() -> None:
    detector = locate_entry(REGISTRY["yunet"], cache=Path("unused"), local_folder=WEIGHTS)
    with pytest.raises(BadInput, match=r"expected one input input0 \[1, 3, 112, 112\], found"):
        MobileFaceNet(detector).embed(pictures(1), [points_68(ALIGNED)])


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recogniser, "MAX_BYTES", 3)
    file = tmp_path / "mine.onnx"
    file.write_bytes(b"1234")
    with pytest.raises(BadInput, match="at most 3 bytes"):
        MobileFaceNet(file).embed(pictures(1), [points_68(ALIGNED)])


def test_the_recognition_network_serves_where_its_weights_are_given(small_checkpoint: Path) -> None:
    found = build_recogniser(small_checkpoint)
    assert isinstance(found, FaceRecogniser)
    assert found.embed(pictures(2), [points_68(ALIGNED)] * 2).shape == (2, 256)
    assert isinstance(build_recogniser(Path("net.onnx")), MobileFaceNet)


@needs_weights
@needs_photos
def test_two_photos_of_one_person_are_alike_and_those_of_two_are_not(network: MobileFaceNet) -> None:
    backend = build_backend("yunet_dlib")
    template = Template(size_px=256, left_eye_x_px=96, right_eye_x_px=160, eyes_y_px=120)
    persons, faces, landmarks = [], [], []
    for path in sorted(PHOTOS.glob("BAI-Yeqi+HQ-VoxCeleb__samples__*")):
        picture = np.asarray(PIL.Image.open(path).convert("RGB").resize((512, 512)))
        grey = np.asarray(PIL.Image.fromarray(picture).convert("L"))
        points = averaged_landmarks(backend, grey, backend.detect(grey)[0].box)
        assert points is not None
        similarity = similarity_to(template, *eye_centres(points))
        persons.append(path.stem.rpartition("__")[0])
        faces.append(crop_aligned(picture, similarity, template.size_px))
        landmarks.append(transform(similarity, points))
    vectors = unit(network.embed(faces, landmarks))
    alike = (vectors @ vectors.T)[np.triu_indices(len(persons), 1)]
    same = np.array([a == b for a, b in combinations(persons, 2)])
    assert same.sum() == 8
    assert alike[same].min() > 0.5
    assert alike[~same].max() < 0.4

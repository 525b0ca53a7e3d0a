"""The regression trees give dlib's own points.

dlib is the reference for the real model; a tiny one, written here, is also evaluated by plain numpy.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.face.backends.dlib_backend import landmark_model_path
from pipeline.face.backends.shape_predictor_file import ShapePredictor, read_shape_predictor
from pipeline.face.backends.shape_regressor import ShapeRegressor, load_regressor
from pipeline.face.measures.points import interocular_px
from pipeline.synthetic.look.aligned import aligned_face
from pipeline.synthetic.script.traits import traits_of
from tests.face.backends.tiny_shape_predictor import TINY_BOXES, file_of, soft_picture, tiny_model

PERSONS = range(6)


@cache
def grey_face(person: int) -> ImageGrey:
    import cv2

    face = aligned_face(traits_of(4, person), rng=np.random.default_rng(person), size_px=400)
    return np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))


def rectangles(person: int) -> list[tuple[int, int, int, int]]:
    """Return boxes (left, top, right, bottom) about where the face is drawn, no two of one size."""
    rng = np.random.default_rng(person)
    sides = rng.integers(200, 280, 4)
    return [
        (int(x), int(y), int(x + s), int(y + s)) for (x, y), s in zip(rng.integers(60, 110, (4, 2)), sides, strict=True)
    ]


def points_of_dlib(predictor: dlib.shape_predictor, grey: ImageGrey, box: tuple[int, ...]) -> NDArray[np.float64]:
    return np.array([(p.x, p.y) for p in predictor(grey, dlib.rectangle(*box)).parts()], float)


def rounded(points: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.floor(points.astype(float) + 0.5)


@pytest.fixture(scope="module")
def predictor() -> dlib.shape_predictor:
    return dlib.shape_predictor(str(landmark_model_path()))


@pytest.fixture(scope="module")
def exact() -> ShapeRegressor:
    return ShapeRegressor(read_shape_predictor(landmark_model_path()), exact=True)


@pytest.mark.parametrize("person", PERSONS)
def test_rounded_points_are_those_of_dlib(predictor: dlib.shape_predictor, exact: ShapeRegressor, person: int) -> None:
    grey = grey_face(person)
    ours = np.array([exact.points(grey, *box) for box in rectangles(person)])
    theirs = np.array([points_of_dlib(predictor, grey, box) for box in rectangles(person)])
    assert np.abs(ours - theirs).max() < 0.501
    assert np.mean(rounded(ours) == theirs) >= 0.99


@pytest.mark.parametrize(
    "box", [(-70, -40, 180, 210), (250, 230, 480, 460), (150, 330, 380, 560), (900, 20, 1100, 220)]
)
def test_a_face_partly_outside_the_picture_has_the_points_of_dlib(
    predictor: dlib.shape_predictor, exact: ShapeRegressor, box: tuple[int, int, int, int]
) -> None:
    ours, theirs = exact.points(grey_face(0), *box), points_of_dlib(predictor, grey_face(0), box)
    assert np.abs(ours - theirs).max() < 0.501
    assert np.mean(rounded(ours) == theirs) >= 0.99


def rms_apart(here: Landmarks, there: Landmarks) -> float:
    return float(np.sqrt(((here - there) ** 2).sum(axis=1).mean())) / interocular_px(there)


def test_two_bytes_and_interpolation_move_points_hardly_more_than_a_larger_box_does(exact: ShapeRegressor) -> None:
    fast, larger = [], []
    for person in PERSONS:
        grey = grey_face(person)
        for left, top, right, bottom in rectangles(person):
            points = exact.points(grey, left, top, right, bottom)
            fast.append(rms_apart(load_regressor(landmark_model_path()).points(grey, left, top, right, bottom), points))
            larger.append(rms_apart(exact.points(grey, left - 2, top - 2, right + 2, bottom + 2), points))
    assert 0 < np.median(fast) < 1.2 * np.median(larger)


def test_points_do_not_depend_on_the_faces_before() -> None:
    """Faces that move a little, by turns and more of them than are remembered: as in a thread that remembers none."""
    regressor = load_regressor(landmark_model_path())
    for step in range(3):
        for person in PERSONS:
            left, top, right, bottom = rectangles(person)[0]
            place = (grey_face(person), left + step, top, right + 0.4 * step, bottom)
            with ThreadPoolExecutor(1) as anew:
                alone = anew.submit(regressor.points, *place).result()
            for _ in range(2):
                np.testing.assert_array_equal(regressor.points(*place), alone)


def test_a_model_is_read_once_a_process() -> None:
    assert load_regressor(landmark_model_path()) is load_regressor(landmark_model_path())


def nearest(grey: ImageGrey, places: NDArray[np.float64]) -> NDArray[np.float64]:
    columns, rows = np.floor(places + 0.5).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < grey.shape[1]) & (rows < grey.shape[0])
    return np.where(inside, grey[rows.clip(0, grey.shape[0] - 1), columns.clip(0, grey.shape[1] - 1)], 0).astype(float)


def between(grey: ImageGrey, places: NDArray[np.float64]) -> NDArray[np.float64]:
    last = np.array(grey.shape[::-1]) - 1
    inside = ((places >= -0.5) & (places < last + 0.5)).all(axis=1)
    x, y = places.clip(0, last).T
    padded = np.pad(grey, (0, 1), mode="edge").astype(float)
    column, row = np.floor([x, y]).astype(int)
    upper = padded[row, column] * (1 - x % 1) + padded[row, column + 1] * (x % 1)
    lower = padded[row + 1, column] * (1 - x % 1) + padded[row + 1, column + 1] * (x % 1)
    return np.where(inside, upper * (1 - y % 1) + lower * (y % 1), 0.0)


def evaluated(
    model: ShapePredictor,
    grey: ImageGrey,
    box: tuple[int, int, int, int],
    sample: Callable[[ImageGrey, NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Evaluate the model as the paper says, tree by tree and split by split."""
    corner, size = np.array(box[:2], float), np.subtract(box[2:], box[:2]).astype(float)
    start = model.initial.reshape(-1, 2).astype(float)
    shape = start.copy()
    for splits, thresholds, leaves, anchors, deltas in zip(*model[1:], strict=True):
        source, target = start - start.mean(axis=0), shape - shape.mean(axis=0)
        turn = (source.conj() @ [1, -1j] * (target @ [1, 1j])).sum() / (source**2).sum()
        linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
        pixels = sample(grey, corner + size * (deltas @ linear.T + shape[anchors]))
        for tree_splits, tree_thresholds, tree_leaves in zip(splits, thresholds, leaves, strict=True):
            at = 0
            while at < len(tree_splits):
                first, second = tree_splits[at]
                at = 2 * at + (1 if pixels[first] - pixels[second] > tree_thresholds[at] else 2)
            shape = shape + tree_leaves[at - len(tree_splits)].reshape(-1, 2)
    return corner + size * shape


@pytest.fixture
def tiny_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.dat"
    path.write_bytes(file_of(tiny_model()))
    return path


@pytest.mark.parametrize("box", TINY_BOXES, ids=str)
def test_a_tiny_model_is_evaluated_as_numpy_and_dlib_do(tiny_file: Path, box: tuple[int, int, int, int]) -> None:
    ours = ShapeRegressor(read_shape_predictor(tiny_file), exact=True).points(soft_picture(), *box)
    np.testing.assert_allclose(ours, evaluated(tiny_model(), soft_picture(), box, nearest), atol=1e-3)
    theirs = points_of_dlib(dlib.shape_predictor(str(tiny_file)), soft_picture(), box)
    assert np.abs(ours - theirs).max() < 0.501


@pytest.mark.parametrize("box", TINY_BOXES, ids=str)
def test_the_fast_way_interpolates_as_numpy_does(tiny_file: Path, box: tuple[int, int, int, int]) -> None:
    ours = load_regressor(tiny_file).points(soft_picture(), *box)
    np.testing.assert_allclose(ours, evaluated(tiny_model(), soft_picture(), box, between), atol=0.01)


@pytest.mark.parametrize("level", [0, 130])
def test_the_first_face_may_have_the_first_leaf_of_each_tree(tiny_file: Path, level: int) -> None:
    flat = np.full((120, 160), level, np.uint8)
    ours = ShapeRegressor(read_shape_predictor(tiny_file)).points(flat, *TINY_BOXES[0])
    np.testing.assert_allclose(ours, evaluated(tiny_model(), flat, TINY_BOXES[0], between), atol=0.01)


def test_pictures_of_a_pixel_a_row_and_a_part_have_points(tiny_file: Path) -> None:
    regressor = load_regressor(tiny_file)
    whole = np.full((40, 60), 9, np.uint8)
    for part in (whole[:1, :1], whole[:1], whole[:, :1], whole[::2, 5:31]):
        assert np.isfinite(regressor.points(part, 0, 0, 10, 10)).all()
    part = soft_picture()[10:90, 20:120]
    np.testing.assert_array_equal(regressor.points(part, 5, 5, 70, 70), regressor.points(part.copy(), 5, 5, 70, 70))

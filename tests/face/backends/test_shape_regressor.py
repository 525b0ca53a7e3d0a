"""The regression trees give dlib's own points, read dlib's own file, and refuse any other with a clear sentence.

dlib is the reference for the real model; a tiny one, written here, is also evaluated by plain numpy.
"""

import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.base.arrays import ImageGrey, Landmarks
from pipeline.base.errors import BadInput
from pipeline.face.backends.dlib_backend import landmark_model_path
from pipeline.face.backends.shape_regressor import Model, ShapeRegressor, load_regressor, read_model
from pipeline.face.measures.points import interocular_px
from pipeline.synthetic.look.aligned import aligned_face
from pipeline.synthetic.script.traits import traits_of

PERSONS = range(6)
N_CASCADES, N_TREES, N_SPLITS, N_FEATURES, N_POINTS = 3, 23, 7, 11, 4


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
    return ShapeRegressor(read_model(landmark_model_path()), exact=True)


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


def test_two_bytes_and_looking_between_pixels_move_points_no_more_than_a_larger_box_does(exact: ShapeRegressor) -> None:
    fast, larger = [], []
    for person in PERSONS:
        grey = grey_face(person)
        for left, top, right, bottom in rectangles(person):
            points = exact.points(grey, left, top, right, bottom)
            fast.append(rms_apart(load_regressor(landmark_model_path()).points(grey, left, top, right, bottom), points))
            larger.append(rms_apart(exact.points(grey, left - 2, top - 2, right + 2, bottom + 2), points))
    assert 0 < np.median(fast) < np.median(larger)


def test_a_model_is_read_once_a_process() -> None:
    assert load_regressor(landmark_model_path()) is load_regressor(landmark_model_path())


def integer(value: int) -> bytes:
    """Write as dlib's serialize.h does: the number of bytes with the sign in bit 7, then these, the lowest first."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def number(value: float) -> bytes:
    mantissa, exponent = math.frexp(value)
    return integer(int(mantissa * 2**24)) + integer(exponent - 24)


def numbers(values: NDArray[np.float32]) -> bytes:
    return b"".join(number(float(value)) for value in values.reshape(-1))


def column(values: NDArray[np.float32]) -> bytes:
    return integer(-len(values)) + integer(-1) + numbers(values)


def tree(splits: NDArray[np.int32], thresholds: NDArray[np.float32], leaves: NDArray[np.float32]) -> bytes:
    nodes = [integer(int(a)) + integer(int(b)) + number(float(t)) for (a, b), t in zip(splits, thresholds, strict=True)]
    return integer(len(nodes)) + b"".join(nodes) + integer(len(leaves)) + b"".join(map(column, leaves))


def written(model: Model) -> bytes:
    forests = zip(model.splits, model.thresholds, model.leaves, strict=True)
    parts = [integer(1), column(model.initial), integer(len(model.splits))]
    for forest in forests:
        parts += [integer(len(forest[0])), *(tree(*one) for one in zip(*forest, strict=True))]
    parts.append(integer(len(model.anchors)))
    parts += [integer(len(row)) + b"".join(integer(int(anchor)) for anchor in row) for row in model.anchors]
    parts.append(integer(len(model.deltas)))
    parts += [integer(len(row)) + numbers(row) for row in model.deltas]
    return b"".join(parts)


def tiny_model() -> Model:
    rng = np.random.default_rng(7)
    shape = (N_CASCADES, N_TREES, N_SPLITS)
    return Model(
        initial=np.array([0.2, 0.3, 0.8, 0.25, 0.5, 0.6, 0.45, 0.9], np.float32),
        splits=rng.integers(0, N_FEATURES, (*shape, 2), np.int32),
        thresholds=rng.uniform(-60, 60, shape).astype(np.float32),
        leaves=rng.normal(0, 0.004, (N_CASCADES, N_TREES, N_SPLITS + 1, 2 * N_POINTS)).astype(np.float32),
        anchors=rng.integers(0, N_POINTS, (N_CASCADES, N_FEATURES), np.int32),
        deltas=rng.normal(0, 0.15, (N_CASCADES, N_FEATURES, 2)).astype(np.float32),
    )


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
    model: Model,
    grey: ImageGrey,
    box: tuple[int, int, int, int],
    look: Callable[[ImageGrey, NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Evaluate the model as the paper says, tree by tree and split by split."""
    corner, size = np.array(box[:2], float), np.subtract(box[2:], box[:2]).astype(float)
    start = model.initial.reshape(-1, 2).astype(float)
    shape = start.copy()
    for splits, thresholds, leaves, anchors, deltas in zip(*model[1:], strict=True):
        source, target = start - start.mean(axis=0), shape - shape.mean(axis=0)
        turn = (source.conj() @ [1, -1j] * (target @ [1, 1j])).sum() / (source**2).sum()
        linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
        pixels = look(grey, corner + size * (deltas @ linear.T + shape[anchors]))
        for tree_splits, tree_thresholds, tree_leaves in zip(splits, thresholds, leaves, strict=True):
            at = 0
            while at < len(tree_splits):
                first, second = tree_splits[at]
                at = 2 * at + (1 if pixels[first] - pixels[second] > tree_thresholds[at] else 2)
            shape = shape + tree_leaves[at - len(tree_splits)].reshape(-1, 2)
    return corner + size * shape


def soft_picture() -> ImageGrey:
    import cv2

    noise = np.random.default_rng(1).integers(0, 256, (120, 160), np.uint8)
    return np.asarray(cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX))


@pytest.fixture
def tiny_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.dat"
    path.write_bytes(written(tiny_model()))
    return path


TINY_BOXES = [(40, 20, 119, 99), (-30, 50, 69, 149), (90, -20, 190, 80)]


def test_a_tiny_model_is_read_as_it_was_written(tiny_file: Path) -> None:
    for ours, theirs in zip(read_model(tiny_file), tiny_model(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("box", TINY_BOXES, ids=str)
def test_a_tiny_model_is_evaluated_as_numpy_and_dlib_do(tiny_file: Path, box: tuple[int, int, int, int]) -> None:
    ours = ShapeRegressor(read_model(tiny_file), exact=True).points(soft_picture(), *box)
    np.testing.assert_allclose(ours, evaluated(tiny_model(), soft_picture(), box, nearest), atol=1e-3)
    theirs = points_of_dlib(dlib.shape_predictor(str(tiny_file)), soft_picture(), box)
    assert np.abs(ours - theirs).max() < 0.501


@pytest.mark.parametrize("box", TINY_BOXES, ids=str)
def test_the_fast_way_looks_between_pixels_as_numpy_does(tiny_file: Path, box: tuple[int, int, int, int]) -> None:
    ours = load_regressor(tiny_file).points(soft_picture(), *box)
    np.testing.assert_allclose(ours, evaluated(tiny_model(), soft_picture(), box, between), atol=0.01)


def test_pictures_of_a_pixel_a_row_and_a_part_have_points(tiny_file: Path) -> None:
    regressor = load_regressor(tiny_file)
    whole = np.full((40, 60), 9, np.uint8)
    for part in (whole[:1, :1], whole[:1], whole[:, :1], whole[::2, 5:31]):
        assert np.isfinite(regressor.points(part, 0, 0, 10, 10)).all()
    part = soft_picture()[10:90, 20:120]
    np.testing.assert_array_equal(regressor.points(part, 5, 5, 70, 70), regressor.points(part.copy(), 5, 5, 70, 70))


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole, path = written(tiny_model()), tmp_path / "model.dat"
    for end in (*range(0, 200), *range(200, len(whole), 97), len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(
            BadInput, match=r"model\.dat: not a model that dlib.*: byte \d+: expected .*install that again"
        ):
            read_model(path)


def test_a_garbled_file_is_refused_or_read_but_never_crashes(tmp_path: Path) -> None:
    whole, path, rng = written(tiny_model()), tmp_path / "model.dat", np.random.default_rng(0)
    n_refused = 0
    for at in (*range(0, 120), *range(120, len(whole), 61)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ int(rng.integers(1, 256))]) + whole[at + 1 :])
        try:
            points = ShapeRegressor(read_model(path)).points(soft_picture(), *TINY_BOXES[0])
        except BadInput:
            n_refused += 1
        else:
            assert points.shape == (N_POINTS, 2)
    assert n_refused > 100


HEAD = integer(1) + column(np.zeros(136, np.float32))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "byte 0: expected the version"),
        (integer(2), "expected the version, 1 to 1, found 2"),
        (integer(1) + integer(-(10**9)), "number of values of a shape"),
        (HEAD + integer(2**40), "number of cascades"),
        (HEAD + integer(15) + integer(3000) + integer(1023), "the leaves of all trees, at least 25067520000 bytes"),
        (HEAD + integer(1) + integer(1) + integer(14), "a full binary tree, found one with 14 splits"),
        (b"68 landmarks\n" * 9, "byte 0: expected the version"),
    ],
    ids=["empty", "version", "shape", "cascades", "leaves", "splits", "text"],
)
def test_an_impossible_count_is_named_and_nothing_is_allocated(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(BadInput, match=said):
        read_model(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def with_(**changes: NDArray[np.generic]) -> bytes:
    return written(tiny_model()._replace(**changes))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (written(tiny_model()) + b"\0", "expected the end, found 1 bytes more"),
        (with_(anchors=np.full((N_CASCADES, N_FEATURES), N_POINTS, np.int32)), "pixels go with points 4 to 4, of 4"),
        (with_(splits=tiny_model().splits + 1), "a split compares pixels 1 to 11, of 11"),
        (with_(initial=tiny_model().initial * 1e6), "expected shapes within 10 sides of a box, found 900000"),
        (with_(anchors=tiny_model().anchors[:2]), "number of cascades, 3 to 3, found 2"),
        (with_(deltas=tiny_model().deltas[:, :-1]), "number of pixels of a cascade, 11 to 11, found 10"),
        (written(tiny_model()).replace(number(tiny_model().thresholds[0, 0, 0]), integer(0) + integer(32000)), "trees"),
    ],
    ids=["too long", "anchors", "splits", "shape", "cascades", "deltas", "infinity"],
)
def test_a_model_whose_parts_do_not_fit_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said):
        read_model(path)

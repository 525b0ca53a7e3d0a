"""dlib's file of a landmark model is read as it was written, and any other file is refused with a clear message."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.base.errors import BadInput
from pipeline.face.backends.shape_predictor_file import read_shape_predictor
from pipeline.face.backends.shape_regressor import ShapeRegressor
from tests.face.backends.tiny_shape_predictor import (
    N_CASCADES,
    N_FEATURES,
    N_POINTS,
    TINY_BOXES,
    column,
    file_of,
    integer,
    number,
    soft_picture,
    tiny_model,
)


def test_a_tiny_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    tiny_file = tmp_path / "tiny.dat"
    tiny_file.write_bytes(file_of(tiny_model()))
    for ours, theirs in zip(read_shape_predictor(tiny_file), tiny_model(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole, path = file_of(tiny_model()), tmp_path / "model.dat"
    for end in (*range(0, 200), *range(200, len(whole), 97), len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(
            BadInput, match=r"model\.dat: not a model that dlib.*: byte \d+: expected .*install that again"
        ):
            read_shape_predictor(path)


def test_a_garbled_file_is_refused_or_read_but_never_crashes(tmp_path: Path) -> None:
    whole, path, rng = file_of(tiny_model()), tmp_path / "model.dat", np.random.default_rng(0)
    n_refused = 0
    for at in (*range(0, 120), *range(120, len(whole), 61)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ int(rng.integers(1, 256))]) + whole[at + 1 :])
        try:
            points = ShapeRegressor(read_shape_predictor(path)).points(soft_picture(), *TINY_BOXES[0])
        except BadInput:
            n_refused += 1
        else:
            assert points.shape == (N_POINTS, 2)
    assert n_refused > 100


HEAD = integer(1) + column(np.zeros(136, np.float32))


@pytest.mark.parametrize(
    ("content", "message"),
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
def test_an_impossible_count_is_named_and_nothing_is_allocated(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(BadInput, match=message):
        read_shape_predictor(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def with_(**changes: NDArray[np.generic]) -> bytes:
    return file_of(tiny_model()._replace(**changes))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (file_of(tiny_model()) + b"\0", "expected the end, found 1 bytes more"),
        (with_(anchors=np.full((N_CASCADES, N_FEATURES), N_POINTS, np.int32)), "pixels go with points 4 to 4, of 4"),
        (with_(splits=tiny_model().splits + 1), "a split compares pixels 1 to 11, of 11"),
        (with_(initial=tiny_model().initial * 1e6), "expected shapes within 10 sides of a box, found 900000"),
        (with_(anchors=tiny_model().anchors[:2]), "number of cascades, 3 to 3, found 2"),
        (with_(deltas=tiny_model().deltas[:, :-1]), "number of pixels of a cascade, 11 to 11, found 10"),
        (file_of(tiny_model()).replace(number(tiny_model().thresholds[0, 0, 0]), integer(0) + integer(32000)), "trees"),
    ],
    ids=["too long", "anchors", "splits", "shape", "cascades", "deltas", "infinity"],
)
def test_a_model_whose_parts_do_not_fit_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_shape_predictor(path)

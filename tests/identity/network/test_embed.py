"""A face's embedding has the same bits in any batch and any process."""

import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.core.base.errors import BadInput
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.identity.network.resnet import preprocess
from pipeline.identity.network.weights_file import load_recognition_network


@pytest.fixture(scope="module")
def faces() -> NDArray[np.uint8]:
    """(17, 256, 256, 3): one more than a round number."""
    return np.random.default_rng(5).integers(0, 256, (17, 256, 256, 3), dtype=np.uint8)


def test_a_face_alone_and_among_others_has_the_same_bits(small_checkpoint: Path, faces: NDArray[np.uint8]) -> None:
    recogniser = FaceRecogniser(small_checkpoint)
    together = recogniser.embed(list(faces))
    alone = np.concatenate([recogniser.embed([face]) for face in faces])
    backwards = recogniser.embed(list(faces[::-1]))[::-1]
    assert together.tobytes() == alone.tobytes() == np.ascontiguousarray(backwards).tobytes()
    assert len({row.tobytes() for row in together}) == len(faces)


def test_embeddings_are_what_the_network_gives(small_checkpoint: Path, faces: NDArray[np.uint8]) -> None:
    with torch.inference_mode():
        expected = load_recognition_network(small_checkpoint).eval()(preprocess(faces[:3])).numpy()
    found = FaceRecogniser(small_checkpoint).embed(list(faces[:3]))
    assert found.dtype == np.float32
    assert found.min() >= 0
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * expected.max())


def test_no_faces_give_no_rows_of_the_right_size(small_checkpoint: Path) -> None:
    assert FaceRecogniser(small_checkpoint).embed([]).shape == (0, 256)


def test_a_loaded_recogniser_pickles_as_its_path_and_gives_the_same_bits_in_another_process(
    small_checkpoint: Path, faces: NDArray[np.uint8]
) -> None:
    recogniser = FaceRecogniser(small_checkpoint)
    here = recogniser.embed(list(faces[:2]))
    assert len(pickle.dumps(recogniser)) < 1000
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(recogniser.embed, (list(faces[:2]),))
    assert here.tobytes() == there.tobytes()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_caller_keeps_its_threads_and_they_change_no_bit(
    n_threads: int, small_checkpoint: Path, faces: NDArray[np.uint8]
) -> None:
    expected = FaceRecogniser(small_checkpoint).embed([faces[0]])
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        found = FaceRecogniser(small_checkpoint).embed([faces[0]])
        assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert found.tobytes() == expected.tobytes()


def test_a_missing_checkpoint_stops_at_the_first_use_only(tmp_path: Path) -> None:
    recogniser = FaceRecogniser(tmp_path / "nowhere.safetensors")
    with pytest.raises(BadInput, match="no such weights file"):
        recogniser.embed([np.zeros((256, 256, 3), dtype=np.uint8)])

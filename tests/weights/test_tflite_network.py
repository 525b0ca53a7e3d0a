"""Networks in TensorFlow Lite's format: outputs by name, on one thread, and the file named when it is none."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.imports import ROOT
from pipeline.weights.fetch import find_weights
from pipeline.weights.tflite_network import TfliteNetwork, one_cv_thread

CONTENT = find_weights("blazeface_back").read_bytes()
PICTURE = np.random.default_rng(0).uniform(-1, 1, (1, 3, 64, 64)).astype(np.float32)
N_ANCHORS = 2 * 16 + 6 * 4


def test_outputs_come_flat_in_the_order_asked_for() -> None:
    scores, boxes = TfliteNetwork(CONTENT, ("classificators", "regressors"), "toy").run(PICTURE, (56, 56 * 16))
    assert (scores.shape, boxes.shape) == ((N_ANCHORS,), (N_ANCHORS * 16,))
    again = TfliteNetwork(CONTENT, ("regressors", "classificators"), "toy").run(PICTURE, (56 * 16, 56))
    assert again[1].tobytes() == scores.tobytes()
    assert again[0].tobytes() == boxes.tobytes()


def test_a_result_does_not_depend_on_what_came_before_nor_on_the_number_of_threads() -> None:
    network = TfliteNetwork(CONTENT, ("classificators",), "toy")
    before = cv2.getNumThreads()
    first = network.run(PICTURE, (56,))[0]
    network.run(np.zeros((1, 3, 96, 32), np.float32), (2 * 12 + 6 * 3,))
    try:
        cv2.setNumThreads(3)
        assert network.run(PICTURE, (56,))[0].tobytes() == first.tobytes()
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_the_number_of_threads_is_restored_after_an_error() -> None:
    before = cv2.getNumThreads()
    with pytest.raises(ValueError, match="within"), one_cv_thread():
        assert cv2.getNumThreads() == 1
        raise ValueError("within")
    assert cv2.getNumThreads() == before


def test_a_process_that_was_forked_beside_opencvs_threads_goes_on() -> None:
    code = (
        "import os, cv2, numpy as np\n"
        "from pipeline.weights.tflite_network import one_cv_thread\n"
        "cv2.setNumThreads(3)\n"
        "cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (31, 31), 9)\n"
        "if not os.fork():\n"
        "    with one_cv_thread():\n"
        "        print('went on', flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    # The time ends a process that hangs, which it did.
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout == "went on\n"


def test_an_output_that_is_missing_or_of_another_size_is_named() -> None:
    with pytest.raises(BadInput, match=r"toy: expected a network with the output 'mesh', found none"):
        TfliteNetwork(CONTENT, ("mesh",), "toy")
    with pytest.raises(BadInput, match=r"toy: expected outputs of \[55\] numbers, found \[56\]"):
        TfliteNetwork(CONTENT, ("classificators",), "toy").run(PICTURE, (55,))


@pytest.mark.parametrize("content", [b"", b"no network", CONTENT[:1000]])
def test_what_is_no_network_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput, match="toy: expected a network in TensorFlow Lite's format"):
        TfliteNetwork(content, ("classificators",), "toy")

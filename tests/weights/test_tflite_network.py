"""Networks in TensorFlow Lite's format: outputs by name, on one thread, without notices; what is none is named."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.imports import ROOT
from pipeline.weights.fetch import find_weights
from pipeline.weights.tflite_network import TfliteNetwork

CONTENT = find_weights("blazeface_back").read_bytes()
PICTURE = np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
N_ANCHORS = 2 * 16 + 6 * 4
THREADS = Path("/proc/self/task")


def test_outputs_come_flat_in_the_order_asked_for() -> None:
    scores, boxes = TfliteNetwork(CONTENT, ("classificators", "regressors"), "toy").run(PICTURE, (56, 56 * 16))
    assert (scores.shape, boxes.shape) == ((N_ANCHORS,), (N_ANCHORS * 16,))
    again = TfliteNetwork(CONTENT, ("regressors", "classificators"), "toy").run(PICTURE, (56 * 16, 56))
    assert again[1].tobytes() == scores.tobytes()
    assert again[0].tobytes() == boxes.tobytes()


def test_a_result_does_not_depend_on_what_came_before() -> None:
    network = TfliteNetwork(CONTENT, ("classificators",), "toy")
    first = network.run(PICTURE, (56,))[0].copy()
    network.run(np.zeros((1, 96, 32, 3), np.float32), (2 * 12 + 6 * 3,))
    assert network.run(PICTURE, (56,))[0].tobytes() == first.tobytes()


def test_a_result_stays_what_it_was_when_the_network_runs_again() -> None:
    network = TfliteNetwork(CONTENT, ("classificators",), "toy")
    found = network.run(PICTURE, (56,))[0]
    before = found.tobytes()
    network.run(-PICTURE, (56,))
    assert found.tobytes() == before


@pytest.mark.skipif(not THREADS.is_dir(), reason="threads are listed on Linux only")
def test_it_computes_without_threads_of_its_own() -> None:
    before = {one.name for one in THREADS.iterdir()}
    TfliteNetwork(CONTENT, ("classificators",), "toy").run(PICTURE, (56,))
    assert {one.name for one in THREADS.iterdir()} <= before


def test_it_writes_nothing_and_a_forked_process_computes_the_same() -> None:
    code = (
        "import os, sys, numpy as np\n"
        "from pipeline.weights.fetch import find_weights\n"
        "from pipeline.weights.tflite_network import TfliteNetwork\n"
        "network = TfliteNetwork(find_weights('blazeface_back').read_bytes(), ('classificators',), 'toy')\n"
        "picture = np.ones((1, 64, 64, 3), np.float32)\n"
        "found = network.run(picture, (56,))[0].tobytes()\n"
        "if not os.fork():\n"
        "    print(network.run(picture, (56,))[0].tobytes() == found, flush=True)\n"
        "    print('an error is written', file=sys.stderr, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    # The time ends a process that hangs.
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("True\n", "an error is written\n")


def test_an_output_that_is_missing_or_of_another_size_is_named() -> None:
    with pytest.raises(BadInput, match=r"toy: expected a network with the output 'mesh', found none"):
        TfliteNetwork(CONTENT, ("mesh",), "toy")
    with pytest.raises(BadInput, match=r"toy: expected outputs of \[55\] numbers, found \[56\]"):
        TfliteNetwork(CONTENT, ("classificators",), "toy").run(PICTURE, (55,))


@pytest.mark.parametrize("content", [b"", b"no network", CONTENT[:1000]])
def test_what_is_no_network_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput, match="toy: expected a network in TensorFlow Lite's format"):
        TfliteNetwork(content, ("classificators",), "toy")

"""Measure the face recognition network on one core: python -m benchmarks.speed.recognition."""

import os
import tempfile
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from benchmarks.timing import seconds
from model.settings import PretrainIdentityParams
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.params import load_params
from pipeline.core.base.torch_threads import single_thread
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.identity.network.resnet import FaceRecognitionNetwork, feature_size, preprocess
from pipeline.identity.network.weights_file import load_recognition_network, write_recognition_network

FACE_PX = 256
N_ROUNDS = 7
N_FACES = {1.0: 4}  # a round, by width; narrow networks are faster
N_FACES_NARROW = 40


def measure_labels(folder: Path) -> None:
    """Print faces a second at full width and at that of params.yaml, and compared with the network as stored."""
    params_width = load_params(PretrainIdentityParams, "pretrain_identity").width
    print("\nidentity labels, one core, crops in memory to features")
    for width in dict.fromkeys((1.0, params_width)):
        _measure_width(folder / "recognition.safetensors", width)


def _measure_width(checkpoint: Path, width: float) -> None:
    write_recognition_network(FaceRecognitionNetwork(width), checkpoint)
    draw, n_faces = np.random.default_rng(0), N_FACES.get(width, N_FACES_NARROW)
    faces = list(draw.integers(0, 256, (n_faces, FACE_PX, FACE_PX, 3), np.uint8))
    recogniser, stored = FaceRecogniser(checkpoint), load_recognition_network(checkpoint).eval()
    recogniser.embed(faces[:1])
    _features(stored, faces[:1])  # warm-up: both have chosen their kernels
    rounds = [
        (seconds(lambda: recogniser.embed(faces)), seconds(lambda: _features(stored, faces))) for _ in range(N_ROUNDS)
    ]
    rate = n_faces / median(ours for ours, _ in rounds)
    gain = median(plain / ours for ours, plain in rounds)
    name = f"width {width:g}, {feature_size(width)}-D"
    print(f"  {name:35} {rate:7.1f} faces/s, {gain:.2f} x as many as unfolded and channels first")


def _features(network: FaceRecognitionNetwork, faces: list[ImageRGB]) -> None:
    with single_thread(), torch.inference_mode():
        for face in faces:
            network(preprocess(face[None]))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        measure_labels(Path(made))

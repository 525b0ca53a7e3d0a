"""Recognise: embeddings by which two clips are told to show one person or two, from a network that knows faces."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.base.arrays import ImageRGB, Landmarks, Similarity
from pipeline.base.errors import BadInput
from pipeline.face.crops.align import crop_aligned
from pipeline.face.measures.points import MOUTH_LEFT, MOUTH_RIGHT, NOSE_TIP, eye_centres

INPUT_PX = 112
# Left eye, right eye, nose tip, mouth corners in a picture of 112 pixels: the alignment of ArcFace (Deng et al. 2019),
# as MobileFaceNet's training faces had it. "Left" is the image's.
FIVE_POINTS = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
# Mean and deviation of ImageNet's pixels, R, G, B, of 1: foamliu/MobileFaceNet, data_gen.py.
PIXEL_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
PIXEL_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
INPUT_SHAPE = (1, 3, INPUT_PX, INPUT_PX)
ONNX_SUFFIX = ".onnx"
MAX_BYTES = 1 << 28  # a file is read whole; MobileFaceNet has 4 MB, the largest face networks about 250

_INPUT = "input0"
_ERRORS_ONLY = 3


class Recogniser(Protocol):
    """A network that embeds faces; pickles as the path of its weights."""

    def embed(self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks]) -> NDArray[np.float32]:
        """Return (N, D) features, not normalised, of N aligned faces with their 68 points, pixels of the face."""
        ...


class MobileFaceNet:
    """MobileFaceNet (Chen et al. 2018) as foamliu/MobileFaceNet exports it: 112x112 RGB in, 128 numbers out."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights

    def __reduce__(self) -> tuple[type["MobileFaceNet"], tuple[Path]]:
        return MobileFaceNet, (self.weights,)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as errors

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = _ERRORS_ONLY
        if self.weights.stat().st_size > MAX_BYTES:
            raise BadInput(f"{self.weights}: expected a network of at most {MAX_BYTES} bytes")
        try:
            session = onnxruntime.InferenceSession(str(self.weights), options, providers=["CPUExecutionProvider"])
        except (errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.InvalidProtobuf) as error:
            raise BadInput(f"{self.weights}: expected a network in ONNX: {error}") from None
        found = [(one.name, one.shape) for one in session.get_inputs()]
        if found != [(_INPUT, list(INPUT_SHAPE))]:
            raise BadInput(f"{self.weights}: expected one input {_INPUT} {list(INPUT_SHAPE)}, found {found}")
        return session

    def embed(self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks]) -> NDArray[np.float32]:
        """Return (N, 128) features; the network sees one face at a time, so that company changes no bit."""
        rows = [self._session.run(None, {_INPUT: prepared(*one)})[0] for one in zip(faces, landmarks, strict=True)]
        return np.concatenate(rows) if rows else np.empty((0, 128), np.float32)


class ResNetRecogniser:
    """The face recognition network psi, for whom its weights are given; it needs no points."""

    def __init__(self, weights: Path) -> None:
        from pipeline.identity.network.embed import FaceRecogniser

        self._embedder = FaceRecogniser(weights)

    def embed(self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks]) -> NDArray[np.float32]:
        """Return (N, D) features of N faces, 2048-D at full width."""
        del landmarks
        return self._embedder.embed(faces)


def build_recogniser(weights: Path) -> Recogniser:
    """Return the network of a weights file: MobileFaceNet from ONNX, the face recognition network from any of its formats."""
    return MobileFaceNet(weights) if weights.suffix == ONNX_SUFFIX else ResNetRecogniser(weights)


def prepared(face: ImageRGB, points: Landmarks) -> NDArray[np.float32]:
    """Return the (1, 3, 112, 112) picture of ``face`` that MobileFaceNet expects, aligned on its five points."""
    aligned = crop_aligned(face, similarity_on(five_points(points), FIVE_POINTS), INPUT_PX)
    return ((aligned / np.float32(255) - PIXEL_MEAN) / PIXEL_DEVIATION).transpose(2, 0, 1)[None].astype(np.float32)


def five_points(points: Landmarks) -> Landmarks:
    """Return eye centres, nose tip and mouth corners, (5, 2), of the 68 points."""
    return np.stack([*eye_centres(points), points[NOSE_TIP], points[MOUTH_LEFT], points[MOUTH_RIGHT]])


def similarity_on(points: Landmarks, places: NDArray[np.float64]) -> Similarity:
    """Return the (2, 3) similarity that brings ``points`` (P, 2) nearest to ``places`` by least squares, no mirror."""
    # As complex numbers a similarity is z -> a z + b, and least squares is a regression through the centroids.
    source, target = (np.asarray(p, np.float64) @ (1, 1j) for p in (points, places))
    centred = source - source.mean()
    a = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred).real
    b = target.mean() - a * source.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])

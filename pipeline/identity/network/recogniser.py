"""Recognisers: face recognition networks that take pictures and return embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.core.base.device import Placement, read_device
from pipeline.core.base.errors import BadInput
from pipeline.core.base.hashing import sha256_of
from pipeline.face.crops.align import crop_aligned
from pipeline.identity.network.face_check import check_face
from pipeline.identity.network.five_points import FIVE_POINTS, five_points, landmarks_or_usual, similarity_on
from pipeline.weights.fetch import find_weights

INPUT_PX = 112
# Mean and standard deviation of ImageNet's pixels, R, G, B, range 0-1: foamliu/MobileFaceNet, data_gen.py.
PIXEL_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
PIXEL_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
INPUT_SHAPE = (1, 3, INPUT_PX, INPUT_PX)
ONNX_SUFFIX = ".onnx"
DLIB_SUFFIX = ".dat"
_HASH_DIGITS = 12  # of the weights' sha256, with which a network's name ends
MAX_BYTES = 1 << 28  # a file is read whole; MobileFaceNet has 4 MB, the largest face networks about 250

_INPUT = "input0"
_ERRORS_ONLY = 3


class Recogniser(Protocol):
    """A face recognition network that takes pictures; pickles as the path of its weights."""

    def embed(
        self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks | None] | None = None
    ) -> NDArray[np.float32]:
        """Return (N, D) features, not normalised, of N square faces aligned to the project's template (256 px).

        ``landmarks`` are the 68 points of each, pixels of the face, by which each network aligns it as its
        publishers do; None: by the eyes, which the template places. A face's features are the same bits whatever the
        other faces are and however many.
        """
        ...


class MobileFaceNet:
    """MobileFaceNet (Chen et al. 2018) as foamliu/MobileFaceNet exports it: 112x112 RGB in, 128 numbers out."""

    def __init__(self, weights: Path, threads: int = 1) -> None:
        self.weights, self.threads = weights, threads

    def __reduce__(self) -> tuple[type["MobileFaceNet"], tuple[Path, int]]:
        return MobileFaceNet, (self.weights, self.threads)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as errors

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
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

    def embed(
        self, faces: Sequence[ImageRGB], landmarks: Sequence[Landmarks | None] | None = None
    ) -> NDArray[np.float32]:
        """Return (N, 128) features of N faces; see ``Recogniser``. Raises BadInput for what is no such face."""
        for face in faces:
            check_face(face)
        points = landmarks_or_usual(faces, landmarks)
        rows = [self._session.run(None, {_INPUT: prepared(*one)})[0] for one in zip(faces, points, strict=True)]
        return np.concatenate(rows) if rows else np.empty((0, 128), np.float32)


def build_recogniser(weights: Path, placement: Placement = Placement()) -> Recogniser:
    """Return the recogniser of a weights file: of an ONNX file MobileFaceNet, of a .dat file dlib's network.

    Of any other, the VGGFace2 ResNet-50. The first two compute on the processor in any placement: this installation's
    ONNX Runtime and dlib know no GPU.
    """
    if weights.suffix == DLIB_SUFFIX:
        from pipeline.identity.network.dlib_resnet import DlibResnet

        return DlibResnet(weights, Placement(threads=placement.threads))
    if weights.suffix == ONNX_SUFFIX:
        return MobileFaceNet(weights, placement.threads)
    from pipeline.identity.network.embed import FaceRecogniser

    return FaceRecogniser(weights, placement)


@dataclass(frozen=True, slots=True)
class NamedRecogniser:
    """A recogniser, its network's name in manifests, and ``key``: what decides its features."""

    recogniser: Recogniser
    name: str
    key: dict[str, str | int]


def network_name(network: str, weights: Path) -> str:
    """Return the name in manifests of the network named ``network``, or at that path: with the start of its sha256."""
    return f"{Path(network).name}-{sha256_of(weights)[:_HASH_DIGITS]}"


def named_recogniser(network: str, threads: int) -> NamedRecogniser:
    """Return the recogniser named ``network``, or with the weights at that path, on FACEVOX_DEVICE.

    Raises WeightsUnavailable, and BadInput for a FACEVOX_DEVICE that is no device here.
    """
    weights = find_weights(network).absolute()
    placement = Placement(str(read_device()), threads)
    name = network_name(network, weights)
    return NamedRecogniser(build_recogniser(weights, placement), name, {"network": name, **placement.key})


def prepared(face: ImageRGB, points: Landmarks) -> NDArray[np.float32]:
    """Return the (1, 3, 112, 112) float32 input of MobileFaceNet: ``face`` aligned on its five points, standardised."""
    aligned = crop_aligned(face, similarity_on(five_points(points), FIVE_POINTS), INPUT_PX)
    return ((aligned / np.float32(255) - PIXEL_MEAN) / PIXEL_DEVIATION).transpose(2, 0, 1)[None].astype(np.float32)

"""Read the face recognition network from its published files, and read and write it as safetensors."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from pipeline.core.base.errors import BadInput
from pipeline.identity.network.keras_weights import read_keras_weights
from pipeline.identity.network.resnet import (
    CAFFE,
    FULL_BASE_CHANNELS,
    GEOMETRIES,
    KERAS,
    FaceRecognitionNetwork,
    Geometry,
    base_channels,
)
from pipeline.weights.shape_check import check_published_state
from pipeline.weights.state_dict import FileFormat, format_of, read_state_dict, write_state_dict

CLASSIFIER = "fc."
GEOMETRY = "geometry"


def load_recognition_network(path: Path) -> FaceRecognitionNetwork:
    """Return the face recognition network of ``path``, as wide as its first convolution shows, without its classifier.

    Its geometry is KERAS for a file by Keras and for what ``write_recognition_network`` made of one, else CAFFE.
    Raises BadInput naming the first tensor that is missing, unknown or of another shape.
    """
    state = _read(path)
    found = {name: tensor for name, tensor in state.items() if not name.startswith(CLASSIFIER)}
    first = found.get("conv1.weight")
    if first is None or first.ndim != 4:
        raise BadInput(f"{path}: not a face recognition network: it has no convolution 'conv1.weight'")
    width = first.shape[0] / FULL_BASE_CHANNELS
    if base_channels(width) != first.shape[0]:
        raise BadInput(f"{path}: 'conv1.weight': expected a multiple of 8 channels, found {first.shape[0]}")
    network = FaceRecognitionNetwork(width, _geometry_of(path))
    check_published_state(network.state_dict(), found, path, "a VGGFace2 ResNet-50")
    network.load_state_dict(found, strict=False)
    return network


def write_recognition_network(network: FaceRecognitionNetwork, path: Path) -> None:
    """Write safetensors, whole or not at all; equal weights of one geometry give equal bytes."""
    metadata = None if network.geometry == CAFFE else {GEOMETRY: network.geometry.name}
    write_state_dict(network.state_dict(), path, metadata)


def _read(path: Path) -> Mapping[str, Tensor]:
    return read_keras_weights(path) if format_of(path) is FileFormat.HDF5 else read_state_dict(path)


def _geometry_of(path: Path) -> Geometry:
    file_format = format_of(path)
    if file_format is FileFormat.HDF5:
        return KERAS
    if file_format is not FileFormat.SAFETENSORS:
        return CAFFE
    with safe_open(path, framework="pt") as file:
        name = (file.metadata() or {}).get(GEOMETRY, CAFFE.name)
    if name not in GEOMETRIES:
        raise BadInput(f"{path}: geometry {name!r}: expected one of {', '.join(GEOMETRIES)}")
    return GEOMETRIES[name]

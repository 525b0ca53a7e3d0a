"""Read and write weights without unpickling code: safetensors, torch files, pickled numpy arrays, Keras' HDF5."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pipeline.errors import BadInput, UntrustedWeights
from pipeline.identity import hdf5_arrays
from pipeline.identity.keras_weights import read_keras_weights
from pipeline.identity.pickled_arrays import read_pickled_arrays
from pipeline.identity.resnet import CAFFE, FULL_BASE_CHANNELS, GEOMETRIES, KERAS, Geometry, LabelNetwork, base_channels
from pipeline.identity.states import check_published_state
from pipeline.storage.atomic import replacing

LARGEST_FILE_BYTES = 1 << 30
"""Six times the released weights: what is larger is not a label network, packed or unpacked."""

ZIP_START = b"PK\x03\x04"
OLD_TORCH_START = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
SAFETENSORS_LENGTH_BYTES = 8

CLASSIFIER = "fc."
DATA_PARALLEL = "module."
GEOMETRY = "geometry"


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of ``path`` by name; the file's first bytes tell its format, not its suffix.

    Formats: safetensors; what ``torch.save`` writes, now and before 1.6; a pickled dict of numpy arrays, as
    the VGGFace2 release comes (from Python 2); the HDF5 file of keras-vggface, its names and orders made the
    others'. Raises UntrustedWeights, naming it, when a file asks for anything but arrays, and BadInput when
    it can't be read.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such weights file")
    size_bytes = path.stat().st_size
    if size_bytes > LARGEST_FILE_BYTES:
        raise BadInput(f"{path}: expected at most {LARGEST_FILE_BYTES} bytes of weights, found {size_bytes}")
    start = _start_of(path)
    if start.startswith(hdf5_arrays.START):
        return _named_tensors(read_keras_weights(path, LARGEST_FILE_BYTES), path)
    if start.startswith((ZIP_START, OLD_TORCH_START)):
        return _named_tensors(_read_torch(path), path)
    if _starts_safetensors(start, size_bytes):
        return _named_tensors(_read_safetensors(path), path)
    return _named_tensors(_read_arrays(path), path)


def load_label_network(path: Path) -> LabelNetwork:
    """Return the label network of ``path``, as wide as its first convolution shows, without its classifier.

    Its geometry is KERAS for a file by Keras and for what ``write_checkpoint`` made of one, else CAFFE.
    Raises BadInput naming the first tensor that is missing, unknown or of another shape.
    """
    state = read_state_dict(path)
    found = {name: tensor for name, tensor in state.items() if not name.startswith(CLASSIFIER)}
    first = found.get("conv1.weight")
    if first is None or first.ndim != 4:
        raise BadInput(f"{path}: not a label network: it has no convolution 'conv1.weight'")
    width = first.shape[0] / FULL_BASE_CHANNELS
    if base_channels(width) != first.shape[0]:
        raise BadInput(f"{path}: 'conv1.weight': expected a multiple of 8 channels, found {first.shape[0]}")
    network = LabelNetwork(width, _geometry_of(path))
    check_published_state(network.state_dict(), found, path, "a VGGFace2 ResNet-50")
    network.load_state_dict(found, strict=False)
    return network


def write_checkpoint(network: LabelNetwork, path: Path) -> None:
    """Write safetensors, whole or not at all; equal weights of one geometry give equal bytes."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    metadata = None if network.geometry == CAFFE else {GEOMETRY: network.geometry.name}
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(state, metadata))


def _geometry_of(path: Path) -> Geometry:
    start = _start_of(path)
    if start.startswith(hdf5_arrays.START):
        return KERAS
    if not _starts_safetensors(start, path.stat().st_size):
        return CAFFE
    with safe_open(path, framework="pt") as file:
        name = (file.metadata() or {}).get(GEOMETRY, CAFFE.name)
    if name not in GEOMETRIES:
        raise BadInput(f"{path}: geometry {name!r}: expected one of {', '.join(GEOMETRIES)}")
    return GEOMETRIES[name]


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(OLD_TORCH_START))


def _named_tensors(content: object, path: Path) -> dict[str, Tensor]:
    """Unwrap ``{"state_dict": ...}`` and the prefix that DataParallel leaves; refuse anything but tensors."""
    if isinstance(content, Mapping) and "state_dict" in content:
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise BadInput(f"{path}: expected named tensors, found {type(content).__name__}")
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            found = f"{type(name).__name__}: {type(tensor).__name__}"
            raise BadInput(f"{path}: expected named tensors, found {found}")
    prefix = DATA_PARALLEL if all(name.startswith(DATA_PARALLEL) for name in content) else ""
    return {name.removeprefix(prefix): tensor for name, tensor in content.items()}


def _starts_safetensors(start: bytes, size_bytes: int) -> bool:
    """A length that fits into the file, then a JSON object."""
    length, json = start[:SAFETENSORS_LENGTH_BYTES], start[SAFETENSORS_LENGTH_BYTES:]
    return int.from_bytes(length, "little") < size_bytes and json.startswith(b"{")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(path.read_bytes())
    except SafetensorError as error:
        raise BadInput(f"{path}: can't be read as safetensors: {error}") from None


def _read_torch(path: Path) -> object:
    _check_unpacked_size(path)
    try:
        with path.open("rb") as file:  # given a path, torch would go by its suffix
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UntrustedWeights(f"{path}: {_what_torch_refused(str(error))} Nothing was run.") from None
    except (RuntimeError, EOFError, ValueError, TypeError, LookupError) as error:
        detail = str(error).splitlines()[0] if str(error) else "it ends too early"
        raise BadInput(f"{path}: can't be read as a torch file: {detail}") from None


def _read_arrays(path: Path) -> object:
    content = read_pickled_arrays(path)
    if not isinstance(content, dict):
        return content
    return {name: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for name, v in content.items()}


def _check_unpacked_size(path: Path) -> None:
    """A zip may unpack to a thousand times its own size."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
    if unpacked_bytes > LARGEST_FILE_BYTES:
        limit = f"expected at most {LARGEST_FILE_BYTES} bytes unpacked"
        raise BadInput(f"{path}: {limit}, found {unpacked_bytes}")


def _what_torch_refused(message: str) -> str:
    """Pick the line that names the object; the rest of torch's message advises to unpickle it anyway."""
    lines = [line.strip() for line in message.splitlines()]
    return next((line for line in lines if "GLOBAL" in line), "Expected tensors only.")

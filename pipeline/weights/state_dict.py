"""Read and write state dicts without unpickling code: safetensors, torch files, pickled numpy arrays."""

import pickle
import zipfile
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from pipeline.core.base.errors import BadInput, UntrustedWeights
from pipeline.core.storage.atomic import replacing
from pipeline.weights import hdf5_arrays
from pipeline.weights.pickled_arrays import read_pickled_arrays

LARGEST_FILE_BYTES = 1 << 30
"""Six times the VGGFace2 weights: a larger file, compressed or not, is no network of this project."""

ZIP_START = b"PK\x03\x04"
OLD_TORCH_START = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
SAFETENSORS_LENGTH_BYTES = 8
DATA_PARALLEL = "module."


class FileFormat(Enum):
    """The formats of weights files, recognised by a file's first bytes, not by its suffix."""

    SAFETENSORS = auto()
    TORCH = auto()
    PICKLED_ARRAYS = auto()
    HDF5 = auto()


def format_of(path: Path) -> FileFormat:
    """Return the format of a weights file; anything else is read as pickled arrays.

    Raises BadInput when there is no such file, or it is larger than LARGEST_FILE_BYTES.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such weights file")
    size_bytes = path.stat().st_size
    if size_bytes > LARGEST_FILE_BYTES:
        raise BadInput(f"{path}: expected at most {LARGEST_FILE_BYTES} bytes of weights, found {size_bytes}")
    with path.open("rb") as file:
        start = file.read(len(OLD_TORCH_START))
    if start.startswith(hdf5_arrays.START):
        return FileFormat.HDF5
    if start.startswith((ZIP_START, OLD_TORCH_START)):
        return FileFormat.TORCH
    return FileFormat.SAFETENSORS if _starts_safetensors(start, size_bytes) else FileFormat.PICKLED_ARRAYS


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of ``path`` by name.

    Formats: safetensors; what ``torch.save`` writes, now and before 1.6; a pickled dict of numpy arrays, as
    the VGGFace2 release comes (from Python 2). Raises UntrustedWeights, naming it, when a file contains anything
    but arrays, and BadInput when it can't be read or is HDF5, whose names differ from network to network
    (pipeline/identity/network/keras_weights.py reads those of one).
    """
    match format_of(path):
        case FileFormat.HDF5:
            raise BadInput(f"{path}: expected safetensors or a torch file, found HDF5")
        case FileFormat.TORCH:
            return _named_tensors(_read_torch(path), path)
        case FileFormat.SAFETENSORS:
            return _named_tensors(_read_safetensors(path), path)
        case FileFormat.PICKLED_ARRAYS:
            return _named_tensors(_read_arrays(path), path)


def read_checkpoint(path: Path, kept_as_nothing: Sequence[str]) -> dict[str, Tensor]:
    """Return the tensors of a torch file that also holds other objects, such as the settings of a training.

    Objects whose types ``kept_as_nothing`` names, by module and name, are replaced by one that holds nothing and does
    nothing: none of these modules is imported. Raises as ``read_state_dict``.
    """
    with torch.serialization.safe_globals([(_Nothing, name) for name in kept_as_nothing]):
        return _named_tensors(_read_torch(path), path)


def write_state_dict(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write safetensors, whole or not at all; equal tensors and metadata give equal bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors, None if metadata is None else dict(metadata)))


class _Nothing:
    """Stands in for an object of a file that is not needed."""

    def __init__(self, *_: object, **__: object) -> None:
        """Whatever the file passes is left."""

    def __setstate__(self, state: object) -> None:
        """The same."""


def _named_tensors(content: object, path: Path) -> dict[str, Tensor]:
    """Unwrap ``{"state_dict": ...}`` and the prefix that DataParallel adds; refuse anything but tensors."""
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
        raise UntrustedWeights(f"{path}: {_refused_object(str(error))} Nothing was run.") from None
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


def _refused_object(message: str) -> str:
    """Pick the line that names the object; the rest of torch's message advises to unpickle it anyway."""
    lines = [line.strip() for line in message.splitlines()]
    return next((line for line in lines if "GLOBAL" in line), "Expected tensors only.")

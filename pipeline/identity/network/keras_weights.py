"""Read the VGGFace2 ResNet-50 as rcmalli/keras-vggface releases it: an HDF5 file by Keras, with or without its top.

Keras writes an array at ``<layer>/<scope>/<leaf>:0``: kernels as (height, width, in, out), and layers by their
Caffe names, ``conv3_1_1x1_reduce`` and ``conv3_1_1x1_reduce/bn``. Whole models have ``model_weights/`` before that.
"""

from pathlib import Path

import torch
from torch import Tensor

from pipeline.core.base.errors import BadInput
from pipeline.identity.network.resnet import BLOCKS
from pipeline.weights.hdf5_arrays import read_hdf5_arrays
from pipeline.weights.state_dict import LARGEST_FILE_BYTES

WHOLE_MODEL = "model_weights/"
NOT_WEIGHTS = ("optimizer_weights/", "top_level_model_weights/")
LEAVES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def read_keras_weights(path: Path) -> dict[str, Tensor]:
    """Return the state of a FaceRecognitionNetwork and its classifier ``fc``, by name, as the file has it.

    Raises BadInput for an array of another network; besides, what ``read_hdf5_arrays`` raises.
    """
    arrays = read_hdf5_arrays(path, LARGEST_FILE_BYTES)
    modules = _modules()
    state: dict[str, Tensor] = {}
    for at, values in arrays.items():
        if at.startswith(NOT_WEIGHTS):
            continue
        layer, leaf = _layer_of(at, modules), at.rpartition("/")[2].partition(":")[0]
        if layer is None or leaf not in LEAVES:
            raise BadInput(f"{path}: '{at}': expected no such array in a VGGFace2 ResNet-50 by Keras")
        name = f"{modules[layer]}.{LEAVES[leaf]}"
        if name in state:
            raise BadInput(f"{path}: '{at}': expected one '{leaf}' of '{layer}', found two")
        state[name] = _as_torch_orders(torch.from_numpy(values))
    return state


def _modules() -> dict[str, str]:
    """Return the module of FaceRecognitionNetwork by Keras layer; a layer's batch norm has ``/bn`` after its name."""
    convolutions = {"conv1/7x7_s2": ("conv1", "bn1")}
    for stage, n_blocks in enumerate(BLOCKS, start=1):
        for block in range(n_blocks):
            layer, module = f"conv{stage + 1}_{block + 1}", f"layer{stage}.{block}"
            convolutions[f"{layer}_1x1_reduce"] = (f"{module}.conv1", f"{module}.bn1")
            convolutions[f"{layer}_3x3"] = (f"{module}.conv2", f"{module}.bn2")
            convolutions[f"{layer}_1x1_increase"] = (f"{module}.conv3", f"{module}.bn3")
            convolutions[f"{layer}_1x1_proj"] = (f"{module}.downsample.0", f"{module}.downsample.1")
    norms = {f"{layer}/bn": norm for layer, (_, norm) in convolutions.items()}
    return {layer: convolution for layer, (convolution, _) in convolutions.items()} | norms | {"classifier": "fc"}


def _layer_of(at: str, modules: dict[str, str]) -> str | None:
    """Return the longest layer's name that ``at`` starts with: a name may begin another (``conv1/7x7_s2/bn``)."""
    parts = at.removeprefix(WHOLE_MODEL).split("/")
    names = ("/".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
    return next((name for name in names if name in modules), None)


def _as_torch_orders(values: Tensor) -> Tensor:
    """(H, W, in, out) to (out, in, H, W), and (in, out) to (out, in)."""
    if values.ndim == 4:
        return values.permute(3, 2, 0, 1).contiguous()
    return values.T.contiguous() if values.ndim == 2 else values

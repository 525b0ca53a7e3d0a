"""Write weights of the face recognition network as keras-vggface's released files have them, by h5py alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

State = Mapping[str, NDArray[np.float32]]


def write_keras(state: State, path: Path, *, has_top: bool = True, root: str = "", scope_suffix: str = "") -> None:
    """Write ``state``, named as in the Caffe release, as ``save_weights`` of Keras 2 does.

    ``root`` is ``model_weights/`` in what ``save`` writes; ``scope_suffix`` is what TensorFlow appends to the
    scope of a model that was built a second time.
    """
    layers = dict(_layers(state, has_top))
    with h5py.File(path, "w") as file:
        at = file.require_group(root) if root else file
        at.attrs["layer_names"] = [layer.encode() for layer in layers]
        at.attrs["backend"] = b"tensorflow"
        for layer, leaves in layers.items():
            group = at.create_group(layer)
            names = {f"{layer}{scope_suffix}/{leaf}:0": values for leaf, values in leaves.items()}
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, values in names.items():
                group.create_dataset(name, data=values)


def _layers(state: State, has_top: bool) -> Iterator[tuple[str, dict[str, NDArray[np.float32]]]]:
    yield "input_1", {}
    yield from _convolution("conv1/7x7_s2", "conv1", "bn1", state)
    for stage, n_blocks in ((2, 3), (3, 4), (4, 6), (5, 3)):
        for block in range(1, n_blocks + 1):
            layer, module = f"conv{stage}_{block}", f"layer{stage - 1}.{block - 1}"
            yield from _convolution(f"{layer}_1x1_reduce", f"{module}.conv1", f"{module}.bn1", state)
            yield from _convolution(f"{layer}_3x3", f"{module}.conv2", f"{module}.bn2", state)
            yield from _convolution(f"{layer}_1x1_increase", f"{module}.conv3", f"{module}.bn3", state)
            if block == 1:
                yield from _convolution(f"{layer}_1x1_proj", f"{module}.downsample.0", f"{module}.downsample.1", state)
    yield "avg_pool", {}
    if has_top:
        yield "classifier", {"kernel": state["fc.weight"].T, "bias": state["fc.bias"]}


def _convolution(
    layer: str, module: str, norm: str, state: State
) -> Iterator[tuple[str, dict[str, NDArray[np.float32]]]]:
    yield layer, {"kernel": state[f"{module}.weight"].transpose(2, 3, 1, 0)}
    yield (
        f"{layer}/bn",
        {
            "gamma": state[f"{norm}.weight"],
            "beta": state[f"{norm}.bias"],
            "moving_mean": state[f"{norm}.running_mean"],
            "moving_variance": state[f"{norm}.running_var"],
        },
    )

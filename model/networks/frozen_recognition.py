"""The frozen face recognition network psi of Eq. 3: it is not trained, and passes the gradient on to its input."""

from collections.abc import Callable
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.identity.network.folding import fold_batch_norms
from pipeline.identity.network.packed import PackedRecognitionNetwork, can_pack
from pipeline.identity.network.resnet import FaceRecognitionNetwork, preprocess_tensor

RecognitionInput = Literal["published", "released"]
POOL_PX = 7
"""The published network ends in an average pool of a fixed 7x7: all of the map of a 224 px face."""


class FrozenRecognitionNetwork(nn.Module):
    """A face recognition network of feature size D, always in evaluation mode and without gradients of its own.

    It takes over ``network``: folds its batch norms into its convolutions, and hides its parameters and state, so that
    a module that holds it neither trains nor saves them; it moves to another device or memory format like any module.
    """

    def __init__(self, network: FaceRecognitionNetwork) -> None:
        super().__init__()
        # In a tuple nn.Module does not register it: .train(), .parameters() and .state_dict() pass it by.
        self._hidden = (fold_batch_norms(network.eval()).requires_grad_(False),)
        self._packed: PackedRecognitionNetwork | None = None

    def forward(self, faces_BCHW: Tensor, recognition_input: RecognitionInput) -> Tensor:
        """(B, 3, 256, 256) RGB in [-1, 1] -> features >= 0 in float32 or better, not normalised.

        ``published``: (B, D), of the crop, size, channel order and mean that the network was trained with.
        ``released``: as in the released code. The face is the input as it is; its map of 8x8 is pooled at four places,
        and the result is (B, 4 D).
        """
        faces_BCHW = at_least_float32(faces_BCHW)
        input_BCHW = preprocess_tensor(faces_BCHW) if recognition_input == "published" else faces_BCHW
        map_BDHW = at_least_float32(self._map(input_BCHW))
        return functional.avg_pool2d(map_BDHW, POOL_PX, stride=1).flatten(1)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Apply ``.to()`` and the like to the hidden network."""
        self._hidden[0]._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._packed = None
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave the packed network out of copies, which can't hold it; they make their own."""
        return {**self.__dict__, "_packed": None}

    def _map(self, input_BCHW: Tensor) -> Tensor:
        """Without gradients, which the released code does not use, a processor takes the faster, packed network.

        Not of what is not finite: the packed network's ReLU makes 0 of NaN.
        """
        network = self._hidden[0]
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or not can_pack(network):
            return _feature_map(network, input_BCHW)
        if not input_BCHW.isfinite().all():
            return _feature_map(network, input_BCHW)
        self._packed = self._packed or PackedRecognitionNetwork(network)
        return self._packed(input_BCHW)


def at_least_float32(values: Tensor) -> Tensor:
    """Return ``values`` as float32 where autocast made them 16 bits: means in 16 bits are coarse."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _feature_map(network: FaceRecognitionNetwork, faces_BCHW: Tensor) -> Tensor:
    """All of ``FaceRecognitionNetwork.forward`` but its pool, which pools to one place whatever the face's size."""
    x_BCHW = network.maxpool(functional.relu(network.bn1(network.conv1(network.pad_end(faces_BCHW)))))
    x_BCHW = network.layer4(network.layer3(network.layer2(network.layer1(x_BCHW))))
    return torch.as_tensor(x_BCHW)

"""A doubling layer is torch's transposed convolution, by whichever of its two ways."""

import pytest
import torch
from torch import nn

from model.networks.doubling import Doubling


@pytest.mark.parametrize(
    ("n_in", "n_out", "height", "width"), [(5, 7, 1, 1), (6, 8, 2, 3), (4, 9, 8, 8), (3, 5, 8, 9), (6, 3, 20, 17)]
)
@pytest.mark.parametrize("batch", [1, 2])
def test_without_gradients_it_is_torch_s_layer(n_in: int, n_out: int, height: int, width: int, batch: int) -> None:
    torch.manual_seed(0)
    layer = Doubling(n_in, n_out).double()
    reference = nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1).double()
    reference.load_state_dict(layer.state_dict())
    x = torch.randn(batch, n_in, height, width, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), reference(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("height", "is_product"), [(8, True), (9, False)])
def test_only_a_small_input_without_gradients_is_a_product(height: int, is_product: bool) -> None:
    layer, x = Doubling(3, 5), torch.zeros(1, 3, height, 8)
    with torch.no_grad():
        assert layer._is_faster_as_product(x) is is_product
        assert Doubling(3, 4)._is_faster_as_product(x)  # few channels, whatever the input
        with torch.autocast("cpu", torch.bfloat16):
            assert not layer._is_faster_as_product(x)
    assert not layer._is_faster_as_product(x)


def test_training_computes_what_it_did() -> None:
    torch.manual_seed(0)
    layer, x = Doubling(3, 5), torch.randn(2, 3, 4, 4)
    reference = nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1)
    reference.load_state_dict(layer.state_dict())
    found, expected = layer(x), reference(x)
    assert torch.equal(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    assert layer.weight.grad is not None and reference.weight.grad is not None
    assert torch.equal(layer.weight.grad, reference.weight.grad)

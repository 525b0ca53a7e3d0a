"""FACEVOX_DEVICE names the device; what it can't name is one sentence."""

import pytest
import torch

from pipeline.core.base.device import Placement, device_name, read_device
from pipeline.core.base.errors import BadInput
from pipeline.core.base.torch_threads import torch_threads


@pytest.mark.parametrize(
    ("name", "n_gpus", "expected"),
    [("", 0, "cpu"), ("", 2, "cuda"), ("cpu", 2, "cpu"), ("cuda", 1, "cuda"), ("cuda:1", 2, "cuda:1")],
)
def test_the_setting_names_the_device_and_by_default_a_gpu_is_taken_where_there_is_one(
    name: str, n_gpus: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVOX_DEVICE", name)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_gpus)
    assert str(read_device()) == expected


@pytest.mark.parametrize("name", ["banana", "gpu", "meta", "CPU", "cuda:", "cuda:-1", "cuda:x", "cpu ", "cpu:0"])
def test_no_device_s_name_is_refused_by_naming_those_there_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVOX_DEVICE", name)
    for read in (device_name, read_device):
        with pytest.raises(BadInput) as raised:
            read()
        assert str(raised.value) == f"FACEVOX_DEVICE={name}: expected cpu, cuda, or cuda:N for GPU N, from 0"


@pytest.mark.parametrize(
    ("name", "n_gpus", "found"), [("cuda", 0, "no GPUs"), ("cuda:1", 1, "1 GPU"), ("cuda:7", 4, "4 GPUs")]
)
def test_a_gpu_that_is_not_there_is_refused(
    name: str, n_gpus: int, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVOX_DEVICE", name)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_gpus)
    with pytest.raises(BadInput, match=f"FACEVOX_DEVICE={name}: torch finds {found} here"):
        read_device()


@pytest.mark.parametrize("at_once", [1, 3])
def test_inputs_are_computed_one_by_one_in_order_on_the_placement_s_threads_without_gradients(at_once: int) -> None:
    seen: list[tuple[int, int, bool]] = []

    def difference(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        seen.append((len(first), torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return first - second

    inputs = [[torch.full((2,), float(factor * number)) for number in range(7)] for factor in (3, 1)]
    with torch_threads(2):
        result = Placement(threads=1, at_once=at_once).compute(difference, *inputs)
    assert result.tolist() == [[2.0 * number] * 2 for number in range(7)]
    assert seen == [(1, 1, True)] * 7

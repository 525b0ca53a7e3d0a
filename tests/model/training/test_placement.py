"""cuDNN looks for the fastest kernels on a GPU, and only where nobody asks for deterministic ones."""

import pytest
import torch

from model.training.distributed import TrainingProcess
from model.training.placement import fastest_kernels


@pytest.mark.parametrize(
    ("device", "is_deterministic", "tries"), [("cuda", False, True), ("cuda", True, False), ("cpu", False, False)]
)
def test_kernels_are_tried_inside_and_not_afterwards(
    device: str, is_deterministic: bool, tries: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", is_deterministic)
    with fastest_kernels(TrainingProcess(device=torch.device(device))):
        assert torch.backends.cudnn.benchmark is tries
    assert torch.backends.cudnn.benchmark is False

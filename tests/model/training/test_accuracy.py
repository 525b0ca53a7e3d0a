"""The accuracy of a classifier: the share of rows given to the right person, whatever the size of a batch."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.training.accuracy import EVALUATION_BATCH, accuracy_of

CPU = torch.device("cpu")


def read(rows: Sequence[int]) -> Tensor:
    """Return the row's number modulo 3 as a one-hot vector: what the identity classifies."""
    return nn.functional.one_hot(torch.tensor(rows) % 3, 3).float()


@pytest.mark.parametrize("n_rows", [1, EVALUATION_BATCH - 1, EVALUATION_BATCH, EVALUATION_BATCH + 1])
@pytest.mark.parametrize("n_wrong", [0, 1])
def test_each_row_counts_once(n_rows: int, n_wrong: int) -> None:
    rows = np.arange(5, 5 + n_rows)
    persons = np.arange(100) % 3
    persons[5 : 5 + n_wrong] = 9
    assert accuracy_of(nn.Identity(), rows, read, persons, CPU) == (n_rows - n_wrong) / n_rows


def test_no_rows_have_no_accuracy() -> None:
    assert accuracy_of(nn.Identity(), np.arange(0), read, np.zeros(1, np.int64), CPU) is None

"""The accuracy of a classifier of persons, on rows that were held out of its training."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.data.columns import Rows

EVALUATION_BATCH = 16


def accuracy_of(
    classifier: nn.Module,
    rows: Rows,
    read: Callable[[Sequence[int]], Tensor],
    person_of_row: NDArray[np.int64],
    device: torch.device,
) -> float | None:
    """Return the share of ``rows`` given to the right person; None for no rows.

    ``read`` returns the inputs of some rows, (B, ...). ``classifier``, on ``device``, is left in evaluation mode.
    """
    if not len(rows):
        return None
    n_correct = 0
    classifier.eval()
    with torch.inference_mode():
        for batch in np.split(rows, range(EVALUATION_BATCH, len(rows), EVALUATION_BATCH)):
            predicted_B = classifier(read(batch.tolist()).to(device)).argmax(dim=1)
            n_correct += int((predicted_B.cpu().numpy() == person_of_row[batch]).sum())
    return n_correct / len(rows)

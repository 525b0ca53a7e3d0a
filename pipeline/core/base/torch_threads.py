"""How many threads torch computes on: sums split over other numbers of threads differ in their last bits.

Importing this module imports torch: do so in the function that needs it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Compute on ``n`` threads within the block: equal numbers give equal bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def single_thread() -> Iterator[None]:
    """Compute on one thread within the block."""
    with torch_threads(1):
        yield

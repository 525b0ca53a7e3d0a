"""How long something takes, by the clock."""

import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Do ``work`` once, and return how many seconds it took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

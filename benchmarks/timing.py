"""Wall-clock timing."""

import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Call ``work`` once, and return how many seconds it took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

"""Timing, by the clock on the wall and by the processor."""

import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Call ``work`` once, and return how many seconds it took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cpu_seconds(work: Callable[[], object]) -> float:
    """Call ``work`` once, and return how many seconds processors worked on it, in all threads of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start

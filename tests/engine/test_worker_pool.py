"""A worker that dies at once costs its own task, however late the pool reads what that worker said last."""

import multiprocessing
import os
import time
from concurrent.futures import wait
from threading import Event
from typing import Any

import pytest
from pebble import ProcessExpired

from pipeline.engine.worker_pool import WorkerPool

_LATE_S = 0.5  # the pool looks for dead workers ten times a second


@pytest.mark.parametrize("another_works", [False, True])
def test_a_worker_seen_dead_before_its_start_is_read_costs_its_own_task(
    another_works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a wait the pool is broken, or, while another works, the task never ends."""
    pool: Any = WorkerPool(max_workers=2, context=multiprocessing.get_context("spawn"))
    other = pool.schedule(time.sleep, args=(600 if another_works else 0,))
    while not (other.running() if another_works else other.done()):
        time.sleep(0.01)
    read, is_late = pool._pool_manager.process_next_message, Event()

    def read_late(timeout: float) -> None:
        is_late.set()
        time.sleep(_LATE_S)
        read(timeout)

    monkeypatch.setattr(pool._pool_manager, "process_next_message", read_late)
    try:
        is_late.wait()
        dead = pool.schedule(os._exit, args=(7,))
        assert wait([dead], timeout=30).done
        with pytest.raises(ProcessExpired) as raised:
            dead.result()
        assert raised.value.exitcode == 7
    finally:
        pool.stop()
        pool.join()

"""A worker that dies at once costs its own task, however late the pool reads what that worker said last."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from threading import Event
from typing import Any

import pytest
from pebble import ProcessExpired

from pipeline.engine.worker_pool import WorkerPool

_LATE_S = 0.5  # the pool looks for dead workers ten times a second
_SPAWN = multiprocessing.get_context("spawn")


@pytest.mark.parametrize("another_works", [False, True])
def test_a_worker_seen_dead_before_its_start_is_read_costs_its_own_task(
    another_works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a wait the pool is broken, or, while another works, the task never ends."""
    pool: Any = WorkerPool(max_workers=2, context=_SPAWN)
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


def test_a_worker_that_dies_after_a_task_ended_well_costs_the_task_it_died_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were its task looked for when its first words are read, the first would be that task, and no other would end."""
    pool: Any = WorkerPool(max_workers=1, context=_SPAWN)
    pool.schedule(abs, args=(0,)).result()
    read = pool._pool_manager.process_next_message

    def read_late(timeout: float) -> None:
        time.sleep(_LATE_S)
        read(timeout)

    monkeypatch.setattr(pool._pool_manager, "process_next_message", read_late)
    try:
        before, dead, after = (pool.schedule(*task) for task in ((abs, (-1,)), (os._exit, (7,)), (abs, (-2,))))
        assert not wait([before, dead, after], timeout=30).not_done
        assert (before.result(), dead.exception().exitcode, after.result()) == (1, 7, 2)
    finally:
        pool.stop()
        pool.join()


def test_a_worker_that_dies_without_a_task_costs_nothing() -> None:
    pool: Any = WorkerPool(max_workers=1, context=_SPAWN)
    try:
        pool.schedule(abs, args=(0,)).result()
        manager = pool._pool_manager
        (idle,) = manager.worker_manager.workers
        with manager.worker_manager.workers_channel.lock():  # the worker does not hold it when it dies
            os.kill(idle, signal.SIGKILL)
            while idle in manager.worker_manager.workers:
                time.sleep(0.01)
        while manager._seen_s:
            time.sleep(0.01)
        assert pool.schedule(abs, args=(-1,)).result(timeout=60) == 1
    finally:
        pool.stop()
        pool.join()


def test_a_pool_whose_workers_cannot_start_is_broken() -> None:
    pool: Any = WorkerPool(max_workers=2, context=_SPAWN, initializer=os._exit, initargs=(3,))
    try:
        with pytest.raises(BrokenProcessPool):
            pool.schedule(abs, args=(0,)).result(timeout=60)
    finally:
        pool.stop()
        pool.join()

"""Run a step over items in worker processes of this machine; a worker that dies costs one item, not the run."""

import concurrent.futures
import multiprocessing
import os
import re
import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, TimeoutError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.base.outcome import Dropped
from pipeline.engine.settings import Settings
from pipeline.storage.items import ItemStore, put_result

Function = Callable[[Any, Path], Sequence[object] | Dropped]
Job = tuple[Any, str]  # an item and its key

_MEBIBYTE = 1 << 20
_QUEUED_PER_WORKER = 4  # enough to keep workers busy, few enough that memory does not grow with the run

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

# torch, OpenCV and the operating system raise errors of their own, not a MemoryError.
_NO_MEMORY = re.compile("insufficient memory|can(no|')t allocate memory", re.IGNORECASE)

_function: Function
_store: ItemStore
_step_name: str


def compute(
    name: str, function: Function, jobs: Sequence[Job], store: ItemStore, settings: Settings
) -> Iterator[tuple[str, Dropped | None]]:
    """Compute and store every job; yield its key, and its drop when nothing was stored.

    Yields in the order of completion. An exception from ``function`` is a bug and ends the run.
    """
    from pebble import ProcessPool

    n_workers = min(settings.n_workers, len(jobs))
    if n_workers == 0:
        return
    with _single_threaded_children():
        pool: Any = ProcessPool(
            max_workers=n_workers,
            context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(name, function, store.root, settings.worker_memory_mb),
        )
        try:
            yield from _outcomes(pool, jobs, n_workers * _QUEUED_PER_WORKER, settings.item_timeout_s)
            pool.close()
        except BaseException:
            pool.stop()
            raise
        finally:
            pool.join()


def _outcomes(pool: Any, jobs: Sequence[Job], n_queued: int, timeout_s: float) -> Iterator[tuple[str, Dropped | None]]:
    waiting: dict[Future[Dropped | None], str] = {}
    todo = iter(jobs)
    for item, key in todo:
        waiting[pool.schedule(_work, args=(item, key), timeout=timeout_s)] = key
        if len(waiting) == n_queued:
            yield from _completed(waiting, timeout_s)
    while waiting:
        yield from _completed(waiting, timeout_s)


def _completed(waiting: dict[Future[Dropped | None], str], timeout_s: float) -> Iterator[tuple[str, Dropped | None]]:
    done, _ = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
    for future in done:
        yield waiting.pop(future), _outcome_of(future, timeout_s)


def _outcome_of(future: Future[Dropped | None], timeout_s: float) -> Dropped | None:
    from pebble import ProcessExpired

    try:
        return future.result()
    except TimeoutError:
        return Dropped.failed("timeout", f"took more than {timeout_s:g} s", retryable=True)
    except ProcessExpired as error:
        return Dropped.failed("crashed", f"the worker process died, exit code {error.exitcode}", retryable=True)
    except MemoryError:
        return Dropped.failed("out_of_memory", "needed more than FACEVOX_WORKER_MEMORY_MB allows", retryable=True)


def _start_worker(name: str, function: Function, root: Path, memory_mb: int) -> None:
    global _function, _store, _step_name
    _function, _store, _step_name = function, ItemStore(root), name
    limit = memory_mb * _MEBIBYTE
    _, ceiling = resource.getrlimit(resource.RLIMIT_DATA)
    if ceiling != resource.RLIM_INFINITY:
        limit = min(limit, ceiling)  # a process may not raise its hard limit
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


class _RetryableDrop(Exception):
    """Ends a worker's block without storing anything, so that the next run tries the item again."""

    def __init__(self, dropped: Dropped) -> None:
        self.dropped = dropped


def _work(item: Any, key: str) -> Dropped | None:
    """Compute one item in a worker and store it; return its drop where it is not to be stored."""
    try:
        with _store.adding(_step_name, key) as folder:
            result = _function(item, folder)
            if isinstance(result, Dropped) and result.retryable:
                raise _RetryableDrop(result)
            put_result(folder, result)
    except _RetryableDrop as error:
        return error.dropped
    except Exception as error:
        if _NO_MEMORY.search(str(error)):
            raise MemoryError(str(error)) from None
        raise
    return None


@contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Let the workers' libraries use one thread each: workers share the CPUs, and sums keep their order."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

"""Run a step over items in worker processes of this machine; a worker that dies costs one item, not the run."""

import concurrent.futures
import errno
import itertools
import multiprocessing
import os
import re
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.base.outcome import FILTERED, Dropped
from pipeline.core.storage.items import ItemStore, put_result
from pipeline.engine.disk_errors import check_room
from pipeline.engine.settings import Settings, environment
from pipeline.engine.stopping import end_with_parent
from pipeline.engine.time_limit import limited

Function = Callable[[Any, Path], Sequence[object] | Dropped]
Job = tuple[Any, str]  # an item and its key
End = Dropped | None  # the drop of an item of which nothing was stored

_MEBIBYTE = 1 << 20
_QUEUED_PER_WORKER = 4  # enough to keep workers busy, few enough that memory does not grow with the run
_OTHER_RUN_CHECK_S = 0.5

# One thread for each worker's libraries: workers share the CPUs, and sums keep their order.
_ONE_THREAD_EACH = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)

# torch, OpenCV and the operating system raise errors of their own, not a MemoryError.
_NO_MEMORY = re.compile("insufficient memory|can(no|')t allocate memory", re.IGNORECASE)

_worker: "_Worker"


def compute(
    name: str, function: Function, jobs: Iterable[Job], store: ItemStore, settings: Settings
) -> Iterator[tuple[str, End]]:
    """Compute and store every job; yield its key, and its drop when nothing was stored.

    Yields in the order of completion, and asks for a job when a worker will soon need it. A job that another run is
    computing at that time is awaited, not computed twice. An exception from ``function`` is a bug and ends the run.
    """
    from pipeline.engine.worker_pool import WorkerPool

    jobs = iter(jobs)
    first = list(itertools.islice(jobs, settings.n_workers))
    if not first:
        return
    with environment(_ONE_THREAD_EACH):
        pool: Any = WorkerPool(
            max_workers=len(first),
            context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(name, function, store.root, settings),
        )
        try:
            yield from _outcomes(pool, itertools.chain(first, jobs), settings)
            pool.close()
        except BaseException:
            pool.stop()
            raise
        finally:
            pool.join()


def _outcomes(pool: Any, jobs: Iterable[Job], settings: Settings) -> Iterator[tuple[str, End]]:
    waiting: dict[Future[Any], Job] = {}
    elsewhere: list[Job] = []
    for job in jobs:
        waiting[pool.schedule(_work, args=job)] = job
        if len(waiting) == settings.n_workers * _QUEUED_PER_WORKER:
            yield from _completed(waiting, elsewhere, settings)
    while waiting or elsewhere:
        if not waiting:
            time.sleep(_OTHER_RUN_CHECK_S)
            waiting = {pool.schedule(_work, args=job): job for job in elsewhere}
            elsewhere.clear()
        yield from _completed(waiting, elsewhere, settings)


def _completed(waiting: dict[Future[Any], Job], elsewhere: list[Job], settings: Settings) -> Iterator[tuple[str, End]]:
    """Wait for a job to end; yield it, or add it to ``elsewhere`` when another run is computing it."""
    done, _ = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
    for future in done:
        job = waiting.pop(future)
        end = _end_of(future, settings)
        if isinstance(end, _ComputedElsewhere):
            elsewhere.append(job)
        else:
            yield job[1], end


def _end_of(future: "Future[End | _ComputedElsewhere]", settings: Settings) -> "End | _ComputedElsewhere":
    from pebble import ProcessExpired

    try:
        return future.result()
    except ProcessExpired as error:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(error.pid, signal.SIGKILL)  # the programs that it started: they are of its group
        if error.exitcode == -signal.SIGALRM:
            return Dropped.failed("timeout", f"took more than {settings.item_timeout_s:g} s", retryable=True)
        return Dropped.failed("crashed", f"the worker process died, exit code {error.exitcode}", retryable=True)
    except MemoryError:
        return Dropped.failed("out_of_memory", "needed more than FACEVOX_WORKER_MEMORY_MB allows", retryable=True)
    except _OutputTooLarge as error:
        return Dropped.failed("output_too_large", str(error), retryable=True)


class _ComputedElsewhere:
    """The end of a job that another run is computing."""


class _OutputTooLarge(Exception):
    """An item wrote more than the settings allow."""


class _RetryableDrop(Exception):
    """Ends a worker's block without storing anything, so that the next run tries the item again."""

    def __init__(self, dropped: Dropped) -> None:
        self.dropped = dropped


class _Worker:
    """What a worker process knows of its run."""

    def __init__(self, name: str, function: Function, root: Path, settings: Settings) -> None:
        self._name, self._function, self._store, self._settings = name, function, ItemStore(root), settings

    def work(self, item: Any, key: str) -> End | _ComputedElsewhere:
        """Compute one item and store it; return its drop where it is not to be stored."""
        try:
            is_finished = self._store.ensure(self._name, key, partial(self._compute, item), wait=False)
        except _RetryableDrop as error:
            return error.dropped
        except SystemExit as error:
            raise RuntimeError(f"the step called sys.exit({error.code!r})") from None
        except Exception as error:
            if _NO_MEMORY.search(str(error)):
                raise MemoryError(str(error)) from None
            if getattr(error, "errno", None) == errno.EFBIG:
                raise self._too_large() from None
            raise
        return None if is_finished else _ComputedElsewhere()

    def _compute(self, item: Any, folder: Path) -> None:
        with limited(self._settings.item_timeout_s):
            result = self._function(item, folder)
            if isinstance(result, Dropped) and result.retryable:
                raise _RetryableDrop(result)
            if isinstance(result, Dropped) and result.status != FILTERED:
                check_room(folder)
            put_result(folder, result)
        if sum(path.lstat().st_size for path in folder.rglob("*")) > self._settings.item_output_mb * _MEBIBYTE:
            raise self._too_large()

    def _too_large(self) -> _OutputTooLarge:
        return _OutputTooLarge(f"wrote more than FACEVOX_ITEM_OUTPUT_MB={self._settings.item_output_mb} allows")


def _start_worker(name: str, function: Function, root: Path, settings: Settings) -> None:
    global _worker
    end_with_parent()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _worker = _Worker(name, function, root, settings)
    _limit(resource.RLIMIT_DATA, settings.worker_memory_mb)
    _limit(resource.RLIMIT_FSIZE, settings.item_output_mb)


def _work(item: Any, key: str) -> End | _ComputedElsewhere:
    return _worker.work(item, key)


def _limit(kind: int, mebibytes: int) -> None:
    _, ceiling = resource.getrlimit(kind)
    limit = mebibytes * _MEBIBYTE
    if ceiling != resource.RLIM_INFINITY:
        limit = min(limit, ceiling)  # a process may not raise its hard limit
    resource.setrlimit(kind, (limit, limit))

"""pebble's pool of worker processes, in which a worker that dies at once is noticed too."""

import time
from typing import Any

from pebble import ProcessPool
from pebble.pool.process import NoMessage, PoolManager, WorkerManager, dictionary_values

_UNREAD_S = 10.0
"""Of a pool whose workers never pause: a dead worker's last messages are read within this time."""


class WorkerPool(ProcessPool):
    """A ProcessPool with the manager below; takes the same arguments."""

    def __init__(self, *, context: Any, **named: Any) -> None:
        super().__init__(context=context, **named)
        self._pool_manager = _Manager(self._context, context)


class _Manager(PoolManager):
    """Reads all that a dead worker said, before it looks for the task that died with it.

    Workers say through a pipe which task they begin and end. Where pebble (5.2) sees a worker's death before it has
    read that, it finds no task, or one that ended well: the task's future never ends. And it calls the pool broken when
    a worker dies that had no task, while no other has one: here a new worker takes its place.
    """

    def __init__(self, context: Any, mp_context: Any) -> None:
        super().__init__(context, mp_context)
        self._workers = _Workers(context.workers, context.worker_parameters, mp_context)
        self.worker_manager = self._workers
        self._seen_s: dict[tuple[int, int], float] = {}
        """When a worker, by process id and exit code, was seen dead."""

    def update_workers(self) -> None:
        dead = self._workers.inspect_workers()
        now_s = time.monotonic()
        self._seen_s |= dict.fromkeys(dead, now_s)
        for one, seen_s in list(self._seen_s.items()):
            if self._workers.all_read_s >= seen_s or now_s - seen_s > _UNREAD_S:
                del self._seen_s[one]
                self._end_of(one)
        self._workers.create_workers()  # type: ignore[no-untyped-call]

    def _end_of(self, dead: tuple[int, int]) -> None:
        """End the task of a dead worker.

        Raises BrokenProcessPool where it had none, as all before it that were as many as the pool has: none can start.
        """
        self._workers.n_silent_deaths += 1
        had_task = dead[0] in {task.worker_id for task in dictionary_values(self.task_manager.tasks)}
        if had_task or self._workers.n_silent_deaths > self._workers.workers_number:
            self.handle_worker_expiration(dead)


class _Workers(WorkerManager):
    """Knows until when all that the workers said is read, and how many died since one said anything."""

    all_read_s = float("-inf")
    n_silent_deaths = 0

    def receive(self, timeout: float) -> Any:
        began_s = time.monotonic()
        message = super().receive(timeout)
        if isinstance(message, NoMessage):
            self.all_read_s = began_s
        else:
            self.n_silent_deaths = 0
        return message

"""pebble's pool of worker processes, in which a worker that dies at once is noticed too."""

import time
from typing import Any

from pebble import ProcessPool
from pebble.pool.process import PoolManager, dictionary_values

_UNREAD_S = 10.0
"""A dead worker's last messages are read within this time, on a busy machine too."""


class WorkerPool(ProcessPool):
    """A ProcessPool with the manager below; takes the same arguments."""

    def __init__(self, *, context: Any, **named: Any) -> None:
        super().__init__(context=context, **named)
        self._pool_manager = _Manager(self._context, context)


class _Manager(PoolManager):
    """Waits for what a dead worker said last, before it looks for the task that died with it.

    Workers say through a pipe which task they begin. Where pebble (5.2) sees a worker's death before it has read that,
    it finds no task: the task's future never ends, or, where no other worker runs one, the pool is called broken.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._seen_s: dict[tuple[int, int], float] = {}
        """When a worker, by process id and exit code, was seen dead."""

    def update_workers(self) -> None:
        now_s = time.monotonic()
        self._seen_s |= dict.fromkeys(self.worker_manager.inspect_workers(), now_s)
        running = {task.worker_id for task in dictionary_values(self.task_manager.tasks)}
        for dead, seen_s in list(self._seen_s.items()):
            if dead[0] in running or now_s - seen_s > _UNREAD_S:
                del self._seen_s[dead]
                self.handle_worker_expiration(dead)
        self.worker_manager.create_workers()  # type: ignore[no-untyped-call]

"""Run one step over many items: look up the store, compute what is missing, record how each item ended."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa

from pipeline.base.errors import BadInput
from pipeline.base.outcome import OK, Dropped
from pipeline.base.progress import progress
from pipeline.engine.local import compute
from pipeline.engine.settings import Settings
from pipeline.engine.step import Step
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.records.schema import arrow_schema
from pipeline.storage.items import ItemStore

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class ItemEnd:
    """How an item ended: its key in the store, and its drop when it has no result."""

    item_id: str
    key: str
    dropped: Dropped | None


class StepRun(Generic[Item]):
    """A finished run: the ends of all items in id order, and access to the stored results."""

    def __init__(self, step: Step[Item], store: ItemStore, ends: Sequence[ItemEnd], n_computed: int) -> None:
        self.ends = tuple(ends)
        self.n_computed = n_computed
        self._step = step
        self._store = store
        self._keys = {end.item_id: end.key for end in ends if end.dropped is None}

    @property
    def ok_ids(self) -> list[str]:
        """The items that have a result, in id order."""
        return list(self._keys)

    def rows(self, item_id: str, record: type) -> pa.Table:
        """Return the rows of ``record`` in the result of one item."""
        return self._store.rows(self._step.name, self._keys[item_id], record)

    def all_rows(self, record: type) -> pa.Table:
        """Return the rows of ``record`` of all items, in item order; for records without payload."""
        return pa.concat_tables([arrow_schema(record).empty_table(), *(self.rows(i, record) for i in self._keys)])

    def folder(self, item_id: str) -> Path:
        """Return the stored folder of one item, with the files that its step wrote."""
        return self._store.folder(self._step.name, self._keys[item_id])

    def ledger(self) -> list[LedgerRow]:
        """Return one row per item."""
        return [ledger_row(self._step.name, end.item_id, end.dropped) for end in self.ends]


def run_step(step: Step[Item], items: Iterable[Item], settings: Settings, *, title: str) -> StepRun[Item]:
    """Run ``step`` on every item that the store lacks; print how many were computed and how all items ended.

    Raises BadInput when two items share an id. An exception from the step itself is a bug and is not caught.
    """
    store = ItemStore(settings.cache / "items")
    store.sweep(step.name)
    jobs = _jobs(step, items)
    missing = [(item, key) for item, key in jobs.values() if not store.has(step.name, key)]
    not_stored: dict[str, Dropped | None] = {}
    with progress(title, len(missing)) as advance:
        for key, dropped in compute(step.name, step.function, missing, store, settings):
            not_stored[key] = dropped
            advance()
    ends = [
        ItemEnd(item_id, key, not_stored.get(key) or store.dropped(step.name, key))
        for item_id, (_, key) in jobs.items()
    ]
    print(_summary(title, ends, len(missing)))
    return StepRun(step, store, ends, len(missing))


def _jobs(step: Step[Item], items: Iterable[Item]) -> dict[str, tuple[Item, str]]:
    jobs: dict[str, tuple[Item, str]] = {}
    for item in items:
        item_id = step.item_id(item)
        if item_id in jobs:
            raise BadInput(f"{step.name}: two items have the id '{item_id}'")
        jobs[item_id] = (item, step.key(item))
    return dict(sorted(jobs.items()))


def _summary(title: str, ends: Sequence[ItemEnd], n_missing: int) -> str:
    counts = Counter(f"{end.dropped.status}: {end.dropped.reason}" if end.dropped else OK for end in ends)
    ended = ", ".join(f"{n} {end}" for end, n in sorted(counts.items(), key=lambda pair: (pair[0] != OK, pair[0])))
    stored = len(ends) - n_missing
    return f"{title}: {len(ends)} items, {n_missing} computed, {stored} from the store: {ended or 'nothing to do'}"

"""Run one step over many items: look up the store, compute what is missing, record how each item ended."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import OK, Dropped, end_of
from pipeline.core.base.progress import Advance, progress
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import from_table
from pipeline.core.storage.items import ItemStore
from pipeline.core.storage.used_items import hold_in_use, record_used
from pipeline.engine.disk_errors import check_writable
from pipeline.engine.item_keys import ItemKeys
from pipeline.engine.local import compute
from pipeline.engine.settings import Settings
from pipeline.engine.step import Step

Item = TypeVar("Item")


class StepRun(Generic[Item]):
    """A finished run: how all items ended, in id order, and access to the stored results."""

    def __init__(
        self, step: Step[Item], store: ItemStore, keys: ItemKeys, drops: Mapping[str, Dropped], n_computed: int
    ) -> None:
        """``keys`` are those of all items; ``drops`` are of the items without a result, by id."""
        self.n_computed = n_computed
        self._step, self._store, self._keys, self._drops = step, store, keys, drops

    @property
    def ok_ids(self) -> list[str]:
        """The items that have a result, in id order."""
        return [*self.each_ok_id()]

    def each_ok_id(self) -> Iterator[str]:
        """Yield the items that have a result, in id order, without a list of them in memory."""
        return (item_id for item_id in self._keys.ids() if item_id not in self._drops)

    @property
    def kept_share(self) -> float:
        """Share of the items that have a result, 0-1; 1 where there is no item."""
        return 1 - len(self._drops) / len(self._keys) if len(self._keys) else 1.0

    def rows(self, item_id: str, record: type) -> pa.Table:
        """Return the rows of ``record`` in the result of one item."""
        return self._store.rows(self._step.name, self._keys.of(item_id), record)

    def tables(self, record: type) -> Iterator[pa.Table]:
        """Yield the rows of ``record`` of each item that has a result, in id order."""
        return (self.rows(item_id, record) for item_id in self.each_ok_id())

    def folder(self, item_id: str) -> Path:
        """Return the stored folder of one item, with the files that its step wrote."""
        return self._store.folder(self._step.name, self._keys.of(item_id))

    def ledger(self) -> Iterator[LedgerRow]:
        """Yield one row per item."""
        return (ledger_row(self._step.name, item_id, self._drops.get(item_id)) for item_id in self._keys.ids())

    def ledger_of_parts(self) -> Iterator[LedgerRow]:
        """Yield the ledger rows within the results: how what the step cut from its items ended."""
        return (row for table in self.tables(LedgerRow) for row in from_table(LedgerRow, table))

    def summary(self, title: str) -> str:
        """Return in one line how many items were computed and how all ended."""
        counts = Counter(end_of(drop.status, drop.reason, drop.remedy) for drop in self._drops.values())
        n_ok = len(self._keys) - len(self._drops)
        ended = ", ".join(([f"{n_ok} {OK}"] if n_ok else []) + [f"{n} {end}" for end, n in sorted(counts.items())])
        n_stored = len(self._keys) - self.n_computed
        return (
            f"{title}: {len(self._keys)} items, {self.n_computed} computed, {n_stored} from the store:"
            f" {ended or 'nothing to do'}"
        )


def run_step(
    step: Step[Item],
    items: Iterable[Item],
    settings: Settings,
    *,
    title: str,
    n_items: int | None = None,
    checkout: Path = Path(),
) -> StepRun[Item]:
    """Run ``step`` on every item that the store lacks; print how many were computed and how all items ended.

    ``items`` may be a generator, in any order: an item is held only until it is computed. ``title`` is
    ``<stage>@<dataset>``; the store keeps what the last run of that title in ``checkout`` used. ``n_items`` is the
    number of items, for the progress shown, where ``items`` does not tell it. Raises BadInput when two items share an
    id, and DiskProblem when an item is missing and the store can't be written to. An exception from the step itself is
    a bug and is not caught.
    """
    store = ItemStore(settings.cache / "items")
    hold_in_use(store.root / step.name)
    store.sweep(step.name)
    keys = ItemKeys()
    drops_by_key: dict[str, Dropped] = {}
    n_computed = 0
    with progress(title, len(items) if isinstance(items, Sized) else n_items) as advance:
        missing = _missing(step, items, store, keys, advance)
        for key, dropped in compute(step.name, step.function, missing, store, settings):
            n_computed += 1
            if dropped is not None:
                drops_by_key[key] = dropped
            advance(computed=True)
    keys.sort()
    record_used(store.root, step.name, checkout, title, map(keys.of, keys.ids()))
    drops = {
        item_id: dropped
        for item_id in keys.ids()
        if (dropped := drops_by_key.get(keys.of(item_id)) or store.dropped(step.name, keys.of(item_id))) is not None
    }
    run = StepRun(step, store, keys, drops, n_computed)
    print(run.summary(title))
    return run


def _missing(
    step: Step[Item], items: Iterable[Item], store: ItemStore, keys: ItemKeys, advance: Advance
) -> Iterator[tuple[Item, str]]:
    """Yield the items that the store lacks, with their keys; add the key of every item to ``keys``."""
    is_writable = False
    for item in items:
        item_id = step.item_id(item)
        key = step.key(item)
        if not keys.add(item_id, key):
            raise BadInput(f"{step.name}: two items have the id '{item_id}'")
        if store.has(step.name, key) and not _is_mended(step, key, store):
            advance(computed=False)
            continue
        if not is_writable:
            check_writable(store.root)
            is_writable = True
        yield item, key


def _is_mended(step: Step[Item], key: str, store: ItemStore) -> bool:
    """Return whether an item waited for something that has changed; its stored end is removed then."""
    if step.remedy_state is None:
        return False
    end = store.dropped(step.name, key)
    if end is None or not step.is_mended(end):
        return False
    store.remove(step.name, key)
    return True

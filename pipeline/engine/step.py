"""A step: one function, and what identifies its results."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline.base.outcome import Dropped
from pipeline.storage.items import item_key

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[Item]):
    """What the engine needs to know to compute an item once and never again.

    ``function`` goes to the worker processes: a module-level function, a ``functools.partial`` of one, or an
    instance of a class that loads a network when it is first called. It takes the item and an empty folder,
    where it may leave files that belong to the result, and returns records or a ``Dropped``.
    Change what it returns for the same input, and ``version`` must change with it.
    """

    name: str
    version: int
    params: Mapping[str, Any]
    function: Callable[[Item, Path], Sequence[object] | Dropped]
    item_id: Callable[[Item], str]
    inputs: Callable[[Item], Sequence[str]]

    def key(self, item: Item) -> str:
        """Return the key under which the result for ``item`` is stored."""
        return item_key(self.name, self.version, self.params, self.inputs(item))

"""A step: a function from an item to its result, and what identifies the result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline.core.base.outcome import Dropped
from pipeline.core.storage.items import item_key

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[Item]):
    """What the engine needs to compute each item once.

    ``function`` goes to the worker processes: a module-level function, a ``functools.partial`` of one, or an
    instance of a class that loads a network when it is first called. It takes the item and an empty folder,
    to which it may write files that belong to the result, and returns records or a ``Dropped``.
    ``remedy_state`` returns what identifies the present state of a remedy: an item that waits for it is computed again
    when that is not what its drop has. A step without it has no items that wait.
    ``version`` must change whenever the function returns something else for the same input.
    """

    name: str
    version: int
    params: Mapping[str, Any]
    function: Callable[[Item, Path], Sequence[object] | Dropped]
    item_id: Callable[[Item], str]
    inputs: Callable[[Item], Sequence[str]]
    remedy_state: Callable[[str], str] | None = None

    def key(self, item: Item) -> str:
        """Return the key under which the result for ``item`` is stored."""
        return item_key(self.name, self.version, self.params, self.inputs(item))

    def is_mended(self, end: Dropped) -> bool:
        """Return whether an item that ended so waited for something that has changed: it is computed again."""
        if self.remedy_state is None or not end.remedy_state:
            return False
        return end.remedy_state != self.remedy_state(end.remedy)

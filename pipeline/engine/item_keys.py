"""The keys of a run's items by id, in as few bytes as they have: a run may have a million items."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain
from operator import itemgetter


class ItemKeys:
    """Ids and their keys; an item that comes in id order takes about 70 bytes, a third of what a dict takes.

    Others wait in a dict until ``sort``, after which items are looked up fastest in id order.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._ids, self._ends, self._keys = bytearray(), array("Q"), bytearray()  # in id order, one after another
        self._key_bytes = 0
        self._late: dict[bytes, bytes] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._ends) + len(self._late)

    def add(self, item_id: str, key: str) -> bool:
        """Add an item with its ``key``, as many hexadecimal digits as all others; return False if its id is there."""
        encoded = item_id.encode()
        if not self._ends or encoded > self._id_at(len(self._ends) - 1):
            self._append(encoded, bytes.fromhex(key))
            return True
        if encoded in self._late or self._index(encoded) is not None:
            return False
        self._late[encoded] = bytes.fromhex(key)
        return True

    def sort(self) -> None:
        """Put all items into id order."""
        if self._late:
            before = [(self._id_at(at), self._key_at(at)) for at in range(len(self._ends))]
            items = sorted(chain(before, self._late.items()), key=itemgetter(0))
            self._clear()
            for encoded, key in items:
                self._append(encoded, key)

    def ids(self) -> Iterator[str]:
        """Yield the items, after ``sort`` in id order."""
        return (self._id_at(at).decode() for at in range(len(self._ends)))

    def of(self, item_id: str) -> str:
        """Return the key of an item, after ``sort``; raises KeyError for an unknown one."""
        at = self._index(item_id.encode())
        if at is None:
            raise KeyError(item_id)
        return self._key_at(at).hex()

    def _append(self, encoded: bytes, key: bytes) -> None:
        self._ids += encoded
        self._ends.append(len(self._ids))
        self._keys += key
        self._key_bytes = len(key)

    def _index(self, encoded: bytes) -> int | None:
        """Return where an id is among those in order; the one after that of the last search is tried first."""
        at = self._next
        if at >= len(self._ends) or self._id_at(at) != encoded:
            at = bisect_left(range(len(self._ends)), encoded, key=self._id_at)
        if at == len(self._ends) or self._id_at(at) != encoded:
            return None
        self._next = at + 1
        return at

    def _id_at(self, at: int) -> bytes:
        return bytes(self._ids[self._ends[at - 1] if at else 0 : self._ends[at]])

    def _key_at(self, at: int) -> bytes:
        return bytes(self._keys[at * self._key_bytes : (at + 1) * self._key_bytes])

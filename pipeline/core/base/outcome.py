"""Drops: the end of an item without a result, filtered on purpose, failed, or waiting for what would help."""

from dataclasses import dataclass
from typing import Self

OK = "ok"
FILTERED = "filtered"
FAILED = "failed"
WAITING = "waiting"

PERMANENT = "permanent"
PASSING = "passing"
MENDABLE = "mendable"


@dataclass(frozen=True, slots=True)
class Dropped:
    """An item's end without a result; becomes one ledger row.

    ``reason`` is a short snake_case class, for counts and retries; ``detail`` is for reading.
    A ``retryable`` drop (network, time-out, crash) is not stored: the next run tries the item again.
    A ``waiting`` drop names in ``remedy`` what would help. With a ``remedy_state`` of that, as it was when the item was
    tried, it is stored: a run tries the item again when the state is another, see ``Step.remedy_state``.
    """

    status: str
    reason: str
    detail: str = ""
    retryable: bool = False
    remedy: str = ""
    remedy_state: str = ""

    @classmethod
    def filtered(cls, reason: str, detail: str = "") -> Self:
        """Return a drop on purpose: another run would end the same."""
        return cls(FILTERED, reason, detail)

    @classmethod
    def failed(cls, reason: str, detail: str = "", *, retryable: bool = False) -> Self:
        """Return the drop of an item that could not be computed; ``retryable`` when another try may succeed."""
        return cls(FAILED, reason, detail, retryable)

    @classmethod
    def waiting(cls, reason: str, detail: str, *, remedy: str, remedy_state: str = "") -> Self:
        """Return the drop of an item that ``remedy`` would help; without a ``remedy_state`` the next run tries it."""
        return cls(WAITING, reason, detail, not remedy_state, remedy, remedy_state)

    @property
    def kind(self) -> str:
        """Of an item that could not be computed: ``permanent``, ``passing`` or ``mendable``; empty of others."""
        if self.remedy_state:
            return MENDABLE
        if self.retryable:
            return PASSING
        return PERMANENT if self.status == FAILED else ""


def end_of(status: str, reason: str, remedy: str) -> str:
    """Return 'ok', 'waiting: <what would help>', or '<status>: <reason>'."""
    if status == OK:
        return OK
    return f"{status}: {remedy if status == WAITING else reason}"

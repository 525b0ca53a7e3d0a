"""Drops: the end of an item without a result, filtered on purpose or failed."""

from dataclasses import dataclass
from typing import Self

OK = "ok"
FILTERED = "filtered"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Dropped:
    """An item's end without a result; becomes one ledger row.

    ``reason`` is a short snake_case class, for counts and retries; ``detail`` is for reading.
    A ``retryable`` drop (network, time-out, crash) is not stored: the next run tries the item again.
    """

    status: str
    reason: str
    detail: str = ""
    retryable: bool = False

    @classmethod
    def filtered(cls, reason: str, detail: str = "") -> Self:
        """Return a drop on purpose: another run would end the same."""
        return cls(FILTERED, reason, detail)

    @classmethod
    def failed(cls, reason: str, detail: str = "", *, retryable: bool = False) -> Self:
        """Return the drop of an item that could not be computed; ``retryable`` when another try may succeed."""
        return cls(FAILED, reason, detail, retryable)

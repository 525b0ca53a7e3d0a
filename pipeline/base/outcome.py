"""What becomes of an item that gives no result: filtered on purpose, or failed."""

from dataclasses import dataclass
from typing import Self

OK = "ok"
FILTERED = "filtered"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Dropped:
    """An item's end without a result; becomes one ledger row.

    ``reason`` is a short snake_case word that people count and retry by; ``detail`` is for reading.
    A ``retryable`` drop (network, time-out, crash) is not stored: the next run tries the item again.
    """

    status: str
    reason: str
    detail: str = ""
    retryable: bool = False

    @classmethod
    def filtered(cls, reason: str, detail: str = "") -> Self:
        """Left out on purpose: running again gives the same."""
        return cls(FILTERED, reason, detail)

    @classmethod
    def failed(cls, reason: str, detail: str = "", *, retryable: bool = False) -> Self:
        """Could not be computed; ``retryable`` when another try may succeed."""
        return cls(FAILED, reason, detail, retryable)

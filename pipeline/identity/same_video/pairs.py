"""Two listed clips that have content in common, and the groups that pairs make."""

from collections.abc import Iterable
from dataclasses import dataclass

BY_FINGERPRINTS = "sound and picture"
BY_SOURCE = "source video and range"
BY_FILE = "file and range"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonContent:
    """Two clips, as listed and in id order, and the share of each, 0 to 1, that is in the other too."""

    clip_id: str
    other_clip_id: str
    share: float
    other_share: float
    common_s: float
    """Seconds of the first that are in the other."""
    found_by: str
    """BY_FINGERPRINTS, BY_SOURCE or BY_FILE."""


def first_of_groups(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return for each id in ``pairs`` the first of its group: of all that are paired with it, also through others."""
    earlier: dict[str, str] = {}

    def first(one: str) -> str:
        while earlier.setdefault(one, one) != one:
            one = earlier[one]
        return one

    for pair in pairs:
        low, high = sorted(map(first, pair))
        earlier[high] = low
    return {one: first(one) for one in earlier}

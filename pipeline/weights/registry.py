"""The named weights: their publishers' addresses, and the sha256 of their bytes."""

from dataclasses import dataclass
from pathlib import Path

import yaml

_ENTRIES = Path(__file__).with_name("registry.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedWeights:
    """One file of weights as its publisher offers it.

    ``sha256`` is None where the publisher's bytes are unknown: such a file is used when it is in the user's folder,
    and never fetched. ``size_bytes`` is exact where there is a sha256, otherwise approximate.
    """

    name: str
    what: str
    address: str
    sha256: str | None
    size_bytes: int
    licence: str
    file_name: str


REGISTRY: dict[str, NamedWeights] = {
    name: NamedWeights(name=name, **entry)
    for name, entry in yaml.safe_load(_ENTRIES.read_text(encoding="utf-8")).items()
}
"""The entries of registry.yaml by name."""

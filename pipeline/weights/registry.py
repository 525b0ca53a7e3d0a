"""The named weights that facevox knows: where their publishers offer them, and what their bytes must be."""

from dataclasses import dataclass
from pathlib import Path

import yaml

_ENTRIES = Path(__file__).with_name("registry.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedWeights:
    """One file of weights as its publisher offers it.

    ``sha256`` is None where the publisher's bytes are not known: such a file is used when a person supplies
    it, and never fetched. ``size_bytes`` is exact where the sha256 is known, otherwise about right.
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

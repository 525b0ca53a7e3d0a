"""The named weights: where each is offered, and the sha256 of its bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_ENTRIES = Path(__file__).with_name("registry.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFile:
    """One file of a package that pip installs: a network that comes with no download of its own.

    ``path`` is relative to the folder of the installed packages. Most of these packages are in packaged-networks.txt,
    which installs them without what they require: they are never imported.
    """

    name: str
    version: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedWeights:
    """One file of weights as its publisher offers it, at an ``address`` or in a ``package``: exactly one of them.

    ``sha256`` is None where the publisher's bytes are unknown: such a file is used when it is in the user's folder,
    and never fetched. ``size_bytes`` is exact where there is a sha256, otherwise approximate.
    """

    name: str
    what: str
    address: str | None = None
    package: PackageFile | None = None
    sha256: str | None
    size_bytes: int
    licence: str
    file_name: str

    @property
    def origin(self) -> str:
        """Where the file is offered, in words."""
        if self.package is not None:
            return f"package {self.package.name} {self.package.version}"
        return str(self.address)


def _entry(name: str, fields: dict[str, Any]) -> NamedWeights:
    package = fields.pop("package", None)
    return NamedWeights(name=name, package=PackageFile(**package) if package else None, **fields)


REGISTRY: dict[str, NamedWeights] = {
    name: _entry(name, fields) for name, fields in yaml.safe_load(_ENTRIES.read_text(encoding="utf-8")).items()
}
"""The entries of registry.yaml by name."""

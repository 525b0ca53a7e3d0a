"""Fetch the public files of a published list: each by its address and sha256 in published.yaml."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.core.base.errors import BadInput
from pipeline.core.base.hashing import sha256_of
from pipeline.weights.retrieve import retrieve

_ENTRIES = Path(__file__).with_name("published.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """One file: the sha256 and the number of its bytes."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFiles:
    """The files of one list, by their paths below ``base``."""

    licence: str
    base: str
    lacks: str | None
    """What the list needs and nobody may fetch, in words."""
    files: dict[str, PublishedFile]


PUBLISHED: dict[str, PublishedFiles] = {
    name: PublishedFiles(**fields | {"files": {path: PublishedFile(**one) for path, one in fields["files"].items()}})
    for name, fields in yaml.safe_load(_ENTRIES.read_text(encoding="utf-8")).items()
}
"""The entries of published.yaml by the kind of source that reads them."""


def fetch_list(name: str, folder: Path) -> PublishedFiles:
    """Fetch the files of the list ``name`` into ``folder``; one that is there already stays.

    Raises BadInput for a list that is not offered, a file that is there with other bytes, and one that can't be
    fetched, or comes with other bytes than published.
    """
    published = PUBLISHED.get(name)
    if published is None:
        offered = ", ".join(PUBLISHED)
        raise BadInput(f"list '{name}': expected one of {offered}. Others are read from a folder of yours.")
    for path, file in published.files.items():
        _fetch(published.base + path, folder / path, file)
    return published


def _fetch(address: str, into: Path, file: PublishedFile) -> None:
    import requests

    if into.exists():
        if not into.is_file() or sha256_of(into) != file.sha256:
            raise BadInput(f"{into}: is there with other bytes than published (sha256 {file.sha256}): move it away")
        return
    try:
        retrieve(address, into, sha256=file.sha256, size_bytes=file.size_bytes)
    except requests.RequestException as error:
        reason = type(error).__name__ if error.response is None else str(error.response.status_code)
        by_hand = f"download it by hand (sha256 {file.sha256}) to {into}"
        raise BadInput(f"{address} can't be fetched ({reason}): {by_hand}") from None
    except ValueError as error:
        raise BadInput(f"{address}: other bytes than published: {error}") from None

"""Retrieve a published file: by its address, with its size as a bound, checked by its sha256."""

from functools import partial
from pathlib import Path

TIMEOUT_S = 30.0
CHUNK_BYTES = 1 << 20


def retrieve(address: str, into: Path, *, sha256: str, size_bytes: int) -> Path:
    """Return ``into``, fetched from ``address`` unless it is there with these bytes.

    Raises requests.RequestException where it can't be fetched, and ValueError for other bytes than published.
    """
    import pooch

    path = pooch.retrieve(
        address,
        known_hash=f"sha256:{sha256}",
        fname=into.name,
        path=into.parent,
        downloader=partial(_download, largest_bytes=size_bytes),
    )
    return Path(path)


def _download(address: str, into: str, _pooch: object, *, largest_bytes: int) -> None:
    """Download for pooch, which checks the hash; stop at the published size, past which no hash can match."""
    import requests

    n_bytes = 0
    with requests.get(address, stream=True, timeout=TIMEOUT_S) as answer, Path(into).open("wb") as file:
        answer.raise_for_status()
        for chunk in answer.iter_content(CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > largest_bytes:
                raise ValueError(f"expected {largest_bytes} bytes, found more")
            file.write(chunk)

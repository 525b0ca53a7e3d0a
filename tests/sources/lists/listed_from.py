"""Small list files of our own, and what becomes of them."""

from pathlib import Path
from typing import Any

from pipeline.core.records.clip import Clip
from pipeline.sources.kinds import list_clips
from tests.sources.listed import listing_of


def put(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write the files, by their paths within ``folder``."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def listed(kind: str, folder: Path, **params: Any) -> tuple[dict[str, Clip], dict[str, tuple[str, str, str]]]:
    """Return the clips, and status, reason and detail of the drops, by their names."""
    clips, drops = listing_of(list_clips("set", {"kind": kind, "input": str(folder), **params}))
    return (
        {clip.clip_id.removeprefix("set/"): clip for clip in clips},
        {name.removeprefix("set/"): (end.status, end.reason, end.detail) for name, end in drops},
    )


def reasons(drops: dict[str, tuple[str, str, str]]) -> dict[str, str]:
    """Return the reason of each drop."""
    return {name: reason for name, (_, reason, _) in drops.items()}

"""Convert network files of the authors and of voice2face to facevox's, and back."""

from pathlib import Path
from typing import get_args


def convert_network(kind: str, source: Path, out: Path | None, *, force: bool) -> str:
    """Convert ``source`` as ``convert_file`` does; raises BadInput also for a ``kind`` that there is not."""
    from model.networks.convert import ReleasedOf, convert_file
    from pipeline.core.base.errors import BadInput

    for known in get_args(ReleasedOf):
        if kind == known:
            return convert_file(known, source, out, force=force)
    raise BadInput(f"convert: expected {' or '.join(get_args(ReleasedOf))}, found '{kind}'")

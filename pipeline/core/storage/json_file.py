"""Notes and metrics: small JSON files that stages write for each other."""

import json
from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadManifest


def read_json_if_any(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file; None where the file does not exist. Raises what ``read_json`` raises else."""
    return read_json(path) if path.is_file() else None


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raises BadManifest when there is none, or the file does not exist."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadManifest(f"{path}: not found. The stage that writes it has not run: see 'dvc status'.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadManifest(f"{path}: expected JSON: {error}. Run the stage that writes it again.") from None
    if not isinstance(content, dict):
        raise BadManifest(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content

"""The project's own files that a file imports, directly or not: what dvc.yaml must list as its dependencies."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("pipeline", "stages", "model")


def file_of(module: str) -> Path | None:
    stem = ROOT.joinpath(*module.split("."))
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.exists()), None)


def imports_of(path: Path) -> set[Path]:
    """Return the project's own files that ``path`` imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {file for name in names if name.split(".")[0] in OURS and (file := file_of(name))}


def closure(path: Path) -> set[Path]:
    """Return ``path`` and all that it imports; empty files can't change a result and are left out."""
    seen: set[Path] = set()
    todo = [path]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += imports_of(here)
    return {file for file in seen if file.stat().st_size}

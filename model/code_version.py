"""A name for the code that a training runs: equal as long as nothing is changed but comments and layout."""

import ast
import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = frozenset({"model", "pipeline"})


def code_version(path: Path) -> str:
    """Return a hash of the code of a project's file and of all of the project's files that it imports."""
    digest = hashlib.sha256()
    for name, tree in sorted(_closure(path).items()):
        digest.update(f"{name}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()


def _closure(path: Path) -> dict[str, ast.Module]:
    """Return the parsed files by their path from the root; imports inside functions count too."""
    parsed: dict[Path, ast.Module] = {}
    todo = [path]
    while todo:
        here = todo.pop()
        if here not in parsed:
            parsed[here] = ast.parse(here.read_text(encoding="utf-8"))
            todo += _imports(parsed[here])
    return {file.relative_to(ROOT).as_posix(): tree for file, tree in parsed.items()}


def _imports(tree: ast.Module) -> list[Path]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    files = (ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names if name.split(".")[0] in OURS)
    return [file for file in files if file.is_file()]

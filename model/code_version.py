"""A name for the code that a training runs: equal as long as nothing is changed that could change what is learnt."""

import ast
import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = frozenset({"model", "pipeline"})
NO_RESULTS = frozenset(
    {
        *(f"model.{name}" for name in ("run_settings", "sample_grid", "stopwatch", "training_log")),
        *(f"pipeline.{name}" for name in ("arrays", "cache", "engine", "errors", "export", "hashing", "layout")),
        *(f"pipeline.{name}" for name in ("outcome", "params", "records", "storage", "weights")),
    }
)
"""Modules and packages that neither compute nor draw: what they read and write is known by its content."""


def code_version(path: Path) -> str:
    """Return a hash of the code of a project's file and of the project's files that it imports, directly or not.

    Comments, docstrings and layout are no part of it, nor is what ``NO_RESULTS`` lists: a clearer message must not cost
    anybody a week of training.
    """
    digest = hashlib.sha256()
    for name, tree in sorted(_closure(path).items()):
        digest.update(f"{name}\n{ast.dump(_without_docstrings(tree))}\n".encode())
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
    files = (ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names if _counts(name))
    return [file for file in files if file.is_file()]


def _counts(name: str) -> bool:
    top_two = name.split(".")[:2]
    return top_two[0] in OURS and ".".join(top_two) not in NO_RESULTS


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Return ``tree`` without the texts that stand alone as statements."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [one for one in node.body if not _is_text(one)]
    return tree


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)

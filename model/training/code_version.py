"""The version of the code that a training runs: equal as long as nothing changes that could change what is learnt."""

import ast
import hashlib
from pathlib import Path

from pipeline.core.base.imports import ROOT, import_closure

NO_RESULTS = (
    *(f"model/training/{name}.py" for name in ("context", "run_settings", "stopwatch", "training_log")),
    "model/training/tasks/sample_grid.py",
    *(
        f"pipeline/core/base/{name}.py"
        for name in ("arrays", "cache", "errors", "hashing", "layout", "outcome", "params")
    ),
    *(f"pipeline/core/base/{name}.py" for name in ("imports", "progress")),
    *(f"pipeline/weights/{name}.py" for name in ("fetch", "published", "registry")),
    *(f"pipeline/{name}/" for name in ("core/records", "core/storage", "dataset", "engine", "export")),
)
"""Files and folders that neither compute nor draw at random: what they read is hashed by content."""


def code_version(path: Path, no_results: tuple[str, ...] = NO_RESULTS) -> str:
    """Return a hash of the code of a project's file and of the project's files that it imports, directly or not.

    Comments, docstrings and formatting are no part of it, nor is what ``no_results`` lists, by default what can change
    no training: a clearer message must not cost anybody a week of training.
    """
    digest = hashlib.sha256()
    closure = import_closure([path], lambda file: not _name(file).startswith(no_results), ROOT)
    for file, tree in sorted(closure.items()):
        digest.update(f"{_name(file)}\n{ast.dump(_without_docstrings(tree))}\n".encode())
    return digest.hexdigest()


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Return ``tree`` without strings that are statements."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return tree


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)

"""The version of the code that a training runs: equal as long as nothing changes that could change what is learnt."""

import ast
import hashlib
from pathlib import Path

from pipeline.base.imports import ROOT, import_closure

NO_RESULTS = (
    *(f"model/training/{name}.py" for name in ("context", "run_settings", "stopwatch", "training_log")),
    "model/training/tasks/sample_grid.py",
    *(f"pipeline/base/{name}.py" for name in ("arrays", "cache", "errors", "hashing", "layout", "outcome", "params")),
    "pipeline/base/progress.py",
    *(f"pipeline/{name}/" for name in ("dataset", "engine", "export", "records", "storage", "weights")),
)
"""Files and folders that neither compute nor draw at random: what they read is hashed by content."""


def code_version(path: Path) -> str:
    """Return a hash of the code of a project's file and of the project's files that it imports, directly or not.

    Comments, docstrings and formatting are no part of it, nor is what ``NO_RESULTS`` lists: a clearer message must not
    cost anybody a week of training.
    """
    digest = hashlib.sha256()
    for file, tree in sorted(import_closure([path], _can_change_results, ROOT).items()):
        digest.update(f"{_name(file)}\n{ast.dump(_without_docstrings(tree))}\n".encode())
    return digest.hexdigest()


def _can_change_results(path: Path) -> bool:
    return not _name(path).startswith(NO_RESULTS)


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

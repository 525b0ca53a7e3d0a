"""Read one section of params.yaml into a checked, frozen model: no defaults, no unknown keys."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.core.base.errors import BadParams

PARAMS_FILE = Path("params.yaml")


class Params(BaseModel):
    """Base of every section: immutable, complete, nothing unknown, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


Section = TypeVar("Section", bound=Params)


def read_params(path: Path = PARAMS_FILE) -> dict[str, Any]:
    """Return the whole of params.yaml; raise BadParams when it can't be read as a mapping."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadParams(f"{path}: not found. Run from the root of the checkout.") from None
    except yaml.YAMLError as error:
        raise BadParams(f"{path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise BadParams(f"{path}: expected sections, found {type(content).__name__}")
    return content


def load_params(model: type[Section], section: str, path: Path = PARAMS_FILE) -> Section:
    """Return ``section`` (dots for nested ones: ``sources.demo``) as ``model``.

    Raises BadParams naming the file, the section and every key that is missing, unknown or out of range.
    """
    return check_section(model, read_section(section, path), f"{path}: section '{section}'")


def read_section(section: str, path: Path = PARAMS_FILE) -> Any:
    """Return the content of ``section`` (dots for nested ones), unchecked; raise BadParams when it is missing."""
    node: Any = read_params(path)
    for part in section.split("."):
        if not isinstance(node, dict) or part not in node:
            raise BadParams(f"{path}: section '{section}' is missing")
        node = node[part]
    return node


def released_names(path: Path = PARAMS_FILE) -> list[str]:
    """Return the names of the run's datasets that were released built: those of 'released_audioface'."""
    released = read_params(path).get("released_audioface") or {}
    if not isinstance(released, dict):
        raise BadParams(f"{path}: released_audioface = {released!r}: expected a name, with its keys below it, for each")
    return [str(name) for name in released]


def check_section(model: type[Section], content: Any, where: str) -> Section:
    """Return ``content`` as ``model``; raise BadParams that starts with ``where``."""
    if not isinstance(content, dict):
        raise BadParams(f"{where}: expected keys with values, found {content!r}")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise BadParams(f"{where}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "the section"
        if problem["type"] == "extra_forbidden":
            lines.append(f"has unknown '{key}' (has it another name? see CHANGELOG.md)")
        elif problem["type"] == "missing":
            lines.append(f"lacks '{key}'")
        else:
            lines.append(f"'{key}' = {problem['input']!r}: {problem['msg']}")
    return "; ".join(lines)

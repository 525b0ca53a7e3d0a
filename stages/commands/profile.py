"""Apply profiles and single values to params.yaml; its comments and order stay."""

from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadParams
from pipeline.core.base.params import PARAMS_FILE
from pipeline.core.storage.atomic import replacing

PROFILES = Path("profiles")


def apply_profiles(names: list[str], assignments: list[str], root: Path = Path()) -> str:
    """Change params.yaml under ``root`` and return the changes, a line per value.

    Sections merge; lists and values replace. Comments and order stay. Raises BadParams for an unknown profile, an
    assignment that is not ``section.key=value``, a value in place of a section, or a key that params.yaml does not
    have (a new dataset's entry under ``sources`` may be added).
    """
    yaml = _yaml()
    path = root / PARAMS_FILE
    params = _load(yaml, path, str(path))
    changes: list[str] = []
    for name in names:
        _merge(params, _load(yaml, _profile_path(root, name), name), name, "", changes)
    for assignment in assignments:
        key, value = _parse(assignment, yaml)
        _merge(params, _nested(key, value), assignment, "", changes)
    if not changes:
        return f"{path}: nothing to change"
    with replacing(path) as temporary:
        yaml.dump(params, temporary)
    return "\n".join(changes)


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    # By default ruamel writes a null as an empty value.
    yaml.representer.add_representer(type(None), lambda to, _: to.represent_scalar("tag:yaml.org,2002:null", "null"))
    return yaml


def _load(yaml: Any, source: Path | str, origin: str) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return yaml.load(source)
    except FileNotFoundError:
        raise BadParams(f"{source}: not found. Run from the root of the checkout.") from None
    except YAMLError as error:
        raise BadParams(f"{origin}: not valid YAML: {error}") from None


def _profile_path(root: Path, name: str) -> Path:
    names = sorted(path.stem for path in (root / PROFILES).glob("*.yaml"))
    if name not in names:
        raise BadParams(f"profile '{name}': expected one of {', '.join(names)}")
    return root / PROFILES / f"{name}.yaml"


def _parse(assignment: str, yaml: Any) -> tuple[list[str], Any]:
    key, separator, text = assignment.partition("=")
    if not separator or not key:
        raise BadParams(f"'{assignment}': expected section.key=value")
    return key.split("."), _load(yaml, text, assignment)


def _nested(key: list[str], value: Any) -> dict[str, Any]:
    for part in reversed(key):
        value = {part: value}
    return dict(value)


def _merge(params: Any, overlay: Any, origin: str, prefix: str, changes: list[str]) -> None:
    for key, value in overlay.items():
        name = f"{prefix}{key}"
        if key not in params and prefix != "sources.":
            raise BadParams(f"{origin}: params.yaml has no '{name}'")
        old = params.get(key)
        if key not in params:
            params.insert(0, key, value)  # at the end it would come behind the next section's comment
            changes.append(f"{name}: nothing -> {_short(value)}")
        elif isinstance(value, dict) and isinstance(old, dict):
            _merge(old, value, origin, f"{name}.", changes)
        elif isinstance(value, dict) or isinstance(old, dict):
            expected = "a section with keys" if isinstance(old, dict) else "a value"
            raise BadParams(f"{origin}: '{name}' is {expected}, expected the same, found {_short(value)}")
        elif old != value:
            params[key] = value
            changes.append(f"{name}: {_short(old)} -> {_short(value)}")


def _short(value: Any) -> str:
    return "nothing" if value is None else str(dict(value) if isinstance(value, dict) else value)

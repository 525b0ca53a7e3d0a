"""Apply profiles, single values and the path of the videos to params.yaml; its comments and order stay.

Texts that people choose, paths before all, are taken as they are typed: to YAML, " #" would begin a comment, and 123 or
null would be no text.
"""

import os
import subprocess
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.base.params import PARAMS_FILE
from pipeline.core.storage.atomic import replacing

PROFILES = Path("profiles")

TEXTS = (
    "released_audioface.*.input",
    "released_audioface.*.licence",
    "sources.*.input",
    "sources.*.identity_pattern",
    "sources.*.licence",
)
TEXTS_OR_NULL = (
    *("sources.*.identity_table", "mask.image", "recognise.network", "evaluate.networks.*"),
    *("*.weights", "pretrain_identity.faces"),
)
"""Keys whose values are texts, as their sections' classes say; in quotes, they are YAML all the same."""

_NAMED = ("sources.", "released_audioface.")
"""Sections whose keys are names of datasets, to which a new one may be added."""
_NULLS = ("", "~", "null")
_UNWRITABLE = ("Cc", "Cs", "Zl", "Zp")
"""Classes of characters that YAML or DVC change or refuse: control (but for the tab), no UTF-8, ends of lines."""


def apply_profiles(names: list[str], assignments: list[str], root: Path = Path(), videos: str | None = None) -> str:
    """Change params.yaml under ``root`` and return the changes, a line per value, and what is at a new ``input``.

    Sections merge; lists and values replace. Comments and order stay. ``videos`` is the ``input`` of the only dataset,
    from the working directory. An ``input`` that an experiment's copy would lack is written as a whole path. Raises
    BadParams for an unknown profile, an assignment that is not ``section.key=value``, a value in place of a section, or
    a key that params.yaml does not have (a new dataset's entry under ``sources`` may be added), and BadInput for a new
    ``input`` that is not there or holds no video. Then params.yaml stays as it is.
    """
    yaml = _yaml()
    path = root / PARAMS_FILE
    params = _load(yaml, path, str(path))
    changes: list[str] = []
    for name in names:
        _merge(params, _load(yaml, _profile_path(root, name), name), name, "", changes)
    new_inputs: dict[str, None] = {}
    for assignment in assignments:
        key, value = _parse(assignment, yaml)
        _merge(params, _nested(key, value), assignment, "", changes)
        given = value if isinstance(value, dict) else {key[-1]: value}
        if len(key) > 1 and key[0] == "sources" and "input" in given:
            new_inputs[key[1]] = None
    if videos is not None:
        dataset = _only_dataset(params)
        whole_path = os.path.normpath(Path(_writable(videos, "--input")).absolute())
        _merge(params, _nested(["sources", dataset, "input"], whole_path), "--input", "", changes)
        new_inputs[dataset] = None
    found = _check_inputs(params["sources"], new_inputs, root, changes)
    if not changes:
        return "\n".join([f"{path}: nothing to change", *found])
    with replacing(path) as temporary:
        yaml.dump(params, temporary)
    return "\n".join([*changes, *found])


def _only_dataset(params: Any) -> str:
    """Return the dataset that ``--input`` is for; raise BadParams where there are several, or it has no videos."""
    datasets = params.get("datasets")
    if not isinstance(datasets, list) or len(datasets) != 1:
        raise BadParams(
            f"--input: expected one dataset in 'datasets', found {', '.join(map(str, datasets or []))}:"
            " state which, by --set sources.NAME.input=PATH"
        )
    dataset = str(datasets[0])
    if params["sources"].get(dataset, {}).get("kind") in (None, "synthetic"):
        raise BadParams(f"--input: '{dataset}' has no input of yours: apply the profile 'folder' with it")
    return dataset


def _check_inputs(sources: Any, datasets: Iterable[str], root: Path, changes: list[str]) -> list[str]:
    """Make these datasets' inputs whole paths where they must be; return what is there, in words."""
    from pipeline.sources.kinds import check_input

    found = []
    for dataset in datasets:
        source = sources[dataset]
        if source.get("kind") == "synthetic":
            continue
        path = str(source["input"])
        if not Path(path).is_absolute() and not _is_carried(path, root):
            source["input"] = os.path.normpath((root / path).absolute())
            changes.append(f"sources.{dataset}.input: {path} -> {source['input']}")
        found.append(check_input(dataset, {**source, "input": str(root / source["input"])}))
    return found


def _is_carried(path: str, root: Path) -> bool:
    """Whether git has a relative path, and so the copies of the checkout in which DVC runs experiments."""
    git = ["git", "-C", str(root), "--literal-pathspecs", "ls-files", "--error-unmatch", "--", path]
    try:
        return subprocess.run(git, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _writable(text: str, origin: str) -> str:
    """Return ``text``; raise BadInput where params.yaml can't hold it."""
    if not text:
        raise BadInput(f"{origin}: expected a path, found nothing")
    odd = next((letter for letter in text if unicodedata.category(letter) in _UNWRITABLE and letter != "\t"), None)
    if odd is None:
        return text
    raise BadInput(
        f"{ascii(origin)[1:-1]}: expected a path without control characters, in UTF-8, found {odd!a} in"
        f" {text!a}. Rename it, or link to it by another name."
    )


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
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    if not is_quoted and any(fnmatchcase(key, pattern) for pattern in TEXTS):
        return key.split("."), _writable(text, key)
    if not is_quoted and text not in _NULLS and any(fnmatchcase(key, pattern) for pattern in TEXTS_OR_NULL):
        return key.split("."), _writable(text, key)
    value = _load(yaml, text, assignment)
    if isinstance(value, str) and " #" in text and not is_quoted:
        raise BadParams(f"'{assignment}': to YAML, a comment begins at ' #': put the value in quotes")
    return key.split("."), value


def _nested(key: list[str], value: Any) -> dict[str, Any]:
    for part in reversed(key):
        value = {part: value}
    return dict(value)


def _merge(params: Any, overlay: Any, origin: str, prefix: str, changes: list[str]) -> None:
    for key, value in overlay.items():
        name = f"{prefix}{key}"
        if key not in params and prefix not in _NAMED:
            raise BadParams(f"{origin}: params.yaml has no '{name}'")
        old = params.get(key)
        if key not in params:
            if isinstance(value, dict):
                value.fa.set_block_style()  # type: ignore[attr-defined]  # DVC can't write a long "{...}" again
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

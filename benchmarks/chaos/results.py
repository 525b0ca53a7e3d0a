"""What runs wrote: are the bytes those of an unbroken run, and was anything computed twice?"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.core.base.hashing import sha256_of

# They state seconds, or are for people.
UNLIKE = re.compile(r"(^|/)(training|\.gitignore|README\.md)(/|$)")
SECONDS = re.compile(r'(?m)^.*"[^"]*(seconds|waited|_per_s|_share)[^"]*": .*\n')
RESUMED = re.compile(r"(?m)^(\w+): goes on after step (\d+) ")


def hashes(root: Path, store: Path) -> dict[str, str]:
    """Return the sha256 of every manifest, shard, network and stored item, by path."""
    files = {f"{top}/{name}": path for top in ("data", "manifests") for name, path in _files(root / top)}
    files |= {f"items/{name}": path for name, path in _files(store / "items")}
    return {name: _hash(path) for name, path in sorted(files.items()) if not UNLIKE.search(name)}


def _hash(path: Path) -> str:
    if path.suffix == ".json":
        return SECONDS.sub("", path.read_text(encoding="utf-8"))
    return sha256_of(path)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(".") and "/." not in name:
            yield name, path


def left_unfinished(*folders: Path) -> list[str]:
    """Return a line for each temporary file or folder that is still there."""
    return [f"{path} was left behind" for folder in folders for path in sorted(folder.rglob(".*.tmp"))]


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return a line for each file that is missing, too much, or has other bytes."""
    lines = [f"{name}: missing" for name in sorted(expected.keys() - found.keys())]
    lines += [f"{name}: too much" for name in sorted(found.keys() - expected.keys())]
    common = sorted(expected.keys() & found.keys())
    return lines + [f"{name}: other bytes" for name in common if expected[name] != found[name]]


def item_inodes(store: Path) -> dict[str, int]:
    """Return the inode of each finished item's folder: an item that is computed again gets another."""
    return {path.parent.name: path.parent.stat().st_ino for path in (store / "items").glob("*/??/[!.]*/item.json")}


def recomputed(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Return the items that were finished before, and are gone or were computed again."""
    return sorted(key for key in before if after.get(key) != before[key])


def checkpoint_steps(store: Path) -> dict[str, int]:
    """Return the highest step of which a training has a checkpoint, by section."""
    steps: dict[str, int] = {}
    for path in store.glob("*/*/[0-9]*.pt"):
        section = path.parent.name.rpartition("-")[0]
        steps[section] = max(steps.get(section, 0), int(path.name.partition("-")[0]))
    return steps


def steps_repeated(output: str, before: Mapping[str, int]) -> list[str]:
    """Return a line for each training in ``output`` that did not go on after its last checkpoint."""
    return [
        f"{section} went on after step {step}, and had a checkpoint of step {before.get(section, 0)}"
        for section, step in RESUMED.findall(output)
        if int(step) != before.get(section, 0)
    ]

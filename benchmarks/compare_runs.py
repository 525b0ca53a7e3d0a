"""Compare what two runs wrote, column by column, apart from what a release renamed.

    python -m benchmarks.compare_runs BEFORE AFTER [--renames docs/renames-0.2.0.yaml]

BEFORE and AFTER are checkouts in which the same pipeline ran. Every file under `data/` and
`manifests/` and `metrics.json` is read; values must be equal to the last bit, NaN equal to NaN.
A network is compared tensor by tensor, and the hash of its file counts as one value on both
sides, because the header of the file may change where no weight does. Exit status 1 if anything
differs.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import typer
import yaml
from safetensors.numpy import load_file

DATES = ("fetched_on",)
"""Columns of the day on which a run fetched something: they are not compared."""
ID_LENGTH = 12
"""Hex digits of a file's hash that the id of a network ends in."""


@dataclass(frozen=True)
class Renames:
    """Old name -> new name, of one release."""

    files: dict[str, str] = field(default_factory=dict)
    """Of a file or folder, relative to the checkout; the longest prefix that fits counts. Tables that have one new name
    were joined: their rows are compared in the order of their ids."""
    names: dict[str, str] = field(default_factory=dict)
    """Of a column or a JSON key, in all files, or with ``<new name of the file>:`` before it in one."""
    values: dict[str, str] = field(default_factory=dict)
    """Of a text, such as a drop reason."""
    endings: dict[str, str] = field(default_factory=dict)
    """Of the end of a text, such as the name of a picture."""
    left_out: tuple[str, ...] = ()
    """Columns and keys that are not compared: measured time, and messages for people."""

    @staticmethod
    def read(path: Path | None) -> "Renames":
        if path is None:
            return Renames()
        given = yaml.safe_load(path.read_text())
        return Renames(**{**given, "left_out": tuple(given.get("left_out", ()))})

    def path(self, path: str) -> str:
        for old in sorted(self.files, key=len, reverse=True):
            if path == old or path.startswith(old.rstrip("/") + "/"):
                return self.files[old] + path[len(old) :]
        return path

    def name(self, name: str, file: str) -> str:
        return self.names.get(f"{file}:{name}", self.names.get(name, name))

    def text(self, value: str) -> str:
        if value in self.values:
            return self.values[value]
        for old, new in self.values.items():
            if len(old) >= ID_LENGTH:
                value = value.replace(old, new)
        for old, new in self.endings.items():
            if value.endswith(old):
                return value.removesuffix(old) + new
        return value


def _files(checkout: Path) -> dict[str, Path]:
    found = [path for folder in ("data", "manifests") for path in (checkout / folder).rglob("*") if path.is_file()]
    metrics = checkout / "metrics.json"
    return {str(path.relative_to(checkout)): path for path in [*found, *([metrics] if metrics.is_file() else [])]}


def _flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """JSON as (path of keys, value), lists by position."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{at}/{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{at}/{place}")
    else:
        yield at.strip("/"), value


def _columns(path: Path, *others: Path) -> dict[str, Any]:
    """Name -> values of a file: columns, keys, tensors, pixels or bytes; of a table the rows of ``others`` too."""
    match path.suffix:
        case ".parquet":
            table = pa.concat_tables(map(pq.read_table, (path, *others)))
            table = table.sort_by(table.column_names[0]) if others else table
            return {name: table.column(name) for name in table.column_names}
        case ".json":
            return dict(_flat(json.loads(path.read_text())))
        case ".tsv" | ".csv":
            table = pa.Table.from_pandas(pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ","))
            return {name: table.column(name) for name in table.column_names}
        case ".safetensors":
            return dict(load_file(path))
        case ".png":
            pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            return {"bytes": path.read_bytes()} if pixels is None else {"pixels": pixels}
        case _:
            return {"bytes": path.read_bytes()}


def _renamed_values(values: Any, renames: Renames) -> Any:
    match values:
        case str():
            return renames.text(values)
        case list():
            return [_renamed_values(one, renames) for one in values]
        case dict():
            return {key: _renamed_values(one, renames) for key, one in values.items()}
        case pa.ChunkedArray() if pa.types.is_string(values.type) or pa.types.is_struct(values.type):
            renamed = _renamed_values(values.to_pylist(), renames)
            return pa.chunked_array([pa.array(renamed, values.type)], values.type)
        case _:
            return values


def _equal(before: Any, after: Any) -> bool:
    if isinstance(before, pa.ChunkedArray):
        if before.type != after.type:
            return False
        return _equal_arrays(before.combine_chunks(), after.combine_chunks())
    if isinstance(before, np.ndarray):
        return before.dtype == after.dtype and np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
    return bool(before == after or (before != before and after != after))


def _equal_arrays(before: pa.Array, after: pa.Array) -> bool:
    """Compare arrays of one type, lists and structs by their parts; NaN is equal to NaN, and null to null."""
    if not before.is_null().equals(after.is_null()):
        return False
    if pa.types.is_struct(before.type):
        return all(map(_equal_arrays, before.flatten(), after.flatten()))
    if isinstance(before, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        lengths = [pc.list_value_length(one) for one in (before, after)]
        return bool(lengths[0].equals(lengths[1])) and _equal_arrays(before.flatten(), after.flatten())
    if pa.types.is_floating(before.type):
        return np.array_equal(
            before.to_numpy(zero_copy_only=False), after.to_numpy(zero_copy_only=False), equal_nan=True
        )
    return bool(before.equals(after))


def _hashes(before: dict[str, Path], after: dict[str, Path], renames: Renames) -> dict[str, str]:
    """Hash of a network's file before -> after, whole and as the id ends in it; its tensors are compared apart."""
    same: dict[str, str] = {}
    for name, path in before.items():
        other = after.get(renames.path(name))
        if path.suffix != ".safetensors" or other is None:
            continue
        old, new = (hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, other))
        same |= {old: new, old[:ID_LENGTH]: new[:ID_LENGTH]}
    return same


def compare(before: Path, after: Path, renames: Renames) -> tuple[Counter[str], list[str]]:
    """Counts of what was compared, and a line for each difference."""
    old, new = _files(before), _files(after)
    renames = replace(renames, values=renames.values | _hashes(old, new, renames))
    mapped: dict[str, list[Path]] = {}
    for name, path in old.items():
        mapped.setdefault(renames.path(name), []).append(path)
    differences = [f"{name}: only before" for name in sorted(set(mapped) - set(new))]
    differences += [f"{name}: only after" for name in sorted(set(new) - set(mapped))]
    counts: Counter[str] = Counter()
    for name in sorted(set(mapped) & set(new)):
        if name.endswith(".md"):
            continue
        counts["files"] += 1
        keys = {
            "/".join(renames.name(part, name) for part in key.split("/")): values
            for key, values in _columns(*mapped[name]).items()
        }
        others = _columns(new[name])
        differences += [f"{name}: {key}: only before" for key in keys if key not in others]
        differences += [f"{name}: {key}: only after" for key in others if key not in keys]
        for key in keys.keys() & others.keys():
            if key.split("/")[-1] in (*renames.left_out, *DATES):
                counts["left out"] += 1
                continue
            counts["columns, keys and tensors"] += 1
            if not _equal(_renamed_values(keys[key], renames), others[key]):
                differences.append(f"{name}: {key}: values differ")
    return counts, differences


def main(
    before: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A checkout in which the pipeline ran.")],
    after: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The checkout to compare with it.")],
    renames: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Names that changed.")] = None,
) -> None:
    """Compare what two runs wrote, column by column, apart from renamed names."""
    counts, differences = compare(before, after, Renames.read(renames))
    if not counts["files"]:
        raise typer.BadParameter(f"{before} and {after} have no file in common under data/ and manifests/")
    for line in differences:
        print(line)
    print(", ".join(f"{n} {what}" for what, n in counts.items()) + f": {len(differences)} differences")
    if differences:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)

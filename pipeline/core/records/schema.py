"""Arrow schemas and tables of records: a record class alone states a manifest's columns.

A record is a frozen, slotted, keyword-only dataclass whose fields are made by ``column``; its first field is
its id. Field types: str, int, float, bool, Image, Vector; a value may be missing only where the type has
``| None``.
"""

import builtins
import dataclasses
import functools
import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.core.base.errors import BadManifest

Vector: TypeAlias = NDArray[np.float32]
"""(N,) float32. Records that hold one can't be compared with ``==``; compare their fields."""

Record = TypeVar("Record")

DESCRIPTION = "description"
HUGGINGFACE_KEY = b"huggingface"


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """An encoded image (PNG, JPEG, WebP) with a name; Hugging Face datasets shows it as a picture."""

    bytes: builtins.bytes
    path: str


ARROW_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    Image: pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    Vector: pa.list_(pa.float32()),
}


PYTHON_TYPES: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int, np.integer),
    float: (float, int, np.floating, np.integer),
    bool: (bool, np.bool_),
    Image: (Image,),
    Vector: (np.ndarray,),
}
"""What a value may be: Arrow alone would silently convert 1.5 and True to 1."""


def column(description: str, default: Any = dataclasses.MISSING) -> Any:
    """Return a record's field; ``description`` states what it is, its unit and its range."""
    return dataclasses.field(default=default, metadata={DESCRIPTION: description})


def _columns(record: type) -> tuple[tuple[str, Any, bool, str], ...]:
    """Return (name, python type, nullable, description) for each field of ``record``."""
    return _read_columns(record)


@functools.cache
def _read_columns(record: type) -> tuple[tuple[str, Any, bool, str], ...]:
    if not dataclasses.is_dataclass(record):
        raise BadManifest(f"{record.__name__}: expected a dataclass with fields made by column(...)")
    hints = typing.get_type_hints(record)
    return tuple(
        (field.name, *_split_none(record, field.name, hints[field.name]), field.metadata.get(DESCRIPTION, ""))
        for field in dataclasses.fields(record)
    )


def _split_none(record: type, name: str, hint: Any) -> tuple[Any, bool]:
    nullable = typing.get_origin(hint) in (typing.Union, types.UnionType)
    bare = [part for part in typing.get_args(hint) if part is not types.NoneType] if nullable else [hint]
    if len(bare) != 1 or bare[0] not in ARROW_TYPES:
        raise BadManifest(
            f"{record.__name__}: column '{name}' has type {hint}, expected str, int, float, bool,"
            " Image or Vector, or one of them with '| None'"
        )
    return bare[0], nullable


def key_of(record: type) -> str:
    """Return the name of the first field: the record's id and sort key."""
    return _columns(record)[0][0]


def column_names(record: type) -> list[str]:
    """Return the names of the columns of ``record``, in order."""
    return [name for name, _, _, _ in _columns(record)]


def describe(record: type) -> list[tuple[str, str, bool, str]]:
    """Return (column, type text, nullable, description) for each field: the rows of a data dictionary."""
    names = {Image: "image (bytes, path)", Vector: "list<float32>"}
    return [
        (name, names.get(kind, str(ARROW_TYPES[kind])), nullable, description)
        for name, kind, nullable, description in _columns(record)
    ]


def arrow_schema(record: type, sizes: Mapping[str, int] | None = None) -> pa.Schema:
    """Return the Arrow schema of ``record``; ``sizes`` fixes the length of the Vector columns it names.

    With an Image or Vector column the schema also holds the features for Hugging Face
    ``load_dataset("parquet", ...)``. It reads a column as an image only when the Arrow column is nullable, so Image
    columns always are; ``to_table`` and ``from_table`` refuse missing ones.
    """
    sizes = sizes or {}
    _check_sizes(record, sizes)
    fields = [
        pa.field(name, _arrow_type(kind, sizes.get(name)), nullable or kind is Image)
        for name, kind, nullable, _ in _columns(record)
    ]
    payload = any(kind in (Image, Vector) for _, kind, _, _ in _columns(record))
    metadata = {HUGGINGFACE_KEY: _huggingface_features(record, sizes)} if payload else None
    return pa.schema(fields, metadata)


def _check_sizes(record: type, sizes: Mapping[str, int]) -> None:
    vectors = {name for name, kind, _, _ in _columns(record) if kind == Vector}
    unknown = sorted(set(sizes) - vectors)
    if unknown:
        raise BadManifest(
            f"{record.__name__}: sizes are given for {unknown}, expected Vector columns: {sorted(vectors)}"
        )


def _arrow_type(kind: Any, size: int | None) -> pa.DataType:
    return ARROW_TYPES[kind] if size is None else pa.list_(pa.float32(), size)


def _huggingface_features(record: type, sizes: Mapping[str, int]) -> bytes:
    features = {name: _feature(kind, sizes.get(name)) for name, kind, _, _ in _columns(record)}
    return json.dumps({"info": {"features": features}}).encode()


def _feature(kind: Any, size: int | None) -> dict[str, Any]:
    if kind is Image:
        return {"_type": "Image"}
    if kind == Vector:
        values = {"dtype": "float32", "_type": "Value"}
        return {"feature": values, "length": -1 if size is None else size, "_type": "List"}
    return {"dtype": str(ARROW_TYPES[kind]).replace("double", "float64"), "_type": "Value"}


def to_table(record: type[Record], rows: Iterable[Record], sizes: Mapping[str, int] | None = None) -> pa.Table:
    """Return ``rows`` as a table with the schema of ``record``, in the order given.

    Raises BadManifest when a value does not fit its column: other type, missing, or of the wrong length.
    """
    rows = list(rows)
    schema = arrow_schema(record, sizes)
    arrays = []
    for name, kind, nullable, _ in _columns(record):
        where = f"{record.__name__}: column '{name}'"
        values = [getattr(row, name) for row in rows]
        if not nullable:
            _refuse_missing(where, [value is None for value in values])
        _refuse_other_types(where, kind, values)
        arrays.append(_to_array(where, schema.field(name), values))
    return pa.Table.from_arrays(arrays, schema=schema)


def _refuse_missing(where: str, missing: list[bool]) -> None:
    if any(missing):
        raise BadManifest(f"{where}: row {missing.index(True)}: expected a value, found none")


def _refuse_other_types(where: str, kind: Any, values: list[Any]) -> None:
    for found in {type(value) for value in values} - {types.NoneType}:
        if not issubclass(found, PYTHON_TYPES[kind]) or (found is bool and kind is not bool):
            row = next(row for row, value in enumerate(values) if type(value) is found)
            expected = "Vector" if kind == Vector else kind.__name__
            raise BadManifest(f"{where}: row {row}: expected {expected}, found {values[row]!r:.80}")


def _to_array(where: str, field: pa.Field, values: list[Any]) -> pa.Array:
    try:
        if pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type):
            return _vectors_to_array(where, field.type, values)
        if pa.types.is_struct(field.type):
            values = [image and {"bytes": image.bytes, "path": image.path} for image in values]
        return pa.array(values, field.type)
    except (pa.ArrowInvalid, OverflowError) as error:
        raise BadManifest(f"{where}: expected {field.type}, found a value that does not fit: {error}") from None


def _vectors_to_array(where: str, kind: pa.DataType, values: list[Vector | None]) -> pa.Array:
    size = kind.list_size if pa.types.is_fixed_size_list(kind) else None
    for row, value in enumerate(values):
        if value is not None and not _is_vector(value, size):
            expected = f"({'N' if size is None else size},) float32"
            raise BadManifest(f"{where}: row {row}: expected {expected}, found {value.shape} {value.dtype}")
    if any(value is None for value in values):
        return pa.array(values, kind)
    flat = np.concatenate([np.empty(0, np.float32), *typing.cast(list[Vector], values)])
    if size is not None:
        return pa.FixedSizeListArray.from_arrays(pa.array(flat), type=kind)
    ends = np.cumsum([0, *(len(value) for value in values if value is not None)], dtype=np.int64)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(flat))


def _is_vector(value: Vector, size: int | None) -> bool:
    return value.dtype == np.float32 and value.ndim == 1 and size in (None, len(value))


def check_schema(record: type, schema: pa.Schema, where: str = "table") -> None:
    """Raise BadManifest, naming the column, unless ``schema`` has the columns of ``record`` in their order.

    A Vector column may have a fixed size or none.
    """
    expected = arrow_schema(record)
    if schema.names != expected.names:
        missing = [name for name in expected.names if name not in schema.names]
        unknown = [name for name in schema.names if name not in expected.names]
        raise BadManifest(
            f"{where}: not a table of {record.__name__}: missing columns {missing},"
            f" unknown columns {unknown}; expected {expected.names}, found {schema.names}."
            " Run the stage that writes it again."
        )
    for want, found in zip(expected, schema, strict=True):
        if not _same_type(want.type, found.type) or want.nullable != found.nullable:
            raise BadManifest(
                f"{where}: column '{want.name}' of {record.__name__}: expected {_type_text(want)},"
                f" found {_type_text(found)}. Run the stage that writes it again."
            )


def _same_type(want: pa.DataType, found: pa.DataType) -> bool:
    if pa.types.is_list(want) and pa.types.is_fixed_size_list(found):
        return bool(want.value_type == found.value_type)
    return bool(want == found)


def _type_text(field: pa.Field) -> str:
    return f"{field.type}{'' if field.nullable else ' not null'}"


def from_table(record: type[Record], table: pa.Table, where: str = "table") -> list[Record]:
    """Return the rows of ``table`` as records; vectors are read-only views of the table's memory.

    Raises BadManifest, starting with ``where``, when the table lacks the columns of ``record``.
    """
    check_schema(record, table.schema, where)
    names = table.schema.names
    columns = [_from_column(table.column(name)) for name in names]
    for (name, _, nullable, _), values in zip(_columns(record), columns, strict=True):
        if not nullable and table.column(name).null_count:
            _refuse_missing(f"{where}: column '{name}'", [value is None for value in values])
    return [record(**dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]


def _from_column(values: pa.ChunkedArray) -> Sequence[Any]:
    if pa.types.is_struct(values.type):
        return [image and Image(image["bytes"], image["path"]) for image in values.to_pylist()]
    if pa.types.is_list(values.type) or pa.types.is_fixed_size_list(values.type):
        return [vector for chunk in values.chunks for vector in _from_vectors(chunk)]
    found: list[Any] = values.to_pylist()
    return found


def _from_vectors(chunk: pa.Array) -> list[Vector | None]:
    return [item.values.to_numpy(zero_copy_only=True) if item.is_valid else None for item in chunk]

"""A table as bytes: its hash, which the layout in memory does not change, and a form that holds its own rows only."""

import hashlib
import struct

import numpy as np
import pyarrow as pa


def content_hash(table: pa.Table) -> str:
    """Return the sha256, as hex, of the names, types and values of ``table``, whose columns are texts or numbers.

    It does not depend on chunks, on offsets into larger buffers, or on what lies in the place of a missing value.
    """
    digest = hashlib.sha256(struct.pack("<q", len(table)))
    for field, column in zip(table.schema, table.columns, strict=True):
        digest.update(f"{field.name}\n{field.type}\n".encode())
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        n_missing = array.null_count
        digest.update(struct.pack("<q", n_missing))
        if n_missing:
            digest.update(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).data)
            array = array.fill_null("" if pa.types.is_string(array.type) else pa.scalar(0).cast(array.type))
        _add_values(digest, array)
    return digest.hexdigest()


def to_bytes(table: pa.Table) -> bytes:
    """Return ``table`` as an Arrow stream: of a slice, only its own rows; pickling a slice keeps the whole."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_bytes(content: bytes) -> pa.Table:
    """Return the table that ``to_bytes`` wrote; its columns are views of ``content``."""
    return pa.ipc.open_stream(content).read_all()


def _add_values(digest: "hashlib._Hash", array: pa.Array) -> None:
    """Add the values of an array without missing ones; texts: where each ends, then all of them."""
    if not pa.types.is_string(array.type):
        digest.update(np.ascontiguousarray(array.to_numpy(zero_copy_only=False)).data)
        return
    if not len(array):
        return
    _, ends, texts = array.buffers()
    offsets = np.frombuffer(ends, np.int32)[array.offset : array.offset + len(array) + 1]
    digest.update((offsets - offsets[0]).data)
    if texts is not None:
        digest.update(memoryview(texts)[offsets[0] : offsets[-1]])

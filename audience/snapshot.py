"""A fingerprint of tables that depends on their values only, not on how Arrow happens to hold them."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def fingerprint_tables(*tables: pa.Table) -> str:
    """32 hex digits that change with any name, type, value, NULL or order of rows of any table."""
    digest = hashlib.sha256()
    for table in tables:
        digest.update(f"table {table.num_rows}\n".encode())
        for name in table.column_names:
            column = table.column(name).combine_chunks()
            if isinstance(column, pa.ChunkedArray):
                column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
            digest.update(f"column {name!r} {column.type}\n".encode())
            _add(digest, column)
    return digest.hexdigest()[:32]


def _add(digest: hashlib._Hash, array: pa.Array) -> None:
    """Validity, then the values; what lies under a NULL is arbitrary and left out."""
    if array.null_count:
        valid = array.is_valid()
        digest.update(np.packbits(valid.to_numpy(zero_copy_only=False)).tobytes())
        array = array.drop_null()
    kind = array.type
    digest.update(f"{len(array)};".encode())
    if pa.types.is_struct(kind):
        for i in range(kind.num_fields):
            _add(digest, pc.struct_field(array, i))
    elif pa.types.is_list(kind):
        digest.update(pc.list_value_length(array).to_numpy(zero_copy_only=False).astype("<i8").tobytes())
        _add(digest, array.flatten())
    elif pa.types.is_string(kind):
        digest.update(pc.binary_length(array).to_numpy(zero_copy_only=False).astype("<i8").tobytes())
        digest.update(bytes_of(array))
    elif pa.types.is_boolean(kind):
        digest.update(np.packbits(array.to_numpy(zero_copy_only=False)).tobytes())
    elif pa.types.is_date32(kind):
        digest.update(array.cast(pa.int32()).to_numpy().astype("<i4").tobytes())
    elif pa.types.is_timestamp(kind):
        digest.update(array.cast(pa.int64()).to_numpy().astype("<i8").tobytes())
    else:
        digest.update(array.to_numpy(zero_copy_only=False).tobytes())


def bytes_of(array: pa.Array) -> memoryview | bytes:
    """The texts of a column one after the other, what lies under a NULL included."""
    if not len(array):
        return b""
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, dtype="<i4")[array.offset : array.offset + len(array) + 1]
    return memoryview(data)[int(bounds[0]) : int(bounds[-1])] if data is not None else b""

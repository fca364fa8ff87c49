"""Copies of an audience for those who need not know who is who."""

from __future__ import annotations

import hashlib
import hmac
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from audience.address import ADDRESS_ATTRIBUTES
from audience.files import replace_files
from audience.store import Audience
from mailwright.errors import UsageError
from mailwright.model.schema import PII, PROFILE_ATTRIBUTES
from mailwright.model.workspace import WorkspaceSpec


def pseudonym(value: str, key: bytes) -> str:
    """20 hex digits for the value: equal for equal values, and not to be undone without the key."""
    return hmac.digest(key, b"pseudonym\x1f" + value.encode(), hashlib.sha256).hex()[:20]


def export_pseudonymised(audience: Audience, spec: WorkspaceSpec, folder: Path, *, key: bytes) -> list[Path]:
    """Write profiles, items and interactions as Parquet, without what identifies a person alone.

    Attributes of PII class ``direct`` and every ``profile_id`` become pseudonyms under ``key`` (equal in all
    three files and in later exports under the same key); a direct attribute that is no text is left out;
    dates of class ``indirect`` keep their year. This is pseudonymous, not anonymous: whoever has the key, or
    knows enough of a person's purchases, can find them. Raises ``UsageError`` for a key under 16 bytes.
    """
    if len(key) < 16:
        raise UsageError(
            "the key of a pseudonymised export has at least 16 bytes", fix="openssl rand -hex 32"
        )
    classes: dict[str, PII] = {
        name: attribute.pii
        for name, attribute in (PROFILE_ATTRIBUTES | ADDRESS_ATTRIBUTES | spec.profile).items()
    }
    tables = {
        "profiles": _profiles(audience.profiles, classes, key),
        "items": audience.items,
        "interactions": _hashed(audience.interactions, "profile_id", key),
    }
    files: dict[str, bytes] = {}
    for name, table in tables.items():
        sink = io.BytesIO()
        pa.parquet.write_table(table, sink, compression="zstd")
        files[f"{name}.parquet"] = sink.getvalue()
    replace_files(folder, files)
    return [folder / name for name in files]


def _profiles(profiles: pa.Table, classes: dict[str, PII], key: bytes) -> pa.Table:
    for field in list(profiles.schema):
        pii = classes.get(field.name, "none")
        if field.name == "profile_id" or (pii == "direct" and pa.types.is_string(field.type)):
            profiles = _hashed(profiles, field.name, key)
        elif pii == "direct":
            profiles = profiles.drop_columns([field.name])
        elif pii == "indirect" and pa.types.is_temporal(field.type):
            years = pc.floor_temporal(profiles.column(field.name), unit="year")
            profiles = profiles.set_column(profiles.column_names.index(field.name), field, years)
    return profiles.sort_by("profile_id")


def _hashed(table: pa.Table, name: str, key: bytes) -> pa.Table:
    """Each different value is hashed once."""
    column = table.column(name).combine_chunks().dictionary_encode()
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    known = pa.array([pseudonym(value, key) for value in column.dictionary.to_pylist()], pa.string())
    return table.set_column(table.column_names.index(name), name, known.take(column.indices))

"""Copies of an audience for those who need not know who is who."""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from audience.address import ADDRESS_ATTRIBUTES
from audience.files import replace_files
from audience.store import Audience
from mailwright.errors import UsageError
from mailwright.model.schema import (
    INTERACTION_ATTRIBUTES,
    ITEM_ATTRIBUTES,
    PROFILE_ATTRIBUTES,
    Attribute,
    Schema,
)
from mailwright.model.workspace import WorkspaceSpec


def pseudonym(value: str, key: bytes) -> str:
    """20 hex digits for the value: equal for equal values, and not to be undone without the key."""
    return hmac.digest(key, b"pseudonym\x1f" + value.encode(), hashlib.sha256).hex()[:20]


def export_pseudonymised(audience: Audience, spec: WorkspaceSpec, folder: Path, *, key: bytes) -> list[Path]:
    """Write profiles, items and interactions as Parquet, without what identifies a person alone.

    Attributes of PII class ``direct`` (of events and items too) and every ``profile_id`` become pseudonyms
    under ``key`` (equal in all three files and in later exports under the same key); what is direct and no
    text, or a list or object with something direct or an exact date of class ``indirect`` in it, is left out;
    dates of class ``indirect`` keep their year. This is pseudonymous, not anonymous: whoever has the key, or
    knows enough of a person's purchases, can find them. Raises ``UsageError`` for a key under 16 bytes.
    """
    if len(key) < 16:
        raise UsageError(
            "the key of a pseudonymised export has at least 16 bytes", fix="openssl rand -hex 32"
        )
    profile = PROFILE_ATTRIBUTES | ADDRESS_ATTRIBUTES | spec.profile
    tables = {
        "profiles": _hidden(audience.profiles, profile, key).sort_by("profile_id"),
        "items": _hidden(audience.items, ITEM_ATTRIBUTES | spec.item, key),
        "interactions": _hidden(audience.interactions, INTERACTION_ATTRIBUTES | spec.event, key),
    }
    files: dict[str, bytes] = {}
    for name, table in tables.items():
        sink = io.BytesIO()
        pa.parquet.write_table(table, sink, compression="zstd")
        files[f"{name}.parquet"] = sink.getvalue()
    replace_files(folder, files)
    return [folder / name for name in files]


def _hidden(table: pa.Table, schema: Schema, key: bytes) -> pa.Table:
    for field in list(table.schema):
        attribute = schema.get(field.name)
        if field.name == "profile_id":
            table = _hashed(table, field.name, key)
        elif attribute is None:  # a feature
            continue
        elif attribute.pii == "direct" and attribute.type == "string":
            table = _hashed(table, field.name, key)
        elif attribute.pii == "direct" or any(map(_tells, _members(attribute))):
            table = table.drop_columns([field.name])
        elif _tells(attribute):
            years = pc.floor_temporal(table.column(field.name), unit="year")
            table = table.set_column(table.column_names.index(field.name), field, years)
    return table


def _tells(attribute: Attribute) -> bool:
    """Whether the value must not be shown as it is."""
    exact = attribute.pii == "indirect" and attribute.type in ("date", "timestamp")
    return attribute.pii == "direct" or exact


def _members(attribute: Attribute) -> Iterator[Attribute]:
    """What lists and objects hold, however deep."""
    for inner in (*((attribute.items,) if attribute.items else ()), *(attribute.fields or {}).values()):
        yield inner
        yield from _members(inner)


def _hashed(table: pa.Table, name: str, key: bytes) -> pa.Table:
    """Each different value is hashed once."""
    column = table.column(name).combine_chunks().dictionary_encode()
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    known = pa.array([pseudonym(value, key) for value in column.dictionary.to_pylist()], pa.string())
    return table.set_column(table.column_names.index(name), name, known.take(column.indices))

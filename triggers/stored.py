"""Values as the store keeps them: JSON, from which the schema makes dates and instants again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson

from mailwright.model.schema import Attribute


def pack(value: Any) -> bytes:
    """JSON; instants in UTC with all their microseconds."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str)


def unpack(content: bytes, schema: Mapping[str, Attribute]) -> dict[str, Any]:
    """The mapping that was packed; names that the schema does not know any more are left out."""
    values: dict[str, Any] = orjson.loads(content)
    return {name: _typed(value, schema[name]) for name, value in values.items() if name in schema}


def _typed(value: Any, attribute: Attribute) -> Any:
    if value is None:
        return None
    if attribute.type == "timestamp":
        return datetime.fromisoformat(value)
    if attribute.type == "date":
        return date.fromisoformat(value)
    if attribute.type == "list" and attribute.items is not None:
        return [_typed(element, attribute.items) for element in value]
    if attribute.type == "object" and attribute.fields is not None:
        return {name: _typed(value.get(name), member) for name, member in attribute.fields.items()}
    return value


def instant(seconds: float) -> datetime:
    """Unix seconds as an aware instant."""
    return datetime.fromtimestamp(seconds, UTC)

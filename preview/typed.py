"""Values as people type them into a form, and back."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from mailwright.errors import UsageError
from mailwright.model.schema import Attribute

_AGE = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_INT64 = 2**63


def parse_value(text: str, attribute: Attribute, name: str) -> Any:
    """The value of a text for an attribute; empty is missing. Raises UsageError for what it cannot be."""
    text = text.strip()
    if not text:
        return None
    try:
        value = _parsed(text, attribute)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise UsageError(f"{name}: {text!r} is no {attribute.type}", fix=HINTS[attribute.type]) from error
    if attribute.allowed is not None and value not in attribute.allowed:
        known = ", ".join(str(one) for one in attribute.allowed)
        raise UsageError(f"{name}: {text!r} is not allowed", fix=f"one of {known}")
    low, high = attribute.min, attribute.max
    if (low is not None and not value >= low) or (high is not None and not value <= high):  # not: NaN
        raise UsageError(f"{name}: {text!r} is out of range", fix=_range(attribute))
    return value


def _range(attribute: Attribute) -> str:
    """The bounds of an attribute: "at least 0", "from 1 to 5"."""
    low, high = (
        f"{bound:g}" if isinstance(bound, float) else str(bound) for bound in (attribute.min, attribute.max)
    )
    if attribute.max is None:
        return f"at least {low}"
    return f"at most {high}" if attribute.min is None else f"from {low} to {high}"


HINTS = {
    "string": "any text",
    "integer": "a whole number: 500",
    "number": "a number: 12.50",
    "boolean": "yes or no",
    "date": "a date: 2026-11-20",
    "timestamp": "a time: 2026-11-20T09:00",
    "list": "values with commas between them: hiking, home",
    "object": 'JSON: {"items": []}',
}


def _parsed(text: str, attribute: Attribute) -> Any:
    match attribute.type:
        case "integer":
            whole = int(text.replace(",", "").replace("_", ""))
            if not -_INT64 <= whole < _INT64:
                raise ValueError(text)
            return whole
        case "number":
            return float(text)
        case "boolean":
            return _TRUTH[text.lower()]
        case "date":
            return date.fromisoformat(text)
        case "timestamp":
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        case "list" if attribute.items is not None:
            if text.startswith("["):
                return orjson.loads(text)
            inner = attribute.items
            return [_parsed(part.strip(), inner) for part in text.split(",") if part.strip()]
        case "object":
            return orjson.loads(text)
    return text


def text_of(value: Any) -> str:
    """A value as the form shows it; ``parse_value`` reads it back."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes").removesuffix("+00:00")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)) and not any(isinstance(one, (dict, list)) for one in value):
        return ", ".join(text_of(one) for one in value)
    if isinstance(value, (dict, list, tuple)):
        return orjson.dumps(value, default=str).decode()
    return str(value)


def parse_age(text: str) -> timedelta | None:
    """``2d`` → two days (s, m, h, d, w); None for what is no age."""
    match = _AGE.fullmatch(text)
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None

"""Filters and tests of the language, by name; those that depend on the locale are in ``formats``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from render.language import (
    MAX_STEPS,
    MAX_TEXT,
    LimitError,
    bounded,
    counted,
    fallback,
    get,
    kind,
    literal,
    number,
    sequence,
    spend,
    text,
)

MAX_PATH = 16
"""Names with points between them that lead to one member."""


def _members(values: Any, attribute: Any) -> list[Any]:
    found: list[Any] = []
    keys = str(attribute).split(".")
    if len(keys) > MAX_PATH:
        raise LimitError(f"a path of more than {MAX_PATH} names")
    for value in sequence(values):
        member = value
        for key in keys:
            member = get(member, int(key) if key.isdigit() else key)
        found.append(member)
    return found


def _mapped(values: Any, filter_name: Any = None, attribute: Any = None) -> list[Any]:
    if attribute is not None:
        return _members(values, attribute)
    function = FILTERS.get(filter_name)
    if function is None:
        raise TypeError(f"map knows no filter {filter_name!r}")
    return [function(value) for value in sequence(values)]


def _selected(keep: bool) -> Callable[..., list[Any]]:
    def select(values: Any, attribute: Any, test: str = "truthy", *given: Any) -> list[Any]:
        decide = TESTS.get(test)
        if decide is None:
            raise TypeError(f"there is no test {test!r}")
        pairs = zip(sequence(values), _members(values, attribute), strict=True)
        return [value for value, member in pairs if bool(decide(member, *given)) is keep]

    return select


def _batch(values: Any, size: int, fill: Any = None) -> list[list[Any]]:
    if type(size) is not int or not 1 <= size <= MAX_STEPS:
        raise LimitError("batch takes a size from 1 up")
    items = sequence(values)
    rows = [items[start : start + size] for start in range(0, len(items), size)]
    if fill is not None and rows and len(rows[-1]) < size <= 100:
        rows[-1] = rows[-1] + [fill] * (size - len(rows[-1]))
        literal(rows)  # which the same list may now be in many times
    return rows


def _join(values: Any, between: str = "", attribute: Any = None) -> str:
    shown = sequence(values) if attribute is None else _members(values, attribute)
    texts, between = [text(value) for value in shown], text(between)
    if sum(map(len, texts)) + len(between) * len(texts) > 2 * MAX_TEXT:
        raise LimitError(f"a text of more than {MAX_TEXT:,} characters")
    return str(bounded(between.join(texts)))


def _replace(value: Any, old: str, new: str, count: int = -1) -> str:
    whole = text(value)
    if len(whole) * max(1, len(text(new))) > MAX_TEXT * 10:
        raise LimitError("this replacement may grow too large")
    return str(bounded(whole.replace(text(old), text(new), count)))


def _truncate(value: Any, length: int = 255, killwords: bool = False, end: str = "…") -> str:
    whole = text(value)
    if len(whole) <= length:
        return whole
    cut = whole[: max(0, length - len(end))]
    return (cut if killwords else cut.rsplit(" ", 1)[0]) + end


def _sorted(
    values: Any, reverse: bool = False, case_sensitive: bool = False, attribute: Any = None
) -> list[Any]:
    items = sequence(values)
    keys = items if attribute is None else _members(items, attribute)
    if not case_sensitive:
        keys = [key.lower() if isinstance(key, str) else key for key in keys]
    order = sorted(range(len(items)), key=keys.__getitem__, reverse=bool(reverse))
    return [items[index] for index in order]


def _unique(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in sequence(values):
        spend(len(found))  # each is looked for among those before it
        if value not in found:
            found.append(value)
    return found


def _sum(values: Any, attribute: Any = None, start: Any = 0) -> Any:
    shown = [*map(number, sequence(values) if attribute is None else _members(values, attribute))]
    whole = not any(isinstance(value, float) for value in shown)
    return (sum(shown) if whole else math.fsum(shown)) + number(start)


def _round(value: Any, precision: int = 0, method: str = "common") -> float:
    places = max(-12, min(12, int(precision)))
    scale = 10**places
    if method == "common":
        return float(round(number(value), places))
    return float({"ceil": math.ceil, "floor": math.floor}[method](number(value) * scale) / scale)


def _int(value: Any, default: Any = 0) -> Any:
    try:
        return int(float(value)) if isinstance(value, str) and len(value) < 40 else int(number(value))
    except (TypeError, ValueError, OverflowError):
        return default


def _float(value: Any, default: Any = 0.0) -> Any:
    try:
        return float(value) if isinstance(value, str) and len(value) < 40 else float(number(value))
    except (TypeError, ValueError, OverflowError):
        return default


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, list, tuple, Mapping)) else len(sequence(value))


def _edge(index: int) -> Callable[[Any], Any]:
    return lambda values: get(values if isinstance(values, str) else sequence(values), index)


def _reverse(value: Any) -> Any:
    return counted(value)[::-1] if isinstance(value, str) else sequence(value)[::-1]


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{kind(value)} has no members")
    return list(value.items())


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    def extreme(values: Any, attribute: Any = None) -> Any:
        items = sequence(values)
        keys = items if attribute is None else _members(items, attribute)
        return items[choose(range(len(items)), key=keys.__getitem__)] if items else None

    return extreme


FILTERS: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(number(value)),
    "batch": _batch,
    "capitalize": lambda value: text(value).capitalize(),
    "count": _length,
    "d": fallback,
    "default": fallback,
    "fallback": fallback,
    "first": _edge(0),
    "float": _float,
    "int": _int,
    "items": _pairs,
    "join": _join,
    "last": _edge(-1),
    "length": _length,
    "list": sequence,
    "lower": lambda value: text(value).lower(),
    "map": _mapped,
    "max": _extreme(max),
    "min": _extreme(min),
    "rejectattr": _selected(False),
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "selectattr": _selected(True),
    "sort": _sorted,
    "string": text,
    "sum": _sum,
    "title": lambda value: text(value).title(),
    "trim": lambda value, chars=None: text(value).strip(chars),
    "truncate": _truncate,
    "unique": _unique,
    "upper": lambda value: text(value).upper(),
    "urlencode": lambda value: quote(text(value), safe=""),
    "wordcount": lambda value: len(text(value).split()),
}
"""Filter by name. Those that depend on the language of the mail are in ``formats``."""

TESTS: dict[str, Callable[..., bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "defined": lambda value: value is not None,
    "divisibleby": lambda value, by: number(value) % number(by) == 0,
    "eq": lambda value, other: bool(value == other),
    "equalto": lambda value, other: bool(value == other),
    "even": lambda value: number(value) % 2 == 0,
    "false": lambda value: value is False,
    "ge": lambda value, other: bool(value >= other),
    "gt": lambda value, other: bool(value > other),
    "in": lambda value, values: value in counted(values),
    "iterable": lambda value: isinstance(value, (str, list, tuple, Mapping)),
    "le": lambda value, other: bool(value <= other),
    "lt": lambda value, other: bool(value < other),
    "mapping": lambda value: isinstance(value, Mapping),
    "ne": lambda value, other: bool(value != other),
    "none": lambda value: value is None,
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "odd": lambda value: number(value) % 2 == 1,
    "sequence": lambda value: isinstance(value, (str, list, tuple)),
    "string": lambda value: isinstance(value, str),
    "true": lambda value: value is True,
    "truthy": bool,
    "undefined": lambda value: value is None,
}

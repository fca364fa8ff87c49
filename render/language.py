"""What templates may compute: closed, without side effects, and bounded in size by construction.

Values are data (text, numbers, booleans, dates, lists, mappings) and missing is None. There is no attribute
of a Python object to reach: ``a.b`` and ``a['b']`` look into mappings and lists, and nowhere else. Each
filter is a function here, named in ``FILTERS``; the same functions serve the compiled mail and the slow
way that it is compared with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

MAX_TEXT = 100_000
"""Characters that one computed text may have."""
MAX_STEPS = 20_000
"""Rounds of loops in one mail, all loops together."""


class MissingValueError(Exception):
    """A value that was to be shown or used is missing."""


class AbortError(Exception):
    """The template called ``abort("reason")``: this profile gets no mail."""


class LimitError(Exception):
    """A text or a loop grew beyond what a mail may need."""


class UnsafeValueError(Exception):
    """A value that must not stand where it was to be shown: a script as a link, code as a colour."""


def get(value: Any, key: Any) -> Any:
    """The member of a mapping or the element of a list; missing where there is none."""
    kind = type(value)  # the exact types of data first: this runs for every value of every mail
    if kind is dict:
        return value.get(key)
    if kind is list or kind is tuple:
        return value[key] if isinstance(key, int) and -len(value) <= key < len(value) else None
    if kind is str and isinstance(key, int):
        return value[key] if -len(value) <= key < len(value) else None
    return value.get(key) if isinstance(value, Mapping) else None


def part(value: Any, start: int | None, stop: int | None, step: int | None) -> Any:
    """A slice of a list or a text; of missing it is missing."""
    if value is None:
        return None
    if not isinstance(value, (list, tuple, str)):
        raise TypeError(f"{kind(value)} cannot be sliced")
    return value[start:stop:step]


def kind(value: Any) -> str:
    """What people call the type of a value."""
    names = {"NoneType": "a missing value", "str": "text", "int": "a number", "float": "a number"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")


def number(value: Any) -> Any:
    """The operand of arithmetic: a finite number, not text and not missing."""
    if value is None:
        raise MissingValueError("a missing value cannot be counted with")
    if isinstance(value, (int, float)) and abs(value) < 1e300:
        return value
    raise TypeError(f"{kind(value)} cannot be counted with")


def power(base: Any, exponent: Any) -> Any:
    """``base ** exponent``, for exponents up to 64 and whole numbers up to a million."""
    if abs(number(exponent)) > 64 or abs(number(base)) > 1_000_000:
        raise LimitError("this power is too large")
    return base**exponent


def add(left: Any, right: Any) -> Any:
    """``+``: numbers are added, texts and lists joined."""
    if isinstance(left, str) and isinstance(right, str):
        return bounded(left + right)
    if isinstance(left, list) and isinstance(right, list):
        return bounded(left + right)
    return number(left) + number(right)


def text(value: Any) -> str:
    """How a value is written out. Raises MissingValueError for missing."""
    if type(value) is str:
        return str(value)
    if value is None:
        raise MissingValueError("a missing value cannot be shown")
    if isinstance(value, (list, tuple, Mapping)):
        raise TypeError(f"{kind(value)} cannot be shown as text")
    return str(bounded(str(value)))


def concat(*values: Any) -> str:
    """``~``: the texts of all values, joined."""
    return str(bounded("".join([text(value) for value in values])))


def bounded(value: Any) -> Any:
    """``value``, when it is not too large."""
    if len(value) > MAX_TEXT:
        raise LimitError(f"a text of more than {MAX_TEXT:,} characters")
    return value


def sequence(value: Any) -> list[Any]:
    """What a loop or a list filter goes over. A mapping gives its keys."""
    if isinstance(value, list):
        return value
    if isinstance(value, (tuple, range, Mapping)):
        return list(value)
    if value is None:
        raise MissingValueError("a missing list")
    raise TypeError(f"{kind(value)} is no list")


def numbers(*bounds: Any) -> list[int]:
    """``range(…)``, with at most as many numbers as a mail's loops may have rounds."""
    made = range(*[int(number(bound)) for bound in bounds])
    if len(made) > MAX_STEPS:
        raise LimitError(f"a range of more than {MAX_STEPS:,} numbers")
    return list(made)


def is_missing(value: Any) -> bool:
    """Whether ``fallback`` takes over: missing, or text with nothing in it."""
    return value is None or (isinstance(value, str) and not value.strip())


def fallback(value: Any, instead: Any = "") -> Any:
    """``value``, or ``instead`` where it is missing or blank."""
    return instead if is_missing(value) else value


def _members(values: Any, attribute: Any) -> list[Any]:
    found = []
    for value in sequence(values):
        member = value
        for key in str(attribute).split("."):
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
    return rows


def _join(values: Any, between: str = "", attribute: Any = None) -> str:
    shown = sequence(values) if attribute is None else _members(values, attribute)
    return str(bounded(text(between).join([text(value) for value in shown])))


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
        if value not in found:
            found.append(value)
    return found


def _sum(values: Any, attribute: Any = None, start: Any = 0) -> Any:
    shown = sequence(values) if attribute is None else _members(values, attribute)
    return (
        math.fsum(map(number, shown)) + start
        if any(isinstance(v, float) for v in shown)
        else sum(shown, start)
    )


def _round(value: Any, precision: int = 0, method: str = "common") -> float:
    scale = 10 ** max(-12, min(12, int(precision)))
    if method == "common":
        return float(round(number(value), int(precision)))
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
    return value[::-1] if isinstance(value, str) else sequence(value)[::-1]


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
    "in": lambda value, values: value in values,
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


def cycle(index: int, values: Sequence[Any]) -> Any:
    """``loop.cycle(…)``."""
    return values[index % len(values)] if values else None


def steps(values: Iterable[Any], left: list[int]) -> list[Any]:
    """The list that a loop goes over, its length taken off the rounds that are left for this mail."""
    items = sequence(values)
    left[0] -= len(items)
    if left[0] < 0:
        raise LimitError(f"more than {MAX_STEPS:,} rounds of loops in one mail")
    return items

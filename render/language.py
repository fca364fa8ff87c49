"""What templates may compute: closed, without side effects, and bounded in size by construction.

Values are data (text, numbers, booleans, dates, lists, mappings) and missing is None. There is no attribute
of a Python object to reach: ``a.b`` and ``a['b']`` look into mappings and lists, and nowhere else. The
same functions serve the compiled mail and the slow way that it is compared with.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MAX_TEXT = 100_000
"""Characters that one computed text may have."""
MAX_STEPS = 20_000
"""Rounds of loops in one mail, all loops together."""
MAX_WORK = 2_000_000
"""Elements of long lists and characters of long texts that one part of a mail may handle, each time anew."""
FREE = 256
"""A list or a text up to this size is not counted: rounds and the length of the code bound those."""
MAX_BYTES = 2_000_000
"""A mail larger than this is not made."""


class MissingValueError(Exception):
    """A value that was to be shown or used is missing."""


class AbortError(Exception):
    """The template called ``abort("reason")``: this profile gets no mail."""


class LimitError(Exception):
    """A text or a loop grew beyond what a mail may need."""


class UnsafeValueError(Exception):
    """A value that must not stand where it was to be shown: a script as a link, code as a colour."""


class _Work(threading.local):
    """What is left of ``MAX_WORK`` for the part that this thread is writing."""

    left = MAX_WORK


WORK = _Work()


def spend(size: int) -> None:
    """Take what is about to be handled off the work that is left. Raises LimitError for too much."""
    if size > FREE:
        WORK.left -= size
        if WORK.left < 0:
            raise LimitError(f"more than {MAX_WORK:,} characters and elements to handle in one mail")


def counted(value: Any) -> Any:
    """``value``, its size taken off the work that is left."""
    if isinstance(value, (str, list, tuple, Mapping)):
        spend(len(value))
    return value


def literal(made: Any) -> Any:
    """A list or mapping that is written in a template or put together by one. Lists of lists of lists that
    hold one another would be compared for years: all their elements are counted."""
    waiting, size = [made], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, tuple, Mapping)):
            size += len(value)
            if size > MAX_STEPS:
                raise LimitError(f"a list of more than {MAX_STEPS:,} elements, with those inside of them")
            waiting += value.values() if isinstance(value, Mapping) else value
    spend(size)
    return made


def joined(pieces: list[Any], empty: Any) -> Any:
    """The pieces of an output in one, when they are no more than a mail may have."""
    if len(pieces) > 1_000 and sum(map(len, pieces)) > MAX_BYTES:
        raise LimitError(f"the mail has more than {MAX_BYTES:,} bytes")
    return empty.join(pieces)


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
    return counted(value[start:stop:step])


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
        return literal(left + right)
    return number(left) + number(right)


def text(value: Any) -> str:
    """How a value is written out. Raises MissingValueError for missing."""
    if type(value) is str:
        if len(value) > FREE:
            spend(len(value))
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
    spend(len(value))
    return value


def sequence(value: Any) -> list[Any]:
    """What a loop or a list filter goes over. A mapping gives its keys."""
    if isinstance(value, (list, tuple, Mapping)):
        if len(value) > FREE:
            spend(len(value))
        return value if isinstance(value, list) else list(value)
    if value is None:
        raise MissingValueError("a missing list")
    raise TypeError(f"{kind(value)} is no list")


def numbers(*bounds: Any) -> list[int]:
    """``range(…)``, with at most as many numbers as a mail's loops may have rounds."""
    made = range(*[int(number(bound)) for bound in bounds])
    if len(made) > MAX_STEPS:
        raise LimitError(f"a range of more than {MAX_STEPS:,} numbers")
    spend(len(made))
    return list(made)


def is_missing(value: Any) -> bool:
    """Whether ``fallback`` takes over: missing, or text with nothing in it."""
    return value is None or (isinstance(value, str) and not value.strip())


def fallback(value: Any, instead: Any = "") -> Any:
    """``value``, or ``instead`` where it is missing or blank."""
    return instead if is_missing(value) else value


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

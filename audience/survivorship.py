"""Of several rows of one person, which values stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from mailwright.model.audience import IdentitySpec

FITS: dict[str, tuple[str, ...]] = {
    "longest": ("string",),
    "highest": ("string", "integer", "number", "boolean", "date", "timestamp"),
    "lowest": ("string", "integer", "number", "boolean", "date", "timestamp"),
    "union": ("list",),
    "common": ("list",),
    "any": ("boolean",),
    "all": ("boolean",),
}
"""Rules that make sense for some types only."""

Rows = dict[int, dict[str, Any]]
"""Position in the table → profile."""

_LAWFUL = {"unsubscribed": "any", "consent": "common"}
"""Rules that nobody has to state: a no of any is a no of all."""

_CONSENT = "consent"


def merge_rows(
    people: Rows, numbers: dict[int, int], spec: IdentitySpec
) -> tuple[int, dict[str, Any], dict[str, int]]:
    """Position of the survivor, the merged row, and for attributes that differed whose value stayed.

    ``numbers`` orders the rows. Ties go to the later row, so that the result does not depend on chance.
    Missing consent is consent to nothing, not something unknown: whoever withdrew it has an empty cell.
    """
    people = {
        i: row | {_CONSENT: row[_CONSENT] or []} if _CONSENT in row else row for i, row in people.items()
    }
    order = _ordered(people, numbers, spec)
    keep = _survivor(people, order, spec)
    row: dict[str, Any] = {}
    values_of: dict[str, int] = {}
    for name in people[keep]:
        rule = "survivor" if name == "profile_id" else spec.fields.get(name, _LAWFUL.get(name, "survivor"))
        known = [i for i in order if people[i][name] is not None]
        if not known:
            row[name] = None
            continue
        preferred = [i for i in known if i == keep] + [i for i in reversed(known) if i != keep]
        value, source = _RULES[rule](name, people, known, preferred)
        row[name] = value
        if name != "profile_id" and len({repr(people[i][name]) for i in known}) > 1:
            values_of[name] = source
    _address_follows(row, people, values_of)
    return keep, row, values_of


def _ordered(people: Rows, numbers: dict[int, int], spec: IdentitySpec) -> list[int]:
    """From the first to the last; those without a date come first."""

    def when(i: int) -> tuple[bool, str, int]:
        value = people[i].get(spec.newest_by) if spec.newest_by else None
        return value is not None, "" if value is None else value.isoformat(), numbers[i]

    return sorted(people, key=when)


def _survivor(people: Rows, order: list[int], spec: IdentitySpec) -> int:
    if spec.survivor == "first":
        return order[0]
    if spec.survivor == "last":
        return order[-1]
    return max(reversed(order), key=lambda i: sum(value is not None for value in people[i].values()))


def _address_follows(row: dict[str, Any], people: Rows, values_of: dict[str, int]) -> None:
    """The mailbox's key and problem are those of the address that stayed."""
    for person in people.values():
        if row["email"] is not None and person["email"] == row["email"]:
            row["email_key"], row["email_problem"] = person["email_key"], None
    for name in ("email_key", "email_problem"):
        values_of.pop(name, None)


_Rule = Callable[[str, Rows, list[int], list[int]], tuple[Any, int]]


def _pick(choose: Callable[[str, Rows, list[int], list[int]], int]) -> _Rule:
    def rule(name: str, people: Rows, known: list[int], preferred: list[int]) -> tuple[Any, int]:
        source = choose(name, people, known, preferred)
        return people[source][name], source

    return rule


def _most_frequent(name: str, people: Rows, known: list[int], preferred: list[int]) -> int:
    times = Counter(repr(people[i][name]) for i in known)
    return max(preferred, key=lambda i: times[repr(people[i][name])])


def _combine(how: Callable[[list[Any]], Any]) -> _Rule:
    def rule(name: str, people: Rows, known: list[int], preferred: list[int]) -> tuple[Any, int]:
        return how([people[i][name] for i in known]), preferred[0]

    return rule


def _union(lists: list[list[Any]]) -> list[Any]:
    return list(dict.fromkeys(element for one in lists for element in one))


def _common(lists: list[list[Any]]) -> list[Any]:
    return [element for element in dict.fromkeys(lists[0]) if all(element in one for one in lists)]


_RULES: dict[str, _Rule] = {
    "survivor": _pick(lambda _n, _p, _k, preferred: preferred[0]),
    "first": _pick(lambda _n, _p, known, _q: known[0]),
    "last": _pick(lambda _n, _p, known, _q: known[-1]),
    "longest": _pick(lambda n, p, _k, preferred: max(preferred, key=lambda i: len(p[i][n]))),
    "most_frequent": _pick(_most_frequent),
    "highest": _pick(lambda n, p, _k, preferred: max(preferred, key=lambda i: p[i][n])),
    "lowest": _pick(lambda n, p, _k, preferred: min(preferred, key=lambda i: p[i][n])),
    "union": _combine(_union),
    "common": _combine(_common),
    "any": _combine(any),
    "all": _combine(all),
}

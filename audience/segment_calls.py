"""Reading Segment's calls: identify → profiles, track → interactions.

One JSON object a line (https://segment.com/docs/connections/spec/), as Segment, RudderStack, Jitsu and their
kin write them to a file or bucket. A file holds calls of all types; as ``data.profiles`` its ``identify``
calls are read, as ``data.interactions`` its ``track`` calls.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from audience.raw import ColumnNames, Raw, of_objects

_TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
_EVENTS = {"products_searched": "product_searched"}
"""Events whose name differs from that of ``mailwright.model.schema.STANDARD_EVENTS``."""


@dataclass
class _Calls:
    """The calls of a file that can be used, each with its line; what was not is counted."""

    calls: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    persons: dict[str, str] = field(default_factory=dict)
    """Anonymous or former id → the id that it was later known by."""

    def person(self, call: Mapping[str, Any]) -> str | None:
        """Who made the call; someone anonymous counts as who they turned out to be."""
        found = call.get("userId") or self.persons.get(str(call.get("anonymousId")))
        seen: set[str] = set()
        while found is not None and (now := str(found)) in self.persons and now not in seen:
            seen.add(now)
            found = self.persons[now]
        return None if found is None else str(found)


def read_calls(path: Path, names: ColumnNames) -> Raw:
    """Profiles out of identify calls, or interactions out of track calls, by what the source is for.

    A later identify call adds to and overrides an earlier one of the same person. Traits and properties are
    known by the attribute of their name in snake case (``firstName`` → ``first_name``) or by ``columns``;
    others are counted in the report. A call that was delivered twice (same ``messageId``) counts once.
    """
    wanted = "identify" if names.what == "profiles" else "track"
    calls = _load(path, wanted)
    rows = list(_profiles(calls, names) if wanted == "identify" else _interactions(calls, names))
    objects = [row for _, row in rows]
    present = {key: key for row in objects for key in row}
    found = {name: name for name in names.attributes if name in present}
    raw = of_objects(names.file, objects, [at for at, _ in rows], found, names.attributes, calls.broken)
    raw.notes = [f"{names.file}: {what} ({n})" for what, n in sorted(calls.counts.items())]
    return raw


def callers_of(path: Path) -> dict[int, str]:
    """Line → who made the call, those included who were anonymous then and are known now."""
    calls = _load(path, None)
    return {row: who for row, call in calls.calls if (who := calls.person(call)) is not None}


def _load(path: Path, wanted: str | None) -> _Calls:
    """The calls of the wanted type, or of all."""
    found = _Calls()
    seen: set[str] = set()
    with path.open("rb") as file:
        for row, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                call = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                found.broken.append((row, f"not JSON: {error.msg}", line.decode(errors="replace")))
                continue
            if not isinstance(call, dict) or not isinstance(call.get("type"), str):
                found.broken.append((row, "not a call: it has no type", line.decode()))
                continue
            if (message := call.get("messageId")) is not None and str(message) in seen:
                found.counts["delivered twice, counted once"] += 1
                continue
            seen.add(str(message))
            _learn(found, call)
            if wanted is None or call["type"] == wanted:
                found.calls.append((row, call))
            elif call["type"] not in ("identify", "track", "alias"):
                found.counts[f"{call['type']} calls left out"] += 1
    return found


def _learn(found: _Calls, call: Mapping[str, Any]) -> None:
    who, before = call.get("userId"), call.get("previousId" if call["type"] == "alias" else "anonymousId")
    if who and before and str(who) != str(before):
        found.persons[str(before)] = str(who)


def _profiles(calls: _Calls, names: ColumnNames) -> Iterator[tuple[int, dict[str, Any]]]:
    people: dict[str, tuple[int, dict[str, Any]]] = {}
    for row, call in sorted(calls.calls, key=lambda c: (str(_time(c[1])), c[0])):
        who = calls.person(call)
        if who is None:
            calls.broken.append((row, "nobody: neither userId nor a known anonymousId", ""))
            continue
        known = traits_of(call, names, calls.counts)
        _, earlier = people.get(who, (row, {"profile_id": who}))
        people[who] = (row, earlier | {k: v for k, v in known.items() if v is not None} | {"profile_id": who})
    yield from sorted(people.values(), key=lambda person: person[0])


def _interactions(calls: _Calls, names: ColumnNames) -> Iterator[tuple[int, dict[str, Any]]]:
    for row, call in calls.calls:
        for line in lines_of(call, names, calls.counts):
            yield row, line | {"profile_id": calls.person(call), "at": _time(call)}


def traits_of(call: Mapping[str, Any], names: ColumnNames, counts: Counter[str]) -> dict[str, Any]:
    """The attributes that one identify call tells, by name; undeclared ones are counted."""
    context = _mapping(call.get("context"))
    known: dict[str, Any] = {name: context[name] for name in ("locale", "timezone") if context.get(name)}
    preferences = _mapping(_mapping(context.get("consent")).get("categoryPreferences"))
    if preferences:
        known["consent"] = sorted(purpose for purpose, given in preferences.items() if given is True)
    return known | _known(_mapping(call.get("traits")), names, counts, "trait")


def lines_of(call: Mapping[str, Any], names: ColumnNames, counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """The interactions that one track call tells, one a product, without who and when."""
    properties = _mapping(call.get("properties"))
    event = _snake(str(call.get("event") or ""))
    products = properties.get("products")
    lines = [p for p in products if isinstance(p, dict)] if isinstance(products, list) else []
    if products is not None:
        properties = {k: v for k, v in properties.items() if k != "products"}
    for line in lines or [_NOTHING]:
        told = {**properties, **line} if lines else properties
        known = _line(told, bool(lines), event)
        known |= _known(told, names, counts, "property")
        known["event"] = _EVENTS.get(event, event) or None
        yield known


_NOTHING: dict[str, Any] = {}


def _line(told: Mapping[str, Any], of_many: bool, event: str) -> dict[str, Any]:
    """Item, number and money of one product, by the names of Segment's e-commerce spec."""
    item = told.get("product_id") or told.get("productId") or told.get("sku") or None
    line: dict[str, Any] = {"item_id": item, "quantity": told.get("quantity")}
    if event == "order_completed":
        line["amount"] = (
            _times(told.get("price"), told.get("quantity"))
            if of_many or told.get("price") is not None
            else next((told[k] for k in ("total", "revenue", "value") if told.get(k) is not None), None)
        )
    return line


def _times(price: Any, quantity: Any) -> Any:
    """Price × quantity; a price that is no number goes on as it is, for the checks to find."""
    try:
        return round(float(price) * float(1 if quantity is None else quantity), 4)
    except (TypeError, ValueError):
        return price


_PRODUCT = frozenset({"product_id", "sku", "price", "total", "revenue", "value", "quantity", "products"})


def _known(told: Mapping[str, Any], names: ColumnNames, counts: Counter[str], kind: str) -> dict[str, Any]:
    known: dict[str, Any] = {}
    attributes = names.attributes
    for key, value in told.items():
        name = names.renamed(key, _snake(key))
        if name in attributes:
            known[name] = value
        elif name is not None and name not in _PRODUCT:
            counts[f"{kind} {key!r} is not declared"] += 1
    return known


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _time(call: Mapping[str, Any]) -> Any:
    return next((call[name] for name in _TIMES if call.get(name)), None)


def _snake(name: str) -> str:
    return _short_snake(name) if len(name) <= _SHORT else _made_snake(name)


_SHORT = 64
"""Longer names are nobody's schema: they are not kept in memory."""


@lru_cache(maxsize=4096)
def _short_snake(name: str) -> str:
    return _made_snake(name)


def _made_snake(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")

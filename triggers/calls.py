"""Segment's calls (https://segment.com/docs/connections/spec/) as Mailwright takes them: checked and typed.

What cannot be taken at all (nobody, no event, a time that is none) is refused with the reason; a single wrong
value is left out, as everywhere (``audience.coerce``).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson

from audience.coerce import Column, coerce
from audience.raw import ColumnNames, scalar_column
from audience.segment_calls import lines_of, traits_of
from mailwright.catalog import event_schemas
from mailwright.model.identity import fingerprint
from mailwright.model.schema import INTERACTION_ATTRIBUTES, PROFILE_ATTRIBUTES, Attribute, Schema
from mailwright.model.workspace import DataSource, WorkspaceSpec

Kind = Literal["track", "identify", "alias"]
KINDS: Mapping[str, Kind] = {
    "track": "track",
    "page": "track",
    "screen": "track",
    "identify": "identify",
    "alias": "alias",
}
LIVE = frozenset({"http", "websocket", "webhook"})
"""Sources whose calls come when they are sent: only there a ``sentAt`` that is off tells of a wrong clock."""
SKEW = timedelta(minutes=1)
"""A caller whose clock (``sentAt``) is wrong by more has its times corrected, as Segment does."""
LONGEST_ID = 200
LONGEST_TEXT = 20_000
MOST_LINES = 500
"""Products of one call."""


@dataclass(slots=True)
class Call:
    """One call that can be taken. ``lines`` are a track call's interactions, without profile."""

    kind: Kind
    message_id: str
    user: str | None
    anonymous: str | None
    at: datetime
    lines: list[dict[str, Any]] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    previous: str | None = None


@dataclass(slots=True)
class Refused:
    """A call that cannot be taken: why, and the call itself."""

    reason: str
    body: bytes


@dataclass
class Reading:
    """Calls as they were read: those that can be taken and those that cannot, both in order."""

    source: str
    taken: list[Call] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    """Of each call in order why it was refused; empty: it was not."""
    notes: list[tuple[int, str]] = field(default_factory=list)
    """What a person should know, with the place of the call: undeclared properties, wrong values, times in
    the future."""

    def split(self, calls: int) -> tuple[Reading, Reading]:
        """The first so many calls, and the rest."""
        refused = sum(map(bool, self.outcomes[:calls]))
        first = Reading(
            self.source,
            self.taken[: calls - refused],
            self.refused[:refused],
            self.outcomes[:calls],
            [(place, text) for place, text in self.notes if place < calls],
        )
        rest = Reading(
            self.source,
            self.taken[calls - refused :],
            self.refused[refused:],
            self.outcomes[calls:],
            [(place - calls, text) for place, text in self.notes if place >= calls],
        )
        return first, rest


class CallReader:
    """Reads the calls of one workspace."""

    def __init__(self, spec: WorkspaceSpec) -> None:
        self._traits = ColumnNames(spec.data.profiles, PROFILE_ATTRIBUTES | spec.profile, "profiles")
        fields = INTERACTION_ATTRIBUTES | spec.event
        self._properties = ColumnNames(spec.data.interactions or DataSource(path="events"), fields, "events")
        self._events = frozenset(event_schemas(spec))
        self.profile: Schema = {n: a for n, a in self._traits.attributes.items() if n != "profile_id"}
        self.fields: Schema = {n: a for n, a in fields.items() if n not in ("profile_id", "event", "at")}

    def read(self, bodies: Iterable[Any], *, now: datetime, source: str) -> Reading:
        """The calls among ``bodies`` (objects out of JSON). Touches nothing but them."""
        found = Reading(source)
        places: list[int] = []
        counts: Counter[str] = Counter()
        live = source.partition(":")[0] in LIVE
        for place, body in enumerate(bodies):
            reason = ""
            try:
                call = self._one(body, now, live, counts)
            except _RefusedError as error:
                reason = str(error)
            except RecursionError:
                reason = "too deeply nested"
            found.outcomes.append(reason)
            if reason:
                found.refused.append(Refused(reason, orjson.dumps(body, default=str)))
            else:
                found.taken.append(call)
                places.append(place)
            if counts:
                found.notes += [(place, text) for text in counts.elements()]
                counts.clear()
        self._type(found.taken, places, found.notes)
        return found

    def _one(self, body: Any, now: datetime, live: bool, counts: Counter[str]) -> Call:
        if not isinstance(body, dict):
            raise _RefusedError("not a call: an object is expected")
        kind = KINDS.get(str(body.get("type")))
        if kind is None:
            raise _RefusedError(f"calls of type {str(body.get('type'))[:40]!r} are not taken")
        user, anonymous = _id(body, "userId"), _id(body, "anonymousId")
        if user is None and anonymous is None:
            raise _RefusedError("nobody: neither userId nor anonymousId")
        call = Call(kind, "", user, anonymous, _moment(body, now, live, counts))
        if kind == "track":
            told = body if body["type"] == "track" else {**body, "event": "page_viewed"}
            call.lines = list(lines_of(told, self._properties, counts))[:MOST_LINES]
            name = call.lines[0]["event"]
            if name is None or len(name) > LONGEST_ID:
                raise _RefusedError("a track call without an event's name")
            if name not in self._events:
                counts[f"event {name!r} is not declared"] += 1
        elif kind == "identify":
            call.attributes = traits_of(body, self._traits, counts)
            call.attributes.pop("profile_id", None)
        else:
            call.previous = _id(body, "previousId") or anonymous
            if user is None or call.previous is None:
                raise _RefusedError("an alias call needs previousId and userId")
        call.message_id = _id(body, "messageId") or _made_id(body, now)
        return call

    def _type(self, taken: Sequence[Call], places: Sequence[int], notes: list[tuple[int, str]]) -> None:
        """Values in the types of the schema, those of all calls at once."""
        lines = [line for call in taken for line in call.lines]
        wrong: list[tuple[int, str]] = []
        for line, typed in zip(lines, typed_rows(lines, self.fields, wrong), strict=True):
            event = line["event"]
            line.clear()
            line.update(typed, event=event)
        if wrong:
            of_line = [place for call, place in zip(taken, places, strict=True) for _ in call.lines]
            notes += [(of_line[number], text) for number, text in wrong]
            wrong.clear()
        people = [(call, place) for call, place in zip(taken, places, strict=True) if call.kind == "identify"]
        rows = typed_rows([call.attributes for call, _ in people], self.profile, wrong)
        for (call, _), typed in zip(people, rows, strict=True):
            call.attributes = {name: value for name, value in typed.items() if name in call.attributes}
        notes += [(people[number][1], text) for number, text in wrong]


class _RefusedError(Exception):
    """Why a call is refused."""


def typed_rows(
    rows: Sequence[Mapping[str, Any]], schema: Mapping[str, Attribute], wrong: list[tuple[int, str]]
) -> list[dict[str, Any]]:
    """The values that ``schema`` knows, in its types; what does not fit is left out, and ``wrong`` gets the
    number of its row and what is wrong."""
    found: list[dict[str, Any]] = [{} for _ in rows]
    doubtful: dict[str, list[tuple[int, Any]]] = {}
    for number, row in enumerate(rows):
        for name, value in row.items():
            attribute = schema.get(name)
            if attribute is None or value is None:
                continue
            if is_plain(value, attribute):
                found[number][name] = value
            else:
                doubtful.setdefault(name, []).append((number, _bounded(value)))
    for name, values in doubtful.items():
        coerced, unfit = _coerced([v for _, v in values], schema[name])
        for (number, _), value in zip(values, coerced, strict=True):
            if value is not None:
                found[number][name] = value
        wrong += [(values[place][0], f"{name}: {what}") for place, what in unfit.items()]
    return found


def is_plain(value: Any, attribute: Attribute) -> bool:
    """Whether ``coerce`` would give this very value: so that what most values are costs next to nothing."""
    if attribute.allowed is not None or attribute.min is not None or attribute.max is not None:
        return False
    kind = type(value)
    if kind is str:
        return (
            attribute.type == "string"
            and 0 < len(value) <= LONGEST_TEXT
            and value.isascii()
            and value.isprintable()
            and value[0] != " "
            and value[-1] != " "
        )
    if kind is float:
        return attribute.type == "number" and math.isfinite(value)
    return kind is int and attribute.type == "integer" and -(2**63) <= value < 2**63


def _coerced(values: list[Any], attribute: Attribute) -> tuple[list[Any], dict[int, str]]:
    """The values in the attribute's type, and what is wrong with those that do not fit, by place."""
    wrong: dict[int, str] = {}
    column: Column = values
    if attribute.type not in ("list", "object"):
        column, wrong = scalar_column(values, attribute.type)
    typed = coerce({"": column}, {"": attribute})[""]
    return typed.values.to_pylist(), typed.wrong | wrong


def _bounded(value: Any) -> Any:
    return None if isinstance(value, str) and len(value) > LONGEST_TEXT else value


def _id(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _RefusedError(f"{key} is neither text nor a whole number")
    text = value if type(value) is str else str(value)
    if len(text) > LONGEST_ID or not text.isprintable():
        raise _RefusedError(f"{key} is longer than {LONGEST_ID} characters, or holds control characters")
    return text


def _moment(body: Mapping[str, Any], now: datetime, live: bool, counts: Counter[str]) -> datetime:
    told, received = body.get("timestamp"), body.get("receivedAt")
    corrected = bool(told and received)  # by Segment, which passed it on
    told = told if corrected else body.get("originalTimestamp") or told
    if not told:
        return now
    at, sent = _time(told, "timestamp"), body.get("sentAt")
    if sent and not corrected and (live or received):
        there, here = _time(sent, "sentAt"), _time(received, "receivedAt") if received else now
        if abs(here - there) > SKEW:
            counts["a caller's clock was wrong and has been corrected"] += 1
            at = here - (there - at)
    if at > now:
        counts["a time in the future counts as now"] += 1
        return now
    return at


def _time(value: Any, key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not UTC:
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise _RefusedError(f"{key} is no time (2026-11-20T09:00:00Z)") from error
    if moment.year < 1970:
        raise _RefusedError(f"{key} is before 1970")
    return moment


def _made_id(body: Mapping[str, Any], now: datetime) -> str:
    """Of a call without messageId: made of its content, so that a repeated one is known again; of one that
    has no time either, each counts."""
    timed = any(body.get(key) for key in ("originalTimestamp", "timestamp"))
    return "made-" + fingerprint(body, "" if timed else now.isoformat())

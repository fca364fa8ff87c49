"""What is imagined to be different of a profile, as it travels in an address.

``set.points=500&event=order_completed+SKU+2d&now=…``: a link shares the changes, and nothing of them is ever
stored with the profile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from mailwright.catalog import event_schemas, profile_schema
from mailwright.errors import MailwrightError, UsageError, did_you_mean
from mailwright.explain import beginning_alike
from mailwright.model.schema import Schema
from preview.ground import Ground
from preview.typed import parse_age, parse_value

PREFIX, ARM = "set.", "arm."
FIXED = frozenset({"profile_id"})
"""Attributes that make the profile who it is."""
MOST_EVENTS = 50


@dataclass(frozen=True)
class Happened:
    """One event that is taken to have happened: its name, the item it was about, and how long ago."""

    event: str
    item_id: str | None
    ago: timedelta
    text: str


@dataclass(frozen=True)
class Changes:
    """What is different. ``attributes`` are as typed: an empty text means missing."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Happened, ...] = ()
    forget: bool = False
    """Whether all that the profile really did is left out."""
    now: datetime | None = None
    arms: Mapping[str, str] = field(default_factory=dict)
    """Experiment → the arm that is shown instead of the profile's own."""

    def __bool__(self) -> bool:
        return bool(self.attributes or self.events or self.forget or self.now or self.arms)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The changes as they stand in an address."""
        pairs = [(PREFIX + name, text) for name, text in self.attributes.items()]
        pairs += [(ARM + name, arm) for name, arm in self.arms.items()]
        pairs += [("event", happened.text) for happened in self.events]
        pairs += [("forget", "1")] if self.forget else []
        return pairs + ([("now", self.now.isoformat())] if self.now else [])


def read_changes(query: Iterable[tuple[str, str]], ground: Ground) -> Changes:
    """The changes that an address names. Raises UsageError for a name or value that cannot be."""
    spec = ground.workspace.spec
    schema, events = profile_schema(spec), event_schemas(spec)
    attributes: dict[str, str] = {}
    happened: list[Happened] = []
    arms: dict[str, str] = {}
    forget, now = False, None
    for name, text in query:
        if name.startswith(PREFIX):
            attribute = name.removeprefix(PREFIX)
            if attribute not in schema or attribute in FIXED:
                raise UsageError(f"there is no attribute {attribute!r}", fix=did_you_mean(attribute, schema))
            parse_value(text, schema[attribute], attribute)
            attributes[attribute] = text
        elif name.startswith(ARM):
            arms[name.removeprefix(ARM)] = text
        elif name == "event" and text.strip():
            items = ground.source.audience.items["item_id"]
            happened += [read_event(line, events, items) for line in text.splitlines() if line.strip()]
        elif name == "forget":
            forget = text == "1"
        elif name == "now" and text.strip():
            now = read_clock(text)
    if len(happened) > MOST_EVENTS:
        raise UsageError(f"these are more than {MOST_EVENTS} events")
    return Changes(attributes, tuple(happened), forget, now, arms)


def problems_of(query: Iterable[tuple[str, str]], ground: Ground) -> dict[str, MailwrightError]:
    """What is wrong with each part of an address that cannot be, by the part's name."""
    found: dict[str, MailwrightError] = {}
    for name, text in query:
        try:
            read_changes([(name, text)], ground)
        except MailwrightError as error:
            found[name] = error
    return found


def read_clock(text: str) -> datetime:
    """A moment in ISO 8601, UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"{text!r} is no time", fix="write it as 2026-11-20T09:00") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_event(line: str, known: Mapping[str, Schema], items: pa.ChunkedArray | None = None) -> Happened:
    """``order_completed KIT-011 2d``: an event, an item if it is about one, and how long ago if not now.

    Raises UsageError for what is none, and for an item that is not among ``items`` where they are given.
    """
    words = line.split()
    name = words.pop(0)
    if name not in known:
        raise UsageError(f"there is no event {name!r}", fix=did_you_mean(name, known))
    ago = parse_age(words[-1]) if words else None
    if ago is not None:
        words.pop()
    if len(words) > 1:
        raise UsageError(
            f"{line!r} is no event", fix="write the event, then the item, then how long ago: 2d, 3h, 10m"
        )
    if words and items is not None and pc.index(items, words[0]).as_py() < 0:
        near = did_you_mean(words[0], beginning_alike(items, words[0]))
        raise UsageError(f"there is no item {words[0]!r}", fix=near)
    return Happened(name, words[0] if words else None, ago or timedelta(), " ".join(line.split()))

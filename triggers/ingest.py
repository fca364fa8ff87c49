"""Events in: checked, stored once, profiles brought up to date, triggers asked; all in one transaction."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from mailwright.errors import SendError
from triggers.begin import Beginner
from triggers.calls import Call, Reading
from triggers.people import People
from triggers.schema import aliases, events
from triggers.store import Store
from triggers.stored import pack

_TRIES = 5
REPLAY = "replay"
"""The source of dead letters taken once more: those that still cannot be taken are still there."""


@dataclass
class Ingested:
    """What became of a batch: ``accepted + duplicates + refused`` calls."""

    accepted: int = 0
    duplicates: int = 0
    refused: list[str] = field(default_factory=list)
    """The reason of each call that was refused; the calls are dead letters now."""
    noted: list[tuple[int, str]] = field(default_factory=list)
    """What a person should know, such as undeclared properties, with the place of the call."""
    outcomes: list[str] = field(default_factory=list)
    """Of each call in order: empty when it was taken, ``duplicate``, or why it was refused."""

    @property
    def notes(self) -> Counter[str]:
        """What a person should know, with how often."""
        return Counter(text for _, text in self.noted)

    def add(self, more: Ingested) -> None:
        """Count another batch in, which came after this one."""
        self.noted += [(len(self.outcomes) + place, text) for place, text in more.noted]
        self.outcomes += more.outcomes
        self.refused += more.refused
        self.accepted += more.accepted
        self.duplicates += more.duplicates


class Ingestion:
    """Takes batches of calls. One thread at a time writes."""

    def __init__(self, people: People, store: Store, beginner: Beginner) -> None:
        self._people, self._store, self._beginner = people, store, beginner
        self.lock = threading.RLock()

    def take(self, readings: Sequence[Reading], *, now: datetime) -> list[Ingested]:
        """Store the calls that were not stored before, and all that follows from them; what became of each
        reading.

        Calls that cannot be taken become dead letters. When this returns everything is on disk. Raises
        SendError when the store cannot be reached; then nothing was changed.
        """
        with self.lock:
            for attempt in range(_TRIES):
                try:
                    fresh = iter(self._transact(readings, now))
                    break
                except SendError as error:
                    if attempt + 1 == _TRIES or not isinstance(
                        error.__cause__, IntegrityError | OperationalError
                    ):
                        raise
                    # Another worker has taken the same call or profile at the same moment: look again.
        return [_told(reading, fresh) for reading in readings]

    def _transact(self, readings: Sequence[Reading], now: datetime) -> list[bool]:
        """Of each call that can be taken whether it is new."""
        touched: list[str] = []
        try:
            with self._beginner.journal.transaction(), self._store.db.write() as connection:
                for reading in readings:
                    if reading.source != REPLAY:
                        letters = [(letter.reason, letter.body) for letter in reading.refused]
                        self._store.bury(connection, letters, reading.source)
                taken = [call for reading in readings for call in reading.taken]
                return self._take(connection, taken, now, touched)
        except BaseException:
            self._people.forget(touched)
            raise

    def _take(
        self, connection: sa.Connection, taken: Sequence[Call], now: datetime, touched: list[str]
    ) -> list[bool]:
        """Of each call whether it is new."""
        if not taken:
            return []
        work = _Work(connection, self._people, self._store, self._beginner, now)
        work.prepare(taken, touched)
        fresh = [work.apply(call) for call in taken]
        work.finish()
        return fresh


def _told(reading: Reading, fresh: Iterator[bool]) -> Ingested:
    outcomes = [reason or ("" if next(fresh) else "duplicate") for reason in reading.outcomes]
    refused = [letter.reason for letter in reading.refused]
    duplicates = outcomes.count("duplicate")
    return Ingested(outcomes.count(""), duplicates, refused, reading.notes, outcomes)


class _Work:
    """One transaction of ingestion."""

    def __init__(
        self, connection: sa.Connection, people: People, store: Store, beginner: Beginner, now: datetime
    ) -> None:
        self._connection, self._people, self._store, self._beginner = connection, people, store, beginner
        self._now = now
        self._events: list[tuple[Any, ...]] = []
        self._calls: list[tuple[str, float]] = []

    def prepare(self, taken: Sequence[Call], touched: list[str]) -> None:
        """Read what the batch needs, with its profiles held."""
        anonymous = sorted({call.anonymous for call in taken if call.anonymous is not None})
        anonymous += sorted({call.previous for call in taken if call.previous is not None})
        known = self._store.persons(self._connection, anonymous)
        while True:
            self._persons = known
            ids = {name for call in taken for name in self._names(call)}
            touched += sorted(ids)
            rows = self._store.lock(self._connection, ids)
            # Another worker may have found out who somebody is before it let go of them.
            known = self._store.persons(self._connection, anonymous)
            if known == self._persons:
                break
        # Only now: another worker that had the same call has committed it before it let go of the profile.
        self._known = self._store.known_calls(self._connection, [call.message_id for call in taken])
        self._batch = self._people.begin(self._connection, rows, sorted(ids), self._now)
        for profile in self._batch.profiles.values():
            if profile.segments is None and self._people.segments:
                profile.segments = self._people.segments_now(profile, self._now)

    def _names(self, call: Call) -> list[str]:
        """Every profile that a call may change."""
        names = [self._who(call)]
        for other in (call.anonymous, call.previous):
            if other is not None and other not in self._persons:
                names.append(anonymous_profile(other))
        return names

    def _who(self, call: Call) -> str:
        if call.user is not None:
            return call.user
        assert call.anonymous is not None
        return self._persons.get(call.anonymous, anonymous_profile(call.anonymous))

    def apply(self, call: Call) -> bool:
        """Whether the call is new; then all that follows from it."""
        if call.message_id in self._known:
            return False
        self._known.add(call.message_id)
        if call.user is not None:
            for other in {call.anonymous, call.previous} - {None}:
                self._link(str(other), call.user)
        name = self._who(call)
        profile = self._batch.profiles[name]
        self._batch.changed[name] = profile
        if call.kind != "track":
            profile.version += 1
            if call.attributes:
                self._people.tell(profile, call.attributes)
            self._calls.append((call.message_id, self._now.timestamp()))
            self._batch.moved[name] = call.message_id
            return True
        rows = [self._store_line(call, number, line, name) for number, line in enumerate(call.lines)]
        self._beginner.event(self._batch, name, rows, call.message_id)
        return True

    def _store_line(self, call: Call, number: int, line: dict[str, Any], name: str) -> dict[str, Any]:
        profile = self._batch.profiles[name]
        fields = {key: value for key, value in line.items() if key != "event"}
        row = self._people.event_row(line["event"], call.at, fields)
        profile.add(row)
        profile.version += 1
        self._events.append(
            (
                name,
                profile.version,
                f"{call.message_id}#{number}" if number else call.message_id,
                line["event"],
                call.at.timestamp(),
                self._now.timestamp(),
                pack(fields),
            )
        )
        return row

    def _link(self, anonymous: str, user: str) -> None:
        """Somebody anonymous turns out to be ``user``: what they did counts as theirs from now on."""
        if self._persons.get(anonymous) is not None:
            return
        self._flush()
        self._persons[anonymous] = user
        self._store.db.insert_new(
            self._connection, aliases, [{"anonymous_id": anonymous, "profile_id": user}]
        )
        self._beginner.settle(self._batch, anonymous_profile(anonymous))
        before, after = self._batch.profiles[anonymous_profile(anonymous)], self._batch.profiles[user]
        if not before.version:
            return
        self._connection.execute(
            sa.update(events)
            .where(events.c.profile_id == anonymous_profile(anonymous))
            .values(profile_id=user, n=events.c.n + after.version)
        )
        after.version += before.version
        for row in before.rows:
            after.add(row)
        self._beginner.hand_over(self._batch, anonymous_profile(anonymous), user)
        before.version += 1
        before.empty()
        self._batch.changed[anonymous_profile(anonymous)] = before
        self._batch.changed[user] = after

    def _flush(self) -> None:
        self._store.add_events(self._connection, self._events)
        self._events = []

    def finish(self) -> None:
        """Write everything that has changed."""
        for name in list(self._batch.changed):
            self._beginner.settle(self._batch, name)
        self._flush()
        self._store.add_calls(self._connection, self._calls)
        self._people.save(self._batch)


def anonymous_profile(anonymous_id: str) -> str:
    """The profile of somebody of whom only an anonymous id is known."""
    return f"anonymous:{anonymous_id}"


def read_lines(lines: Iterable[bytes]) -> Iterable[Any]:
    """The objects of JSON Lines; what is no JSON comes as text, which is then refused with the reason."""
    for line in lines:
        if line.strip():
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                yield line.decode(errors="replace")

"""Sends what changed of profiles' attributes, and remembers what was sent.

What was sent is written down only when the platform has taken it: whoever dies in between sends it again,
which changes nothing there.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import sqlalchemy as sa

from mailwright.errors import SendError
from send.attributes.platform import Platform, Profile, Value
from send.http import USER_AGENT, retry_after
from send.outbox.database import Database
from send.outbox.schema import attributes

_AT_ONCE = 500
"""Profiles whose last attributes are read in one go."""
_TRIES = 6
_LONGEST_S = 60.0
_PROBLEMS = 5
_HOPELESS = 3
"""Profiles refused alone, and none taken, after which nobody else is tried."""


class _Invalid(SendError):
    """The platform cannot take the request as it is (400)."""


@dataclass(slots=True)
class SyncReport:
    """What became of the profiles given: each is changed (and taken), unchanged or refused."""

    profiles: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    attributes: int = 0
    """Values sent."""
    calls: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)
    """The first of the platform's words on profiles that it refused."""


@dataclass(frozen=True, slots=True)
class _Change:
    profile: Profile
    part: bytes
    whole: bytes
    """All that the platform then has of it, as it is remembered."""


def sync_attributes(
    profiles: Iterable[Profile],
    *,
    platform: Platform,
    db: Database,
    now: float,
    send: bool = True,
    progress: Callable[[int], None] | None = None,
) -> SyncReport:
    """Bring the platform's attributes to those given. With ``send`` off only what would change is counted.

    Raises SendError when the platform refuses us, or does not answer in several tries; what it took until
    then is remembered.
    """
    report = SyncReport()
    with httpx.Client(timeout=platform.settings.options.get("timeout_s", 30.0)) as client:
        caller = _Caller(platform, client)
        for call in _calls(_changes(profiles, platform, db, report, progress), platform):
            if send:
                _send(call, caller, db, report, now)
            else:
                report.changed += len(call)
    return report


def _send(call: Sequence[_Change], caller: _Caller, db: Database, report: SyncReport, now: float) -> None:
    """One request; what the platform refuses as a whole is taken apart, so that only who is bad stays away.

    Raises SendError when the first that were asked for alone are all refused: then it is not they.
    """
    try:
        refused = caller.call(call, report)
    except _Invalid as error:
        if len(call) > 1:
            half = len(call) // 2
            for part in (call[:half], call[half:]):
                _send(part, caller, db, report, now)
            return
        refused = {0: error.what}
    _remember(db, caller.name, [c for i, c in enumerate(call) if i not in refused], now)
    report.refused += len(refused)
    report.changed += len(call) - len(refused)
    named = [f"{call[i].profile.profile_id}: {why}" for i, why in sorted(refused.items())]
    report.problems += named[: _PROBLEMS - len(report.problems)]
    if report.refused >= _HOPELESS and not report.changed and len(call) == 1:
        raise SendError(f"{caller.name} takes nobody; {report.problems[0]}", fix="mend that and sync again")


def _changes(
    profiles: Iterable[Profile],
    platform: Platform,
    db: Database,
    report: SyncReport,
    progress: Callable[[int], None] | None,
) -> Iterator[_Change]:
    """Those of the profiles of which something changed, with that alone."""
    source = iter(profiles)
    while batch := list(itertools.islice(source, _AT_ONCE)):
        last = _last(db, platform.name, [profile.profile_id for profile in batch])
        for profile in batch:
            report.profiles += 1
            before = last.get(profile.profile_id, {})
            wanted = {"": profile.email, **_plain(profile.attributes)}
            if before == wanted:
                report.unchanged += 1
                continue
            # Under another address it is a new profile to some platforms.
            known = before if before.get("") == profile.email else {}
            new = {n: v for n, v in profile.attributes.items() if n not in known or known[n] != wanted[n]}
            new |= dict.fromkeys(name for name in known if name and name not in wanted)
            report.attributes += len(new)
            part = platform.part(Profile(profile.profile_id, profile.email, new))
            yield _Change(profile, part, orjson.dumps(wanted))
        if progress is not None:
            progress(report.profiles)


def _plain(values: Mapping[str, Value]) -> dict[str, Any]:
    """As they come back out of JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _calls(changes: Iterable[_Change], platform: Platform) -> Iterator[list[_Change]]:
    """Cut on the number of profiles and on bytes."""
    call: list[_Change] = []
    size = 0
    for change in changes:
        if call and (
            len(call) == platform.max_profiles or size + len(change.part) > platform.max_bytes - 1024
        ):
            yield call
            call, size = [], 0
        call.append(change)
        size += len(change.part) + 1
    if call:
        yield call


class _Caller:
    """Makes requests, each until it is taken."""

    def __init__(self, platform: Platform, client: httpx.Client) -> None:
        self._platform, self._client = platform, client
        self._token: str | None = None
        self._random = random.Random()  # noqa: S311 jitter needs no secrecy

    @property
    def name(self) -> str:
        return self._platform.name

    def call(self, changes: Sequence[_Change], report: SyncReport) -> Mapping[int, str]:
        """Position → why that profile was not taken."""
        payload = self._platform.assemble([change.part for change in changes])
        response = self._answered(payload.endpoint, payload.content, report)
        try:
            profiles = [change.profile for change in changes]
            found = self._platform.refused(response.json() if response.content else {}, profiles)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SendError(f"{self._platform.name} answered with what cannot be read") from error
        return {i: why for i, why in found.items() if 0 <= i < len(changes)}

    def _answered(self, endpoint: str, content: bytes, report: SyncReport) -> httpx.Response:
        name, why = self._platform.name, ""
        for attempt in range(_TRIES):
            headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT, **self._credentials()}
            report.calls += 1
            report.bytes += len(content)
            after: float | None = None
            try:
                url = self._platform.settings.base_url + endpoint
                response = self._client.post(url, content=content, headers=headers)
            except httpx.HTTPError as error:
                why = f"gave no answer: {type(error).__name__}"
            else:
                if response.is_success:
                    return response
                why = f"answered {response.status_code}: {' '.join(response.text.split())[:300]}"
                if response.status_code == 400:
                    raise _Invalid(f"{name} {why}")
                if response.status_code not in (401, 408, 429) and response.status_code < 500:
                    raise SendError(f"{name} {why}")
                if response.status_code == 401 and (self._token is None or attempt):
                    raise SendError(f"{name} {why}", fix="see the credentials under `attributes`")
                self._token = None
                after = retry_after(response.headers, time.time())
            wait = self._random.uniform(0, min(_LONGEST_S, 0.5 * 2.0**attempt))
            time.sleep(min(_LONGEST_S, after if after is not None else wait))
        raise SendError(f"{name} {why}, {_TRIES} times", fix="sync again: what was taken is not sent again")

    def _credentials(self) -> dict[str, str]:
        asked = self._platform.token_request()
        if asked is None:
            return self._platform.headers()
        if self._token is None:
            url, grant = asked
            try:
                response = self._client.post(url, json=grant).raise_for_status()
                self._token = str(response.json()["access_token"])
            except (httpx.HTTPError, KeyError, ValueError) as error:
                raise SendError(f"{self._platform.name} gave no token: {type(error).__name__}") from error
        return {"Authorization": f"Bearer {self._token}"}


def _last(db: Database, platform: str, profile_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    with db.read() as connection:
        rows = connection.execute(
            sa.select(attributes.c.profile_id, attributes.c.sent).where(
                attributes.c.platform == platform, attributes.c.profile_id.in_(profile_ids)
            )
        ).all()
    return {row.profile_id: orjson.loads(row.sent) for row in rows}


def _remember(db: Database, platform: str, changes: Sequence[_Change], now: float) -> None:
    with db.write() as connection:
        for change in changes:
            row = {"platform": platform, "profile_id": change.profile.profile_id}
            db.upsert(
                connection, attributes, {**row, "sent": change.whole, "at": now}, ("platform", "profile_id")
            )

"""Triggers rehearsed: events that are typed or pasted, on a virtual clock, for this workspace's people."""

from __future__ import annotations

import email
import email.policy
import itertools
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson

from mailwright.catalog import event_schemas, profile_schema
from mailwright.errors import UsageError
from preview.changes import read_event
from preview.ground import Ground
from preview.masking import masked_table
from triggers import Simulation, simulate
from triggers.world import World

MOST_LINES = 500
KEPT = 8
"""Rehearsals whose mails can still be looked at."""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Rehearsal:
    """What the triggers did, and the mails that came of it as they would be sent."""

    number: int
    found: Simulation

    def mail(self, message_id: str) -> bytes:
        """The HTML of one mail. Raises UsageError when there is none."""
        content = self.found.mails.get(message_id)
        if content is None:
            raise UsageError(f"this rehearsal has no mail {message_id!r}")
        return _part(content, "html")


def rehearse(ground: Ground, text: str, profile_id: str, triggers: Iterable[str], *, mask: bool) -> Rehearsal:
    """Play the events of ``text`` and what follows, until nothing waits any more.

    A line is ``product_added KIT-011 2h`` (an event of ``profile_id``, its item, how long ago, and fields as
    ``cart_id=c7``), or one of Segment's calls as JSON. Raises UsageError for what is neither, and for unknown
    events and triggers.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise UsageError("there are no events", fix="write one a line, such as product_added KIT-011 2h")
    if len(lines) > MOST_LINES:
        raise UsageError(f"these are more than {MOST_LINES} events", fix="use mailwright simulate")
    calls = [_call(ground, line, profile_id, number) for number, line in enumerate(lines)]
    found = simulate(ground.workspace, calls, triggers=sorted(triggers) or None, world=_world(ground, mask))
    kept: OrderedDict[int, Rehearsal] = ground.memo.setdefault("rehearsals", OrderedDict())
    done = Rehearsal(next(_numbers), found)
    kept[done.number] = done
    while len(kept) > KEPT:
        kept.popitem(last=False)
    return done


def kept_rehearsal(ground: Ground, number: int) -> Rehearsal:
    """A rehearsal of a moment ago. Raises UsageError when it is gone."""
    kept: Mapping[int, Rehearsal] = ground.memo.get("rehearsals", {})
    if number not in kept:
        raise UsageError("this rehearsal is gone", fix="rehearse the events again")
    return kept[number]


def subject_of(content: bytes) -> str:
    """The subject line of a mail."""
    return str(email.message_from_bytes(content, policy=email.policy.default)["subject"] or "")


def _part(content: bytes, kind: str) -> bytes:
    found = email.message_from_bytes(content, policy=email.policy.default).get_body((kind,))
    return b"" if found is None else found.get_content().encode()


def _call(ground: Ground, line: str, profile_id: str, number: int) -> Any:
    if line.startswith("{"):
        try:
            return orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise UsageError(f"line {number + 1} is no JSON: {error.msg}") from error
    words = line.split()
    fields = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    rest = " ".join([words[0], *(word for word in words[1:] if "=" not in word)])
    happened = read_event(rest, event_schemas(ground.workspace.spec))
    if not profile_id:
        raise UsageError("nobody is named", fix="give the id of a profile, or events as JSON with a userId")
    item = {"product_id": happened.item_id, "quantity": 1} if happened.item_id else {}
    return {
        "type": "track",
        "event": happened.event,
        "userId": profile_id,
        "messageId": f"typed-{number}",
        # Events of one moment come in the order of their lines.
        "timestamp": (ground.now - happened.ago + timedelta(milliseconds=number)).isoformat(),
        "properties": {**item, **fields},
    }


def _world(ground: Ground, mask: bool) -> World:
    """What triggers stand on, as the preview has read it; kept, for the campaigns that are compiled in it."""
    key = f"world:{mask}"
    if key not in ground.memo:
        source = ground.source
        if mask:
            audience = source.audience
            profiles = masked_table(audience.profiles, profile_schema(ground.workspace.spec))
            source = replace(source, audience=replace(audience, profiles=profiles))
        ground.memo[key] = World(
            ground.workspace, source, ground.segmentation, ground.segment_rules, ground.model, None
        )
    world: World = ground.memo[key]
    return world

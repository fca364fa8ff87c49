"""Mails of single profiles, by the same stages and so with the same bytes as in a run over everybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from audience import FEATURES, arrow_schema
from audience.address import ADDRESS_ATTRIBUTES
from mailwright.engine import (
    Request,
    assign,
    audience_rule,
    beside,
    delivery_columns,
    holdouts,
    render_context,
    run_fingerprint,
)
from mailwright.experiments import ARMS, arm_columns
from mailwright.model.message import Message
from mailwright.model.schema import PROFILE_ATTRIBUTES
from mailwright.recipients import admit
from mailwright.run import messages_of
from measure import held_out_mask
from render import CompiledCampaign, RenderContext, choose_blocks, render_batch
from rules import EventView, RuleContext, event_views
from segments import segments_of
from triggers.profile import LiveProfile
from triggers.program import Trigger
from triggers.recommending import recommended
from triggers.world import World, interactions_of


@dataclass(frozen=True)
class Made:
    """A mail, or why there is none."""

    message: Message | None
    reason: str = ""
    detail: str = ""
    facts: bytes = b"{}"
    """What measuring needs to know of it, JSON (``schema.records``)."""


@dataclass(frozen=True)
class Snapshot:
    """What a mail is made of, as it was when the mail was decided on."""

    attributes: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, profile: LiveProfile) -> Snapshot:
        return cls(dict(profile.attributes), list(profile.rows))

    def values(self, world: World, now: datetime) -> dict[str, Any]:
        """Attributes and features at that moment."""
        live = LiveProfile(
            dict(self.attributes), self.rows, category=world.categories.get, cuts=world.audience.cuts
        )
        live.at(now)
        return {**self.attributes, **{name: live[name] for name in FEATURES}}


class MailMaker:
    """Makes mails of live profiles. What others did since the world was read counts with its next reading:
    it moves cohorts and popularity, no more."""

    def __init__(self, world: World) -> None:
        self._world = world

    def make(
        self,
        campaign: str,
        wanted: Sequence[tuple[str, str]],
        profiles: Mapping[str, Snapshot],
        now: datetime,
        trigger: Trigger | None = None,
    ) -> list[Made]:
        """A mail of ``campaign`` for each (profile, occasion), in order; ``trigger`` is what sends it."""
        world = self._world
        compiled = world.campaign(campaign, now, trigger)
        request = world.request(campaign, "", now, trigger)
        ids = sorted({profile_id for profile_id, _ in wanted})
        people, member, interactions = self._people(ids, profiles, now)
        known, arms = beside(people, member), assign(request, compiled, people["profile_id"])
        reasons = self._refused(request, known, interactions, now)
        known = beside(known, arm_columns(arms))
        # Who gets no mail is recommended nothing: that reads everybody.
        going = [row for row, reason in enumerate(reasons) if not reason]
        mails = known.take(pa.array(going, pa.int64()))
        if going:
            found = recommended(world, request, people, member, interactions, arms, only=going)
            mails = beside(mails, found)
            mails = beside(mails, choose_blocks(compiled, mails, now=now, interactions=interactions).columns)
        place, rows = {row: n for n, row in enumerate(going)}, {name: row for row, name in enumerate(ids)}
        made: list[Made] = []
        for profile_id, occasion in wanted:
            row = rows[profile_id]
            if reasons[row]:
                made.append(Made(None, reasons[row], facts=_facts(known.slice(row, 1), {})))
            else:
                one = mails.slice(place[row], 1)
                made.append(self._one(replace(request, occasion=occasion), compiled, one))
        return made

    def refusals(
        self, campaign: str, profiles: Mapping[str, Snapshot], now: datetime, trigger: Trigger
    ) -> list[str]:
        """Why each of these would get no mail of ``campaign`` now, by their ids; nothing: it would."""
        people, member, interactions = self._people(sorted(profiles), profiles, now)
        request = self._world.request(campaign, "", now, trigger)
        return self._refused(request, beside(people, member), interactions, now)

    def _people(
        self, ids: list[str], profiles: Mapping[str, Snapshot], now: datetime
    ) -> tuple[pa.Table, pa.Table, pa.Table]:
        """What is known of these profiles, the segments they are in, and their interactions."""
        world = self._world
        audience = world.audience
        rows = [
            {**row, "profile_id": name} for name in ids for row in profiles[name].rows if row["at"] <= now
        ]
        interactions = interactions_of(rows, audience.interactions)
        # Features as rules ask for them: the query over everybody costs as much for one as for thousands.
        known = [profiles[name].values(world, now) for name in ids]
        declared = PROFILE_ATTRIBUTES | world.workspace.spec.profile | ADDRESS_ATTRIBUTES
        people = pa.Table.from_pylist(known, arrow_schema(declared | FEATURES))
        people, _ = world.source.learned.beside(people, now=now)
        people = people.select(audience.profiles.column_names)
        return people, self._segments(people, rows, now), interactions

    def _segments(self, people: pa.Table, rows: list[dict[str, Any]], now: datetime) -> pa.Table:
        world, inside = self._world, []
        mine: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            mine[row["profile_id"]].append(row)
        for values in people.to_pylist():
            events = EventView(mine[values["profile_id"]])
            inside.append(
                segments_of(
                    world.workspace.segments,
                    world.segment_rules,
                    values,
                    RuleContext(now=now, events=events),
                    fallen_back=world.segmentation.fallen_back,
                )
            )
        names = world.segmentation.columns.column_names
        return pa.table(
            {n: pa.array([n.removeprefix("segment:") in s for s in inside], pa.bool_()) for n in names}
        )

    def _refused(self, request: Request, frame: pa.Table, interactions: pa.Table, now: datetime) -> list[str]:
        """Why a profile gets no mail, as a whole run would say; but one address twice is no reason here,
        since it is this profile that did something."""
        rule = audience_rule(request)
        views = event_views(interactions)
        holds = []
        for values in frame.to_pylist():
            inside = frozenset(
                n.removeprefix("segment:") for n, v in values.items() if n.startswith("segment:") and v
            )
            events = views.get(values["profile_id"], EventView())
            holds.append(rule.holds(values, RuleContext(now, inside, events)))
        place = frame.column_names.index("email_key")
        apart = frame.set_column(place, "email_key", frame["profile_id"])
        told = pa.chunked_array([pa.array(holds, pa.bool_())])
        held = held_out_mask(holdouts(request), frame["profile_id"])
        found = admit(apart, told, purpose=request.spec.purpose, held_out=held)
        return [str(reason) for reason in found.reasons]

    def _one(self, request: Request, compiled: CompiledCampaign, row: pa.Table) -> Made:
        (batch,) = row.combine_chunks().to_batches()
        mails = render_batch(compiled, self._context(request, compiled), batch)
        extra = delivery_columns(request, row)
        for name in extra.column_names:
            mails = mails.append_column(name, extra[name].combine_chunks())
        found = next(messages_of(request, mails), None)
        if found is not None:
            # It is this profile that did something: another's mail to the same address is no reason.
            found = replace(found, once_per_mailbox=False)
            return Made(found, facts=_facts(row, orjson.loads(found.trace), found.variant))
        return Made(None, mails["reason"][0].as_py(), mails["detail"][0].as_py() or "")

    def _context(self, request: Request, compiled: CompiledCampaign) -> RenderContext:
        """What the campaign's mails share; only the occasion and the clock are this mail's own."""
        key = (request.campaign, request.trigger)
        base = self._world.contexts.get(key)
        if base is None:
            audience, model = self._world.audience, self._world.model
            mark = run_fingerprint(request, compiled, audience, model)
            base = self._world.contexts[key] = render_context(request, audience, mark)
        context = replace(base, occasion=request.occasion, now=request.now, programs={})
        # Of thousands of items, and the same for all.
        context.__dict__["catalogue"] = base.catalogue
        return context


def _facts(row: pa.Table, trace: Mapping[str, Any], variant: str = "") -> bytes:
    """What measuring needs of one mail: what it showed, and to whom."""
    names = [name for name in row.column_names if name.startswith("segment:")]
    segments = [name.removeprefix("segment:") for name in names if row[name][0].as_py()]
    arms = row[ARMS][0].as_py() if ARMS in row.column_names else []
    shown = {
        "locale": row["locale"][0].as_py(),
        "variant": variant,
        "segments": segments,
        "blocks": trace.get("slots", {}),
        "recommendations": trace.get("recommendations", []),
        "asked": trace.get("asked", {}),
        "arms": arms,
    }
    return orjson.dumps(shown)

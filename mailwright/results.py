"""What came of a campaign: what was sent, what ESPs said of it, what was ordered, joined and judged."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from audience import Audience
from mailwright.archive import Archive
from mailwright.engine import Request, declared_experiments, read_workspace
from mailwright.errors import UsageError
from mailwright.experiments import ARMS
from mailwright.model.experiment import ExperimentSpec
from mailwright.model.message import SkipReason
from mailwright.model.recommendation import ASKED
from mailwright.outboxes import workspace_outbox
from mailwright.sending import archive_of
from mailwright.workspace import Workspace
from measure import Question, Results, measure_results, simulate_outcomes
from measure.record import MACHINE, SEGMENT, asked_items, record_messages, record_outcomes
from measure.schema import MESSAGES
from send import Outbox
from send.outbox.schema import events, messages
from triggers.recorded import count_recorded, recorded_messages

AFTER = timedelta(days=14)
"""How long after the last send simulated outcomes are looked at: all of them have happened by then."""


@dataclass(frozen=True)
class Declared:
    """The experiments of a campaign and of the triggers that send it, as their files are now."""

    specs: Mapping[str, ExperimentSpec]
    content: Mapping[str, str]
    scopes: Mapping[str, str]
    """Experiment → whose file declares it: ``campaign:<name>`` or ``trigger:<name>``."""


def campaign_results(
    workspace: Workspace,
    campaign: str,
    *,
    now: datetime,
    occasion: str | None = None,
    rehearsal: bool = False,
    simulate: bool = False,
    audience: Audience | None = None,
    days: int | None = None,
) -> Results:
    """The figures of a campaign up to ``now``, per segment, block, source, link and arm, and by periods of so
    many ``days`` (days or weeks, as suits).

    With ``simulate`` opens, clicks and orders are made up from the workspace's seed, and the results say so.
    ``audience`` is the workspace's where it has been read. Raises UsageError when nothing of the campaign
    was sent.
    """
    found = declared(workspace, campaign, now)
    question = question_of(workspace, now=now, rehearsal=rehearsal, simulate=simulate, audience=audience)
    if campaign not in set(_table(question)["campaign"].to_pylist()):
        where = "rehearsed" if rehearsal else "sent"
        raise UsageError(f"nothing of {campaign!r} was {where}", fix=f"mailwright send {campaign}")
    asked = replace(question, campaign=campaign, occasion=occasion)
    return measure_results(asked, experiments=found.specs, content=found.content, periods=True, days=days)


def results_stamp(workspace: Workspace, *, rehearsal: bool = False) -> Hashable:
    """Equal as long as nothing was sent and no webhook came: the results of one ``now`` are the same then."""
    archive = archive_of(workspace, rehearsal=rehearsal)
    outbox = workspace_outbox(workspace, rehearsal=rehearsal)
    try:
        with outbox.db.read() as connection:
            told = connection.execute(sa.select(sa.func.count()).select_from(events)).scalar_one()
            standing = connection.execute(
                sa.select(messages.c.status, sa.func.count()).group_by(messages.c.status)
            )
            stand = tuple(sorted((str(status), count) for status, count in standing))
        live = count_recorded(outbox.db)
    finally:
        outbox.close()
    return tuple(str(run) for run, _ in archive.runs()), told, stand, live


@dataclass(frozen=True)
class SentCampaign:
    """A campaign of which something was sent."""

    name: str
    occasions: tuple[str, ...]
    mails: int
    known: bool
    """Whether the workspace still has its file."""


def sent_campaigns(workspace: Workspace, *, rehearsal: bool = False) -> list[SentCampaign]:
    """What was sent, by campaign; looking makes no store that there is not."""
    archive = archive_of(workspace, rehearsal=rehearsal)
    file = workspace.state / ("rehearsal.db" if rehearsal else "outbox.db")
    if not file.is_file() and (rehearsal or not workspace.spec.store):
        return []
    outbox = workspace_outbox(workspace, rehearsal=rehearsal)
    try:
        sent = sent_messages(archive, outbox)
    finally:
        outbox.close()
    went = sent.filter(pc.is_null(sent["skip_reason"]))
    counted = went.group_by(["campaign", "occasion"]).aggregate([([], "count_all")]).to_pylist()
    found: dict[str, dict[str, int]] = {}
    for row in counted:
        found.setdefault(row["campaign"], {})[row["occasion"]] = row["count_all"]
    return [
        SentCampaign(name, tuple(sorted(by)), sum(by.values()), name in workspace.campaign_files)
        for name, by in sorted(found.items())
    ]


def question_of(
    workspace: Workspace,
    *,
    now: datetime,
    rehearsal: bool = False,
    simulate: bool = False,
    audience: Audience | None = None,
) -> Question:
    """Everything that was sent, by campaigns and by triggers, with what came of it."""
    outbox = workspace_outbox(workspace, rehearsal=rehearsal)
    sent = sent_messages(archive_of(workspace, rehearsal=rehearsal), outbox)
    audience = audience or read_workspace(workspace, now=now).audience
    if not simulate:
        return Question(sent, stored_outcomes(outbox), audience.interactions, now, items=audience.items)
    made = simulate_outcomes(sent, seed=workspace.spec.seed, items=audience.items)
    after = max(sent["at"].drop_null().to_pylist(), default=now) + AFTER
    return Question(sent, made.outcomes, made.orders, after, items=audience.items)


def declared(workspace: Workspace, campaign: str, now: datetime) -> Declared:
    """The experiments that mails of the campaign can show."""
    specs: dict[str, ExperimentSpec] = {}
    content: dict[str, str] = {}
    scopes: dict[str, str] = {}
    senders = [name for name, file in workspace.trigger_files.items() if campaign in file.value.campaigns]
    for trigger in (None, *senders):
        request = Request(workspace, campaign, now, workspace.spec.seed, "", trigger=trigger)
        some, shown = declared_experiments(request)
        for name in some:
            scopes.setdefault(name, f"trigger:{trigger}" if trigger else f"campaign:{campaign}")
        specs, content = {**some, **specs}, {**shown, **content}
    return Declared(specs, content, scopes)


def sent_messages(archive: Archive, outbox: Outbox) -> pa.Table:
    """Every message that was kept when it was sent, with what the outbox knows of it by now; and all who
    were held out, before it was made or at the moment of sending."""
    with outbox.db.read() as connection:
        known = connection.execute(
            sa.select(messages.c.message_id, messages.c.status, messages.c.reason)
        ).all()
    status = {row.message_id: row.status for row in known}
    late = {row.message_id for row in known if row.reason == SkipReason.HOLDOUT}
    tables = [MESSAGES.empty_table()]
    for run, facts in archive.runs():
        rows = pq.read_table(run / "rows.parquet")
        asking = any(name.startswith(ASKED) for name in rows.column_names)
        wanted = ["profile_id", "message_id", "variant", *(["trace"] if asking else [])]
        mails = pq.read_table(run / "mails.parquet", columns=wanted)
        places = pc.index_in(mails["profile_id"], value_set=rows["profile_id"].combine_chunks())
        frame = rows.take(places).append_column("variant", mails["variant"])
        if asking:
            shown = (orjson.loads(trace.as_py()) for trace in mails["trace"])
            frame = frame.append_column("asked", asked_items(shown))
        at = datetime.fromisoformat(facts["now"])
        kept_back = pa.array([one in late for one in mails["message_id"].to_pylist()], pa.bool_())
        went = frame.filter(pc.invert(kept_back))
        ids = mails["message_id"].filter(pc.invert(kept_back)).to_pylist()
        record = partial(record_messages, campaign=facts["campaign"], occasion=facts["occasion"], at=at)
        standing = pa.array([status.get(one, "pending") for one in ids], pa.string())
        arms = went[ARMS] if ARMS in went.column_names else None
        tables.append(record(went, status=standing, arms=arms))
        for held in (frame.filter(kept_back), archive.held_out(run)):
            who = [n for n in held.column_names if n in ("profile_id", "locale") or n.startswith(SEGMENT)]
            tables.append(record(held.select(who), held_out=np.ones(held.num_rows, dtype=bool)))
    tables.append(recorded_messages(outbox.db, status, late))
    return pa.concat_tables(tables)


def stored_outcomes(outbox: Outbox) -> pa.Table:
    """What webhooks have told the outbox."""
    shown = (
        events.c.esp,
        events.c.event_id,
        events.c.kind,
        events.c.at,
        events.c.message_id,
        events.c.url,
        (events.c.reason == MACHINE).label("machine"),
    )
    with outbox.db.read() as connection:
        return record_outcomes(dict(row._mapping) for row in connection.execute(sa.select(*shown)))


def _table(question: Question) -> pa.Table:
    assert isinstance(question.messages, pa.Table)
    return question.messages

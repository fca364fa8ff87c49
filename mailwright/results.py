"""What came of a campaign: what was sent, what ESPs said of it, what was ordered, joined and judged."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from mailwright.archive import Archive
from mailwright.engine import read_workspace
from mailwright.errors import UsageError
from mailwright.sending import archive_of, workspace_outbox
from mailwright.workspace import Workspace
from measure import Question, Results, measure_results, simulate_outcomes
from measure.record import record_messages, record_outcomes
from measure.schema import MESSAGES
from send import Outbox
from send.outbox.schema import events, messages

AFTER = timedelta(days=14)
"""How long after the last send simulated outcomes are looked at: all of them have happened by then."""


def campaign_results(
    workspace: Workspace,
    campaign: str,
    *,
    now: datetime,
    occasion: str | None = None,
    rehearsal: bool = False,
    simulate: bool = False,
) -> Results:
    """The figures of a campaign up to ``now``, per segment, block, source, link and arm.

    With ``simulate`` opens, clicks and orders are made up from the workspace's seed, and the results say so.
    Raises UsageError when nothing of the campaign was sent.
    """
    spec = workspace.campaign(campaign).value
    outbox = workspace_outbox(workspace, rehearsal=rehearsal)
    sent = sent_messages(archive_of(workspace, rehearsal=rehearsal), outbox)
    if campaign not in sent["campaign"].to_pylist():
        where = "rehearsed" if rehearsal else "sent"
        raise UsageError(f"nothing of {campaign!r} was {where}", fix=f"mailwright send {campaign}")
    audience = read_workspace(workspace, now=now).audience
    if simulate:
        made = simulate_outcomes(sent, seed=workspace.spec.seed, items=audience.items)
        outcomes, orders = made.outcomes, made.orders
        now = max(sent["at"].drop_null().to_pylist()) + AFTER
    else:
        outcomes = stored_outcomes(outbox)
        orders = audience.interactions
    question = Question(
        sent, outcomes, orders, now, campaign=campaign, occasion=occasion, items=audience.items
    )
    return measure_results(question, experiments=spec.experiments)


def sent_messages(archive: Archive, outbox: Outbox) -> pa.Table:
    """Every message that was kept when it was sent, with what the outbox knows of it by now."""
    with outbox.db.read() as connection:
        known = connection.execute(sa.select(messages.c.message_id, messages.c.status))
        status = {row.message_id: row.status for row in known}
    tables = [MESSAGES.empty_table()]
    for run, facts in archive.runs():
        mails = pq.read_table(run / "mails.parquet", columns=["profile_id", "message_id", "variant"])
        rows = pq.read_table(run / "rows.parquet")
        places = pc.index_in(mails["profile_id"], value_set=rows["profile_id"].combine_chunks())
        frame = rows.take(places).append_column("variant", mails["variant"])
        tables.append(
            record_messages(
                frame,
                campaign=facts["campaign"],
                occasion=facts["occasion"],
                at=datetime.fromisoformat(facts["now"]),
                status=pa.array([status.get(one, "pending") for one in mails["message_id"].to_pylist()]),
            )
        )
    return pa.concat_tables(tables)


def stored_outcomes(outbox: Outbox) -> pa.Table:
    """What webhooks have told the outbox."""
    shown = (events.c.esp, events.c.event_id, events.c.kind, events.c.at, events.c.message_id, events.c.url)
    with outbox.db.read() as connection:
        return record_outcomes(dict(row._mapping) for row in connection.execute(sa.select(*shown)))

"""What mails and live events brought back, written where the next reading of the audience finds it.

The file is made anew from the stores each time, so that late and repeated webhooks come to the same rows. It
is no source of truth: deleted, it is made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from mailwright.engine import FEEDBACK, read_workspace
from mailwright.model.replacing import replacing
from mailwright.model.schema import INTERACTION_ATTRIBUTES
from mailwright.outboxes import workspace_outbox
from mailwright.promoting import promote_winners
from mailwright.results import question_of, sent_messages
from mailwright.sending import archive_of
from mailwright.shown import SHOWN, keep_shown
from mailwright.workspace import Workspace
from measure import outcome_interactions
from triggers.recorded import recorded_events


def take_back(workspace: Workspace, campaign: str, now: datetime, *, promote: bool = True) -> None:
    """Before a campaign is planned: what its people did meanwhile, and the winners that follow from it."""
    gather_feedback(workspace, now=now)
    if promote and workspace_outbox(workspace).feedback.any():
        promote_winners(workspace, campaign, now=now)


def gather_feedback(workspace: Workspace, *, now: datetime) -> Mapping[str, int]:
    """Write opens, clicks and unsubscriptions of people, and the live events, as interactions; and what the
    last mails showed, where the next ones shall not.

    How many rows there are of each event. Nothing is written where nothing ever came back.
    """
    path = workspace.state / FEEDBACK
    outbox = workspace_outbox(workspace)
    if workspace.spec.recommend.avoid_last_mail:
        keep_shown(sent_messages(archive_of(workspace), outbox), workspace.state / SHOWN)
    live = recorded_events(outbox.db, INTERACTION_ATTRIBUTES | workspace.spec.event)
    told = pa.table({})
    if outbox.feedback.any():
        audience = read_workspace(workspace, now=now).audience
        told = outcome_interactions(question_of(workspace, now=now, audience=audience))
    if not told.num_rows and not live.num_rows and not path.is_file():
        return {}
    table = pa.concat_tables([live, told], promote_options="default") if told.num_rows else live
    with replacing(path) as part:
        pq.write_table(table, part, compression="zstd")
    return dict(sorted(Counter(table["event"].to_pylist()).items()))

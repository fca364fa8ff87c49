"""What should worry somebody, over all campaigns: decay, fatigue, complaints, segments that do not pay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from audience import Audience
from mailwright.engine import read_workspace, segment_audience
from mailwright.progress import Stages
from mailwright.results import question_of
from mailwright.workspace import Workspace
from measure import measure_results
from measure.alerts import Alert, find_alerts
from measure.proposals import SegmentProposal, propose_segments


@dataclass(frozen=True)
class Insights:
    """What was found; nothing is also an answer."""

    alerts: tuple[Alert, ...]
    proposals: tuple[SegmentProposal, ...]


def look_around(
    workspace: Workspace,
    *,
    now: datetime,
    days: int = 28,
    stages: Stages | None = None,
    audience: Audience | None = None,
    members: pa.Table | None = None,
) -> Insights:
    """Compare the last ``days`` with those before, and the segments with one another.

    ``audience`` and ``members`` (the columns of its segments) are the workspace's where they are there.
    """
    stages = stages or Stages()
    with stages("read"):
        audience = audience or read_workspace(workspace, now=now).audience
        if members is None:
            members = segment_audience(workspace, audience, now=now).columns
    with stages("measure"):
        question = question_of(workspace, now=now, audience=audience)
        alerts = find_alerts(question, span=timedelta(days=days))
        results = measure_results(question)
    return Insights(alerts, propose_segments(members, results))

"""One mail as ``send`` would make it, and the trace that says why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mailwright.catalog import profile_schema
from mailwright.engine import Plan, render_plan
from mailwright.errors import RenderError
from mailwright.explain import explain_values, row_of, with_blocks
from mailwright.model.message import Message
from mailwright.model.trace import Trace
from mailwright.run import RENDERED, messages_of
from preview.masking import masked_table, masked_trace


@dataclass(frozen=True)
class Mail:
    """What the render made of one profile, and what it read."""

    plan: Plan
    row: pa.Table
    """One row: attributes, features, segments, recommendations, blocks."""
    batch: pa.RecordBatch
    """One row of render's output."""
    outside: str
    """Why this profile is no recipient of the campaign; empty for one that is."""
    chosen: pa.Table | None = None
    """The row by which blocks were chosen, where ``row`` is masked."""

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = self.row.to_pylist()[0]
        return found

    @property
    def made(self) -> dict[str, Any]:
        found: dict[str, Any] = self.batch.to_pylist()[0]
        return found

    @property
    def is_rendered(self) -> bool:
        return bool(self.batch["status"][0].as_py() == RENDERED)

    def message(self) -> Message:
        """As an adapter gets it. Raises RenderError when there is no mail."""
        for message in messages_of(self.plan.request, self.batch):
            return message
        raise RenderError(f"there is no mail for this profile: {self.made['reason']}")

    def trace(self) -> Trace:
        """Why the mail is as it is; of one that is no recipient, why the mail would be so."""
        trace = explain_values(self.plan, self.values)
        if self.chosen is not None:
            real = explain_values(self.plan, self.chosen.to_pylist()[0])
            trace = masked_trace(trace, real, profile_schema(self.plan.request.workspace.spec))
        return replace(trace, skip=self.outside) if self.outside else trace


def make_mail(plan: Plan, profile_id: str, *, settled: bool = True, mask: bool = False) -> Mail:
    """The mail of a profile of the workspace. Raises UsageError for an id that there is not."""
    one, outside = chosen_row(plan, profile_id, settled=settled)
    return render_row(plan, one, outside, mask=mask)


def chosen_row(plan: Plan, profile_id: str, *, settled: bool = True) -> tuple[pa.Table, str]:
    """One row with its blocks chosen, and why it is no recipient (empty for one that is).

    ``settled`` says that the plan's choices are those of its blocks; else they are made anew for this row.
    """
    row = row_of(plan, profile_id)
    outside = str(plan.admission.reasons[row])
    if settled and not outside:
        place = pc.index(plan.recipients["profile_id"], profile_id).as_py()
        return plan.recipients.slice(place, 1), outside
    return with_blocks(plan, row), outside


def render_row(plan: Plan, one: pa.Table, outside: str, *, mask: bool = False) -> Mail:
    """The mail of one row with its blocks chosen, by the render of a send."""
    chosen = one if mask else None
    if mask:
        one = masked_row(plan, one)
    alone = replace(plan, request=replace(plan.request, workers=1))
    batch = next(iter(render_plan(alone, one)))
    return Mail(plan, one, batch, outside, chosen)


def masked_row(plan: Plan, one: pa.Table) -> pa.Table:
    """The row without what identifies the person."""
    return masked_table(one, profile_schema(plan.request.workspace.spec))

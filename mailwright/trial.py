"""Test sends and seeds: a campaign's mail, made again for a stand-in who checks it.

The stand-in has all that the recipient has but its name: every link in the mail (unsubscribe, preferences,
view in browser) is the stand-in's own, so that nobody who tries them unsubscribes a real recipient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from mailwright.engine import Plan, render_plan
from mailwright.errors import UsageError, did_you_mean
from mailwright.model.identity import SEED
from mailwright.model.message import Message
from mailwright.run import messages_of

MARK = "[Test] "
HEADER = "X-Mailwright-Test"


def trial_messages(plan: Plan, rows: pa.Table, to: Sequence[str], *, occasion: str) -> Iterator[Message]:
    """The mails of these recipients to each of the addresses, marked in subject and headers as tests.

    They are mails of an occasion of their own: no recipient is thereby counted as served. Raises UsageError
    when none of them can be made.
    """
    run = _of_occasion(plan, occasion)
    made = 0
    for address in to:
        names = [f"test:{address}:{profile}" for profile in rows["profile_id"].to_pylist()]
        for message in _stand_ins(run, rows, names, address):
            made += 1
            headers = {**message.headers, HEADER: "yes"}
            yield replace(message, subject=MARK + message.subject, headers=headers, not_after=None)
    if not made:
        raise UsageError("no mail of these recipients can be made", fix="name others with --profile")


def seed_messages(plan: Plan) -> Iterator[Message]:
    """A copy of the first recipient's mail for each seed address of the workspace."""
    seeds = plan.request.workspace.spec.delivery.seeds
    request = plan.request
    for seed in seeds if plan.recipients.num_rows else ():
        name = f"{SEED}{seed}:{request.campaign}:{request.occasion}"
        yield from _stand_ins(plan, plan.recipients.slice(0, 1), [name], seed)


def rows_of(plan: Plan, profiles: Sequence[str], variants: int) -> pa.Table:
    """The recipients whose mails are looked at: those named, else one of each of the most frequent variants.

    Raises UsageError for a profile that is no recipient.
    """
    ids = plan.recipients["profile_id"]
    if profiles:
        found = plan.recipients.filter(pc.is_in(ids, value_set=pa.array(list(profiles), pa.string())))
        for missing in sorted(set(profiles) - set(found["profile_id"].to_pylist())):
            raise UsageError(
                f"profile {missing!r} gets no mail of this campaign",
                fix=did_you_mean(missing, ids.to_pylist()),
            )
        return found
    slots = [name for name in plan.recipients.column_names if name.startswith("slot:")]
    shown = plan.recipients.select(slots).append_column("row", pa.array(range(plan.recipients.num_rows)))
    kinds = shown.group_by(slots, use_threads=False).aggregate([("row", "count"), ("row", "min")])
    order = pc.sort_indices(kinds, sort_keys=[("row_count", "descending"), ("row_min", "ascending")])
    return plan.recipients.take(kinds["row_min"].take(order[:variants]))


def _of_occasion(plan: Plan, occasion: str) -> Plan:
    context = replace(plan.context, occasion=occasion, programs={}, splitters={})
    return replace(plan, request=replace(plan.request, occasion=occasion), context=context)


def _stand_ins(plan: Plan, rows: pa.Table, names: list[str], address: str) -> Iterator[Message]:
    for column, values in (("profile_id", names), ("email", [address] * len(names))):
        index = rows.column_names.index(column)
        rows = rows.set_column(index, column, pa.array(values, rows.schema.field(column).type))
    for batch in render_plan(plan, rows):
        for message in messages_of(plan.request, batch):
            yield replace(message, once_per_mailbox=False)

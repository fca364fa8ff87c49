"""Hides what identifies a person, for screen sharing.

Every value whose attribute is marked ``pii`` in the schema is replaced before anything is rendered, so that
neither the page nor the mail in it, its source nor its download shows it. The profile's id stays: it is
how a profile is named here.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from mailwright.model.schema import Attribute, Schema
from mailwright.model.trace import Candidate, Operand, Outcome, SlotTrace, Trace

KEPT = frozenset({"profile_id", "locale", "timezone"})


def masked_value(value: Any, attribute: Attribute) -> Any:
    """A value of the same type that says nothing about the person; missing stays missing."""
    if value is None:
        return None
    match attribute.type:
        case "string":
            return masked_text(str(value))
        case "date" if isinstance(value, date):
            return value.replace(month=1, day=1)
        case "timestamp" if isinstance(value, datetime):
            return value.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
        case "integer" | "number":
            return type(value)(0)
        case "boolean":
            return value
    return None


def masked_text(text: str) -> str:
    """The first letter of each part; an address stays one that a header can carry: ``i-hidden@p-hidden``."""
    if "@" in text:
        local, _, domain = text.rpartition("@")
        host, dot, top = domain.rpartition(".")
        first = [part[:1] if part[:1].isascii() else "x" for part in (local, host or top)]
        return f"{first[0]}-hidden@{first[1]}-hidden{dot}{top if host else ''}"
    return " ".join(word[:1] + "•" * min(4, max(1, len(word) - 1)) for word in text.split()) or "•"


def masked_values(values: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """The values of one profile with those hidden that identify it."""
    return {
        name: masked_value(value, schema[name]) if is_hidden(name, schema) else value
        for name, value in values.items()
    }


def masked_table(table: pa.Table, schema: Schema) -> pa.Table:
    """The rows with the columns hidden that identify people."""
    for place, name in enumerate(table.column_names):
        if is_hidden(name, schema):
            column = table.column(name)
            values = [masked_value(value, schema[name]) for value in column.to_pylist()]
            table = table.set_column(place, table.schema.field(name), pa.array(values, column.type))
    return table


def is_hidden(name: str, schema: Schema) -> bool:
    return name in schema and name not in KEPT and schema[name].pii != "none"


def masked_trace(masked: Trace, real: Trace, schema: Schema) -> Trace:
    """Why the blocks were chosen as they really were, without the values that identify the person; all else
    (what stands in place of what is missing) as of the masked row."""
    slots = tuple(_masked_slot(slot, schema) for slot in real.slots)
    audience = None if real.audience is None else _masked_outcome(real.audience, schema)
    return replace(masked, audience=audience, slots=slots)


def _masked_slot(slot: SlotTrace, schema: Schema) -> SlotTrace:
    return replace(slot, candidates=tuple(_masked_candidate(one, schema) for one in slot.candidates))


def _masked_candidate(one: Candidate, schema: Schema) -> Candidate:
    outcomes = tuple(_masked_outcome(outcome, schema) for outcome in one.outcomes)
    reason = "could not be made" if one.verdict == "failed" else one.reason
    return replace(one, reason=reason, outcomes=outcomes)


def _masked_outcome(outcome: Outcome, schema: Schema) -> Outcome:
    return replace(outcome, operands=tuple(_masked_operand(one, schema) for one in outcome.operands))


def _masked_operand(one: Operand, schema: Schema) -> Operand:
    if one.expression in schema:
        hidden = is_hidden(one.expression, schema)
        return replace(one, value=masked_value(one.value, schema[one.expression])) if hidden else one
    reads = any(is_hidden(name, schema) for name in re.findall(r"\w+", one.expression))
    return replace(one, value="•") if reads and one.value is not None else one

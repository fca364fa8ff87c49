"""A profile that somebody wrote down rather than one that was read: in a sample, in a test.

What is not written is what is known of somebody never seen: the declared defaults, and the features of no
interactions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from audience import FEATURES, add_features, arrow_schema
from mailwright.catalog import RECOMMENDATIONS, profile_schema
from mailwright.model.recommendation import SENTENCES, SENTENCES_ABOUT, Reason
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES, Attribute, Schema
from mailwright.workspace import Workspace


def given_values(
    workspace: Workspace,
    profile: Mapping[str, Any],
    *,
    name: str,
    now: datetime,
    interactions: pa.Table | None = None,
) -> dict[str, Any]:
    """Every attribute of a written profile, whose id is ``name`` unless it has one; features are those of its
    interactions, where the profile does not say otherwise.

    Raises ValueError or pyarrow's ArrowException for a value that its attribute cannot have.
    """
    schema = profile_schema(workspace.spec)
    declared = {name: attribute for name, attribute in schema.items() if name not in FEATURES}
    given = {key: read_value(value, schema[key]) for key, value in profile.items() if key in schema}
    blank = {key: attribute.default for key, attribute in declared.items()}
    stranger = blank | {"profile_id": name} | {key: given[key] for key in given if key in declared}
    row = pa.Table.from_pylist([stranger], arrow_schema(declared))
    done = no_interactions() if interactions is None else interactions
    seen = add_features(row, done, item_table([], ITEM_ATTRIBUTES), now=now)
    values: dict[str, Any] = seen.to_pylist()[0]
    return values | given


def given_row(
    workspace: Workspace,
    values: Mapping[str, Any],
    *,
    segments: Collection[str],
    recommendations: Sequence[Mapping[str, Any]],
) -> pa.Table:
    """The frame of one profile: its values, the segments it is in, and the items recommended to it, each with
    ``item_id``, ``source``, ``score`` and ``reason``."""
    one = pa.Table.from_pylist([dict(values)], arrow_schema(profile_schema(workspace.spec)))
    for name in workspace.segments:
        one = one.append_column(f"segment:{name}", pa.array([name in segments]))
    one = one.append_column("recommendations", listed(recommendations))
    return one.append_column("recommendation_note", pa.array([""], pa.string()))


def listed(items: Sequence[Mapping[str, Any]]) -> pa.Array:
    """One profile's list of written items, as the frame holds it."""
    kind = arrow_schema({"recommendations": RECOMMENDATIONS}).field(0).type
    fields = [part.name for part in kind.value_type]
    return pa.array([[{name: item.get(name) for name in fields} | _told(item) for item in items]], kind)


def _told(item: Mapping[str, Any]) -> dict[str, str]:
    """The sentence of a reason that is written as its kind alone."""
    kind, about = item.get("reason_kind"), item.get("reason_about") or ""
    if item.get("reason") or kind not in (SENTENCES_ABOUT if about else SENTENCES):
        return {}
    return {"reason": Reason(kind, about).text}


def item_table(items: Sequence[Mapping[str, Any]], schema: Schema) -> pa.Table:
    """Written items as a catalogue; of two with one id the last counts."""
    unique = {item["item_id"]: item for item in items}
    typed = [
        {name: read_value(item.get(name), attribute) for name, attribute in schema.items()}
        for item in unique.values()
    ]
    return pa.Table.from_pylist(typed, arrow_schema(schema)).sort_by("item_id")


def interaction_table(
    workspace: Workspace, interactions: Sequence[Mapping[str, Any]], profile_id: str
) -> pa.Table:
    """Written interactions of one profile, as they are read from a file."""
    schema = {**INTERACTION_ATTRIBUTES, **workspace.spec.event}
    typed = [
        {name: read_value(done.get(name), attribute) for name, attribute in schema.items()}
        | {"profile_id": profile_id}
        for done in interactions
    ]
    return pa.Table.from_pylist(typed, arrow_schema(schema)).sort_by("at")


def no_interactions() -> pa.Table:
    """What somebody never seen has done."""
    return arrow_schema(INTERACTION_ATTRIBUTES).empty_table()


def read_value(value: Any, attribute: Attribute) -> Any:
    """A value as JSON or YAML holds it, with its dates and times read as what the attribute says they are."""
    if value is None:
        return None
    if attribute.type == "date":
        return value if type(value) is date else date.fromisoformat(str(value)[:10])
    if attribute.type == "timestamp":
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if isinstance(value, (list, tuple)) and attribute.items is not None:
        return [read_value(one, attribute.items) for one in value]
    if isinstance(value, Mapping) and attribute.fields is not None:
        return {name: read_value(value.get(name), inner) for name, inner in attribute.fields.items()}
    return float(value) if attribute.type == "number" else value

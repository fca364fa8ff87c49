"""Reading the catalogue and what people did with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from audience.arrow import arrow_schema
from audience.intake import Incoming, Intake, take_in, with_defaults
from audience.order import is_among, sorted_rows
from audience.report import AudienceReport
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES
from mailwright.model.workspace import WorkspaceSpec


def read_items(root: Path, spec: WorkspaceSpec, report: AudienceReport) -> pa.Table:
    """The catalogue, sorted by id; addresses that no mail may carry are set aside."""
    schema = ITEM_ATTRIBUTES | spec.item
    if spec.data.items is None:
        return arrow_schema(schema).empty_table()
    intake = Intake("items", take_in(root, spec.data.items, schema, what="items"), schema, report)
    intake.reject_duplicates("item_id")
    for name, pattern, what in (
        ("url", r"^https?://[^\s<>\"]+$", "not an http(s) address"),
        ("image", r"^(https://[^\s<>\"]+|[^/\\\\:][^\\\\:]*)$", "neither an https address nor a local file"),
        ("currency", r"^[A-Z]{3}$", "not a currency code (NOK)"),
    ):
        bad = pc.invert(pc.match_substring_regex(intake.columns[name], pattern))
        intake.set_aside(name, intake.kept(bad), what)
    outside = pc.match_substring_regex(intake.columns["image"], r"(^|/)\.\.(/|$)")
    intake.set_aside("image", intake.kept(outside), "outside of the workspace")
    return with_defaults(intake.table(["item_id"]), schema)


def take_in_interactions(root: Path, spec: WorkspaceSpec) -> Incoming | None:
    """The interactions as their source has them, whoever they belong to; None where there is no source."""
    if spec.data.interactions is None:
        return None
    schema = INTERACTION_ATTRIBUTES | spec.event
    incoming = take_in(root, spec.data.interactions, schema, what="interactions", code=True)
    if not incoming.typed.keys() >= set(_ORDER):
        return incoming
    return replace(incoming, order=sorted_rows([incoming.typed[name].values for name in _ORDER]))


def read_interactions(
    incoming: Incoming | None,
    spec: WorkspaceSpec,
    report: AudienceReport,
    profiles: pa.Table,
    aliases: Mapping[str, str],
    items: pa.Table,
    now: datetime,
) -> pa.Table:
    """Interactions of known profiles with known items, up to ``now``; none that says something impossible.

    What a merged profile did counts as done by the one that it became (``aliases``). Texts that repeat are
    dictionaries.
    """
    schema = INTERACTION_ATTRIBUTES | spec.event
    if incoming is None:
        return arrow_schema(schema).empty_table()
    intake = Intake("interactions", incoming, schema, report, decisive=INTERACTION_ATTRIBUTES)
    columns = intake.columns
    columns["profile_id"] = renamed(columns["profile_id"], aliases)
    for name, known in (("profile_id", profiles), ("item_id", items)):
        there = is_among(columns[name], known.column(name).combine_chunks())
        intake.reject(name, intake.kept(pc.and_(pc.is_valid(columns[name]), pc.invert(there))), "unknown")
    late = pc.greater(columns["at"], pa.scalar(now, columns["at"].type))
    intake.reject("at", intake.kept(late), "in the future")
    found = None if aliases else incoming.order  # another id is another place
    return with_defaults(intake.table(_ORDER, found=found, code=True), schema)


_ORDER = ["profile_id", "at", "event", "item_id"]


def renamed(ids: pa.Array, aliases: Mapping[str, str]) -> pa.Array:
    """The ids, those of merged profiles as what they became."""
    if not aliases:
        return ids
    if pa.types.is_dictionary(ids.type):
        return pa.DictionaryArray.from_arrays(ids.indices, renamed(ids.dictionary, aliases))
    places = pc.index_in(ids, value_set=pa.array(list(aliases), pa.string()))
    return pc.coalesce(pa.array(list(aliases.values()), pa.string()).take(places), ids)

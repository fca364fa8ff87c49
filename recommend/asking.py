"""Lists that a mail's blocks ask for by themselves, for all profiles at once.

``recommend(strategy="similar", to=cart.items, n=4)`` in a block is an ``Ask``; here it becomes one list for
each profile, as columnar as the chain: the histories and the catalogue are read once for all lists of a mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from audience.order import flat
from mailwright.model.recommendation import Ask
from mailwright.model.schema import Attribute, Schema
from mailwright.model.workspace import RecommendSpec
from recommend.chain import fill
from recommend.context import Context, read_context
from recommend.model import Model
from recommend.ratings import asked_about
from recommend.recommendations import Recommendations
from recommend.strategies import open_strategy


def recommend_asked(
    model: Model,
    profiles: pa.Table,
    interactions: pa.Table,
    items: pa.Table,
    spec: RecommendSpec,
    asks: Sequence[Ask],
    *,
    now: datetime,
    segments: pa.Table | None = None,
    only: Sequence[int] | None = None,
    last_shown: pa.Table | None = None,
    spare: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Ask, Recommendations]:
    """The list of each ask, in their order; the arguments are those of ``recommend_items``.

    Raises UsageError for an unknown strategy.
    """
    if not asks:
        return {}
    context = read_context(
        model, profiles, interactions, items, spec, now, segments=segments, last_shown=last_shown
    )
    return asked_lists(context, asks, only=only, spare=spare, progress=progress)


def asked_lists(
    context: Context,
    asks: Sequence[Ask],
    *,
    only: Sequence[int] | None = None,
    spare: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Ask, Recommendations]:
    """The list of each ask, where the world has been read before."""
    found: dict[Ask, Recommendations] = {}
    for done, ask in enumerate(asks, start=1):
        asked = asked_about(items_at(context.profiles, ask.to), context.catalogue.ids) if ask.to else None
        context = context.asking(asked)
        tiers = open_strategy(ask.strategy, context)
        found[ask] = fill(context, tiers, n=ask.n, only=only, spare=0 if ask.again else spare)
        if progress is not None:
            progress(done, len(asks))
    return found


def asked_columns(found: Mapping[Ask, Recommendations], rows: int) -> pa.Table:
    """Each list as a column of the frame, and beside it a column that says what is missing of it."""
    columns: dict[str, pa.Array] = {}
    for ask, lists in found.items():
        columns[ask.column] = lists.column()
        columns[ask.note] = pa.array([lists.note(row) for row in range(rows)], pa.string())
    return pa.table(columns)


def item_paths(attributes: Schema) -> tuple[str, ...]:
    """The attributes that ``to=`` takes: ids of items, objects with an ``item_id``, lists of either."""
    found: list[str] = []
    for name, attribute in attributes.items():
        if _holds_items(attribute):
            found.append(name)
        elif attribute.type == "object":
            found += [f"{name}.{path}" for path in item_paths(attribute.fields or {})]
    return tuple(found)


def items_at(profiles: pa.Table, path: str) -> pa.ListArray:
    """The ids of items that an attribute of each profile holds, a list for each, NULL where it is missing."""
    name, *members = path.split(".")
    values = flat(profiles[name])
    for member in members:
        values = _field(values, member)
    if not pa.types.is_list(values.type):
        return _lists(values)
    elements = values.flatten()
    ids = _field(elements, "item_id") if pa.types.is_struct(elements.type) else elements
    lengths = values.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return pa.ListArray.from_arrays(_offsets(lengths), ids.cast(pa.string()))


def _holds_items(attribute: Attribute) -> bool:
    """A text may be an item's id: whether it is one is known of the data alone, and others ask nothing."""
    inner = attribute.items if attribute.type == "list" and attribute.items else attribute
    return inner.type == "string" or "item_id" in (inner.fields or {})


def _field(structs: Any, name: str) -> Any:
    """A member of structs, NULL where the struct is: ``field`` alone would give what is beneath it."""
    return pa.compute.struct_field(structs, name)


def _lists(values: Any) -> pa.ListArray:
    ids = _field(values, "item_id") if pa.types.is_struct(values.type) else values
    ids = ids.cast(pa.string())
    there = ids.is_valid().to_numpy(zero_copy_only=False)
    return pa.ListArray.from_arrays(_offsets(there.astype("int64")), ids.drop_null())


def _offsets(lengths: Any) -> Any:
    return pa.array([0, *lengths.cumsum().tolist()], pa.int32())

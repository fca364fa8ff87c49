"""What the files begin when they have changed: prices that fell, items that are back, new recommendations.

The store has the catalogue, and what was recommended to whom, as they were last looked at. The first look
only remembers. What is begun has a key made of the data's fingerprint, and only after everything is begun the
new state is written: a process that dies half-way does it again, and starts nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from mailwright.model.schema import ADDED, PURCHASED, VIEWED
from mailwright.models import tuned_spec
from recommend import recommend_items
from triggers.batch import Batch
from triggers.begin import Beginner
from triggers.program import Trigger
from triggers.schema import items, recommended
from triggers.store import Store
from triggers.world import World

LOOKED_AT = 10
"""Recommended items of a profile that are compared with those of the last time."""
_TOGETHER = 500
_SEES = frozenset({VIEWED, ADDED})

Batches = Callable[[Sequence[str], datetime], AbstractContextManager[Batch]]
"""A transaction over these profiles, written when it is left."""
_Stand = tuple[float | None, int | None]


class Novelty:
    """Begins what new data begins."""

    def __init__(
        self,
        world: World,
        triggers: Mapping[str, Trigger],
        store: Store,
        beginner: Beginner,
        batches: Batches,
    ) -> None:
        self._world, self._store, self._beginner, self._batches = world, store, beginner, batches
        self._of_items = [t for t in triggers.values() if t.start.kind in ("price_drop", "back_in_stock")]
        self._of_lists = [t for t in triggers.values() if t.start.kind == "new_recommendations"]

    def __bool__(self) -> bool:
        return bool(self._of_items or self._of_lists)

    def sweep(self, now: datetime) -> int:
        """Begin what is new since last looked at; how many profiles were looked at. Costs one read where the
        data are the same."""
        looked = 0
        if self._of_items and (mark := self._changed("catalogue")):
            looked += self._items(now, mark)
        if self._of_lists and (mark := self._changed("recommended")):
            looked += self._lists(now, mark)
        return looked

    def _changed(self, what: str) -> str:
        """The fingerprint of the data where it is not that of the last look; else nothing."""
        mark = self._world.audience.fingerprint
        with self._store.db.read() as connection:
            return "" if self._store.read_meta(connection, what) == mark else mark

    # ── the catalogue ──

    def _items(self, now: datetime, mark: str) -> int:
        table = self._world.audience.items.select(["item_id", "price", "in_stock"]).to_pylist()
        today: dict[str, _Stand] = {row["item_id"]: (row["price"], _flag(row["in_stock"])) for row in table}
        with self._store.db.read() as connection:
            before = {row[0]: (row[1], row[2]) for row in connection.execute(sa.select(items))}
        looked = 0
        for trigger in self._of_items if before else ():
            changed = dict(_changes(trigger, before, today))
            if changed:
                looked += self._begin_items(trigger, changed, now, mark)
        with self._store.db.write() as connection:
            connection.execute(sa.delete(items))
            names = ("item_id", "price", "in_stock")
            self._store.bulk.insert(connection, items, names, [(k, *v) for k, v in sorted(today.items())])
            self._store.write_meta(connection, "catalogue", mark)
        return looked

    def _begin_items(self, trigger: Trigger, changed: Mapping[str, float], now: datetime, mark: str) -> int:
        since = (-trigger.seen).shift(now) or now
        ids = self._who_saw(changed, since)
        kind = trigger.start.kind
        for some in _together(ids):
            with self._batches(some, now) as batch:
                for profile_id in some:
                    seen = _seen(batch.profiles[profile_id].rows, changed, since)
                    if not seen:
                        continue
                    # One beginning, with the item that moved most, then the one that was seen last.
                    item = max(seen, key=lambda name: (changed[name], seen[name], name))
                    origin = {"event": kind, "item_id": item, "items": sorted(seen), "at": now}
                    key = f"{kind}:{item}:{mark[:12]}"
                    self._beginner.begin(batch, trigger, profile_id, origin, key, now)
        return len(ids)

    def _who_saw(self, changed: Mapping[str, float], since: datetime) -> list[str]:
        """Who may have seen one of these items: by the files, and whoever did something that came in here."""
        table = self._world.audience.interactions
        saw = pc.and_(
            pc.is_in(table["item_id"], value_set=pa.array(sorted(changed), pa.string())),
            pc.and_(
                pc.is_in(table["event"], value_set=pa.array(sorted(_SEES), pa.string())),
                pc.greater_equal(table["at"], pa.scalar(since, table["at"].type)),
            ),
        )
        found = set(table.filter(saw)["profile_id"].unique().to_pylist())
        return sorted(found | set(self._store.profile_ids()))

    # ── recommendations ──

    def _lists(self, now: datetime, mark: str) -> int:
        now_first = self._first_items(now)
        with self._store.db.read() as connection:
            rows = connection.execute(sa.select(recommended))
            before = {row.profile_id: frozenset(orjson.loads(row.items)) for row in rows}
        for trigger in self._of_lists:
            wanted = trigger.start.new_recommendations or 1
            new = {
                name: [item for item in first if item not in before[name]]
                for name, first in now_first.items()
                if name in before
            }
            ids = sorted(name for name, fresh in new.items() if len(fresh) >= wanted)
            for some in _together(ids):
                with self._batches(some, now) as batch:
                    for profile_id in some:
                        origin = {"event": "new_recommendations", "items": new[profile_id], "at": now}
                        key = f"new_recommendations:{mark[:12]}"
                        self._beginner.begin(batch, trigger, profile_id, origin, key, now)
        with self._store.db.write() as connection:
            connection.execute(sa.delete(recommended))
            rows_now = [(name, orjson.dumps(first)) for name, first in now_first.items()]
            self._store.bulk.insert(connection, recommended, ("profile_id", "items"), rows_now)
            self._store.write_meta(connection, "recommended", mark)
        return len(now_first)

    def _first_items(self, now: datetime) -> dict[str, list[str]]:
        world = self._world
        found = recommend_items(
            world.model,
            world.audience.profiles,
            world.audience.interactions,
            world.audience.items,
            tuned_spec(world.workspace.spec.recommend, world.model),
            n=LOOKED_AT,
            now=now,
            segments=world.segmentation.columns,
        )
        ids = world.audience.profiles["profile_id"].to_pylist()
        return {name: [one.item_id for one in found.row(row)] for row, name in enumerate(ids)}


def _changes(
    trigger: Trigger, before: Mapping[str, _Stand], today: Mapping[str, _Stand]
) -> Iterable[tuple[str, float]]:
    """The items that the trigger asks for, and how much each has moved: per cent of a price, or nothing."""
    least = trigger.start.price_drop
    for item, (price, there) in today.items():
        old_price, old_there = before.get(item, (None, None))
        if least is None:
            if there == 1 and old_there == 0:
                yield item, 0.0
        elif price is not None and old_price is not None and 0 <= price < old_price:
            drop = 100 * (old_price - price) / old_price
            if drop >= least:
                yield item, drop


def _seen(
    rows: Sequence[Mapping[str, Any]], changed: Mapping[str, float], since: datetime
) -> dict[str, datetime]:
    """Of these items those that were seen, when last, and not bought since; ``rows`` are oldest first."""
    seen: dict[str, datetime] = {}
    for row in rows:
        item = row.get("item_id")
        if item is not None and item in changed and row["at"] >= since:
            if row["event"] in _SEES:
                seen[item] = row["at"]
            elif row["event"] == PURCHASED:
                seen.pop(item, None)
    return seen


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _together(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(ids), _TOGETHER):
        yield ids[start : start + _TOGETHER]

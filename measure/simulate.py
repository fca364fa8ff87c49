"""Opens, clicks and purchases made up out of a seed, for demonstrations and tests; marked as simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mailwright.model.schema import PURCHASED
from measure.assignment import buckets_of
from measure.schema import AT, ORDERS, OUTCOMES

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Instants = npt.NDArray[np.int64]

_SECOND, _MINUTE, _HOUR = 1_000_000, 60_000_000, 3_600_000_000


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How made-up people behave: shares, each of the step before. Plausible, and measured nowhere."""

    bounce: float = 0.015
    machine_open: float = 0.35
    """Of the delivered: a privacy proxy opens it at once, whether a person does or not."""
    open: float = 0.28
    click: float = 0.18
    unsubscribe: float = 0.006
    """Of those who opened."""
    complain: float = 0.0004
    buy_after_click: float = 0.15
    buy_anyway: float = 0.01
    """Of all, mailed or held out: they would have bought without any mail."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """``outcomes`` and ``orders`` as ``measure.schema`` has them, every row with ``simulated`` true."""

    outcomes: pa.Table
    orders: pa.Table


def simulate_outcomes(
    messages: pa.Table,
    *,
    seed: int,
    items: pa.Table | None = None,
    behaviour: Behaviour = Behaviour(),
    effects: Mapping[tuple[str, str], float] | None = None,
) -> Simulated:
    """What the recipients of these messages might have done.

    A message's fate depends on the seed and its id alone, whatever else is in the table. ``effects``
    multiplies the chance of a click in an (experiment, arm). Clicks go to a recommended item's page, the
    first of them more often, where ``items`` knows its ``url``; purchases cost its ``price``.
    """
    messages = messages.filter(pc.is_valid(messages["at"]))
    draws = _Draws(seed, messages["message_id"])
    held = _is_held_out(messages)
    went = ~held & ~np.isin(_texts(messages, "status"), ["skipped", "rejected", "pending", "claimed"])
    fate = _fate(messages, went, draws, behaviour, effects or {})
    target = _targets(messages, fate.clicked, draws.next())
    pages, prices = _catalogue(items)
    urls = [pages.get(item) for item in target]
    outcomes = [_events(messages, *kind, urls=urls) for kind in fate.events()]
    bought = fate.clicked & (draws.next() < behaviour.buy_after_click)
    anyway = (held | went) & (draws.next() < behaviour.buy_anyway)
    money = 20 + 80 * draws.next()
    at = messages["at"].cast(pa.int64()).to_numpy()
    orders = [
        _orders(messages, bought, fate.clicked_at + _after(draws, _MINUTE, _HOUR), target, prices, money),
        _orders(messages, anyway, at + _after(draws, _MINUTE, 7 * 24 * _HOUR), None, prices, money),
    ]
    return Simulated(pa.concat_tables(outcomes).sort_by("at"), pa.concat_tables(orders).sort_by("at"))


@dataclass(frozen=True, slots=True)
class _Fate:
    """To which messages what happens, and when (microseconds since 1970)."""

    bounced: Mask
    delivered: Mask
    proxied: Mask
    opened: Mask
    clicked: Mask
    left: Mask
    complained: Mask
    delivered_at: Instants
    opened_at: Instants
    clicked_at: Instants

    def events(self) -> list[tuple[str, Mask, Instants, bool]]:
        """Kind, messages, instants, and whether a machine did it."""
        return [
            ("bounced", self.bounced, self.delivered_at, False),
            ("delivered", self.delivered, self.delivered_at, False),
            ("opened", self.proxied, self.delivered_at + _SECOND, True),
            ("opened", self.opened, self.opened_at, False),
            ("clicked", self.clicked, self.clicked_at, False),
            ("unsubscribed", self.left, self.opened_at + _MINUTE, False),
            ("complained", self.complained, self.opened_at + _MINUTE, False),
        ]


def _fate(
    messages: pa.Table,
    went: Mask,
    draws: _Draws,
    behaviour: Behaviour,
    effects: Mapping[tuple[str, str], float],
) -> _Fate:
    bounced = went & (draws.next() < behaviour.bounce)
    delivered = went & ~bounced
    proxied = delivered & (draws.next() < behaviour.machine_open)
    opened = delivered & (draws.next() < behaviour.open)
    clicked = opened & (draws.next() < behaviour.click * _multipliers(messages, effects))
    left = opened & (draws.next() < behaviour.unsubscribe)
    complained = opened & (draws.next() < behaviour.complain)
    delivered_at = messages["at"].cast(pa.int64()).to_numpy() + _after(draws, _SECOND, 90 * _SECOND)
    opened_at = delivered_at + _after(draws, _MINUTE, 30 * _HOUR)
    clicked_at = opened_at + _after(draws, 3 * _SECOND, 5 * _MINUTE)
    return _Fate(
        bounced, delivered, proxied, opened, clicked, left, complained, delivered_at, opened_at, clicked_at
    )


class _Draws:
    """One column of uniform numbers after another, from a hash of seed and message id (splitmix64)."""

    def __init__(self, seed: int, message_ids: pa.ChunkedArray) -> None:
        self._state = (buckets_of(f"simulated:{seed}", message_ids) * 2**53).astype(np.uint64)

    def next(self) -> Floats:
        with np.errstate(over="ignore"):
            self._state = self._state + np.uint64(0x9E3779B97F4A7C15)
            mixed = (self._state ^ (self._state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
        return np.asarray((mixed >> np.uint64(11)).astype(np.float64) / 2**53)


def _after(draws: _Draws, least: int, mean: int) -> Instants:
    """Microseconds that pass: ``least``, and an exponential wait."""
    return np.asarray(least - mean * np.log1p(-draws.next()), np.int64)


def _is_held_out(messages: pa.Table) -> Mask:
    if "skip_reason" not in messages.column_names:
        return np.zeros(messages.num_rows, dtype=bool)
    return np.asarray(pc.fill_null(pc.equal(messages["skip_reason"], "holdout"), False))


def _multipliers(messages: pa.Table, effects: Mapping[tuple[str, str], float]) -> Floats:
    factors = np.ones(messages.num_rows)
    if effects and "arms" in messages.column_names:
        for row, arms in enumerate(messages["arms"].to_pylist()):
            for entry in arms or ():
                factors[row] *= effects.get((entry["experiment"], entry["arm"]), 1.0)
    return factors


def _targets(messages: pa.Table, clicked: Mask, draw: Floats) -> list[str | None]:
    """The recommended item that was clicked, the campaign's before those that blocks asked for: each place
    half as often as the one before."""
    target: list[str | None] = [None] * messages.num_rows
    names = [name for name in ("recommendations", "asked") if name in messages.column_names]
    if not names:
        return target
    rows = np.flatnonzero(clicked)
    for row, mail in zip(rows, messages.select(names).take(pa.array(rows)).to_pylist(), strict=True):
        if shown := [item for name in names for item in mail[name] or ()]:
            weights = np.cumsum(0.5 ** np.arange(len(shown)))
            position = int(np.searchsorted(weights, draw[row] * weights[-1], side="right"))
            target[row] = shown[min(position, len(shown) - 1)]["item_id"]
    return target


def _catalogue(items: pa.Table | None) -> tuple[dict[str | None, str | None], dict[str | None, float]]:
    """Item → page, and item → price."""
    if items is None:
        return {}, {}
    ids = items["item_id"].to_pylist()
    pages = items["url"].to_pylist() if "url" in items.column_names else [None] * len(ids)
    prices = items["price"].to_pylist() if "price" in items.column_names else [None] * len(ids)
    return dict(zip(ids, pages, strict=True)), {
        item: price for item, price in zip(ids, prices, strict=True) if price is not None
    }


def _events(
    messages: pa.Table, kind: str, where: Mask, at: Instants, machine: bool, *, urls: list[str | None]
) -> pa.Table:
    ids = messages["message_id"].filter(pa.array(where))
    rows = np.flatnonzero(where)
    tag = f"simulated-{kind}{'-machine' if machine else ''}-"
    columns = {
        "event_id": pc.binary_join_element_wise(tag, ids, ""),
        "kind": pa.repeat(pa.scalar(kind), len(rows)),
        "at": pa.array(at[rows]).cast(AT),
        "message_id": ids,
        "url": pa.array([urls[row] if kind == "clicked" else None for row in rows], pa.string()),
        "machine": pa.repeat(pa.scalar(machine), len(rows)),
        "simulated": pa.repeat(pa.scalar(True), len(rows)),
    }
    return pa.table(columns).select(OUTCOMES.names).cast(OUTCOMES)


def _orders(
    messages: pa.Table,
    where: Mask,
    at: Instants,
    target: list[str | None] | None,
    prices: Mapping[str | None, float],
    money: Floats,
) -> pa.Table:
    rows = np.flatnonzero(where)
    bought = [target[row] if target else None for row in rows]
    tag = "simulated-order-" if target else "simulated-anyway-"
    ids = pc.binary_join_element_wise(tag, messages["message_id"].filter(pa.array(where)), "")
    columns = {
        "profile_id": messages["profile_id"].filter(pa.array(where)),
        "item_id": pa.array(bought, pa.string()),
        "event": pa.repeat(pa.scalar(PURCHASED), len(rows)),
        "at": pa.array(at[rows]).cast(AT),
        "quantity": pa.repeat(pa.scalar(1, pa.int64()), len(rows)),
        "amount": pa.array(
            [prices.get(item, round(money[row], 2)) for item, row in zip(bought, rows, strict=True)],
            pa.float64(),
        ),
        "order_id": ids,
        "event_id": ids,
    }
    table = pa.table(columns).select(ORDERS.names).cast(ORDERS)
    return table.append_column("simulated", pa.repeat(pa.scalar(True), len(rows)))


def _texts(messages: pa.Table, name: str) -> npt.NDArray[np.str_]:
    return np.asarray(messages[name].to_pylist(), dtype=np.str_)

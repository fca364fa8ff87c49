"""What profiles did, as arrays in the order of profile, instant and kind: what features are computed of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audience.arrow import TIMESTAMP
from mailwright.model.schema import ADDED, MAIL_CLICKED, MAIL_OPENED, PURCHASED, VIEWED

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

REMOVED = "product_removed"
SAYS = {MAIL_CLICKED: 2.0, MAIL_OPENED: 0.5, PURCHASED: 5.0, ADDED: 3.0, VIEWED: 1.0}
"""What an event says of interest; any other says nothing. In the order in which a table of interactions has
those of one instant."""
KINDS = (*SAYS, REMOVED)
_SAYS = np.array([*SAYS.values(), 0.0, 0.0])
"""By place in ``KINDS``; -1 is any other event."""

MOST = 2**63 - 1
_SURE = 2**62
"""Whole numbers that add up to less than this in doubles do not overflow."""


@dataclass(frozen=True)
class History:
    """The events of some profiles up to ``now``, by profile, instant and kind."""

    people: int
    now_s: float
    """Seconds since 1970."""
    who: I64
    """The profile of each event, from 0."""
    at: I64
    """Microseconds since 1970."""
    kind: npt.NDArray[np.int8]
    """Place in ``KINDS``, -1 for any other."""
    item: I64
    """-1 where there is none."""
    quantity: I64
    amount: F64
    """NaN where it is not known."""
    age: F64
    """Days before now, a difference of doubles."""
    moment: Mask
    """Whether an event is the first of its moment: what one profile does at one instant and says the same. An
    order has many lines and one time; three items put into the cart at once are one visit."""

    def rows(self, kind: str) -> I64:
        """The events of this kind."""
        return np.flatnonzero(self.kind == KINDS.index(kind))

    def younger(self, rows: I64, days: float) -> I64:
        """Those of the rows that are less than so many days old."""
        return rows[self.age[rows] < days]

    def count(self, rows: I64) -> I64:
        """How many of the rows each profile has."""
        found: I64 = np.bincount(self.who[rows], minlength=self.people)
        return found

    def ends(self, rows: I64) -> tuple[pa.Array, pa.Array]:
        """The first and the last instant of each profile among the rows; NULL for one without any."""
        who = self.who[rows]
        first = starts(who)
        nobody = np.ones(self.people, dtype=bool)
        nobody[who[first]] = False
        found = []
        for places in (first, np.append(first, len(who))[1:] - 1):
            times = np.zeros(self.people, dtype=np.int64)
            times[who[places]] = self.at[rows[places]]
            found.append(pa.array(times, pa.int64(), mask=nobody).view(TIMESTAMP))
        return found[0], found[1]

    def total(self, rows: I64, values: I64) -> npt.NDArray[np.int64 | np.object_]:
        """The exact sum of each profile's values, one a row."""
        return add_up(self.who[rows], values, self.people)

    def interest(self, rows: I64, half_life_days: float) -> I64:
        """What each event says, half as much after so many days. In millionths, for sums of whole numbers do
        not depend on the order of adding."""
        # Arrow's power is that of the C library, the same on every machine; NumPy's is another on some.
        faded = pc.power(2.0, pa.array(-self.age[rows] / half_life_days)).to_numpy()
        return rounded(1e6 * _SAYS[self.kind[rows]] * faded)

    def says_something(self) -> Mask:
        there: Mask = _SAYS[self.kind] > 0
        return there


def history_of(events: pa.Table, low: int, high: int, now: datetime) -> History:
    """The events (position, kind, item, at, quantity, amount) of the profiles from ``low`` to ``high``."""
    now_us = pa.scalar(now, TIMESTAMP).cast(pa.int64()).as_py()
    known = pc.less_equal(events.column("at").cast(pa.int64()), now_us).fill_null(False)
    if not pc.all(known).as_py():
        events = events.filter(known)
    who = _numbers(events, "position", 0) - low
    at, kind = _numbers(events, "at", 0), _numbers(events, "kind", -1).astype(np.int8)
    item, quantity = _numbers(events, "item", -1), _numbers(events, "quantity", 1)
    amount: F64 = events.column("amount").fill_null(np.nan).to_numpy()
    said = np.where(_SAYS[kind] > 0, kind, -1)
    if not _ordered(who, at, said):
        order = np.lexsort((said, at, who))
        who, at, kind, said = who[order], at[order], kind[order], said[order]
        item, quantity, amount = item[order], quantity[order], amount[order]
    again = (who[1:] == who[:-1]) & (at[1:] == at[:-1]) & (said[1:] == said[:-1])
    moment = np.append(True, ~again)[: len(who)]
    age = (now_us / 1e6 - at / 1e6) / 86400.0
    return History(high - low, now_us / 1e6, who, at, kind, item, quantity, amount, age, moment)


def _ordered(who: I64, at: I64, said: npt.NDArray[np.int8]) -> bool:
    """Whether the events of each profile stand by instant, those of one instant by what they say."""
    same_who, same_at = who[1:] == who[:-1], at[1:] == at[:-1]
    ordered = (at[1:] >= at[:-1]) & ((said[1:] >= said[:-1]) | ~same_at) | ~same_who
    return bool(ordered.all())


def starts(sorted_keys: I64) -> I64:
    """Where each run of equal keys begins."""
    return np.flatnonzero(np.append(True, sorted_keys[1:] != sorted_keys[:-1])[: len(sorted_keys)])


def add_up(groups: I64, values: I64, count: int) -> npt.NDArray[np.int64 | np.object_]:
    """The exact sums of the values of groups that stand together, as Python's numbers where they need it."""
    sure = np.abs(values, dtype=np.float64).sum() < _SURE
    found = np.zeros(count, dtype=np.int64 if sure else object)
    first = starts(groups)
    if len(first):
        found[groups[first]] = np.add.reduceat(values if sure else values.astype(object), first)
    return found


def rounded(values: F64) -> I64:
    """To whole numbers, half away from zero."""
    whole = np.trunc(values)
    whole += np.where(np.abs(values - whole) >= 0.5, np.copysign(1.0, values), 0.0)
    return whole.astype(np.int64)


def lists_of(who: I64, people: int, values: pa.Array) -> pa.ListArray:
    """A list a profile of values that stand by profile."""
    ends = np.cumsum(np.bincount(who, minlength=people), dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(np.append(np.int32(0), ends)), values)


def _numbers(events: pa.Table, name: str, missing: int) -> I64:
    column = events.column(name).cast(pa.int64())
    found: I64 = (column.fill_null(missing) if column.null_count else column).to_numpy()
    return found

"""One profile as it is at this moment: attributes, events as they come in, features on demand."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from audience import FEATURES
from audience.rfm import RfmCuts
from rules import EventView, RuleContext
from segments.learned import Learned
from triggers.features import WARMTH, History, feature, moved_by
from triggers.runs import Run

MOST_EVENTS = 5_000
"""Events of one profile that are looked at, the newest: a million from one crawler slow nobody else down."""


class LiveProfile(Mapping[str, Any]):
    """A mapping as rules read it. ``events`` are rows with ``event``, ``at`` and fields, in any order."""

    def __init__(
        self,
        attributes: dict[str, Any],
        events: Sequence[Mapping[str, Any]],
        *,
        category: Callable[[str], str | None],
        cuts: RfmCuts,
        learned: Learned | None = None,
        version: int = 0,
    ) -> None:
        self.attributes = attributes
        self._learned = learned or _NOTHING
        self.version = version
        self.told: dict[str, Any] = {}
        """Attributes that differ from what the files say: told by identify calls and journeys."""
        self.packed = b"{}"
        """``told`` as the store has it."""
        self.segments: frozenset[str] | None = None
        """Those that triggers ask about, as of the last event; None: not looked at yet."""
        self.runs: list[Run] | None = None
        """Those under way, as the store has them at this version; None: not read yet."""
        self.rows = sorted(events, key=_at)[-MOST_EVENTS:]
        self.view = EventView(self.rows)
        self._category, self._cuts = category, cuts
        self._now: datetime | None = None
        self._context: RuleContext | None = None
        self._history: History | None = None
        self._known: dict[str, Any] = {}
        """Features as of ``_now``."""
        self._said: set[tuple[float, float]] | None = None
        """What engagement is reckoned of; None: not asked for yet."""

    # ── changes ──

    def add(self, row: Mapping[str, Any]) -> None:
        """One more event."""
        at = row["at"]
        if not self.rows or self.rows[-1]["at"] <= at:  # as events mostly come
            self.rows.append(row)
        else:
            insort(self.rows, row, key=_at)
        if len(self.rows) > MOST_EVENTS + MOST_EVENTS // 10:
            self._see(self.rows[-MOST_EVENTS:])
        else:
            self.view.add(row)
            if self._said is not None and row["event"] in WARMTH:
                self._said.add((at.timestamp(), WARMTH[row["event"]]))
        if self._history is not None and (self._history.all is not self.rows or at > self._history.now):
            self._history = None  # else it sees the row as it is
        if self._known:
            moved = moved_by(row["event"]) if len(self.rows) > 1 else FEATURES.keys()
            for name in [n for n in self._known if n in moved or n in self._learned.names]:
                del self._known[name]

    def tell(self, values: Mapping[str, Any]) -> None:
        """Attributes that are now known to be these."""
        self.attributes.update(values)
        self._compute_again()

    def empty(self) -> None:
        """All its events turned out to be another's."""
        self._see([])

    def _see(self, rows: list[Mapping[str, Any]]) -> None:
        self.rows, self.view = rows, EventView(rows)
        self._context = None
        self._said = None
        self._compute_again()

    def _compute_again(self) -> None:
        self._history = None
        self._known.clear()

    def at(self, now: datetime, segments: frozenset[str] = frozenset()) -> RuleContext:
        """The context for rules at ``now``; features are of that moment from here on."""
        if now != self._now:
            self._now, self._context = now, None
            self._compute_again()
        if segments:
            return RuleContext(now=now, segments=segments, events=self.view)
        if self._context is None:
            self._context = RuleContext(now=now, events=self.view)
        return self._context

    # ── what rules read ──

    def __getitem__(self, name: str) -> Any:
        if name not in self._learned.computed:
            return self.attributes[name]
        if name not in self._known:
            history = self._history or self._look_back()
            self._known[name] = (
                feature(name, history)
                if name in FEATURES
                else self._learned.value(name, self, now=history.now)
            )
        return self._known[name]

    def get(self, name: str, default: Any = None) -> Any:
        """As rules ask: an attribute that is not known is ``default``."""
        return self[name] if name in self._learned.computed else self.attributes.get(name, default)

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self.attributes if name not in self._learned.computed)
        yield from self._learned.computed

    def __len__(self) -> int:
        return len(self.attributes.keys() | self._learned.computed)

    def _look_back(self) -> History:
        now = self._now
        if now is None:
            raise RuntimeError("a feature was asked for before the clock was set by `at`")
        seen = self.rows
        if seen and seen[-1]["at"] > now:
            seen = seen[: bisect_right(seen, now, key=_at)]
        view = self.view
        if self._said is None:
            told = (row for row in self.rows if row["event"] in WARMTH)
            self._said = {(row["at"].timestamp(), WARMTH[row["event"]]) for row in told}
        self._history = History(
            now=now,
            all=seen,
            named=lambda name: view.within(name, None, now),
            said=self._said,
            timezone=self.attributes.get("timezone"),
            category=self._category,
            cuts=self._cuts,
        )
        return self._history


_NOTHING = Learned()


def _at(row: Mapping[str, Any]) -> datetime:
    moment: datetime = row["at"]
    return moment

"""Make what Northlight's triggers need: ``python examples/triggers/generate.py [--people 30] [--seed 3]``.

Writes ``data/profiles.jsonl``, ``data/items.jsonl``, ``data/interactions.jsonl`` (what people did long before
the workspace's clock) and ``events.jsonl``: Segment calls of the two weeks after it, with something in them
for every trigger that events start. The same seed gives the same bytes.

    mailwright simulate examples/triggers/events.jsonl --workspace examples/triggers --trigger cart-abandoned
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CLOCK = datetime(2026, 11, 20, 8, tzinfo=UTC)
"""The ``clock`` of mailwright.yaml: a Friday, nine o'clock in Oslo."""
CATEGORIES = ("shoes", "tents", "boats")
ITEMS = 12
DAYS = 14


def write_data(folder: Path, people: int) -> None:
    """The three files of ``data/``. Those before the eleventh person have done nothing yet."""
    profiles = (
        {
            "profile_id": f"p{n}",
            "email": f"p{n}@example.com",
            "first_name": f"Person {n}",
            "timezone": ["Europe/Oslo", "America/New_York", None][n % 3],
            "birthday": f"1990-{1 + n % 12:02}-{1 + n % 28:02}",
        }
        for n in range(people)
    )
    items = ({"item_id": f"i{n}", "title": f"Item {n}", "category": CATEGORIES[n % 3]} for n in range(ITEMS))
    before = (
        {
            "profile_id": f"p{n}",
            "item_id": f"i{(n * 5 + k) % ITEMS}",
            "event": ["product_viewed", "order_completed"][k % 2],
            "at": (CLOCK - timedelta(days=200 + n + 3 * k)).isoformat(),
            "amount": 10.0 + n,
            "category": "tents",
        }
        for n in range(10, people)
        for k in range(6)
    )
    folder.mkdir(exist_ok=True)
    for name, rows in (("profiles", profiles), ("items", items), ("interactions", before)):
        _write(folder / f"{name}.jsonl", rows)


def make_events(people: int, seed: int) -> list[dict[str, Any]]:
    """Two weeks of calls, oldest first: visits as a small shop has them, and the rarer things once each."""
    dice = random.Random(seed)  # noqa: S311 repeatable
    calls = [call for n in range(people) for call in _visits(dice, f"p{n}")]
    newcomer = {"email": "nora@example.com", "firstName": "Nora", "timezone": "Europe/Oslo"}
    calls.append(_call("identify", "nora", CLOCK + timedelta(hours=2), traits=newcomer))
    calls += [
        _track("nora", "signed_up", 2.01),
        _track("nora", "page_viewed", 30),
        _track("p2", "product_searched", 5, query="packraft two persons"),
        _track("p3", "email_clicked", 6, url="https://northlight.example/premium/tents"),
        *(_track("p4", "product_viewed", 7 + k / 10, **_item(0)) for k in range(4)),
        *(_track("p5", "product_viewed", 26 + k / 30, **_item(dice.randrange(ITEMS))) for k in range(40)),
        *(_track("p13", "page_viewed", 48 + 20 * k) for k in range(5)),
        _track("p6", "product_viewed", 8, **_item(7)),
        _track("p6", "back_in_stock", 60, **_item(7)),
    ]
    return sorted(calls, key=lambda call: (call["timestamp"], call["messageId"]))


def _visits(dice: random.Random, who: str) -> Iterator[dict[str, Any]]:
    """Visits of one person: pages and items, sometimes a basket, of which half are bought."""
    hour = dice.uniform(0, 72)
    while hour < 24 * DAYS:
        at = hour
        yield _track(who, "page_viewed", at)
        for _ in range(dice.randrange(4)):
            at += dice.uniform(0.01, 0.1)
            yield _track(who, "product_viewed", at, **_item(dice.randrange(ITEMS)))
        if dice.random() < 0.3:
            number = dice.randrange(ITEMS)
            cart = f"{who}-{hour:.0f}"
            yield _track(who, "product_added", at + 0.05, cart_id=cart, quantity=1, **_item(number))
            if dice.random() < 0.5:
                yield _track(who, "checkout_started", at + 0.2, cart_id=cart)
                yield _track(who, "order_completed", at + 0.3, order_id=cart, revenue=49.0, **_item(number))
        hour += dice.expovariate(1 / 70)


def _item(number: int) -> dict[str, str]:
    return {"product_id": f"i{number}", "category": CATEGORIES[number % 3]}


def _track(who: str, event: str, hours: float, **properties: Any) -> dict[str, Any]:
    at = CLOCK + timedelta(seconds=round(hours * 3600))
    return _call("track", who, at, event=event, properties=properties)


def _call(kind: str, who: str, at: datetime, **more: Any) -> dict[str, Any]:
    told = json.dumps(more, sort_keys=True)
    mark = f"{who}-{at:%d%H%M%S}-{more.get('event', kind)}-{random.Random(told).randrange(10**6)}"  # noqa: S311
    return {"type": kind, "userId": who, "messageId": mark, "timestamp": at.isoformat(), **more}


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    write_data(given.out / "data", given.people)
    _write(given.out / "events.jsonl", make_events(given.people, given.seed))


if __name__ == "__main__":
    main()

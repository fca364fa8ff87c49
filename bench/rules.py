"""How fast rules are: 20 typical ones over a frame, for one profile, and against hand-written pandas.

    python bench/rules.py --rows 1000000 --json

prints one JSON object: ``rules``, ``rows``, ``events``, ``frame_seconds``, ``pandas_seconds``,
``ratio_vs_pandas``, ``closure_us`` (the median, for one profile, of the slowest of the 20 rules), ``equal``
(frame, closures on a sample of 10,000 profiles, and pandas agree in all 20 columns) and ``peak_mb`` (before
pandas begins). Both sides start from data in memory: ``evaluate_rules`` from Arrow tables, pandas from data
frames with the very same columns.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

# This file would hide the room of the same name, which is what it measures.
sys.path.remove(str(Path(__file__).resolve().parent))

import numpy as np
import pandas as pd
import pyarrow as pa

from mailwright.errors import Location
from mailwright.model.identity import bucket
from mailwright.model.schema import INTERACTION_ATTRIBUTES, PROFILE_ATTRIBUTES, Attribute
from rules import EventView, Rule, RuleCatalog, RuleContext, compile_rule, evaluate_rules, event_views

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EVENTS_PER_PROFILE = 5
SAMPLE = 10_000

SCHEMA = PROFILE_ATTRIBUTES | {
    "first_name": Attribute(type="string"),
    "country": Attribute(type="string"),
    "points": Attribute(type="integer"),
    "spend_total": Attribute(type="number"),
    "orders": Attribute(type="integer"),
    "engagement": Attribute(type="number"),
    "registered_at": Attribute(type="timestamp"),
    "last_purchase_at": Attribute(type="timestamp"),
    "birthday": Attribute(type="date"),
    "tags": Attribute(type="list", items=Attribute(type="string")),
}
EVENT = INTERACTION_ATTRIBUTES | {"category": Attribute(type="string")}
NAMES = ("product_viewed", "product_added", "order_completed")

RULES = {
    "loyal": "count_events('order_completed', '30 days') > 4 AND engagement > 0.8",
    "frequent_recent": "orders > 5 AND days_since(last_purchase_at) < 30",
    "viewed_not_added": "count_events('product_viewed', '48 hours') > 0"
    " AND count_events('product_added', '48 hours') = 0",
    "at_risk": "days_since(last_purchase_at) > 90 AND engagement < 0.3",
    "high_spender": "count_events('order_completed', '30 days') > 3 AND spend_total / orders > 150"
    " AND days_since(last_purchase_at) <= 3",
    "new": "days_since(registered_at) <= 7",
    "shoes": "count_events('product_viewed', '7 days', category = 'shoes') >= 3",
    "spent_100": "sum_events('order_completed', amount, '90 days') >= 100",
    "last_viewed": "last_event('product_viewed') > now() - INTERVAL '1 day'",
    "abandoned": "last_event('product_added') > last_event('order_completed')",
    "nordic": "country IN ('NO', 'SE', 'DK', 'FI', 'IS')",
    "vip_points": "points >= 1000 AND points < 5000",
    "no_name": "first_name IS NULL OR first_name = ''",
    "a_names": "first_name ILIKE 'a%'",
    "golfers": "has(tags, 'golf')",
    "many_tags": "len(tags) >= 3",
    "tenth": "bucket('newsletter') < 0.1",
    "tier": "CASE WHEN points > 5000 THEN 'gold' WHEN points > 1000 THEN 'silver' ELSE 'none' END = 'silver'",
    "birthday_month": "month(birthday) = 6",
    "not_norway": "NOT (country = 'NO') AND unsubscribed IS NOT TRUE",
}


def profiles(rows: int, rng: np.random.Generator) -> pa.Table:
    """``rows`` profiles, a tenth of the values missing."""

    def column(values: object, kind: pa.DataType) -> pa.Array:
        return pa.array(values, kind, mask=rng.random(rows) < 0.1)

    seconds = np.int64(NOW.timestamp())
    instants = (seconds - rng.integers(0, 2 * 365 * 86_400, (2, rows))) * 1_000_000
    purchased = (seconds - rng.exponential(60 * 86_400, rows).astype(np.int64)) * 1_000_000
    names = np.array(["Anna", "anders", "Åse", "Bo", "", "Kari", "Ola", "Émile"])
    tags = np.array(["golf", "ski", "run", "wine", "art"])
    counts = rng.integers(0, 5, rows)
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    stamp = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "profile_id": pa.array([f"p{n:07d}" for n in range(rows)]),
            "unsubscribed": column(rng.random(rows) < 0.05, pa.bool_()),
            "first_name": column(names[rng.integers(0, len(names), rows)], pa.string()),
            "country": column(
                np.array(["NO", "SE", "DK", "DE", "GB", "FR"])[rng.integers(0, 6, rows)], pa.string()
            ),
            "points": column(rng.integers(0, 10_000, rows), pa.int64()),
            "spend_total": column(np.round(rng.exponential(400, rows), 2), pa.float64()),
            "orders": column(rng.integers(0, 12, rows), pa.int64()),
            "engagement": column(rng.random(rows), pa.float64()),
            "registered_at": column(instants[0], pa.int64()).cast(stamp),
            "last_purchase_at": column(purchased, pa.int64()).cast(stamp),
            "birthday": column(rng.integers(0, 18_000, rows).astype(np.int32), pa.int32()).cast(pa.date32()),
            "tags": pa.ListArray.from_arrays(offsets, pa.array(tags[rng.integers(0, 5, counts.sum())])),
        }
    )


def interactions(rows: int, rng: np.random.Generator) -> pa.Table:
    """Five events a profile, up to an hour into the future, sorted by profile and time."""
    count = rows * EVENTS_PER_PROFILE
    owner = np.sort(rng.integers(0, rows, count))
    at = np.int64(NOW.timestamp()) + 3_600 - rng.exponential(20 * 86_400, count).astype(np.int64)
    order = np.lexsort((at, owner))
    event = np.array(NAMES)[rng.choice(3, count, p=[0.6, 0.25, 0.15])]
    category = np.array(["shoes", "shirts", "hats", "bags"])[rng.integers(0, 4, count)]
    amount = np.round(rng.exponential(60, count), 2)
    ids = pa.array([f"p{n:07d}" for n in range(rows)])
    return pa.table(
        {
            "profile_id": ids.take(pa.array(owner)),
            "event": pa.array(event, pa.string()),
            "at": pa.array(at[order] * 1_000_000, pa.int64()).cast(pa.timestamp("us", "UTC")),
            "amount": pa.array(amount, pa.float64(), mask=event != "order_completed"),
            "category": pa.array(category, pa.string(), mask=rng.random(count) < 0.05),
        }
    )


def by_hand(p: pd.DataFrame, e: pd.DataFrame) -> pd.DataFrame:
    """The 20 rules as someone would write them in pandas, each event filter once where two rules share it."""
    now = pd.Timestamp(NOW)
    past = e[e["at"] <= now]
    kinds = {name: past[past["event"] == name] for name in NAMES}

    def per_profile(series: pd.Series, fill: float | None = 0) -> pd.Series:
        found = p["profile_id"].map(series)
        return found if fill is None else found.fillna(fill)

    def count(name: str, days: float, **fields: str) -> pd.Series:
        rows = kinds[name][kinds[name]["at"] > now - pd.Timedelta(days=days)]
        for field, value in fields.items():
            rows = rows[rows[field] == value]
        return per_profile(rows.groupby("profile_id").size())

    ordered = kinds["order_completed"]
    month = count("order_completed", 30)
    spent = (
        ordered[ordered["at"] > now - pd.Timedelta(days=90)].groupby("profile_id")["amount"].sum().round(6)
    )
    last = {n: per_profile(k.groupby("profile_id")["at"].max(), None) for n, k in kinds.items()}
    days = (now - p["last_purchase_at"]).dt.total_seconds() / 86_400
    average = p["spend_total"] / p["orders"].where(p["orders"] != 0)
    wants_mail = ~p["unsubscribed"].fillna(False).astype(bool)
    above = [p["points"].gt(least).fillna(False) for least in (5000, 1000)]
    tier = np.select(above, ["gold", "silver"], "none")
    return pd.DataFrame(
        {
            "loyal": (month > 4) & (p["engagement"] > 0.8),
            "frequent_recent": (p["orders"] > 5) & (days < 30),
            "viewed_not_added": (count("product_viewed", 2) > 0) & (count("product_added", 2) == 0),
            "at_risk": (days > 90) & (p["engagement"] < 0.3),
            "high_spender": (month > 3) & (average > 150) & (days <= 3),
            "new": (now - p["registered_at"]).dt.total_seconds() / 86_400 <= 7,
            "shoes": count("product_viewed", 7, category="shoes") >= 3,
            "spent_100": per_profile(spent) >= 100,
            "last_viewed": last["product_viewed"] > now - pd.Timedelta(days=1),
            "abandoned": last["product_added"] > last["order_completed"],
            "nordic": p["country"].isin(["NO", "SE", "DK", "FI", "IS"]),
            "vip_points": (p["points"] >= 1000) & (p["points"] < 5000),
            "no_name": p["first_name"].isna() | (p["first_name"] == ""),
            "a_names": p["first_name"].str.lower().str.startswith("a"),
            "golfers": p["tags"].map(lambda tags: "golf" in tags),
            "many_tags": p["tags"].map(len) >= 3,
            "tenth": p["profile_id"].map(lambda profile_id: bucket("newsletter", profile_id)) < 0.1,
            "tier": tier == "silver",
            "birthday_month": pd.to_datetime(p["birthday"]).dt.month == 6,
            "not_norway": p["country"].notna() & (p["country"] != "NO") & wants_mail,
        }
    )  # fmt: skip


def timed(call: Callable[[], object], times: int) -> tuple[float, object]:
    """The best of ``times`` runs, and the last result."""
    seconds: list[float] = []
    result: object = None
    for _ in range(times):
        gc.collect()
        begun = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - begun)
    return min(seconds), result


def closure_microseconds(rule: Rule, rows: list[tuple[dict[str, object], RuleContext]]) -> float:
    """The median time of one call, each timed on its own (reading the clock included)."""
    each: list[int] = []
    for profile, context in rows:
        begun = time.perf_counter_ns()
        rule.holds(profile, context)
        each.append(time.perf_counter_ns() - begun)
    return statistics.median(each) / 1_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--json", action="store_true", help="only the JSON object")
    arguments.add_argument("--repeat", type=int, default=3, help="runs of each side; the best counts")
    arguments.add_argument("--no-pandas", action="store_true", help="leave the other side out")
    options = arguments.parse_args()
    rng = np.random.default_rng(7)
    people, events = profiles(options.rows, rng), interactions(options.rows, rng)
    catalog = RuleCatalog(SCHEMA, events=dict.fromkeys(NAMES, EVENT))
    rules = {name: compile_rule(text, catalog, at=Location("bench")) for name, text in RULES.items()}
    frame_seconds, ours = timed(
        lambda: evaluate_rules(rules, people, now=NOW, interactions=events), options.repeat
    )
    assert isinstance(ours, pa.Table)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result: dict[str, object] = {"rules": len(rules), "rows": options.rows, "events": events.num_rows}
    result |= {"event_rules": sum(bool(rule.events) for rule in rules.values())}
    result |= {"frame_seconds": round(frame_seconds, 3), "peak_mb": round(peak_mb)}
    sample = np.sort(rng.choice(options.rows, min(SAMPLE, options.rows), replace=False))
    rows = people.take(pa.array(sample)).to_pylist()
    views = event_views(events, [row["profile_id"] for row in rows])
    both = [(row, RuleContext(NOW, events=views.get(row["profile_id"], EventView()))) for row in rows]
    slowest = {name: closure_microseconds(rule, both) for name, rule in rules.items()}
    result |= {
        "closure_us": round(max(slowest.values()), 2),
        "slowest_rule": max(slowest, key=slowest.__getitem__),
    }
    equal = all(
        ours[name].take(pa.array(sample)).to_pylist() == [rule.holds(*each) for each in both]
        for name, rule in rules.items()
    )
    if not options.no_pandas:
        p, e = people.to_pandas(), events.to_pandas()
        for name in ("points", "orders"):
            p[name] = p[name].astype("Int64")
        pandas_seconds, theirs = timed(lambda: by_hand(p, e), options.repeat)
        assert isinstance(theirs, pd.DataFrame)
        different = [
            name
            for name in RULES
            if not np.array_equal(
                ours[name].fill_null(False).to_numpy(), theirs[name].fillna(False).to_numpy(dtype=bool)
            )
        ]
        result |= {"pandas_seconds": round(pandas_seconds, 3)}
        result |= {"ratio_vs_pandas": round(pandas_seconds / frame_seconds, 2)}
        if different:
            print("different from pandas:", ", ".join(different), file=sys.stderr)  # noqa: T201
        equal = equal and not different
    result |= {"equal": equal}
    print(json.dumps(result, indent=None if options.json else 2))  # noqa: T201


if __name__ == "__main__":
    main()

"""How long the results of one large campaign take, and whether the statistics keep their word.

    python bench/measure.py --json

prints one JSON object: ``events`` (outcome events, repeated webhooks among them), ``messages``, ``orders``,
``results_s`` (all breakdowns, two experiments, verdicts and lift of the campaign; Parquet in, figures out),
``cpu_s`` (processor seconds of the same), ``peak_mb``, and of 10,000 simulated A/A experiments
``false_positives_once`` (looked at once, at the end), ``false_positives_peeking`` (the same test looked at
every day: why the sequential one exists), ``false_positives_sequential`` (the verdict's test, every day) and
``coverage`` of the interval of the difference where there is one. With ``--peers`` also ``pandas_s``: only
the funnel by segment and by block of the same messages and events, joined and grouped in pandas.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# This file would hide the room of the same name, which is what it measures.
sys.path.remove(str(Path(__file__).resolve().parent))

import duckdb
import numpy as np
import pyarrow.dataset as ds

from measure import Question, measure_results
from measure.rates import Sample, rate_difference
from measure.sequential import sequential_difference

NOW = datetime(2026, 3, 20, tzinfo=UTC)

_MESSAGES = """
    SELECT md5(i::VARCHAR) AS message_id, 'p' || i AS profile_id, 'newsletter' AS campaign,
        'march' AS occasion,
        TIMESTAMPTZ '2026-03-01 08:00:00+00' + (i % 3600) * INTERVAL 1 SECOND AS "at",
        CASE WHEN hash(i, 20) % 20 = 0 THEN 'skipped' ELSE 'accepted' END AS status,
        CASE WHEN hash(i, 20) % 20 = 0 THEN 'holdout' END AS skip_reason,
        (['en', 'no', 'sv', 'de'])[(1 + i % 4)::INT] AS locale, 'v' || (hash(i, 1) % 60) AS variant,
        CASE i % 7 WHEN 0 THEN ['vip'] WHEN 1 THEN ['vip', 'active'] WHEN 2 THEN ['lapsed'] WHEN 3 THEN []
            ELSE ['active', 'nordic'] END AS segments,
        [{slot: 'hero', block: 'hero' || (hash(i, 1) % 6)}, {slot: 'mid', block: 'mid' || (hash(i, 2) % 5)},
         {slot: 'foot', block: 'foot' || (hash(i, 3) % 2)}] AS blocks,
        list_transform(range(6), lambda k: {item_id: 'item' || (hash(i, k) % 5000),
            source: (['collaborative', 'content', 'popular'])[(1 + hash(i, k, 7) % 3)::INT]})
            AS recommendations,
        [{experiment: 'subject', version: 'v1', arm: 'a' || (hash(i, 9) % 2)},
         {experiment: 'hero', version: 'v1', arm: 'a' || (hash(i, 11) % 3)}] AS arms
    FROM range($messages) AS t(i)
"""
_OUTCOMES = """
    SELECT 'e' || (n % $fresh) AS event_id,
        (['queued', 'sent', 'delivered', 'opened', 'opened', 'opened', 'opened', 'clicked'])[(1 + k)::INT]
            AS kind,
        TIMESTAMPTZ '2026-03-01 09:01:00+00'
            + (k * 3600 + hash(n % $fresh) % 3600) * INTERVAL 1 SECOND AS "at",
        md5((CASE WHEN n % 1000 = 999 THEN n + $messages * 50 ELSE hash(n % $fresh) % $messages END)::VARCHAR)
            AS message_id,
        CASE WHEN k = 7 THEN 'https://shop.example/p/item' || (hash(n % $fresh, 5) % 5000)
            || '?utm_source=mail' END AS url,
        k IN (3, 4, 5, 6) AND hash(n % $fresh, 3) % 3 = 0 AS machine
    FROM (SELECT n, hash(n % $fresh, 8) % 8 AS k FROM range($events) AS t(n))
"""
_ORDERS = """
    SELECT 'p' || (hash(i) % $messages) AS profile_id, 'item' || (hash(i, 1) % 5000) AS item_id,
        'order_completed' AS event,
        TIMESTAMPTZ '2026-03-01 10:00:00+00' + (hash(i, 5) % 864000) * INTERVAL 1 SECOND AS "at",
        1 AS quantity, (hash(i, 2) % 10000)::DOUBLE / 100 AS amount
    FROM range($messages // 5) AS t(i)
"""
_ITEMS = "SELECT 'item' || i AS item_id, 'https://shop.example/p/item' || i AS url FROM range(5000) AS t(i)"


def make(folder: Path, events: int, messages: int) -> None:
    """Write the four tables as Parquet; a tenth of the events are webhooks that came twice."""
    sizes = {"messages": messages, "events": events, "fresh": events * 9 // 10}
    queries = {"messages": _MESSAGES, "outcomes": _OUTCOMES, "orders": _ORDERS, "items": _ITEMS}
    connection = duckdb.connect()
    for name, query in queries.items():
        for key, value in sizes.items():
            query = query.replace(f"${key}", str(value))  # the table functions take no parameters
        connection.sql(query).write_parquet(str(folder / f"{name}.parquet"))


def measured(folder: Path) -> dict[str, Any]:
    """The results of the campaign, and what they cost."""
    frames = {
        name: ds.dataset(folder / f"{name}.parquet") for name in ("messages", "outcomes", "orders", "items")
    }
    question = Question(
        frames["messages"],
        frames["outcomes"],
        frames["orders"],
        now=NOW,
        campaign="newsletter",
        items=frames["items"],
    )
    wall, cpu = time.perf_counter(), time.process_time()
    results = measure_results(question)
    seconds, processor = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert results.lift is not None
    return {
        "events": frames["outcomes"].count_rows(),
        "messages": frames["messages"].count_rows(),
        "orders": frames["orders"].count_rows(),
        "rows": results.breakdown.num_rows,
        "experiments": len(results.experiments),
        "results_s": round(seconds, 2),
        "cpu_s": round(processor, 2),
        "peak_mb": round(peak),
    }


def kept_word(
    experiments: int = 10_000, days: int = 28, a_day: int = 500, rate: float = 0.05
) -> dict[str, float]:
    """False positives and coverage over simulated experiments, alpha 5 %."""
    rng = np.random.default_rng(20260301)
    trials = np.arange(1, days + 1) * a_day
    shape = (experiments, days)
    a, b, c = (rng.binomial(a_day, share, shape).cumsum(axis=1) for share in (rate, rate, rate * 1.1))
    once = rate_difference(a, trials, b, trials)
    n = np.broadcast_to(trials, shape)
    always = sequential_difference(Sample.of_rate(a, n), Sample.of_rate(b, n), alpha=0.05, horizon=20_000)
    real = rate_difference(a[:, -1], trials[-1], c[:, -1], trials[-1])
    covered = (real.low <= rate * 0.1) & (rate * 0.1 <= real.high)
    return {
        "false_positives_once": float((once.p[:, -1] < 0.05).mean()),
        "false_positives_peeking": float((once.p < 0.05).any(axis=1).mean()),
        "false_positives_sequential": float((always.p < 0.05).any(axis=1).mean()),
        "coverage": float(covered.mean()),
    }


def by_hand(folder: Path) -> float:
    """Seconds that pandas takes for the funnel by segment and block, without orders, tests or intervals."""
    import pandas as pd

    start = time.perf_counter()
    mails = pd.read_parquet(folder / "messages.parquet", columns=["message_id", "segments", "blocks"])
    events = pd.read_parquet(folder / "outcomes.parquet", columns=["message_id", "kind", "machine"])
    events = events[~events["machine"]]
    for kind in ("delivered", "opened", "clicked"):
        seen = events.loc[events["kind"] == kind, "message_id"].unique()
        mails[kind] = mails["message_id"].isin(seen)
    counts = ["delivered", "opened", "clicked"]
    mails.explode("segments").groupby("segments")[counts].sum()
    blocks = mails.explode("blocks")
    blocks.assign(block=[block["block"] for block in blocks["blocks"]]).groupby("block")[counts].sum()
    return round(time.perf_counter() - start, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--peers", action="store_true", help="also the funnel in pandas")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.events, options.messages)
        return
    with tempfile.TemporaryDirectory() as name:
        sizes = ["--events", str(options.events), "--messages", str(options.messages)]
        # In a process of its own, so that the peak is that of measuring.
        subprocess.run([sys.executable, __file__, "--make", name, *sizes], check=True)
        found = measured(Path(name)) | kept_word()
        if options.peers:
            found["pandas_s"] = by_hand(Path(name))
    lines = [f"{key:28} {value}" for key, value in found.items()]
    sys.stdout.write((json.dumps(found) if options.json else "\n".join(lines)) + "\n")


if __name__ == "__main__":
    main()

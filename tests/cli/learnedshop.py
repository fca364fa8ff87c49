"""A workspace of 400 people of two kinds, with clusters and scores declared: keen buyers, and the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CONFIG = """\
name: Two kinds
sender: { name: Two, email: two@kinds.example }
data:
  profiles: { path: profiles.csv }
  interactions: { path: interactions.parquet }
  items: { path: items.csv }
profile:
  first_name: { type: string, pii: direct }
  country: { type: string }
  partner: { type: number }
clusters:
  kind:
    features: [purchases_365d, total_spent, engagement]
    categories: [country]
scores:
  buys_soon: { predicts: purchase_30d, learner: linear }
  worth: { predicts: value_90d, learner: tree }
  theirs: { column: partner, version: "7" }
clock: 2026-06-01T00:00:00Z
"""
SEGMENTS = """\
keen:
  rule: purchases_365d > 10
likely:
  rule: buys_soon > 0.5
partner_says:
  rule: theirs >= 0.5
"""
CAMPAIGN = """\
template: hello
subject: Hello
audience: "email IS NOT NULL"
"""


def people(count: int, seed: int = 3) -> tuple[list[str], pa.Table]:
    """A year of orders: every fourth orders weekly, the others twice a year."""
    rng = np.random.default_rng(seed)
    ids = [f"p{n:04d}" for n in range(count)]
    rows = []
    for n, name in enumerate(ids):
        gap = 7.0 if n % 4 == 0 else 180.0
        day = float(rng.uniform(0, gap))
        while day < 360:
            rows.append((name, NOW - timedelta(days=day), float(rng.uniform(10, 100))))
            day += float(rng.exponential(gap))
    who, when, amount = zip(*rows, strict=True)
    events = pa.table(
        {
            "profile_id": who,
            "item_id": ["i"] * len(who),
            "event": ["order_completed"] * len(who),
            "at": pa.array(when, pa.timestamp("us", "UTC")),
            "quantity": pa.array([1] * len(who), pa.int64()),
            "amount": amount,
        }
    )
    return ids, events


def learned_shop(root: Path, count: int = 400, config: str = CONFIG, segments: str = SEGMENTS) -> Path:
    """The workspace in ``root``."""
    root.mkdir(parents=True, exist_ok=True)
    ids, events = people(count)
    lines = ["profile_id,email,first_name,country,partner"]
    lines += [
        f"{name},{name}@mail.example,Name{n},{('NO', 'SE')[n % 2]},{(n % 11) / 10:.1f}"
        for n, name in enumerate(ids)
    ]
    (root / "profiles.csv").write_text("\n".join([*lines, ""]))
    (root / "items.csv").write_text("item_id,title,category,price\ni,Thing,c,10\n")
    pq.write_table(events, root / "interactions.parquet")
    (root / "mailwright.yaml").write_text(config)
    (root / "segments.yaml").write_text(segments)
    return root

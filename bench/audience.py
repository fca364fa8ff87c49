"""How fast an audience is read and its features are computed: ``python bench/audience.py --json``.

Prints ``interactions``, ``profiles``, ``features_seconds`` and ``features_peak_mb`` (all features in one
pass, tables in memory), ``read_seconds`` and ``read_peak_mb`` (Parquet files to a checked audience with
features), ``pandas_seconds`` (eight of the features, by hand in pandas, same run), ``ratio_vs_pandas`` and
``equal`` (those eight are the same). Peaks are of the whole process, each measured in a process of its own.
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

# This file has the room's name; without this it would be imported in its place.
sys.path.remove(str(Path(__file__).resolve().parent))

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from audience import add_features, read_audience
from mailwright.model import WorkspaceSpec

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
COMPARED = [
    "purchases",
    "purchases_30d",
    "items_purchased",
    "views",
    "views_48h",
    "added_30d",
    "last_seen_at",
    "last_purchase_at",
]


def make(folder: Path, interactions: int, profiles: int, items: int = 20_000) -> None:
    """Parquet files of an audience whose activity is as unequal as in life."""
    rng = np.random.default_rng(7)
    who = np.minimum(rng.zipf(1.3, interactions) + rng.integers(0, profiles, interactions), profiles) - 1
    what = np.minimum(rng.zipf(1.2, interactions), items) - 1
    event = rng.choice(3, interactions, p=[0.7, 0.2, 0.1])
    at = int(NOW.timestamp()) - rng.integers(1, 365 * 86_400, interactions)
    table = pa.table(
        {
            "profile_id": _names("p", who),
            "item_id": _names("i", what),
            "event": pa.array(["product_viewed", "product_added", "order_completed"]).take(pa.array(event)),
            "at": pa.array(at * 1_000_000, pa.timestamp("us", tz="UTC")),
            "quantity": rng.integers(1, 4, interactions),
            "amount": np.where(event == 2, np.round(rng.gamma(2, 30, interactions), 2), 0.0),
        }
    )
    pq.write_table(table, folder / "interactions.parquet")
    zones = pa.array(["Europe/Oslo", "America/New_York", None]).take(pa.array(rng.integers(0, 3, profiles)))
    people = _names("p", np.arange(profiles))
    pq.write_table(pa.table({"profile_id": people, "timezone": zones}), folder / "profiles.parquet")
    names = _names("i", np.arange(items))
    shelves = _names("shelf ", rng.integers(0, 40, items))
    pq.write_table(
        pa.table({"item_id": names, "title": names, "category": shelves}), folder / "items.parquet"
    )


def _names(prefix: str, numbers: Any) -> pa.Array:
    known = pa.array([f"{prefix}{n:07d}" for n in range(int(numbers.max()) + 1)])
    return known.take(pa.array(numbers))


def spec() -> WorkspaceSpec:
    sources = {name: {"path": f"{name}.parquet"} for name in ("profiles", "items", "interactions")}
    return WorkspaceSpec.model_validate(
        {"name": "Bench", "sender": {"name": "B", "email": "b@b.example"}, "data": sources}
    )


def measure_features(folder: Path) -> dict[str, Any]:
    tables = [pq.read_table(folder / f"{name}.parquet") for name in ("profiles", "interactions", "items")]
    before = _peak_mb()
    start = time.perf_counter()
    add_features(*tables, now=NOW)
    seconds = time.perf_counter() - start
    return {"features_seconds": round(seconds, 2), "tables_mb": before, "features_peak_mb": _peak_mb()}


def measure_read(folder: Path) -> dict[str, Any]:
    start = time.perf_counter()
    read_audience(folder, spec(), now=NOW)
    return {"read_seconds": round(time.perf_counter() - start, 2), "read_peak_mb": _peak_mb()}


def measure_pandas(folder: Path) -> dict[str, Any]:
    profiles, interactions, items = (
        pq.read_table(folder / f"{name}.parquet") for name in ("profiles", "interactions", "items")
    )
    frame = interactions.to_pandas()
    start = time.perf_counter()
    by_hand = _in_pandas(frame, profiles.column("profile_id").to_pandas())
    seconds = time.perf_counter() - start
    ours = add_features(profiles, interactions, items, now=NOW).select(["profile_id", *COMPARED]).to_pandas()
    equal = all(
        (
            (ours[name] == by_hand[name].to_numpy()) | (ours[name].isna() & by_hand[name].isna().to_numpy())
        ).all()
        for name in COMPARED
    )
    return {"pandas_seconds": round(seconds, 2), "equal": bool(equal)}


def _in_pandas(frame: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    age = (pd.Timestamp(NOW) - frame["at"]).dt.total_seconds() / 86_400
    bought, seen, added = (
        frame["event"] == name for name in ("order_completed", "product_viewed", "product_added")
    )
    orders = frame[bought].assign(age=age[bought]).drop_duplicates(["profile_id", "at"])

    def count(which: Any) -> pd.Series:
        counted: pd.Series = frame[which].groupby("profile_id").size().reindex(ids, fill_value=0)
        return counted

    return pd.DataFrame(
        {
            "purchases": orders.groupby("profile_id").size().reindex(ids, fill_value=0),
            "purchases_30d": orders[orders["age"] < 30]
            .groupby("profile_id")
            .size()
            .reindex(ids, fill_value=0),
            "items_purchased": frame[bought]
            .groupby("profile_id")["quantity"]
            .sum()
            .reindex(ids, fill_value=0),
            "views": count(seen),
            "views_48h": count(seen & (age < 2)),
            "added_30d": count(added & (age < 30)),
            "last_seen_at": frame.groupby("profile_id")["at"].max().reindex(ids),
            "last_purchase_at": frame[bought].groupby("profile_id")["at"].max().reindex(ids),
        }
    )


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


_PARTS = {"features": measure_features, "read": measure_read, "pandas": measure_pandas}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--interactions", type=int, default=5_000_000)
    parser.add_argument("--profiles", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    parser.add_argument("--part", choices=_PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        sys.stdout.write(json.dumps(_PARTS[arguments.part](arguments.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), arguments.interactions, arguments.profiles)
        result: dict[str, Any] = {"interactions": arguments.interactions, "profiles": arguments.profiles}
        for part in _PARTS:
            command = [sys.executable, __file__, "--part", part, "--folder", folder]
            result |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    result["ratio_vs_pandas"] = round(result["pandas_seconds"] / result["features_seconds"], 2)
    text = json.dumps(result) if arguments.json else "\n".join(f"{k}: {v}" for k, v in result.items())
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()

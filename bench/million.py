"""A synthetic shop of 1,000,000 profiles × 50,000 items: top 10 for everybody, streamed.

Factors are drawn, not learned: what is measured is opening a model that is mapped from disk, and the chain.
"""

from __future__ import annotations

import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from mailwright.model.workspace import RecommendSpec
from recommend import load_model, recommend_items, save_model
from recommend.model import Model, ModelInfo

PROFILES, ITEMS, FACTORS, MET, N = 1_000_000, 50_000, 64, 3, 10
NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY = 86_400_000_000


def run_million(profiles: int = PROFILES, items: int = ITEMS) -> dict[str, float]:
    """Seconds and peak memory of the top 10 of all profiles, everything included."""
    rng = np.random.default_rng(0)
    tables = _tables(rng, profiles, items)
    with tempfile.TemporaryDirectory() as folder:
        save_model(_model(rng, *tables, profiles, items), Path(folder) / "model")
        began = time.perf_counter()
        model = load_model(Path(folder) / "model")
        opened = time.perf_counter() - began
        people, interactions, catalogue = tables
        found = recommend_items(
            model, people, interactions, catalogue, RecommendSpec(min_interactions=1), n=N, now=NOW
        )
        seconds = time.perf_counter() - began
    return {
        "profiles": profiles,
        "items": items,
        "open_s": opened,
        "seconds": seconds,
        "profiles_per_s": profiles / seconds,
        "collaborative_share": found.source_counts()["collaborative"] / found.items.size,
        "filled_share": float((found.items >= 0).mean()),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _tables(rng: np.random.Generator, profiles: int, items: int) -> tuple[pa.Table, pa.Table, pa.Table]:
    ids = pa.array([f"p{k:07}" for k in range(profiles)])
    item_ids = pa.array([f"i{k:05}" for k in range(items)])
    profile = np.repeat(np.arange(profiles, dtype=np.int32), MET)
    item = np.minimum(rng.pareto(1.0, len(profile)) * items / 50, items - 1).astype(np.int32)
    at = int(NOW.timestamp() * 1e6) - rng.integers(1, 300 * DAY, len(profile))
    event = pa.DictionaryArray.from_arrays(np.zeros(len(profile), np.int8), ["order_completed"])
    interactions = pa.table(
        {
            "profile_id": ids.take(pa.array(profile)),
            "item_id": item_ids.take(pa.array(item)),
            "event": event.cast(pa.string()),
            "at": pa.array(at, pa.timestamp("us", "UTC")),
        }
    )
    catalogue = pa.table({"item_id": item_ids, "title": [f"Thing {k}" for k in range(items)]})
    return pa.table({"profile_id": ids}), interactions, catalogue


def _model(
    rng: np.random.Generator,
    people: pa.Table,
    interactions: pa.Table,
    catalogue: pa.Table,
    profiles: int,
    items: int,
) -> Model:
    last = interactions["at"].cast(pa.int64()).to_numpy().reshape(profiles, MET).max(axis=1)
    near = np.sort(rng.integers(0, items, (items, 20)), axis=1)
    info = ModelInfo(NOW.isoformat(), "svd", {}, 0, profiles, items, profiles * MET, {}, 1.0, 0.0)
    return Model(
        profile_ids=people["profile_id"].combine_chunks(),
        item_ids=catalogue["item_id"].combine_chunks(),
        profile_factors=rng.standard_normal((profiles, FACTORS)),
        item_factors=rng.standard_normal((items, FACTORS)),
        profile_bias=np.zeros(profiles),
        item_bias=np.zeros(items),
        crowd=np.zeros(FACTORS),
        seen_events=np.full(profiles, MET),
        seen_last=last,
        neighbour_start=np.arange(items + 1) * 20,
        neighbour_item=near.ravel(),
        neighbour_weight=rng.random(items * 20),
        info=info,
        fingerprint="synthetic",
        seconds=0.0,
    )

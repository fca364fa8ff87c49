# ruff: noqa: E402
"""Recommend, measured: quality beside tuned peers, and speed beside Surprise's own prediction loop.

    python bench/recommend.py --data online_retail.parquet [--json] [--seeds 3] [--million]

Online Retail, trained to 2011-11-10, tested on the four weeks after it, top 10; parameters from
bench/tuned.json (validation window only). Quality is the mean of the seeds. ``--million`` adds a synthetic
1,000,000 profiles × 50,000 items in a process of its own, whose peak memory is what is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A file of this folder would hide the room of the same name, which is what is measured.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from surprise import SVD

from bench.million import run_million
from bench.peers import PEERS, Peer
from bench.retail import CUT, Shop, load
from bench.scoring import judged_scores
from mailwright.model.workspace import RecommendSpec
from recommend import Model, recommend_items, train
from recommend.arrays import F32
from recommend.chain import fill
from recommend.context import read_context
from recommend.metrics import Metrics, judge, summarise
from recommend.ratings import gather_pairs, read_events
from recommend.sampling import RatedTrainset
from recommend.tiers import collaborative

TUNED = Path(__file__).parent / "tuned.json"
SAMPLE = 60
"""Profiles that Surprise's own loop is timed on; the rest is extrapolated."""
N = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--million-only", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.million_only:
        sys.stdout.write(json.dumps(run_million()))
        return
    if args.data is None:
        parser.error("--data: the path of online_retail.parquet")
    shop, tuned = load(args.data, CUT), json.loads(TUNED.read_text())
    if missing := sorted(set(PEERS) - set(tuned)):
        sys.stderr.write(f"not tuned, left out: {', '.join(missing)} (bench/tune.py --only …)\n")
    rows: dict[str, list[dict[str, float]]] = {}
    models = []
    for seed in range(args.seeds):
        found, model = measure(shop, tuned, seed)
        models.append(model)
        for name, row in found.items():
            rows.setdefault(name, []).append(row)
    result: dict[str, Any] = {
        "profiles": shop.profiles.num_rows,
        "items": shop.items.num_rows,
        "seeds": args.seeds,
        "threads": len(os.sched_getaffinity(0)),
        "rows": {name: _mean(several) for name, several in rows.items()},
        **speed(shop, models[0], tuned),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    result["targets"] = targets(result)
    if args.million:
        command = [sys.executable, __file__, "--million-only"]
        result["million"] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    sys.stdout.write((json.dumps(result) if args.json else _table(result)) + "\n")


def measure(shop: Shop, tuned: dict[str, Any], seed: int) -> tuple[dict[str, dict[str, float]], Model]:
    """Every row of the table with one seed, and our model."""
    rows: dict[str, dict[str, float]] = {}
    for name, scores in {
        "popularity": popularity(shop, None),
        "popularity_28d": popularity(shop, 28),
        "own_frequency": own_frequency(shop),
    }.items():
        rows[name] = _row(judged_scores(shop, scores), 0.0)
    rows["surprise_naive"] = _timed(shop, lambda: naive(shop, seed))
    for name, peer in PEERS.items():
        if name in tuned and (not seed or peer.seeded):
            rows[name] = peer_row(shop, peer, tuned[name], seed)
    ours = tuned["mailwright"]
    specs = {goal: spec_of(ours[goal]["parameters"]) for goal in ("alone", "new", "repeats")}
    began = time.perf_counter()
    model = train(shop.interactions, shop.items, specs["new"], now=CUT, seed=seed)
    train_s = time.perf_counter() - began
    rows["surprise"] = chain(shop, model, specs["alone"], specs["alone"], train_s)
    without = {goal: _without_surprise(specs[goal]) for goal in ("new", "repeats")}
    rows["without_surprise"] = chain(shop, model, without["new"], without["repeats"], 0.0)
    rows["mailwright"] = chain(shop, model, specs["new"], specs["repeats"], train_s)
    return rows, model


def peer_row(shop: Shop, peer: Peer, best: dict[str, Any], seed: int) -> dict[str, float]:
    """A peer fitted twice: as tuned for new items, and as tuned for repeats."""

    def timed(goal: str) -> dict[str, float]:
        return _timed(shop, lambda: peer.fit(shop, best[goal]["parameters"], seed))

    new, again = timed("new"), timed("repeats")
    return new | {"ndcg_repeats": again["ndcg_repeats"]}


def chain(
    shop: Shop, model: Model, new: RecommendSpec, again: RecommendSpec, train_s: float
) -> dict[str, float]:
    """Our chain under the settings for new items and, with items bought before allowed, for repeats."""
    share = np.asarray((shop.bought > 0).mean(axis=0)).ravel()
    found: dict[str, Metrics] = {}
    for goal, spec, wanted in (("new", new, shop.wanted_new), ("repeats", again, shop.wanted)):
        spec = spec.model_copy(update={"repeat": goal == "repeats"})
        items = recommend_items(model, shop.profiles, shop.interactions, shop.items, spec, n=N, now=CUT).items
        found[goal] = summarise(judge(items, wanted), items, share)
    return _row(found, train_s)


def spec_of(parameters: dict[str, Any]) -> RecommendSpec:
    """The spec that bench/tuned.json holds."""
    return RecommendSpec.model_validate(parameters)


def popularity(shop: Shop, days: float | None) -> F32:
    """Profiles that bought each item, ever or in the last ``days``."""
    recent = shop.bought.copy()
    recent.data = np.ones(len(recent.data)) if days is None else (shop.age.data <= days).astype(float)
    counts = np.asarray(recent.sum(axis=0), np.float32).ravel()
    return np.tile(counts, (shop.profiles.num_rows, 1))


def own_frequency(shop: Shop) -> F32:
    """A profile's own items by how often it bought them, then the popular ones of the last 28 days."""
    popular = popularity(shop, 28)
    return np.asarray(shop.bought.toarray() + popular / (popular.max() + 1), np.float32)


def naive(shop: Shop, seed: int) -> F32:
    """Surprise as its tutorial has it: the days an item was bought on (1 to 5) as ratings, no negatives."""
    events = read_events(shop.interactions, shop.items["item_id"], RecommendSpec(), CUT)
    pairs = gather_pairs(events, shop.items.num_rows)
    trainset = RatedTrainset(pairs, shop.items.num_rows, np.minimum(pairs.times, 5.0), on_epoch=lambda: None)
    fitted = SVD(random_state=seed).fit(trainset)
    return np.asarray(fitted.pu @ fitted.qi.T + fitted.bi, np.float32)


def speed(shop: Shop, model: Model, tuned: dict[str, Any]) -> dict[str, float]:
    """Top 10 of all profiles from the same factors: Surprise's predict loop over our block scoring.

    Both start with everything read: Surprise with a fitted algorithm and a trainset, ours with an open tier.
    """
    spec = spec_of(tuned["mailwright"]["alone"]["parameters"]).model_copy(update={"min_interactions": 1})
    context = read_context(model, shop.profiles, shop.interactions, shop.items, spec, CUT)
    tier = collaborative.open_tier(context)
    _ = context.exclusions, context.model_row
    ours = min(_seconds(lambda: fill(context, (tier,), n=N)) for _ in range(5))
    one = min(_seconds(lambda: fill(context, (tier,), n=N, threads=1)) for _ in range(3))
    whole = spec_of(tuned["mailwright"]["new"]["parameters"])
    everything = _seconds(
        lambda: recommend_items(
            model, shop.profiles, shop.interactions, shop.items, whole, n=N, now=CUT
        ).column()
    )
    loop = surprise_loop(shop, model)
    profiles = shop.profiles.num_rows
    return {
        "topn_s": ours,
        "topn_one_thread_s": one,
        "topn_surprise_s": loop,
        "topn_ratio_vs_surprise": loop / ours,
        "topn_ratio_vs_surprise_one_thread": loop / one,
        "topn_users_per_s": profiles / ours,
        "whole_chain_with_reasons_s": everything,
    }


def surprise_loop(shop: Shop, model: Model) -> float:
    """Seconds that Surprise's own ``predict`` takes for the top 10 of all profiles, from a sample of them."""
    pairs = gather_pairs(
        read_events(shop.interactions, shop.items["item_id"], RecommendSpec(), CUT), shop.items.num_rows
    )
    trainset = RatedTrainset(pairs, shop.items.num_rows, np.ones(len(pairs.item)), on_epoch=lambda: None)
    algorithm = SVD(n_factors=model.item_factors.shape[1], n_epochs=0, biased=False).fit(trainset)
    algorithm.pu, algorithm.qi = np.array(model.profile_factors), np.array(model.item_factors)
    sample = np.random.default_rng(0).choice(shop.profiles.num_rows, SAMPLE, replace=False).tolist()

    def predict() -> None:
        for profile in sample:
            seen = {item for item, _ in trainset.ur[profile]}
            scores = [
                (algorithm.predict(profile, item, clip=False).est, item)
                for item in range(trainset.n_items)
                if item not in seen
            ]
            sorted(scores, reverse=True)[:N]

    return float(min(_seconds(predict) for _ in range(2)) * shop.profiles.num_rows / SAMPLE)


def targets(result: dict[str, Any]) -> dict[str, bool]:
    """What issue 5 asks of the figures."""
    rows = result["rows"]
    new, again = ({name: row[key] for name, row in rows.items()} for key in ("ndcg", "ndcg_repeats"))
    return {
        "new_at_least_best_peer": new["mailwright"] >= max(new[name] for name in PEERS if name in new),
        "surprise_at_least_als": new["surprise"] >= new["implicit_als"],
        "new_1.4_times_popularity_28d": new["mailwright"] >= 1.4 * new["popularity_28d"],
        "above_without_surprise": new["mailwright"] > new["without_surprise"],
        "repeats_at_least_best": again["mailwright"] >= max(again.values()),
        "topn_ratio_600": result["topn_ratio_vs_surprise"] >= 600,
    }


def _without_surprise(spec: RecommendSpec) -> RecommendSpec:
    return spec.model_copy(update={"blend": spec.blend.model_copy(update={"factors": 0.0})})


def _timed(shop: Shop, fit: Callable[[], F32]) -> dict[str, float]:
    began = time.perf_counter()
    scores = fit()
    return _row(judged_scores(shop, scores), time.perf_counter() - began)


def _row(found: dict[str, Metrics], train_s: float) -> dict[str, float]:
    new = found["new"]
    return {
        "ndcg": new.ndcg,
        "recall": new.recall,
        "ndcg_repeats": found["repeats"].ndcg,
        "coverage": new.coverage,
        "train_s": train_s,
    }


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _table(result: dict[str, Any]) -> str:
    names = ("ndcg", "recall", "ndcg_repeats", "coverage", "train_s")
    lines = [f"{'':18}" + "".join(f"{name:>14}" for name in names)]
    for name, row in sorted(result["rows"].items(), key=lambda pair: -pair[1]["ndcg"]):
        lines.append(f"{name:18}" + "".join(f"{row[key]:14.4f}" for key in names))
    lines += [f"{key}: {value}" for key, value in result.items() if key != "rows"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

# ruff: noqa: E402
"""Tune ours and the peers alike: random search on the validation window, results to bench/tuned.json.

    python bench/tune.py --data online_retail.parquet [--only NAME …] [--json]

Every peer gets at least as many trials as ours, and keeps the best of all searches. Each trial is judged
twice, with items bought before excluded (``new``) and allowed (``repeats``); the best parameters for each are
kept. The test window is never looked at.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

# A file of this folder would hide the room of the same name, which is what is measured.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from bench.peers import PEERS, Peer
from bench.retail import CUT, WINDOW, Shop, load, purchases
from bench.scoring import judged_scores
from mailwright.model.workspace import Blend, RecommendSpec
from recommend.tuning import BLEND_SPACE, Tuning, tune

TUNED = Path(__file__).parent / "tuned.json"
MODELS, BLENDS = 1, 35
TRIALS = 80
"""Of each peer: more than ours, because parameters of ours that are no settings were tried by hand."""
ALONE = Blend(factors=1, neighbours=0, popularity=0, own=0)


def tune_peer(peer: Peer, shop: Shop, trials: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    best: dict[str, Any] = {"trials": trials}
    seen: set[str] = set()
    while len(seen) < trials:
        parameters = {name: values[int(rng.integers(len(values)))] for name, values in peer.space.items()}
        if (key := json.dumps(parameters)) in seen and len(seen) < _size(peer):
            continue
        seen.add(key)
        found = judged_scores(shop, peer.fit(shop, parameters, seed))
        for goal in ("new", "repeats"):
            ndcg = found[goal].ndcg
            if goal not in best or ndcg > best[goal]["ndcg"]:
                best[goal] = {"ndcg": ndcg, "parameters": parameters}
        if len(seen) >= _size(peer):
            best["trials"] = len(seen)
            break
    return best


def _joined(before: dict[str, Any] | None, found: dict[str, Any]) -> dict[str, Any]:
    """A peer keeps the best that any search found for it; their trials add up."""
    if before is None:
        return found
    best = {goal: max(before[goal], found[goal], key=lambda one: one["ndcg"]) for goal in ("new", "repeats")}
    return {"trials": before["trials"] + found["trials"], **best}


def _size(peer: Peer) -> int:
    return int(np.prod([len(values) for values in peer.space.values()]))


def tune_ours(path: Path, seed: int) -> dict[str, Any]:
    """The Surprise part alone first; then, on the same model, the blend for new items and for repeats.

    Judged are the same profiles, items and purchases as with the peers.
    """
    shop = load(path, CUT - WINDOW)
    tables = (shop.profiles, purchases(path, CUT), shop.items)
    start = RecommendSpec(factors=96, min_interactions=1, blend=ALONE)
    alone = tune(*tables, start, now=CUT, seed=seed, models=MODELS, blends=0)
    chosen = alone.spec.model_copy(update={"blend": Blend()})
    new = tune(*tables, chosen, now=CUT, seed=seed, model=alone.model, blends=BLENDS)
    again = chosen.model_copy(update={"repeat": True})
    repeats = tune(*tables, again, now=CUT, seed=seed, model=alone.model, blends=BLENDS)
    return {
        "trials": MODELS + BLENDS,
        "alone": _told(alone),
        "new": _told(new),
        "repeats": _told(repeats),
    }


def _told(tuning: Tuning) -> dict[str, Any]:
    best = max(trial.ndcg for trial in tuning.trials)
    names = {name.split(".")[0] for name in BLEND_SPACE} | {
        "factors", "epochs", "negatives", "half_life_days", "repeat",
    }  # fmt: skip
    told = tuning.spec.model_dump(mode="json", include=names)
    return {"ndcg": best, "parameters": told}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=["mailwright", *PEERS])
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each peer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = json.loads(TUNED.read_text()) if TUNED.exists() else {}
    shop = load(args.data, CUT - WINDOW)
    for name in args.only or ["mailwright", *PEERS]:
        began = time.perf_counter()
        if name == "mailwright":
            results[name] = tune_ours(args.data, args.seed)
        else:
            results[name] = _joined(results.get(name), tune_peer(PEERS[name], shop, args.trials, args.seed))
        sys.stderr.write(f"{name}: {time.perf_counter() - began:.0f} s {results[name]}\n")
        TUNED.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    if args.json:
        sys.stdout.write(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()

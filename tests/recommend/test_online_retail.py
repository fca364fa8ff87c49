"""On a real shop's purchases: the chain ranks what is bought next better than popularity does."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.retail import CUT, load
from mailwright.model.workspace import RecommendSpec
from recommend import recommend_items, train
from recommend.metrics import judge

DATA = Path(os.environ.get("MAILWRIGHT_ONLINE_RETAIL", ""))


@pytest.mark.skipif(not DATA.is_file(), reason="MAILWRIGHT_ONLINE_RETAIL names no file: real data NOT tested")
def test_the_chain_beats_popularity_on_real_purchases():
    shop = load(DATA, CUT)
    spec = RecommendSpec(factors=16, epochs=5, negatives=3)
    model = train(shop.interactions, shop.items, spec, now=CUT, seed=0)
    found = recommend_items(model, shop.profiles, shop.interactions, shop.items, spec, n=10, now=CUT)
    ours = judge(found.items, shop.wanted_new).ndcg.mean()
    recent = np.bincount(shop.age.indices, shop.age.data <= 28, minlength=shop.items.num_rows)
    fresh = np.tile(recent.astype(np.float32), (shop.profiles.num_rows, 1))
    fresh[shop.bought.nonzero()] = -np.inf
    plain = judge(np.argsort(-fresh, axis=1, kind="stable")[:, :10], shop.wanted_new).ndcg.mean()
    assert ours > 1.2 * plain
    assert found.source_counts()["collaborative"] > 0
    assert (found.items >= 0).all()

"""What every tier and strategy keeps to, and what each of them alone is for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mailwright.model.workspace import Blend
from recommend import recommend_items
from recommend.context import read_context
from recommend.strategies import open_strategy, strategy_names
from recommend.tiers import open_tiers
from tests.recommend.conftest import checkerboard, interactions_of, profiles_of


@pytest.fixture
def context(model, shop, spec, now):
    def read(profiles=shop[0], interactions=shop[1], segments=None, **changes):
        changed = spec.model_copy(update=changes)
        return read_context(model, profiles, interactions, shop[2], changed, now, segments=segments)

    return read


@pytest.mark.parametrize("name", strategy_names())
@pytest.mark.parametrize("repeat", [False, True])
def test_settled_scores_are_the_blocks_and_the_same_whatever_rows_are_around(context, name, repeat):
    read = context(repeat=repeat, editorial=("i03",))
    for tier in open_strategy(name, read):
        rows = np.flatnonzero(tier.applies())
        if not len(rows):
            continue
        columns = np.tile(np.arange(len(read.candidates)), (len(rows), 1))
        scored = tier.score(rows)
        block, settled = scored.block.copy(), scored.settle(columns)
        inside = np.isfinite(block)
        assert np.allclose(block[inside], settled[inside], rtol=1e-4, atol=1e-4)
        for line in range(0, len(rows), 7):
            alone = tier.score(rows[line : line + 1]).settle(columns[:1])[0]
            assert np.array_equal(alone, settled[line])


@pytest.mark.parametrize("name", strategy_names())
def test_every_reason_is_a_sentence_without_an_id(context, name):
    read = context(editorial=("i03",))
    for tier in open_strategy(name, read):
        rows = np.flatnonzero(tier.applies())[:5]
        if len(rows):
            codes = tier.because(rows, np.full((len(rows), 2), 3))
            told = [tier.reason(int(code)).text for code in codes.ravel()]
            assert all(text and "i0" not in text for text in told)


def test_the_tiers_stand_from_the_most_personal_to_the_least(context):
    assert [str(tier.source) for tier in open_tiers(context())] == [
        "collaborative",
        "content",
        "cohort",
        "popular",
        "editorial",
    ]


def test_an_unchanged_profile_keeps_its_factors_and_a_changed_one_is_folded_in(context, model):
    kept = context()
    assert kept.model_row.tolist() == list(range(40))
    assert np.array_equal(kept.factors(np.arange(40)), model.profile_factors)
    rows = checkerboard()
    more = context(interactions=interactions_of([*rows, ("p00", "i01", "product_viewed", 90)]))
    later = context(interactions=interactions_of([("p00", "i00", "order_completed", 0.5), *rows[1:]]))
    for changed in (more, later):
        assert changed.model_row.tolist() == [-1, *range(1, 40)]
        assert not np.array_equal(changed.factors(np.array([0])), model.profile_factors[:1])


def test_a_profile_that_training_never_saw_is_recommended_its_own_colour(model, shop, spec, now):
    rows = [("new", f"i{k:02}", "order_completed", 1) for k in (1, 3, 5, 7)]
    interactions = pa.concat_tables([shop[1], interactions_of(rows)])
    alone = spec.model_copy(update={"blend": Blend(factors=1, neighbours=0, popularity=0)})
    found = recommend_items(model, profiles_of(["new"]), interactions, shop[2], alone, n=4, now=now)
    assert [one.source for one in found.row(0)] == ["collaborative"] * 4
    assert (found.items % 2 == 1).all()


def test_a_small_cohort_is_shrunk_towards_the_whole(model, shop, spec, now):
    """Thirty of the cohort met i03 once; i01 is everybody's, and met by one of the cohort less."""
    rows = [(f"c{k:02}", "i03", "order_completed", 0) for k in range(30)]
    rows += [(f"c{k:02}", "i01", "order_completed", 0) for k in range(29)]
    rows += [(f"x{k:03}", "i01", "order_completed", 0) for k in range(300)]
    profiles = profiles_of(
        [f"c{k:02}" for k in range(30)] + ["new"] + [f"x{k:03}" for k in range(300)],
        country=["NO"] * 31 + [None] * 300,
    )
    found = recommend_items(model, profiles, interactions_of(rows), shop[2], spec, n=2, now=now, only=[30])
    assert [one.item_id for one in found.row(0)] == ["i01", "i03"]
    assert {one.reason for one in found.row(0)} == {"popular in Norway"}


def test_a_cohort_without_a_name_is_people_like_you(model, shop, spec, now):
    """An attribute whose default is empty text."""
    rows = [(f"c{k:02}", "i03", "order_completed", 0) for k in range(30)]
    profiles = profiles_of([f"c{k:02}" for k in range(30)] + ["new"], country=[""] * 31)
    found = recommend_items(model, profiles, interactions_of(rows), shop[2], spec, n=1, now=now, only=[30])
    assert found.row(0)[0].reason == "popular with people like you"


def test_the_smallest_cohort_with_evidence_speaks_and_its_name_is_not_told(model, shop, spec, now):
    rows = [(f"c{k:02}", "i03", "order_completed", 0) for k in range(30)]
    profiles = profiles_of([f"c{k:02}" for k in range(30)] + ["new"], country=["NO"] * 31)
    segments = pa.table({"segment:lapsed": [k >= 5 for k in range(31)], "segment:none": [False] * 31})
    found = recommend_items(
        model, profiles, interactions_of(rows), shop[2], spec, n=1, now=now, segments=segments, only=[30]
    )
    assert found.row(0)[0].reason == "popular with people like you"


def test_a_cohort_without_evidence_is_silent(model, shop, spec, now):
    rows = [("c0", "i03", "order_completed", 0)]
    profiles = profiles_of(["c0", "new"], country=["NO", "NO"])
    found = recommend_items(model, profiles, interactions_of(rows), shop[2], spec, n=1, now=now, only=[1])
    assert found.row(0)[0].source == "popular"

"""Whether all lists are certain to be full is told before anything is scored, and never wrongly."""

import numpy as np
import pytest

from recommend import recommend_items
from recommend.certain import fills_every_list


@pytest.mark.parametrize("cap", [None, 2])
@pytest.mark.parametrize("n", range(1, 15))
def test_what_is_called_certain_is_so(model, shop, spec, now, cap, n):
    profiles, interactions, items = shop
    spec = spec.model_copy(update={"max_per_category": cap})
    found = recommend_items(model, profiles, interactions, items, spec, n=n, now=now)
    full = bool((found.items >= 0).all())
    assert full or not fills_every_list(interactions, items, spec, n=n, now=now)


def test_few_items_of_many_popular_ones_are_certain(shop, spec, now):
    _, interactions, items = shop
    assert fills_every_list(interactions, items, spec, n=2, now=now)


def test_what_a_profile_bought_is_not_there_for_it(shop, spec, now):
    _, interactions, items = shop
    bought = interactions.filter(np.asarray(interactions["event"]) == "order_completed")
    most = max(len(set(rows["item_id"])) for _, rows in bought.to_pandas().groupby("profile_id"))
    assert not fills_every_list(interactions, items, spec, n=items.num_rows - most + 1, now=now)


def test_ratings_say_nothing_of_what_is_popular(shop, spec, now):
    _, interactions, items = shop
    rated = spec.model_copy(update={"rating": "stars"})
    assert not fills_every_list(interactions, items, rated, n=1, now=now)

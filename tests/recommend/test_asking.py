"""Lists that blocks ask for: of what the profile's attributes hold, for everybody at once."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mailwright.errors import UsageError
from mailwright.model.recommendation import Ask
from mailwright.model.schema import Attribute
from recommend import recommend_items
from recommend.asking import asked_columns, item_paths, items_at, recommend_asked

CART = [{"items": [{"item_id": "i04"}, {"item_id": None}, {"item_id": "nowhere"}]}, {"items": None}, None]


def with_cart(profiles):
    cart = [CART[0] if row == 0 else CART[1 + row % 2] for row in range(profiles.num_rows)]
    return profiles.append_column("cart", pa.array(cart))


@pytest.fixture
def asked(model, shop, spec, now):
    def ask(*asks, **more):
        profiles, interactions, items = shop
        return recommend_asked(model, with_cart(profiles), interactions, items, spec, asks, now=now, **more)

    return ask


@pytest.mark.parametrize("strategy", ["similar", "bought_together", "trending", "for_you"])
def test_a_list_is_what_the_strategy_recommends_alone(strategy, asked, model, shop, spec, now):
    profiles, interactions, items = shop
    ask = Ask(strategy, 3, "cart.items")
    found = asked(Ask("trending", 2), ask, Ask("similar", 4))[ask]
    to = [["i04"], *([] for _ in range(profiles.num_rows - 1))]
    alone = recommend_items(
        model, profiles, interactions, items, spec, n=3, now=now, strategy=strategy, to=to
    )
    assert found.column() == alone.column()
    assert [found.note(row) for row in range(3)] == [alone.note(row) for row in range(3)]


def test_one_profile_gets_what_it_would_among_all(asked):
    asks = (Ask("similar", 3, "cart.items"), Ask("recently_viewed", 2))
    whole, some = asked(*asks), asked(*asks, only=[7, 0])
    for ask in asks:
        assert some[ask].row(0) == whole[ask].row(7)
        assert some[ask].row(1) == whole[ask].row(0)


def test_nothing_in_the_cart_asks_about_nothing_and_the_note_says_so(asked):
    ask = Ask("similar", 2, "cart.items")
    columns = asked_columns(asked(ask), 40)
    assert columns[ask.column][1].as_py() == columns[ask.column][2].as_py() == []
    assert columns[ask.note][1].as_py().startswith("0 of 2: the catalogue has 20 items")
    assert columns[ask.note][0].as_py() == ""


def test_spare_items_come_after_those_wanted_and_are_not_missed(asked):
    ask, once = Ask("similar", 2, "cart.items"), Ask("similar", 2, "cart.items", again=True)
    plain, more = asked(ask)[ask], asked(ask, spare=3)[ask]
    assert [one.score for one in more.row(0)][:2] == [one.score for one in plain.row(0)]
    assert len(more.row(0)) > 2
    assert asked(once, spare=3)[once].row(0) == plain.row(0)
    every = Ask("for_you", 2)
    assert {asked(every, spare=100)[every].note(row) for row in range(40)} == {""}


def test_what_is_asked_about_is_not_recommended(asked):
    ask = Ask("similar", 9, "cart.items")
    assert "i04" not in [one.item_id for one in asked(ask)[ask].row(0)]


def test_an_unknown_strategy_is_refused(asked):
    with pytest.raises(UsageError, match="did you mean 'similar'"):
        asked(Ask("similer", 2))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["i1", None, "i2"], [["i1"], [], ["i2"]]),
        ([["i1", None], None, []], [["i1", None], [], []]),
        ([{"item_id": "i1"}, None, {"item_id": None}], [["i1"], [], []]),
        ([[{"item_id": "i1"}, None], [], None], [["i1", None], [], []]),
    ],
)
@pytest.mark.parametrize("cut", [0, 1])
def test_items_are_read_from_texts_objects_and_lists_of_either(values, expected, cut):
    table = pa.table({"kept": pa.array(values)}).slice(cut)
    assert items_at(table, "kept").to_pylist() == expected[cut:]


def test_only_attributes_that_can_hold_items_can_be_asked_about():
    text, number = Attribute(type="string"), Attribute(type="integer")
    line = Attribute(type="object", fields={"item_id": text, "quantity": number})
    many = Attribute(type="list", items=line)
    cart = Attribute(type="object", fields={"items": many, "total": number})
    other = Attribute(type="list", items=Attribute(type="object", fields={"share": number}))
    schema = {"cart": cart, "points": number, "wish": text, "last": line, "other": other}
    assert item_paths(schema) == ("cart.items", "wish", "last")


def test_an_ask_and_its_column_are_one():
    for ask in (Ask("similar", 4, "cart.items"), Ask("trending", 1), Ask("for_you", 9, again=True)):
        assert Ask.of(ask.column) == ask

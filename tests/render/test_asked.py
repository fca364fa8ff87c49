"""What blocks ask for by themselves: needed, shown, explained, and no item twice in one mail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.errors import MailwrightError
from mailwright.model.recommendation import Ask
from render import CompiledCampaign, choose_blocks, explain_row
from render.batch import render_batch
from render.verify import verify
from tests.render.kit import NOW, RECOMMENDED, compiled, context, frame, mjml, recommended, text

SIMILAR, TREND = Ask("similar", 2, "cart.items"), Ask("trending", 2)
TITLES = text("{{% for item in {} %}}@{{{{ item.item_id }}}}@{{% endfor %}}").format
LIKE = (
    "---\nslot: hero\npriority: 9\n"
    "needs: [\"len(recommend(strategy='similar', to=cart.items, n=2)) >= 2\"]\n---\n"
) + TITLES('recommend(strategy="similar", to=cart.items, n=2)')
PLAIN = "---\nslot: hero\n---\n" + text("hello")
MORE = "---\nslot: more\nneeds: [len(recommendations) >= 1]\n---\n" + TITLES("recommendations")
TEMPLATE = mjml('{% slot "hero" %}{% slot "more" optional %}' + TITLES('recommend(strategy="trending", n=2)'))
BLOCKS = {"like": LIKE, "plain": PLAIN, "more": MORE}
CAMPAIGN = {"recommendations": {"n": 2}}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> CompiledCampaign:
    return compiled(tmp_path_factory.mktemp("asked"), TEMPLATE, BLOCKS, campaign=CAMPAIGN)


def chosen(campaign: CompiledCampaign, *rows: dict[str, list[str]]) -> pa.Table:
    """Rows with their lists by name (``similar``, ``trending``, ``recommendations``), their blocks chosen."""
    table = frame(*({"recommendations": recommended(*row.get("recommendations", ()))} for row in rows))
    for ask in campaign.asks:
        lists = [recommended(*row.get(ask.strategy, ())) for row in rows]
        table = table.append_column(ask.column, pa.array(lists, RECOMMENDED))
        table = table.append_column(ask.note, pa.array([""] * len(rows)))
    columns = choose_blocks(campaign, table, now=NOW).columns
    for name in columns.column_names:
        table = table.drop_columns([name]) if name in table.column_names else table
        table = table.append_column(name, columns[name])
    return table


def mails(campaign: CompiledCampaign, table: pa.Table) -> list[dict[str, Any]]:
    return [
        mail for batch in table.to_batches() for mail in render_batch(campaign, context(), batch).to_pylist()
    ]


def items_in(mail: dict[str, Any]) -> list[str]:
    return re.findall(r"@(i\d+)@", mail["html"].decode())


def test_a_campaign_knows_what_its_blocks_ask_for_in_templates_and_in_rules(
    campaign: CompiledCampaign,
) -> None:
    assert campaign.asks == (SIMILAR, TREND)
    assert campaign.spare == 6


def test_a_block_gets_its_own_list_and_is_not_shown_without_enough_of_it(campaign: CompiledCampaign) -> None:
    table = chosen(campaign, {"similar": ["i1", "i2", "i3"], "trending": ["i7"]}, {"similar": ["i1"]})
    two, one = mails(campaign, table)
    assert (two["variant"], one["variant"]) == ("hero=like;more=-", "hero=plain;more=-")
    assert items_in(two) == ["i1", "i2", "i7"]
    assert items_in(one) == []


def test_no_item_stands_twice_in_one_mail_and_spare_ones_fill_its_place(campaign: CompiledCampaign) -> None:
    given = {
        "trending": ["i1", "i2", "i3"],
        "similar": ["i2", "i4", "i5"],
        "recommendations": ["i5", "i1", "i6", "i7"],
    }
    (mail,) = mails(campaign, chosen(campaign, given))
    assert items_in(mail) == ["i4", "i5", "i6", "i7", "i1", "i2"]


def test_what_a_block_that_is_not_shown_asks_for_is_left_to_the_others(campaign: CompiledCampaign) -> None:
    given = {"similar": ["i4"], "recommendations": ["i4", "i5"]}
    (mail,) = mails(campaign, chosen(campaign, given))
    assert items_in(mail) == ["i4", "i5"]


def test_a_list_too_short_beside_the_others_leaves_its_block_out(campaign: CompiledCampaign) -> None:
    given = {"trending": ["i1", "i2"], "similar": ["i1", "i3"]}
    (mail,) = mails(campaign, chosen(campaign, given))
    assert mail["variant"] == "hero=plain;more=-"


def test_an_item_may_stand_twice_where_the_author_asks_for_it(tmp_path: Path) -> None:
    again = TITLES('recommend(strategy="similar", to=tags, n=2, again=true)')
    campaign = compiled(tmp_path, mjml(TITLES("recommendations") + again), campaign=CAMPAIGN)
    (mail,) = mails(campaign, chosen(campaign, {"similar": ["i1", "i2"], "recommendations": ["i1", "i2"]}))
    assert items_in(mail) == ["i1", "i2", "i1", "i2"]
    assert campaign.spare == 0


def test_the_trace_tells_each_list_with_source_score_and_reason(campaign: CompiledCampaign) -> None:
    table = chosen(campaign, {"similar": ["i1", "i2"], "trending": ["i1", "i3"]}, {"similar": ["i1"]})
    first, second = (explain_row(campaign, context(), row) for row in table.to_pylist())
    like, trend = first.asked
    assert like.ask == 'recommend(strategy="similar", to=cart.items, n=2)'
    assert [(one.item_id, one.source, one.score, one.reason) for one in trend.items] == [
        ("i1", "popular", 1.0, "many like it"),
        ("i3", "popular", 1.0, "many like it"),
    ]
    assert trend.shown
    assert not like.shown  # i1 is shown by the other list, so that there are too few
    assert like.note == "1 of 2: the mail shows the others in another list"
    assert second.slots[0].candidates[0].verdict == "needs"
    compact = orjson.loads(mails(campaign, table)[0]["trace"])
    assert compact["asked"] == {TREND.text: [["i1", "popular"], ["i3", "popular"]]}


def test_without_the_column_a_list_is_empty_and_no_mail_fails(campaign: CompiledCampaign) -> None:
    table = frame({"recommendations": recommended("i1")})
    columns = choose_blocks(campaign, table, now=NOW).columns
    table = table.drop_columns(["recommendations"])
    for name in columns.column_names:
        table = table.append_column(name, columns[name])
    (mail,) = mails(campaign, table)
    assert (mail["status"], items_in(mail)) == ("rendered", ["i1"])


def test_an_unknown_strategy_in_a_rule_is_refused_at_its_line(tmp_path: Path) -> None:
    block = LIKE.replace("strategy='similar'", "strategy='similer'")
    with pytest.raises(MailwrightError, match=r"blocks/like.mjml:4:.*\n.*\n.*\n.*did you mean 'similar'"):
        compiled(tmp_path, TEMPLATE, {**BLOCKS, "like": block})


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                name: st.lists(st.sampled_from([f"i{n}" for n in range(8)]), unique=True, max_size=6)
                for name in ("similar", "trending", "recommendations")
            }
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=60, deadline=None)
def test_a_mail_shows_every_item_once_and_a_row_does_not_depend_on_the_others(
    campaign: CompiledCampaign, rows: list[dict[str, list[str]]]
) -> None:
    together = mails(campaign, chosen(campaign, *rows))
    for row, mail in zip(rows, together, strict=True):
        shown = items_in(mail)
        assert len(shown) == len(set(shown))
        (alone,) = mails(campaign, chosen(campaign, row))
        assert items_in(alone) == shown


def test_the_slow_way_shows_the_same(campaign: CompiledCampaign) -> None:
    table = chosen(
        campaign,
        {"similar": ["i1", "i2"], "trending": ["i1", "i3"], "recommendations": ["i5", "i3", "i4"]},
        {"trending": ["i1"]},
    )
    assert verify(campaign, context(), table, sample=2).differences == ()

"""Arms that change the template and the strategy, beside a block that asks for items by itself."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import orjson
import pytest

from mailwright.engine import Request, plan, render_plan
from mailwright.progress import Stages
from mailwright.workspace import open_workspace
from tests.cli.conftest import NOW
from tests.cli.tested_shop import write_shop

EXPERIMENTS = """\
experiments:
  look: { arms: { usual: {}, other: { template: other } } }
  picks: { arms: { personal: {}, rising: { strategy: trending } } }
"""
BLOCK = """\
---
slot: hero
priority: 9
needs: ['len(recommend(strategy="STRATEGY", n=2)) >= 1']
---
<mj-section><mj-column><mj-text>asked for:
{% for item in recommend(strategy="STRATEGY", n=2) %}{{ item.title }}, {{ item.reason }}; {% endfor %}
</mj-text></mj-column></mj-section>
"""
NEW = {"i2", "i8"}
"""What came into the catalogue lately."""


@pytest.fixture
def shop(tmp_path):
    """Its block's strategy is still to be said."""
    folder = write_shop(tmp_path / "shop", EXPERIMENTS)
    items = folder / "data" / "items.csv"
    header, *rows = items.read_text().splitlines()
    dated = [f"{row},{'2026-11-18T00:00:00Z' if row[:2] in NEW else ''}" for row in rows]
    items.write_text("\n".join([f"{header},added_at", *dated]) + "\n")
    return folder


def mails(folder, strategy):
    """((look, picks), trace, text) of each mail."""
    (folder / "blocks" / "hero" / "asking.mjml").write_text(BLOCK.replace("STRATEGY", strategy))
    request = Request(open_workspace(folder), "newsletter", datetime.fromisoformat(NOW), 1, "first")
    made = plan(request, Stages())
    arms = {
        row["profile_id"]: (row["experiment:look"], row["experiment:picks"])
        for row in made.recipients.to_pylist()
    }
    for batch in render_plan(made):
        for mail in batch.to_pylist():
            assert mail["status"] == "rendered"
            yield arms[mail["profile_id"]], orjson.loads(mail["trace"]), mail["text"]


def test_each_combination_shows_its_template_its_strategys_items_and_what_the_block_asks_for(shop):
    seen = Counter()
    for (look, picks), trace, text in mails(shop, "new_arrivals"):
        asked = trace["asked"]['recommend(strategy="new_arrivals", n=2)']
        own = trace["recommendations"]
        assert ("the other code" in text) == (look == "other")
        assert {source for _, source in own} <= (
            {"trending"} if picks == "rising" else {"collaborative", "content", "cohort", "popular"}
        )
        assert {source for _, source in asked} == {"new_arrivals"}
        assert {item for item, _ in asked} <= NEW
        assert not {item for item, _ in asked} & {item for item, _ in own}
        assert "new in the shop;" in text
        seen[look, picks] += 1
    assert len(seen) == 4
    assert min(seen.values()) > 20


def test_a_block_steps_aside_in_the_arm_whose_own_items_are_what_it_asks_for(shop):
    shown = Counter()
    for (_, picks), trace, text in mails(shop, "trending"):
        asked = trace["asked"].get('recommend(strategy="trending", n=2)', [])
        assert not {item for item, _ in asked} & {item for item, _ in trace["recommendations"]}
        assert ("asked for:" in text) == bool(asked) == (trace["slots"]["hero"] == "hero/asking")
        shown[picks, bool(asked)] += 1
    assert shown["personal", True] > 50
    assert shown["rising", True] == 0


def test_the_mails_of_all_arms_are_those_of_the_slow_way(cli, shop):
    assert list(mails(shop, "new_arrivals"))
    data = cli("verify", "newsletter", "--workspace", shop, "--now", NOW).data
    assert data["equal"]

"""What the last mail showed is not shown again in the next, where the workspace asks for that."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from mailwright.engine import Request, plan
from mailwright.errors import DataError
from mailwright.feedback import gather_feedback
from mailwright.progress import Stages
from mailwright.shown import SHOWN, keep_shown, last_shown, read_shown
from mailwright.workspace import open_workspace
from measure.schema import MESSAGES
from tests.cli.conftest import NOW
from tests.cli.tested_shop import write_shop

AT = datetime.fromisoformat(NOW)
LATER = AT + timedelta(days=7)
ASKING = """\
---
slot: hero
priority: 9
needs: ['len(recommend(strategy="trending", n=1)) >= 1']
---
<mj-section><mj-column><mj-text>
{% for item in recommend(strategy="trending", n=1) %}{{ item.title }}{% endfor %}
</mj-text></mj-column></mj-section>
"""


@pytest.fixture
def shop(tmp_path):
    folder = write_shop(tmp_path / "shop", "")
    (folder / "blocks" / "hero" / "asking.mjml").write_text(ASKING)
    config = folder / "mailwright.yaml"
    config.write_text(config.read_text() + "recommend: { avoid_last_mail: true }\n")
    return folder


def shown(folder, occasion, now):
    """Of each recipient what its mail shows, and the note on what it does not."""
    workspace = open_workspace(folder)
    gather_feedback(workspace, now=now)
    made = plan(Request(workspace, "newsletter", now, 1, occasion), Stages())
    return {
        row["profile_id"]: (
            {item["item_id"] for item in row["recommendations"]}
            | {item["item_id"] for item in row["recommend:trending:1:"] if row["slot:hero"] == "hero/asking"},
            row["recommendation_note"],
        )
        for row in made.recipients.to_pylist()
    }


def test_the_next_mail_shows_nothing_of_the_last_and_says_why_it_shows_less(cli, shop):
    assert cli("run", "newsletter", "--workspace", shop, "--now", NOW).data["sent"] > 100
    first, second = shown(shop, "first", AT), shown(shop, "second", LATER)
    assert first.keys() == second.keys()
    assert all(items for items, _ in first.values())
    for profile, (items, _) in second.items():
        assert not items & first[profile][0]
    assert any("shown in the last mail" in note for _, note in second.values())


def test_a_mail_that_is_made_again_shows_what_it_showed(cli, shop):
    before = shown(shop, "first", AT)
    cli("run", "newsletter", "--workspace", shop, "--now", NOW)
    assert shown(shop, "first", AT) == before


def test_only_the_last_mail_counts(cli, shop):
    cli("run", "newsletter", "--workspace", shop, "--now", NOW)
    cli("run", "newsletter", "--workspace", shop, "--now", LATER.isoformat(), "--occasion", "second")
    first, third = shown(shop, "first", AT), shown(shop, "third", LATER + timedelta(days=7))
    assert any(items & first[profile][0] for profile, (items, _) in third.items())


def test_where_it_is_not_asked_for_nothing_is_kept_and_items_come_again(cli, shop):
    config = shop / "mailwright.yaml"
    config.write_text(config.read_text().replace("avoid_last_mail: true", "avoid_last_mail: false"))
    cli("run", "newsletter", "--workspace", shop, "--now", NOW)
    first, second = shown(shop, "first", AT), shown(shop, "second", LATER)
    assert any(items & first[profile][0] for profile, (items, _) in second.items())
    assert not (shop / ".mailwright" / SHOWN).exists()


def message(number, profile, items, *, at=AT, **changes):
    listed = [{"item_id": item, "source": "popular"} for item in items]
    row = {"message_id": f"m{number}", "profile_id": profile, "campaign": "c", "occasion": f"o{number}"}
    return row | {"at": at, "status": "accepted", "recommendations": listed} | changes


def kept(tmp_path, *rows):
    keep_shown(pa.Table.from_pylist(list(rows), MESSAGES), tmp_path / "shown.parquet")
    return read_shown(tmp_path / "shown.parquet")


def test_items_that_a_block_asked_for_were_shown_too_and_the_held_out_saw_none(tmp_path):
    asked = [{"item_id": "cap", "source": "similar", "position": 1}]
    found = kept(
        tmp_path,
        message(1, "a", ["hat"], asked=asked),
        message(2, "b", ["hat"], status="skipped", skip_reason="holdout"),
        message(3, "c", []),
        message(4, "d", ["hat"], status="bounced"),
    )
    last = last_shown(found, campaign="c", occasion="new", now=LATER)
    assert sorted(last.to_pylist(), key=str) == [
        {"profile_id": "a", "item_id": "cap"},
        {"profile_id": "a", "item_id": "hat"},
    ]


def test_a_mail_of_the_future_is_not_the_last(tmp_path):
    found = kept(tmp_path, message(1, "a", ["hat"]), message(2, "a", ["cap"], at=LATER))
    last = last_shown(found, campaign="c", occasion="new", now=AT)
    assert last["item_id"].to_pylist() == ["hat"]


def test_a_damaged_file_is_told_with_the_way_to_mend_it(tmp_path):
    (tmp_path / "shown.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match="mailwright feedback"):
        read_shown(tmp_path / "shown.parquet")
    assert read_shown(tmp_path / "none.parquet") is None

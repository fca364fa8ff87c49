"""Data with nothing, or next to nothing, in them: every campaign still ends in mails or in one message."""

from __future__ import annotations

import pytest

from tests.cli.conftest import NOW

HEADER = "profile_id,item_id,event,at,quantity,amount\n"
CSV, PARQUET = "data/interactions.csv", "data/interactions.parquet"


def run(cli, starter, *options):
    return cli("run", "newsletter", "--workspace", starter, "--now", NOW, *options)


def named(starter, name):
    config = starter / "mailwright.yaml"
    config.write_text(config.read_text().replace(CSV, name))
    return starter / name


@pytest.mark.parametrize("name", [CSV, PARQUET])
def test_an_interactions_file_of_no_bytes_is_one_message_and_nothing_is_sent(cli, starter, name):
    """Not even a header: whoever wrote it broke off, and what it would have said is unknown."""
    named(starter, name).write_bytes(b"")
    result = run(cli, starter)
    assert result.code == 1
    assert name.removeprefix("data/") in result.err
    assert "Traceback" not in result.err
    assert "fault of Mailwright" not in result.err
    assert not list(starter.rglob("*.eml"))


@pytest.mark.parametrize(
    ("name", "text"), [(CSV, HEADER), ("data/interactions.jsonl", ""), ("data/interactions.jsonl", "\n\n")]
)
def test_interactions_without_a_row_are_nobody_having_done_anything(cli, starter, name, text):
    config = starter / "mailwright.yaml"
    config.write_text(config.read_text() + "recommend: { editorial: [i2, i4] }\n")
    named(starter, name).write_text(text)
    result = run(cli, starter)
    assert result.code == 0, result.err
    assert result.data["sent"] == 5
    assert set(result.data["recommendation_sources"]) == {"editorial"}
    assert cli("train", "--workspace", starter, "--now", NOW).code == 0


def test_a_catalogue_smaller_than_what_is_asked_for_sends_what_there_is(cli, starter):
    items = starter / "data" / "items.csv"
    items.write_text("\n".join(items.read_text().splitlines()[:3]) + "\n")
    config = starter / "mailwright.yaml"
    config.write_text(config.read_text().replace("data:\n", "data:\n  max_reject_rate: 1\n"))
    result = run(cli, starter)
    assert result.code == 0, result.err
    assert result.data["sent"] == 5


@pytest.mark.parametrize(
    "settings", ["{ max_price: 1 }", "{ blocked_categories: [Clothing, Cooking, Shoes, Gear] }"]
)
def test_a_catalogue_all_of_which_is_excluded_sends_mails_without_items(cli, starter, settings):
    config = starter / "mailwright.yaml"
    config.write_text(config.read_text() + f"recommend: {settings}\n")
    result = run(cli, starter)
    assert result.code == 0, result.err
    assert result.data["sent"] == 5
    assert result.data["recommendation_sources"] == {}


def test_one_lone_profile_and_one_item_are_a_campaign(cli, starter):
    for name, kept in (("profiles", 2), ("items", 2), ("interactions", 2)):
        path = starter / "data" / f"{name}.csv"
        path.write_text("\n".join(path.read_text().splitlines()[:kept]) + "\n")
    result = run(cli, starter)
    assert result.code == 0, result.err
    assert result.data["sent"] == 1

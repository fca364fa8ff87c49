"""Whatever is wrong with a workspace is one clear message with its place, never a traceback."""

import json

import pytest

from tests.cli.conftest import NOW

BLOCK = "---\nslot: {slot}\n---\n<mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section>\n"

# name: (file, text to find or None for a new file, replacement, words that the message must hold)
WRONG = {
    "a missing data file": (
        "mailwright.yaml",
        "data/items.csv",
        "data/itmes.csv",
        ["itmes.csv", "mailwright.yaml:11:18", "items.csv"],
    ),
    "an unknown column in a mapping": (
        "mailwright.yaml",
        "{ path: data/items.csv }",
        "{ path: data/items.csv, columns: { nme: title } }",
        ["nme"],
    ),
    "a required column that is absent": (
        "data/items.csv",
        "item_id,title",
        "item_id,titel",
        ["title", "items.csv"],
    ),
    "YAML that does not parse": ("segments.yaml", "loyal:", "loyal: [", ["segments.yaml:"]),
    "an unknown key": (
        "campaigns/newsletter.yaml",
        "subject:",
        "subjct:",
        ["newsletter.yaml:3:1", "'subject'"],
    ),
    "a wrong type": (
        "campaigns/newsletter.yaml",
        "max_skipped: 0.5",
        "max_skipped: many",
        ["newsletter.yaml:9:16"],
    ),
    "an unknown template": (
        "campaigns/newsletter.yaml",
        "template: newsletter",
        "template: newslettr",
        ["newsletter.yaml:1:11", "'newsletter'"],
    ),
    "an unknown attribute in a rule": (
        "segments.yaml",
        "purchases >= 3",
        "purchasess >= 3",
        ["segments.yaml:3:9", "purchases"],
    ),
    "a rule of the wrong type": (
        "segments.yaml",
        "purchases >= 3",
        "purchases >= 'many'",
        ["segments.yaml:3"],
    ),
    "a rule that is not a rule": ("segments.yaml", "purchases >= 3", "purchases >= >", ["segments.yaml:3"]),
    "an unknown segment": (
        "campaigns/newsletter.yaml",
        "audience: purchases >= 0",
        "audience: segment('loyl')",
        ["newsletter.yaml:2", "loyal"],
    ),
    "an unknown parent": (
        "segments.yaml",
        "min_size: 1\nnew",
        "parent: lyal\nnew",
        ["segments.yaml:5", "'loyal'"],
    ),
    "a block of no slot": (
        "blocks/x.mjml",
        None,
        "---\npriority: 3\n---\n<mj-section></mj-section>\n",
        ["blocks/x.mjml", "slot"],
    ),
    "front matter with no end": ("blocks/x.mjml", None, "---\nslot: hero\n", ["blocks/x.mjml"]),
    "an unknown name in a subject": (
        "campaigns/newsletter.yaml",
        "{{ first_name |",
        "{{ frst_name |",
        ["newsletter.yaml:3", "first_name"],
    ),
    "Jinja that does not parse": (
        "campaigns/newsletter.yaml",
        "fallback('Hello') }}",
        "fallback('Hello' }}",
        ["newsletter.yaml:3"],
    ),
    "a default of another type": (
        "mailwright.yaml",
        "default: 0, min: 0",
        "default: lots, min: 0",
        ["mailwright.yaml:18", "'lots' is no integer"],
    ),
    "an attribute with a name that is taken": (
        "mailwright.yaml",
        "country: {",
        "recommendations: {",
        ["mailwright.yaml:17:3", "'recommendations'"],
    ),
    "an attribute with the name of a feature": (
        "mailwright.yaml",
        "country: {",
        "purchases: {",
        ["mailwright.yaml:17:3", "computed"],
    ),
    "a sender without an address": (
        "mailwright.yaml",
        "email: hello@example.com",
        "email: hello",
        ["mailwright.yaml:6:10", "no e-mail address"],
    ),
    "an unknown strategy": (
        "campaigns/newsletter.yaml",
        "{ n: 7 }",
        "{ n: 7, strategy: trendng }",
        ["newsletter.yaml:6", "'trending'"],
    ),
    "a template whose slot no block fills": (
        "templates/mine/template.mjml",
        None,
        '<mjml><mj-body>{% slot "nowhere" %}</mj-body></mjml>',
        ["nowhere", "template.mjml"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_one_message_with_its_place(cli, starter, case):
    name, old, new, words = WRONG[case]
    path = starter / name
    if old is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(new)
        if "mine" in name:
            campaign = starter / "campaigns" / "newsletter.yaml"
            campaign.write_text(campaign.read_text().replace("template: newsletter", "template: mine"))
    else:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
    result = cli("run", "newsletter", "--workspace", starter, "--now", NOW)
    assert result.code == 1, result.out
    for word in words:
        assert word in result.err
    assert "Traceback" not in result.err
    assert "fault of Mailwright" not in result.err
    assert result.data["error"]
    assert not list(starter.rglob("*.eml"))


def test_no_workspace_and_no_such_campaign_are_wrong_use(cli, starter, tmp_path):
    assert cli("run", "newsletter", "--workspace", tmp_path).code == 2
    result = cli("run", "newslettr", "--workspace", starter)
    assert result.code == 2
    assert "'newsletter'" in result.err


def test_init_overwrites_nothing(cli, starter):
    before = (starter / "mailwright.yaml").read_bytes()
    assert cli("init", starter).code == 2
    assert (starter / "mailwright.yaml").read_bytes() == before


def test_bad_rows_are_counted_listed_and_an_error_when_strict(cli, starter):
    profiles = starter / "data" / "profiles.csv"
    profiles.write_text(
        profiles.read_text()
        + "p1,twice@example.com,en,newsletter,Twice,GB,1\np8,not an address,en,newsletter,X,GB,1\n"
    )
    config = starter / "mailwright.yaml"
    config.write_text(config.read_text().replace("data:\n", "data:\n  max_reject_rate: 0.5\n"))
    data = cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--dry-run").data
    assert data["profiles"] == 7
    assert data["skipped"] == {"invalid_address": 1, "no_consent": 1}
    assert data["data"]["profiles"]["rejected"] == {"profile_id: duplicate, a later row has the same": 1}
    lines = (starter / ".mailwright" / "rejects" / "rejects.jsonl").read_text().splitlines()
    listed = [json.loads(line) for line in lines]
    assert {(one["attribute"], one["outcome"]) for one in listed} == {
        ("profile_id", "row rejected"),
        ("email", "value set aside"),
    }
    assert "not an address" not in "".join(lines)
    assert cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--dry-run", "--strict").code == 1


def test_a_workspace_without_segments_runs(cli, starter):
    (starter / "segments.yaml").unlink()
    data = cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--dry-run").data
    assert (data["rendered"], data["segments"]) == (5, {})


def test_a_block_that_fails_for_everybody_is_said(cli, starter):
    block = starter / "blocks" / "offer" / "mine.mjml"
    block.parent.mkdir(parents=True)
    block.write_text(
        "---\nslot: offer\npriority: 99\n---\n<mj-section><mj-column>\n"
        "<mj-text>{% for i in range(1000000000) %}x{% endfor %}</mj-text></mj-column></mj-section>\n"
    )
    data = cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--dry-run").data
    assert data["rendered"] == 5
    assert any("offer/mine could not be made for 5" in note for note in data["notes"])


def test_a_damaged_model_stops_nothing(cli, starter):
    run = ("run", "newsletter", "--workspace", starter, "--now", NOW, "--dry-run")
    cli("train", "--workspace", starter, "--now", NOW, "--force")
    for path in (starter / ".mailwright" / "models").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff\xfe not what it was")
    assert cli(*run).data["rendered"] == 5
    assert cli("train", "--workspace", starter, "--now", NOW, "--force").code == 0
    assert cli(*run).data["rendered"] == 5


@pytest.mark.parametrize(
    "options", [("--seed", "-1"), ("--now", "0001-01-01T00:00:00+09:00"), ("--now", "1970-01-01")]
)
def test_a_seed_or_clock_out_of_reach_is_wrong_use(cli, starter, options):
    assert cli("run", "newsletter", "--workspace", starter, "--dry-run", *options).code == 2


def test_a_clock_that_is_no_time_is_wrong_use(cli, starter):
    assert cli("run", "newsletter", "--workspace", starter, "--now", "noon").code == 2


def test_the_quality_report_is_there_when_the_data_are_refused(cli, starter):
    before = cli("quality", "--workspace", starter).data
    assert before["refused"] is None
    config = starter / "mailwright.yaml"
    config.write_text(
        config.read_text() + "\nexpect:\n  - { attribute: email, matches: 'nobody', gate: true }\n"
    )
    done = cli("quality", "--workspace", starter)
    assert done.code == 1
    assert "email is not of the form nobody" in done.data["refused"]
    assert done.data["sources"] == before["sources"]
    assert any(not one["holds"] for one in done.data["findings"])
    assert "refused:" in cli("quality", "--workspace", starter, plain=True).out

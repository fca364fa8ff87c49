"""The example shop: what its generator promises, and both campaigns from data to a stand-in ESP."""

import filecmp
import html
import re
from datetime import UTC, datetime

import pyarrow.compute as pc
import pytest

from mailwright.engine import Request, plan, read_workspace, render_plan
from mailwright.progress import Stages
from mailwright.run import render_campaign
from mailwright.sending import open_destination, send_spool
from mailwright.workspace import open_workspace
from tests.shop.conftest import make_shop

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)

pytestmark = pytest.mark.xdist_group("shop")


def request_for(folder, campaign, **options):
    workspace = open_workspace(folder)
    values = {"now": NOW, "seed": workspace.spec.seed, "occasion": "test", "workers": 1, **options}
    return Request(workspace=workspace, campaign=campaign, **values)


@pytest.fixture(scope="module")
def newsletter(shop):
    return plan(request_for(shop, "newsletter"), Stages())


@pytest.fixture(scope="module")
def mails(newsletter):
    """Every mail of the newsletter, by profile."""
    return {row["profile_id"]: row for batch in render_plan(newsletter) for row in batch.to_pylist()}


def test_the_generator_makes_the_same_bytes_from_the_same_seed(shop, tmp_path):
    make_shop(tmp_path / "again")
    for folder in ("data", "assets"):
        compared = filecmp.dircmp(shop / folder, tmp_path / "again" / folder)
        assert compared.common_files
        assert not compared.left_only + compared.right_only
        _, different, errors = filecmp.cmpfiles(
            compared.left, compared.right, compared.common_files, shallow=False
        )
        assert not different + errors


def test_the_shop_is_as_large_and_as_dirty_as_it_says(shop):
    audience = read_workspace(open_workspace(shop), now=NOW).audience
    profiles = audience.profiles
    assert (profiles.num_rows, audience.items.num_rows, audience.interactions.num_rows) == (
        5_000,
        600,
        120_000,
    )
    events = pc.value_counts(audience.interactions["event"]).to_pylist()
    assert {row["values"] for row in events} == {"product_viewed", "product_added", "order_completed"}
    assert len(pc.unique(profiles["locale"].drop_null())) >= 4
    assert len(pc.unique(profiles["currency"].drop_null())) >= 4
    names = profiles["first_name"].to_pylist()
    assert any(name and "<script>" in name for name in names)
    assert any(name and not name.isascii() for name in names)
    assert names.count(None) > 100
    assert pc.sum(profiles["unsubscribed"]).as_py() > 50
    assert pc.sum(pc.is_null(profiles["email"])).as_py() > 50
    assert pc.sum(pc.invert(audience.items["in_stock"])).as_py() > 10
    assert audience.report.sources["profiles"].rejected.total() > 0


def test_every_recipient_of_the_newsletter_gets_a_whole_mail(newsletter, mails):
    assert len(mails) == int(newsletter.admission.admitted.sum()) > 3_000
    assert {row["status"] for row in mails.values()} == {"rendered"}
    assert len(newsletter.choices.variants) >= 8
    assert len(newsletter.compiled.slots) >= 3
    for row in list(mails.values())[::50]:
        text = row["html"].decode("ascii")
        assert "{{" not in text
        assert "{%" not in text
        assert not re.search(r'(href|src)="(?!https://|mailto:|tel:)', text)
        assert "None" not in re.sub(r"<style.*?</style>", "", text, flags=re.S)
        assert len(text) < 102_400
        assert row["subject"]
        assert 30 <= len(row["preheader"]) <= 130


def test_every_recipient_gets_the_items_that_were_recommended(newsletter, mails):
    titles = dict(
        zip(
            *(newsletter.source.audience.items[name].to_pylist() for name in ("item_id", "title")),
            strict=True,
        )
    )
    for row in newsletter.recipients.slice(100, 40).to_pylist():
        shown = html.unescape(mails[row["profile_id"]]["html"].decode())
        found = [item for item in row["recommendations"] if titles[item["item_id"]] in shown]
        assert len(found) >= 4


def test_a_thing_that_the_subject_names_is_in_the_mail(mails):
    rests = (
        "and what else came in",
        "og hva annet som kom inn",
        "und was noch gekommen ist",
        "och vad mer som kom in",
    )
    named = [row for row in mails.values() if row["subject"].endswith(rests)]
    assert len(named) > 1_000
    for row in named:
        title = next(
            row["subject"].removesuffix(f", {rest}") for rest in rests if row["subject"].endswith(rest)
        )
        assert title in row["text"]


def test_a_profile_that_is_named_script_harms_nobody(newsletter, mails):
    rows = [row for row in newsletter.recipients.to_pylist() if "<script>" in (row["first_name"] or "")]
    assert rows
    for row in rows:
        assert b"<script" not in mails[row["profile_id"]]["html"].lower()


def test_a_profile_with_nothing_but_an_address_gets_a_mail_one_would_send(newsletter, mails):
    sparse = [
        row
        for row in newsletter.recipients.to_pylist()
        if row["first_name"] is None and row["purchases"] == 0 and row["views"] == 0
    ]
    assert sparse
    for row in sparse[:20]:
        assert len(mails[row["profile_id"]]["text"]) > 300


def test_no_mail_holds_another_recipient_s_links(mails):
    owner = {}
    for profile_id, row in mails.items():
        link = dict(row["headers"])["List-Unsubscribe"].strip("<>")
        assert owner.setdefault(link, profile_id) == profile_id
        found = set(re.findall(r"https://[^\"]*/u/[^\"]+", row["html"].decode()))
        assert found == {link}


def test_the_newsletter_goes_through_the_adapter_to_the_stub_once(shop_copy):
    request = request_for(shop_copy, "newsletter")
    stages = Stages()
    made = plan(request, stages)
    spool = shop_copy / "spool.parquet"
    rendering = render_campaign(made, spool)
    assert made.everyone.num_rows == rendering.rendered + rendering.skipped.total() + sum(
        made.admission.skipped.values()
    )
    with open_destination(request, stub_esp=True) as destination:
        assert send_spool(made, spool, destination)["sent"] == rendering.rendered
        assert send_spool(made, spool, destination)["sent"] == 0


@pytest.mark.parametrize("campaign", ["win-back", "cart-abandoned"])
def test_the_other_mails_are_whole_too(shop, campaign):
    made = plan(request_for(shop, campaign), Stages())
    rendering = render_campaign(made, None)
    assert rendering.rendered > 20
    assert not rendering.skipped
    assert not rendering.with_local_pictures

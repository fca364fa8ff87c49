"""The newsletter of the example shop sent in groups: the mail that arrives is the mail that was rendered."""

from __future__ import annotations

import pytest

from mailwright.engine import plan, render_plan
from mailwright.model.workspace import EspSpec
from mailwright.progress import Stages
from mailwright.run import render_campaign, spooled_messages
from send import StubEsp, deliver, open_adapter, open_outbox
from send.address import wire_email
from send.stub import stub_environ, stub_options
from tests.shop.test_example_shop import request_for

pytestmark = pytest.mark.xdist_group("shop")


@pytest.fixture(scope="module")
def newsletter(shop):
    made = plan(request_for(shop, "newsletter", workers=2), Stages())
    # Two batches, one for each process; the rest of the audience would only take time.
    made.__dict__["recipients"] = made.recipients.slice(0, 700)
    return made


@pytest.fixture(scope="module")
def spool(newsletter, tmp_path_factory):
    spool = tmp_path_factory.mktemp("spool") / "mails.parquet"
    render_campaign(newsletter, spool, grouped=True)
    return spool


def test_looking_for_what_mails_share_changes_none_of_them(newsletter, spool):
    plain = [row for batch in render_plan(newsletter) for row in batch.to_pylist()]
    spooled = list(spooled_messages(newsletter.request, spool))
    assert len(plain) == len(spooled) == 700
    for row, message in zip(plain, spooled, strict=True):
        assert (row["html"], row["text"], row["subject"]) == (message.html, message.text, message.subject)
        assert dict(row["headers"]) == message.headers


def test_mails_of_one_variant_and_language_share_their_body(newsletter, spool):
    kinds: dict[str, set[str]] = {}
    for message in spooled_messages(newsletter.request, spool):
        assert message.skeleton is not None
        blocks = message.variant.partition(";@")[0]  # two subjects may be two values of one body
        kinds.setdefault(message.skeleton.fingerprint, set()).add(blocks)
    assert all(len(variants) == 1 for variants in kinds.values())
    locales = 5
    assert len(kinds) <= len(newsletter.choices.variants) * locales


@pytest.mark.parametrize("name", ["sendgrid", "mailgun", "ses", "sparkpost"])
def test_every_recipient_gets_the_rendered_mail_out_of_a_shared_call(newsletter, spool, tmp_path, name):
    messages = list(spooled_messages(newsletter.request, spool))
    with StubEsp() as esp:
        address = esp.address(name)
        spec = EspSpec(adapter=name, base_url=address, options=stub_options(name, address))
        adapter = open_adapter(spec, stub_environ(name), root=tmp_path)
        report = deliver(messages, adapter=adapter, outbox=open_outbox(f"sqlite:///{tmp_path}/o.db"))
        mails = {mail.message_id: mail for mail in esp.mailbox}
    assert report.sent == len(messages) == len(mails)
    assert report.calls == len({m.skeleton.fingerprint for m in messages if m.skeleton})
    for message in messages:
        mail = mails[message.message_id]
        assert (mail.html.encode(), mail.text, mail.subject) == (message.html, message.text, message.subject)
        assert mail.to == wire_email(message.to.email)
        if adapter.capabilities.list_unsubscribe:
            assert mail.headers["List-Unsubscribe"] == message.headers["List-Unsubscribe"]

"""One body for many: the mail that each recipient gets is the mail that was rendered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.model.message import Skeleton
from send import DeliveryPolicy, Outbox, StubEsp, deliver
from send.catalog import adapter_names, capabilities_of
from tests.send.conftest import FAST, MakeAdapter, make_message
from tests.send.grouped import SKELETON, grouped_message

GROUPING = [name for name in adapter_names() if capabilities_of(name).max_grouped]


@pytest.mark.parametrize("name", GROUPING)
def test_a_group_shares_calls_and_each_gets_the_rendered_mail(
    name: str, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    adapter = adapter_for(name)
    limits = adapter.capabilities
    headers = {} if not limits.grouped_headers else None
    count = limits.max_grouped + 10
    messages = [grouped_message(i) for i in range(count)]
    if headers is not None:
        messages = [replace(m, headers=headers) for m in messages]
    report = deliver(messages, adapter=adapter, outbox=outbox, policy=FAST)
    assert (report.sent, report.calls) == (count, 2)
    got = {mail.message_id: mail for mail in esp.mailbox}
    assert len(esp.mailbox) == len(got) == count
    for message in messages:
        mail = got[message.message_id]
        assert mail.html.encode() == message.html
        assert mail.text == message.text
        assert mail.subject == message.subject
        assert mail.to == message.to.email
        if limits.list_unsubscribe and message.headers:
            assert mail.headers["List-Unsubscribe"] == message.headers["List-Unsubscribe"]


@pytest.mark.parametrize("name", GROUPING)
def test_what_would_not_merge_to_the_rendered_mail_goes_alone(
    name: str, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    good = replace(grouped_message(0), headers={})
    other_html = replace(grouped_message(1), headers={}, html=b"<p>not what the leaves make</p>")
    too_few = replace(grouped_message(2), headers={}, leaves=("a",))
    syntax = capabilities_of(name).syntax
    assert syntax is not None
    stirs = replace(grouped_message(3, name=f"Eve {syntax.token(1)}"), headers={})
    messages = [good, other_html, too_few, stirs]
    deliver(messages, adapter=adapter_for(name), outbox=outbox, policy=FAST)
    got = {mail.message_id: mail.html.encode() for mail in esp.mailbox}
    for message in (good, other_html, too_few):
        assert got[message.message_id] == message.html
    assert stirs.message_id not in got or b"Eve" in got[stirs.message_id]


def test_groups_are_kept_apart_by_what_they_share(
    esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    messages = [grouped_message(i) for i in range(4)]
    messages += [grouped_message(i, campaign="other") for i in range(4)]
    messages += [make_message(i, campaign="plain") for i in range(2)]
    report = deliver(messages, adapter=adapter_for("sendgrid"), outbox=outbox, policy=FAST)
    assert (report.sent, report.calls) == (10, 4)
    assert len(esp.mailbox) == 10


def test_one_address_comes_once_in_a_call(esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter) -> None:
    first, second = (replace(grouped_message(i), once_per_mailbox=False) for i in (1, 2))
    second = replace(second, to=replace(first.to, email=first.to.email.upper()))
    report = deliver([first, second], adapter=adapter_for("mailgun"), outbox=outbox, policy=FAST)
    assert (report.sent, report.calls) == (2, 2)
    del esp


def test_values_over_the_limit_go_alone(esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter) -> None:
    long = grouped_message(1, name="x" * 11_000)
    report = deliver(
        [grouped_message(0), long, grouped_message(2)],
        adapter=adapter_for("sendgrid"),
        outbox=outbox,
        policy=FAST,
    )
    assert (report.sent, report.calls) == (3, 2)
    assert {m.html.encode() for m in esp.mailbox} >= {long.html}


def test_grouping_can_be_refused(esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter) -> None:
    messages = [grouped_message(i) for i in range(5)]
    report = deliver(
        messages, adapter=adapter_for("sendgrid"), outbox=outbox, policy=DeliveryPolicy(group=False)
    )
    assert report.calls == 5
    del esp


@pytest.mark.parametrize("name", GROUPING)
@given(leaves=st.lists(st.text(max_size=12), min_size=5, max_size=5))
@settings(max_examples=60, deadline=None)
def test_the_simulated_merge_is_the_rendered_mail_or_the_mail_goes_alone(
    name: str, leaves: list[str]
) -> None:
    syntax = capabilities_of(name).syntax
    assert syntax is not None
    leaves = [
        leaf.encode("ascii", "xmlcharrefreplace").decode() if i < 3 else leaf for i, leaf in enumerate(leaves)
    ]
    message = make_message(
        subject=Skeleton.fill(SKELETON.subject, leaves),
        html=Skeleton.fill(SKELETON.html, leaves).encode("ascii"),
        text=Skeleton.fill(SKELETON.text, leaves),
        skeleton=SKELETON,
        leaves=tuple(leaves),
    )
    if not syntax.would_stir(message):
        merged = syntax.merge_all(syntax.bodies(message), message)
        assert merged == (message.subject, message.text, message.html.decode())

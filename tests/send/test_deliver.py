"""Delivery as a whole: once each, whatever the ESP does."""

from __future__ import annotations

from send import DeliveryPolicy, Outbox, StubEsp, deliver
from tests.send.conftest import MakeAdapter, make_message

FAST = DeliveryPolicy(backoff_s=0.01, breaker_pause_s=0.01, seed=1)


def test_each_message_arrives_once_however_often_it_is_delivered(
    esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    messages = [make_message(i) for i in range(50)]
    first = deliver(messages, adapter=adapter_for("sendgrid"), outbox=outbox, policy=FAST)
    second = deliver(messages, adapter=adapter_for("sendgrid"), outbox=outbox, policy=FAST)
    assert (first.sent, first.calls, first.already_sent) == (50, 50, 0)
    assert (second.sent, second.calls, second.already_sent) == (0, 0, 50)
    assert sorted(m.to for m in esp.mailbox) == sorted(m.to.email for m in messages)
    assert esp.mailbox[0].html.startswith("<p>Hello")

"""Opens and clicks that no person did, as the platforms that tell them apart say it in their webhooks.

Where the names of the fields come from: Mailgun's page "Open and Click Bot Detection" (``client-info.bot``)
and Brevo's changelog (``proxy_open``) say so themselves; SendGrid's ``sg_machine_open``, SparkPost's
``user_agent_parsed`` and Brevo's ``unique_proxy_open`` are second-hand, read off public clients and payloads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from mailwright.results import stored_outcomes
from send import Outbox
from send.event import Kind, WebhookRequest
from send.stub.hooks import hooks_for
from send.stub.mailbox import Mail
from send.stub.plays.sendgrid import signed
from tests.send.conftest import MakeAdapter

Change = dict[str, Any]
"""What a platform writes into its row beside what every row has."""

SENDGRID = {
    "ip": "17.58.99.102",
    "useragent": "Mozilla/5.0",
    "sg_content_type": "html",
}
AGENT = {
    "agent_family": "Apple Mail",
    "device_brand": "Other",
    "device_family": "Other",
    "os_family": "Other",
    "os_version": "",
    "is_mobile": False,
}
MAILGUN = {
    "client-name": "unknown",
    "client-type": "unknown",
    "user-agent": "Mozilla/5.0",
    "device-type": "unknown",
    "client-os": "unknown",
}


def sparkpost(*, prefetched: bool, proxy: bool) -> Change:
    agent = {**AGENT, "is_proxy": proxy, "is_prefetched": prefetched}
    return {"user_agent": "Mozilla/5.0", "user_agent_parsed": agent}


ROWS: list[tuple[str, Kind, Change, bool]] = [
    ("sendgrid", Kind.OPENED, {**SENDGRID, "sg_machine_open": True}, True),
    ("sendgrid", Kind.OPENED, {**SENDGRID, "sg_machine_open": False}, False),
    ("sendgrid", Kind.OPENED, SENDGRID, False),
    ("mailgun", Kind.OPENED, {"client-info": {**MAILGUN, "bot": "apple"}}, True),
    ("mailgun", Kind.OPENED, {"client-info": {**MAILGUN, "bot": "gmail"}}, True),
    ("mailgun", Kind.CLICKED, {"client-info": {**MAILGUN, "bot": "generic"}}, True),
    ("mailgun", Kind.OPENED, {"client-info": {**MAILGUN, "bot": ""}}, False),
    ("mailgun", Kind.OPENED, {"client-info": MAILGUN}, False),
    ("mailgun", Kind.OPENED, {}, False),
    ("sparkpost", Kind.OPENED, sparkpost(prefetched=True, proxy=True), True),
    ("sparkpost", Kind.OPENED, sparkpost(prefetched=False, proxy=True), False),
    ("sparkpost", Kind.CLICKED, sparkpost(prefetched=False, proxy=False), False),
    ("sparkpost", Kind.OPENED, {}, False),
    ("brevo", Kind.OPENED, {"event": "proxy_open"}, True),
    ("brevo", Kind.OPENED, {"event": "unique_proxy_open"}, True),
    ("brevo", Kind.OPENED, {"event": "opened"}, False),
    ("brevo", Kind.OPENED, {"event": "unique_opened"}, False),
]

ROW: dict[str, Callable[[Any], Change]] = {
    "sendgrid": lambda body: body[0],
    "mailgun": lambda body: body["event-data"],
    "sparkpost": lambda body: next(iter(body[0]["msys"].values())),
    "brevo": lambda body: body,
}
"""Where the row of the one event stands in each platform's request."""


def request_of(name: str, kind: Kind, change: Change) -> WebhookRequest:
    """The platform's request about one mail, signed as it signs it."""
    mail = Mail(esp=name, esp_id="12345", to="p@mail.example", message_id="0" * 32)
    ((_, hook),) = hooks_for([mail], [kind], "https://shop.example/webhooks/", time.time())
    body = orjson.loads(hook.body)
    ROW[name](body).update(change)
    made = replace(hook, body=orjson.dumps(body))
    if name == "sendgrid":
        made = signed(made.body, time.time())
    headers = {key.lower(): value for key, value in made.headers.items()}
    return WebhookRequest(f"https://shop.example/webhooks/{name}", headers, made.body, time.time())


@pytest.mark.parametrize(("name", "kind", "change", "machine"), ROWS)
def test_what_a_machine_opened_is_told_and_kept(
    name: str, kind: Kind, change: Change, machine: bool, adapter_for: MakeAdapter, outbox: Outbox
) -> None:
    (event,) = adapter_for(name).webhook(request_of(name, kind, change))
    assert event.kind is kind
    assert event.machine is machine
    outbox.feedback.record([event])
    (kept,) = stored_outcomes(outbox).to_pylist()
    assert (kept["machine"] is True) is machine

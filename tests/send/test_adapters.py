"""The contract that every adapter keeps, over real HTTP against a stub that checks strictly."""

from __future__ import annotations

import contextlib
import dataclasses
import html
import time

import pytest

from mailwright.errors import SendError
from mailwright.model.message import Address, Message
from mailwright.model.workspace import EspSpec
from send import DeliveryStopped, Outbox, StubEsp, deliver, open_adapter
from send.adapter import Call, NoAnswer
from send.catalog import adapter_names
from send.event import BadSignature, Kind, WebhookRequest
from send.stub import Mail, stub_environ, stub_options
from send.stub.hooks import hooks_for
from send.stub.stage import load_plays
from tests.send.conftest import FAST, MakeAdapter, make_message

PLAYED = sorted(set(load_plays()) & set(adapter_names()))
HOOKED = [name for name, play in load_plays().items() if play.hooks is not None]
URL = "https://shop.example/webhooks/"

HOSTILE = [
    make_message(1, to=Address("o'brien+tag@mail.example", 'O"Brien, Pat; <x@y.example>')),
    make_message(2, to=Address("ana@mail.example", "Añá Ñandú 漢字")),
    make_message(3, to=Address("kari@blåbær.example", "Kari"), subject="Blåbær — til deg ✓"),
    make_message(4, subject="a" * 300, text="π ≈ 3.14\n" * 40),
    make_message(5, html=b"<p>" + b"x" * 40_000 + b"</p>", text="."),
    make_message(6, html=b"<p>&#38;&lt;script&gt; 100% *|not|* \\u0041</p>"),
]


def recipient(name: str, message: Message) -> str:
    """Braze knows people by their ids, everybody else by their addresses."""
    local, _, domain = message.to.email.partition("@")
    return message.profile_id if name == "braze" else f"{local}@{domain.encode('idna').decode()}"


@pytest.mark.parametrize("name", PLAYED)
def test_a_mail_arrives_as_it_was_rendered(
    name: str, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    adapter = adapter_for(name)
    report = deliver(HOSTILE, adapter=adapter, outbox=outbox, policy=FAST)
    assert report.sent == len(HOSTILE), outbox.operators.messages(limit=10)
    got = {mail.message_id: mail for mail in esp.mailbox}
    assert len(esp.mailbox) == len(got) == len(HOSTILE)
    for message in HOSTILE:
        mail = got[message.message_id]
        assert mail.html == message.html.decode()
        assert mail.subject == message.subject
        assert mail.to == recipient(name, message)
        assert not mail.text or mail.text == message.text
        if mail.to_name and name != "braze":
            assert mail.to_name == message.to.name
        if adapter.capabilities.headers and adapter.capabilities.list_unsubscribe:
            assert mail.headers["List-Unsubscribe"] == message.headers["List-Unsubscribe"]
            assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


LIVE = ["%recipient.name%", "*|FNAME|*", "{{ first_name }}", "{% if x %}", "{{{ pm:x }}}", "%%=v(1)=%%"]


@pytest.mark.parametrize("name", PLAYED)
def test_live_syntax_shows_as_it_stands_or_is_refused(
    name: str, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    messages = {text: make_message(i, html=f"<p>{text}</p>".encode()) for i, text in enumerate(LIVE)}
    report = deliver(messages.values(), adapter=adapter_for(name), outbox=outbox, policy=FAST)
    shown = {mail.message_id: html.unescape(mail.html) for mail in esp.mailbox}
    for text, message in messages.items():
        assert shown.get(message.message_id, f"<p>{text}</p>") == f"<p>{text}</p>"
    assert len(shown) == report.sent == len(LIVE) - report.rejected


@pytest.mark.parametrize("name", [n for n in adapter_names() if n != "memory"])
def test_a_header_cannot_be_read_as_two(name: str, adapter_for: MakeAdapter) -> None:
    smuggled = make_message(1, headers={"X-Note": "a\r\nBcc: all@mail.example"})
    named = make_message(2, to=Address("p@mail.example", "A\r\nBcc: all@mail.example"))
    address = make_message(3, to=Address("p@mail.example\r\nBcc: all@mail.example", "A"))
    two = make_message(4, to=Address("p@mail.example, all@mail.example", "A"))
    adapter = adapter_for(name)
    for message in (smuggled, named, address, two):
        with contextlib.suppress(SendError):
            part = adapter.part(message)
            assert b"\nBcc:" not in part
            assert b'"all@mail.example"' not in part


@pytest.mark.parametrize("name", PLAYED)
def test_calls_are_cut_at_the_limits(
    name: str, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    adapter = adapter_for(name)
    most = adapter.capabilities.max_messages
    count = min(most + 3, 1003)
    messages = [make_message(i, html=b"<p>x</p>") for i in range(count)]
    report = deliver(messages, adapter=adapter, outbox=outbox, policy=FAST)
    assert report.sent == count
    assert report.calls == -(-count // most)
    assert len({mail.message_id for mail in esp.mailbox}) == count


@pytest.mark.parametrize("name", [n for n in PLAYED if n in ("postmark", "mailjet")])
def test_a_batch_that_fails_in_part_is_told_apart(
    name: str, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    esp.fault("partial")
    messages = [make_message(i) for i in range(6)]
    report = deliver(messages, adapter=adapter_for(name), outbox=outbox, policy=FAST)
    assert (report.sent, report.rejected) == (4, 2)


def test_a_batch_refused_for_one_of_its_mails_goes_on_without_it(
    esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    esp.fault("partial")
    report = deliver(
        [make_message(i) for i in range(6)], adapter=adapter_for("resend"), outbox=outbox, policy=FAST
    )
    assert (report.sent, report.calls) == (6, 7)
    assert len(esp.mailbox) == 6


@pytest.mark.parametrize("name", PLAYED)
def test_a_call_without_an_answer_is_repeated_only_under_a_key(
    name: str, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    adapter = adapter_for(name)
    if name == "salesforce_mc":
        esp.fault("slow", times=1, seconds=0)  # the token's request comes first
    esp.fault("timeout-after-accept", seconds=0.05)
    report = deliver([make_message()], adapter=adapter, outbox=outbox, policy=FAST)
    assert len(esp.mailbox) == 1
    if adapter.capabilities.key_life is not None:
        assert (report.sent, report.unknown, report.calls) == (1, 0, 2)
        return
    assert (report.sent, report.unknown, report.calls) == (0, 1, 1)
    again = deliver([make_message()], adapter=adapter, outbox=outbox, policy=FAST)
    assert (again.unknown, again.calls) == (1, 0)
    if adapter.capabilities.correlates and name in HOOKED:
        for _, hook in hooks_for(esp.mailbox, [Kind.DELIVERED], URL, time.time()):
            outbox.feedback.record(adapter.webhook(request_of(name, hook.headers, hook.body)))
        assert [row.status for row in outbox.operators.messages()] == ["delivered"]


@pytest.mark.parametrize("name", PLAYED)
def test_refused_credentials_end_the_delivery_and_lose_nothing(
    name: str, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    adapter = adapter_for(name)
    original = adapter.read  # type: ignore[attr-defined]
    adapter.read = lambda call, *_: original(call, 401, {}, b"{}")  # type: ignore[attr-defined]
    with pytest.raises(DeliveryStopped) as stopped:
        deliver([make_message(i) for i in range(3)], adapter=adapter, outbox=outbox, policy=FAST)
    assert stopped.value.report.waiting == 3


@pytest.mark.parametrize("name", PLAYED)
def test_an_answer_that_cannot_be_read_is_neither_yes_nor_no(name: str, adapter_for: MakeAdapter) -> None:
    adapter = adapter_for(name)
    part = adapter.part(make_message())
    call = Call("c", "k", adapter.assemble(None, [part]), (make_message().message_id,), ("p0@mail.example",))
    if name in ("sendgrid", "klaviyo", "salesforce_mc"):
        pytest.skip("a 2xx of this platform says all there is to say")
    with pytest.raises(NoAnswer):
        adapter.read(call, 200, {}, b"\x1f{not json")  # type: ignore[attr-defined]
    with pytest.raises(NoAnswer):
        adapter.read(call, 502, {}, b"<html>bad gateway</html>")  # type: ignore[attr-defined]


# ── webhooks ──

KINDS = [Kind.DELIVERED, Kind.BOUNCED, Kind.OPENED, Kind.CLICKED, Kind.COMPLAINED, Kind.UNSUBSCRIBED]


def request_of(name: str, headers: dict[str, str], body: bytes, now: float | None = None) -> WebhookRequest:
    lower = {key.lower(): value for key, value in headers.items()}
    return WebhookRequest(URL + name, lower, body, time.time() if now is None else now)


def mail_of(name: str) -> Mail:
    return Mail(esp=name, esp_id="12345", to="p@mail.example", message_id="0" * 32)


@pytest.mark.parametrize("name", HOOKED)
def test_webhooks_of_every_kind_come_back_in_one_vocabulary(name: str, adapter_for: MakeAdapter) -> None:
    adapter = adapter_for(name)
    told = 0
    for kind in KINDS:
        for _, hook in hooks_for([mail_of(name)], [kind], URL, time.time()):
            (event,) = adapter.webhook(request_of(name, hook.headers, hook.body))
            told += 1
            assert event.kind is kind
            assert event.address == "p@mail.example"
            assert abs(event.at - time.time()) < 5
            assert (event.message_id == "0" * 32) is adapter.capabilities.correlates or name == "klaviyo"
    assert told >= 4


@pytest.mark.parametrize("name", HOOKED)
def test_a_forged_webhook_is_refused(name: str, adapter_for: MakeAdapter) -> None:
    adapter = adapter_for(name)
    kind = Kind.BOUNCED
    (_, hook), *_ = hooks_for([mail_of(name)], [kind], URL, time.time())
    signatures = [h for h in hook.headers if "ignature" in h or h == "Authorization"]
    broken = [
        request_of(name, {**hook.headers, h: "0" * len(hook.headers[h])}, hook.body) for h in signatures
    ]
    broken += [
        request_of(name, {k: v for k, v in hook.headers.items() if k != h}, hook.body) for h in signatures
    ]
    if name == "mailgun":
        broken.append(request_of(name, hook.headers, hook.body.replace(b'"token":"', b'"token":"1')))
    elif adapter.capabilities.webhooks == "signed":
        broken.append(request_of(name, hook.headers, hook.body.replace(b"mail.example", b"evil.example")))
    assert broken
    for request in broken:
        with pytest.raises(BadSignature):
            adapter.webhook(request)


@pytest.mark.parametrize("name", [n for n in HOOKED if n not in ("mandrill", "salesforce_mc")])
def test_an_old_webhook_is_refused(name: str, adapter_for: MakeAdapter) -> None:
    adapter = adapter_for(name)
    if adapter.capabilities.webhooks != "signed":
        pytest.skip("a shared secret says nothing of time")
    (_, hook), *_ = hooks_for([mail_of(name)], [Kind.BOUNCED], URL, time.time() - 3 * 86400)
    with pytest.raises(BadSignature):
        adapter.webhook(request_of(name, hook.headers, hook.body))


@pytest.mark.parametrize("name", HOOKED)
def test_without_its_secret_no_webhook_is_believed(name: str, esp: StubEsp, tmp_path: object) -> None:
    if name == "ses":
        pytest.skip("ses is verified by Amazon's certificate, not by a secret")
    kind = load_plays()[name]
    environ = stub_environ(name)
    for credential in kind.secrets:
        del environ[f"{name}_{credential}".upper()]
    address = esp.address(name)
    spec = EspSpec(adapter=name, base_url=address, options=stub_options(name, address))
    adapter = open_adapter(spec, environ, root=tmp_path)  # type: ignore[arg-type]
    (_, hook), *_ = hooks_for([mail_of(name)], [Kind.BOUNCED], URL, time.time())
    with pytest.raises(BadSignature):
        adapter.webhook(request_of(name, hook.headers, hook.body))


# ── secrets ──


@pytest.mark.parametrize("name", PLAYED)
def test_a_secret_shows_nowhere(name: str, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter) -> None:
    adapter = adapter_for(name)
    secrets = stub_environ(name).values()
    esp.fault("500", times=1)
    payload = adapter.assemble(None, [adapter.part(make_message())])
    shown = [repr(adapter), repr(vars(adapter)), repr(payload.content), str(payload)]
    deliver([make_message()], adapter=adapter, outbox=outbox, policy=FAST)
    shown += [repr(dataclasses.astuple(row)) for row in outbox.operators.messages()]
    for text in shown:
        assert not any(secret in text for secret in secrets)

"""Addresses, headers and MIME, read back by the standard library's parser."""

from __future__ import annotations

import email
import email.policy
import socket
from email.message import EmailMessage
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.errors import ConfigError, MailwrightError, SendError
from mailwright.model.message import Address
from mailwright.model.workspace import EspSpec
from send import deliver, open_adapter, open_outbox
from send.address import BadAddress, display_name, header_value, wire_email
from send.catalog import adapter_names
from send.http import retry_after
from send.live import inert_html
from send.mime import to_mime
from tests.send.conftest import make_message


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        ("a@b.example", "a@b.example"),
        ("o'brien+tag@mail.example", "o'brien+tag@mail.example"),
        ("kari@blåbær.example", "kari@xn--blbr-roah.example"),
        ("A@BLÅBÆR.example", "A@xn--blbr-roah.example"),
        ("x@münchen.de", "x@xn--mnchen-3ya.de"),
    ],
)
def test_an_address_on_the_wire(given: str, wire: str) -> None:
    assert wire_email(given) == wire


@pytest.mark.parametrize(
    "given",
    ["", "a", "a@", "@b.example", "a b@c.example", "a@b", "a@b..example", ".a@b.example", "a.@b.example",
     "a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "a@b.example>", "<a@b.example",
     "a@-b.example",
     "x" * 65 + "@b.example", "a@" + "b" * 64 + ".example", "a\0@b.example", "a@b.example\n", "å@b.example"],
)  # fmt: skip
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(BadAddress):
        wire_email(given)


def test_a_unicode_local_part_passes_only_where_it_is_spoken() -> None:
    assert wire_email("åse@b.example", smtputf8=True) == "åse@b.example"


@pytest.mark.parametrize(
    "name",
    [
        'Pat O"Brien',
        "Doe, Jane",
        "Jane; Doe",
        "Añá Ñandú",
        "漢字 かな",
        "x" * 200,
        "<b@c.example>",
        "a\\b",
        "=?utf-8?q?x?=",
    ],
)
def test_a_name_comes_back_as_it_was(name: str) -> None:
    value = header_value(Address("a@b.example", name))
    assert value.isascii()
    (box,) = parsed(f"To: {value}\r\n\r\n".encode())["To"].addresses
    assert (box.display_name, box.addr_spec) == (display_name(name), "a@b.example")


@given(st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_no_name_can_smuggle_a_second_address(name: str) -> None:
    message = parsed(f"To: {header_value(Address('a@b.example', name))}\r\nX: y\r\n\r\n".encode("ascii"))
    assert [box.addr_spec for box in message["To"].addresses] == ["a@b.example"]
    assert message.keys() == ["To", "X"]


@given(
    subject=st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=200),
    text=st.text(st.characters(blacklist_categories=("Cs",)), max_size=400),
)
@settings(max_examples=150, deadline=None)
def test_mime_comes_back_as_it_was(subject: str, text: str) -> None:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    message = make_message(1, subject=subject, text=text)
    try:
        raw = to_mime(message)
    except SendError:
        assert any(c in subject for c in "\x85\u2028\u2029")
        return
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    mail = parsed(raw)
    body = mail.get_body(("plain",))
    assert body is not None
    # The parser leaves a lone CR where a part begins with an empty line.
    assert body.get_content().replace("\r", "").rstrip("\n") == text.rstrip("\n")
    assert "".join(str(mail["Subject"]).split()) == "".join(subject.split())


def test_mime_holds_both_parts_and_the_headers() -> None:
    message = make_message(1, html=b"<p>" + b"x" * 2000 + b"</p>", text="hei på deg\n" * 3)
    raw = to_mime(message)
    mail = parsed(raw)
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    html = mail.get_body(("html",))
    assert html is not None
    assert html.get_content().rstrip("\n") == message.html.decode()
    assert mail["List-Unsubscribe"] == "<https://shop.example/u/1>"
    assert mail["Message-ID"] == f"<{message.message_id}@shop.example>"
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert to_mime(message) == raw


@pytest.mark.parametrize("name", ["From", "to", "Subject", "Content-Type", "X Y", "X:", ""])
def test_headers_that_are_ours_or_none_are_refused(name: str) -> None:
    with pytest.raises(SendError):
        to_mime(make_message(1, headers={name: "x"}))


@pytest.mark.parametrize(
    ("html", "inert"),
    [
        (b"<p>{{ x }}</p>", "<p>&#123;{ x }}</p>"),
        (b"<style>a{b{c}}</style>{{", "<style>a{b{c}}</style>&#123;{"),
        (b'<a href="?q={{x">', '<a href="?q=&#123;{x">'),
    ],
)
def test_live_syntax_is_made_inert(html: bytes, inert: str) -> None:
    assert inert_html(make_message(1, html=html), ("{{",), "x") == inert


def test_live_syntax_where_nothing_can_neutralise_it_is_refused() -> None:
    for changes in ({"text": "{{ x"}, {"subject": "{{ x"}, {"html": b"<style>{{ x</style>"}):
        with pytest.raises(SendError, match="evaluate"):
            inert_html(make_message(1, **changes), ("{{",), "x")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-reset": "1795348810"}, 10),
        ({"ratelimit-reset": "3"}, 3),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, 1795348800.0) == seconds


# ── adapters that need no ESP ──


def test_a_folder_holds_one_whole_mail_a_file(tmp_path: Path) -> None:
    adapter = open_adapter(EspSpec(adapter="folder"), {}, root=tmp_path)
    outbox = open_outbox(f"sqlite:///{tmp_path}/o.db")
    messages = [make_message(i, to=Address(f"p{i}@mail.example", 'Åse, "x"')) for i in range(20)]
    report = deliver(messages, adapter=adapter, outbox=outbox)
    assert report.sent == 20
    files = sorted((tmp_path / "out/mails").iterdir())
    assert [f.name for f in files] == sorted(f"{m.message_id}.eml" for m in messages)
    assert parsed(files[0].read_bytes())["To"].addresses[0].display_name == 'Åse, "x"'


def test_smtp_over_a_real_server(tmp_path: Path) -> None:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import SMTP, Envelope, Session

    got: list[Envelope] = []

    class Handler:  # aiosmtpd calls its methods by position
        async def handle_RCPT(  # noqa: N802
            self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
        ) -> str:
            if address.startswith("p1@"):
                return "550 no such mailbox"
            if address.startswith("p2@") and not getattr(self, "tried", False):
                self.tried = True
                return "451 try again"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
            got.append(envelope)
            return "250 OK"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
    controller.start()
    try:
        spec = EspSpec(adapter="smtp", base_url=f"smtp://127.0.0.1:{port}")
        adapter = open_adapter(spec, {}, root=tmp_path)
        outbox = open_outbox(f"sqlite:///{tmp_path}/o.db")
        messages = [make_message(i) for i in range(6)] + [make_message(7, to=Address("åse@b.example", "Åse"))]
        report = deliver(messages, adapter=adapter, outbox=outbox)
    finally:
        controller.stop()
    assert (report.sent, report.rejected) == (6, 1), outbox.operators.messages()
    assert sorted(e.rcpt_tos[0] for e in got) == sorted(
        ["p0@mail.example", "p2@mail.example", "p3@mail.example", "p4@mail.example", "p5@mail.example",
         "åse@b.example"]
    )  # fmt: skip
    mail = parsed(got[0].content or b"")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


# ── opening an adapter ──


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (EspSpec(adapter="sendgird"), "did you mean 'sendgrid'"),
        (EspSpec(adapter="../os"), "there is no adapter"),
        (EspSpec(adapter="sendgrid", options={"ippool": 1}), "did you mean 'ip_pool'"),
        (EspSpec(adapter="sendgrid", credentials={"key": "X"}), "unknown credential"),
        (EspSpec(adapter="sendgrid", base_url="http://api.example"), "in the clear"),
        (EspSpec(adapter="mailgun"), "domain"),
        (EspSpec(adapter="sendgrid", credentials={"api_key": "NOWHERE"}), "NOWHERE"),
    ],
)
def test_a_wrong_configuration_says_what_and_how_to_mend_it(spec: EspSpec, said: str, tmp_path: Path) -> None:
    environ = {"SENDGRID_API_KEY": "k", "MAILGUN_API_KEY": "k"}
    with pytest.raises((ConfigError, SendError), match=said):
        open_adapter(spec, environ, root=tmp_path)


def test_a_credential_can_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    environ = {"SENDGRID_API_KEY_FILE": str(tmp_path / "key")}
    adapter = open_adapter(EspSpec(adapter="sendgrid"), environ, root=tmp_path)
    assert adapter.settings.secret("api_key") == "from a file"  # type: ignore[attr-defined]


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite://"])
def test_an_outbox_that_cannot_be_opened_says_so(url: str) -> None:
    with pytest.raises(MailwrightError):
        open_outbox(url)


def test_a_damaged_outbox_is_named(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"not a database at all, " * 50)
    with pytest.raises(SendError, match=f"the outbox at {tmp_path}/outbox.db could not be used"):
        open_outbox(f"sqlite:///{tmp_path}/outbox.db")


def test_an_outbox_made_by_an_earlier_version_gets_what_it_lacks(tmp_path: Path) -> None:
    old = open_outbox(f"sqlite:///{tmp_path}/outbox.db")
    with old.db.write() as connection:
        connection.execute(sa.text("ALTER TABLE outbox_messages DROP COLUMN not_after"))
    old.close()
    outbox = open_outbox(f"sqlite:///{tmp_path}/outbox.db")
    adapter = open_adapter(EspSpec(adapter="memory"), {}, root=tmp_path)
    assert deliver([make_message()], adapter=adapter, outbox=outbox).sent == 1


def test_every_adapter_declares_itself() -> None:
    from send.catalog import adapter_class

    for name in adapter_names():
        kind = adapter_class(name)
        assert kind.name == name
        assert set(kind.webhook_credentials) <= set(kind.credentials)
        limits = kind.capabilities
        assert bool(limits.max_grouped) == (limits.syntax is not None)
        assert limits.max_bytes > 0

"""SES against moto's server: another's reading of the API than our stub's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.ses.models import ses_backends

from mailwright.model.message import Address
from mailwright.model.workspace import EspSpec
from send import Outbox, deliver, open_adapter
from tests.send.conftest import FAST, make_message

REGION = "eu-west-1"


@pytest.fixture
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_ses_takes_our_mails_from_a_verified_sender_and_no_other(
    moto: str, outbox: Outbox, tmp_path: Path
) -> None:
    scope = f"AWS4-HMAC-SHA256 Credential=a/20261120/{REGION}/ses/aws4_request"
    made = httpx.post(
        f"{moto}/v2/email/identities",
        json={"EmailIdentity": "news@shop.example"},
        headers={"Authorization": scope},
    )
    assert made.status_code == 200
    spec = EspSpec(adapter="ses", base_url=moto, options={"region": REGION})
    keys = {"SES_ACCESS_KEY_ID": "a", "SES_SECRET_ACCESS_KEY": "b"}
    stranger = make_message(9, sender=Address("somebody@else.example", "Else"))
    messages = [
        make_message(1, subject="Ærlig talt"),
        make_message(2, to=Address("p2@blåbær.example", "Nord, Åse")),
    ]
    report = deliver(
        [*messages, stranger],
        adapter=open_adapter(spec, keys, root=tmp_path),
        outbox=outbox,
        policy=FAST,
    )
    assert (report.sent, report.rejected) == (2, 1)
    sent = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
    assert {mail.subject for mail in sent} == {"Ærlig talt", "Hello 2"}
    (second,) = [mail for mail in sent if mail.subject == "Hello 2"]
    assert "p2@xn--blbr-roah.example" in second.destinations["ToAddresses"][0]

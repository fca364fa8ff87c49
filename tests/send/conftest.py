"""Messages, adapters against the stub and outboxes for every test of ``send``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailwright.model.identity import message_id
from mailwright.model.message import Address, Message
from mailwright.model.workspace import EspSpec
from send import Adapter, Outbox, StubEsp, open_adapter, open_outbox

MakeMessage = Callable[..., Message]
MakeAdapter = Callable[..., Adapter]


def make_message(i: int = 0, **changes: object) -> Message:
    campaign = str(changes.get("campaign", "newsletter"))
    profile = str(changes.get("profile_id", f"p{i}"))
    occasion = str(changes.get("occasion", "once"))
    fields: dict[str, object] = {
        "message_id": message_id(campaign, profile, occasion),
        "profile_id": profile,
        "campaign": campaign,
        "occasion": occasion,
        "sender": Address("news@shop.example", "The Shop"),
        "to": Address(f"p{i}@mail.example", f"Person {i}"),
        "subject": f"Hello {i}",
        "preheader": "",
        "html": f"<p>Hello {i}</p>".encode(),
        "text": f"Hello {i}\n",
        "headers": {
            "List-Unsubscribe": f"<https://shop.example/u/{i}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    }
    return Message(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def esp() -> Iterator[StubEsp]:
    with StubEsp() as stub:
        yield stub


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    box = open_outbox(f"sqlite:///{tmp_path}/outbox.db")
    yield box
    box.close()


@pytest.fixture
def adapter_for(esp: StubEsp, tmp_path: Path) -> MakeAdapter:
    def make(name: str, **options: object) -> Adapter:
        spec = EspSpec(adapter=name, base_url=esp.address(name), options=dict(options))
        return open_adapter(spec, stub_environ(name), root=tmp_path)

    return make


def stub_environ(name: str) -> dict[str, str]:
    """Credentials of every kind, as the stub knows them."""
    return {f"{name}_{c}".upper(): "stub-secret-" + c for c in ("api_key", "webhook_key")}

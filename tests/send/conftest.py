"""Messages, adapters against the stub and outboxes for every test of ``send``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailwright.model.identity import message_id
from mailwright.model.message import Address, Message
from mailwright.model.workspace import EspSpec
from send import Adapter, DeliveryPolicy, Outbox, StubEsp, open_adapter, open_outbox
from send.stub import stub_environ, stub_options

MakeAdapter = Callable[..., Adapter]
FAST = DeliveryPolicy(backoff_s=0.01, breaker_pause_s=0.01, seed=1)


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


def adapter_at(esp: StubEsp, name: str, root: Path, **options: object) -> Adapter:
    address = esp.address(name)
    spec = EspSpec(adapter=name, base_url=address, options={**stub_options(name, address), **options})
    return open_adapter(spec, stub_environ(name), root=root)


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
    return lambda name, **options: adapter_at(esp, name, tmp_path, **options)

"""A sending process that a test kills: ``python -m tests.send.crash_worker OUTBOX STUB ADAPTER COUNT``."""

from __future__ import annotations

import sys
from pathlib import Path

from mailwright.model.workspace import EspSpec
from send import DeliveryPolicy, deliver, open_adapter, open_outbox
from send.stub import stub_environ, stub_options
from tests.send.conftest import make_message

POLICY = DeliveryPolicy(concurrency=4, backoff_s=0.02, breaker_pause_s=0.02, call_timeout_s=1.0)


def main(url: str, stub: str, name: str, count: str) -> None:
    address = f"{stub}/{name}"
    spec = EspSpec(adapter=name, base_url=address, options=stub_options(name, address))
    adapter = open_adapter(spec, stub_environ(name), root=Path())
    outbox = open_outbox(url)
    deliver((make_message(i) for i in range(int(count))), adapter=adapter, outbox=outbox, policy=POLICY)


if __name__ == "__main__":
    main(*sys.argv[1:5])

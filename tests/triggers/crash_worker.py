"""A process that a test kills: takes the events of a file, then runs what is due, then sends; then ends.

``python -m tests.triggers.crash_worker STORE WORKSPACE EVENTS ESP``. Started again it begins with the first
event, as a client does that had no answer.
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

from mailwright.model.workspace import EspSpec
from mailwright.workspace import open_workspace
from send import DeliveryPolicy, open_adapter, open_outbox
from send.stub import stub_environ, stub_options
from tests.triggers.conftest import NOW
from triggers import open_triggers
from triggers.ingest import read_lines

POLICY = DeliveryPolicy(concurrency=4, backoff_s=0.02, breaker_pause_s=0.02, call_timeout_s=1.0)
ADAPTER = "resend"


def main(store: str, root: str, path: str, esp: str) -> None:
    address = f"{esp}/{ADAPTER}"
    spec = EspSpec(adapter=ADAPTER, base_url=address, options=stub_options(ADAPTER, address))
    live = open_triggers(
        open_workspace(Path(root)),
        outbox=open_outbox(store),
        adapter=open_adapter(spec, stub_environ(ADAPTER), root=Path()),
        now=NOW,
        only=["cart-abandoned", "welcome"],
        lease_s=1.0,
    )
    calls = iter(read_lines(Path(path).read_bytes().splitlines()))
    for some in iter(lambda: list(itertools.islice(calls, 20)), []):
        live.ingest(some, now=NOW)
        live.fire(NOW)
    while (due := live.store.next_due()) is not None and due <= NOW:
        if not live.fire(NOW):
            time.sleep(0.1)  # another worker has them, or had
    while live.deliver(POLICY).waiting:
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:5])

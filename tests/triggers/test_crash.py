"""``kill -9`` at any instant, on both stores: what is sent is what one undisturbed run sends, once each."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter

import pytest

from mailwright.model.identity import message_id
from send import StubEsp
from tests.triggers.conftest import track

PEOPLE = 30
KILLS = 2


def write_events(path):
    """A cart for everybody, a checkout for every third, a sign-up for every fifth; and who gets what."""
    everybody = [f"p{n}" for n in range(PEOPLE)]
    # The checkouts come first, out of order: no run of the trigger may depend on where a batch ends.
    calls = [track(name, "checkout_started", -0.9) for name in everybody[::3]]
    calls += [track(name, "product_added", -1, product_id="i1", cart_id=name) for name in everybody]
    calls += [track(name, "signed_up", -0.5) for name in everybody[::5]]
    carts = set(everybody) - set(everybody[::3])
    expected = {message_id("cart", name, f"cart-abandoned/{name}") for name in carts}
    expected |= {message_id("welcome-1", name, "welcome/ever/1") for name in everybody[::5]}
    path.write_text("".join(json.dumps(call) + "\n" for call in calls))
    return expected


@pytest.mark.timeout(900)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_loses_and_repeats_nothing(workers, request, root, tmp_path):
    store = "sqlite_url" if workers == 1 else "fresh_postgres_url"
    url = request.getfixturevalue(store)
    expected = write_events(tmp_path / "events.jsonl")
    dice = random.Random(workers)  # noqa: S311 repeatable
    with StubEsp(process=True) as esp:
        esp.fault("timeout-after-accept", times=None, probability=0.05, seconds=0.1)

        def start():
            command = [sys.executable, "-m", "tests.triggers.crash_worker", url, str(root)]
            return subprocess.Popen([*command, str(tmp_path / "events.jsonl"), esp.url])

        running = [start() for _ in range(workers)]
        killed = 0
        for _ in range(KILLS):
            victim = dice.randrange(workers)
            until = time.monotonic() + 200  # a busy machine takes its time
            wanted = esp.counts["mails"] + dice.randrange(1, 6)
            while esp.counts["mails"] < wanted and running[victim].poll() is None:
                assert time.monotonic() < until
                time.sleep(0.05)  # who asks too often takes the processor from the workers
            killed += running[victim].poll() is None
            running[victim].kill()
            running[victim].wait()
            running[victim] = start()
        for process in running:
            assert process.wait(300) == 0
        arrived = Counter(mail.message_id for mail in esp.mailbox)
    assert killed > 0
    assert set(arrived) == expected
    assert [name for name, n in arrived.items() if n > 1] == []

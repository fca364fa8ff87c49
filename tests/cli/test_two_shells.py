"""One shell sends, another pauses, resumes and stops: real processes, and an ESP that counts what it got."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mailwright.model.message import Status
from send import StubEsp, open_outbox

COMMAND = Path(sys.executable).with_name("mailwright")
COUNT = 500
"""Profiles, all of whom get the campaign."""
SLOWLY = "max_per_s: 5"
"""So many calls leave that the other shell has a minute and a half for its word."""
OF = ("--campaign", "newsletter", "--occasion", "monday")


@pytest.fixture
def esp():
    with StubEsp(process=True) as stub:
        yield stub


@pytest.fixture
def shell(starter, esp):
    """``shell("send", …)`` → a running ``mailwright`` in the workspace, pointed at the stub."""
    rows = [f"q{i},q{i}@mail.example,en,newsletter,Kim,NO,{i}" for i in range(COUNT)]
    for file, lines in {"profiles.csv": rows, "interactions.csv": []}.items():
        header = (starter / "data" / file).read_text().splitlines()[0]
        (starter / "data" / file).write_text("\n".join([header, *lines]) + "\n")
    config = starter / "mailwright.yaml"
    esp_line = f"esp: {{ adapter: sendgrid, base_url: {esp.address('sendgrid')} }}"
    delivery = f"delivery: {{ group: false, concurrency: 4, {SLOWLY} }}"
    config.write_text(config.read_text().replace("esp: { adapter: folder }", f"{esp_line}\n{delivery}"))
    environ = {**os.environ, "SENDGRID_API_KEY": "key", "MAILWRIGHT_SECRET": "s" * 32}
    started = []

    def start(*arguments):
        command = [str(COMMAND), *arguments, "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, cwd=starter, env=environ, text=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def answer(process):
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return json.loads(out)


def when_taken(esp, count, sender):
    """Returns once the ESP has taken that many mails."""
    while esp.counts["mails"] < count:
        assert sender.poll() is None, sender.communicate()
        time.sleep(0.01)


@pytest.fixture
def outbox(starter):
    """What is recorded, seen without a shell."""
    (starter / ".mailwright").mkdir(exist_ok=True)
    box = open_outbox(f"sqlite:///{starter}/.mailwright/outbox.db")
    yield box
    box.close()


def standing(outbox):
    (one,) = outbox.operators.overview()
    return one.state, one.counts


def test_a_campaign_paused_by_another_shell_and_resumed_reaches_everybody_once(shell, esp, outbox, starter):
    for refusal in ("503", "429"):
        esp.fault(refusal, times=None, probability=0.05)
    sender = shell("send", "newsletter", "--occasion", "monday")
    when_taken(esp, 10, sender)
    answer(shell("outbox", "pause", *OF))
    report = answer(sender)["delivery"]
    taken = esp.counts["mails"]
    assert 10 <= report["sent"] == taken < COUNT
    assert "paused" in report["stopped"]
    assert standing(outbox) == ("paused", {"accepted": taken, "pending": COUNT - taken})

    answer(shell("outbox", "resume", *OF))
    config = starter / "mailwright.yaml"
    config.write_text(config.read_text().replace(SLOWLY, "max_per_s: 500"))
    rest = answer(shell("outbox", "deliver"))
    assert (rest["sent"], rest["waiting"], rest["stopped"]) == (COUNT - taken, 0, "")
    assert Counter(mail.to for mail in esp.mailbox) == Counter(f"q{i}@mail.example" for i in range(COUNT))
    assert standing(outbox) == ("running", {"accepted": COUNT})


def test_a_campaign_stopped_by_another_shell_leaves_the_rest_skipped_with_a_reason(shell, esp, outbox):
    sender = shell("send", "newsletter", "--occasion", "monday")
    when_taken(esp, 10, sender)
    answer(shell("outbox", "stop", *OF))
    report = answer(sender)["delivery"]
    arrived = Counter(mail.message_id for mail in esp.mailbox)
    assert 10 <= len(arrived) == report["sent"] < COUNT
    assert (report["waiting"], report["skipped"]) == (0, {"stopped": COUNT - len(arrived)})
    accepted = outbox.operators.messages(status=Status.ACCEPTED, limit=COUNT)
    assert arrived == Counter(row.message_id for row in accepted)
    assert standing(outbox) == (
        "stopped",
        {"accepted": len(arrived), "skipped:stopped": COUNT - len(arrived)},
    )

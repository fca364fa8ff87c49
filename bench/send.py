"""Proof of ``send``: crashes, calls and bytes, throughput. Prints one JSON object with ``--json``.

``crash``: recipients sent to while the sending process is killed (-9) again and again, the stub's
connections are cut and faults are mixed in; counted from the stub's own mailbox. ``calls``: grouped against
single sends of a reference newsletter whose recommendations differ for each recipient. ``throughput``: mails
made, recorded durably and sent one per call, against a plain httpx loop posting payloads made beforehand,
with the same concurrency, in the same run.

    python bench/send.py [--json] [--part crash|calls|throughput] [--recipients N] [--kills N] [--messages N]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mailwright.model.identity import message_id
from mailwright.model.message import Address, Holes, Message, Skeleton, Status
from mailwright.model.workspace import EspSpec
from send import Adapter, DeliveryPolicy, DeliveryStopped, StubEsp, deliver, open_adapter, open_outbox
from send.event import Kind, WebhookRequest
from send.stub import stub_environ, stub_options
from send.stub.hooks import hooks_for

SENDER = Address("news@shop.example", "The Shop")
CARDS = 6
FAULTS = (
    "429",
    "429-retry-after",
    "503",
    "500",
    "reset",
    "reset-before",
    "timeout-after-accept",
    "malformed",
)
CRASH_POLICY = DeliveryPolicy(
    concurrency=2, max_in_call=5, backoff_s=0.02, max_backoff_s=0.5, breaker_pause_s=0.02, call_timeout_s=2.0
)


# ── the reference newsletter: 36 KB of HTML, of which about 2 KB are a recipient's own ──


def reference_skeleton() -> Skeleton:
    dice = random.Random(11)  # noqa: S311
    words = ["offer", "winter", "wool", "store", "cabin", "warm", "read", "more", "today", "free", "members"]

    def filler(rows: int) -> str:
        return "".join(
            '<tr><td align="left" style="font-size:0px;padding:10px 25px;word-break:break-word;"><div '
            'style="font-family:Ubuntu,Helvetica,Arial,sans-serif;font-size:13px;line-height:1.4;'
            f'text-align:left;color:#{dice.randrange(0x1000000):06x};">'
            + " ".join(dice.choice(words) for _ in range(18))
            + "</div></td></tr>\n"
            for _ in range(rows)
        )

    html: list[str | int] = [filler(52), "<h1>Hi ", 0, ", picked for you</h1>"]
    text: list[str | int] = ["Hi ", 0, "\n\n"]
    for card in range(CARDS):
        first = 1 + card * 5
        html += ['<a href="', first, '"><img alt="', first + 1, '" src="', first + 2, '"><b>', first + 1]
        html += ["</b></a><p>", first + 3, "<br><i>", first + 4, "</i></p>", filler(2)]
        text += [first + 1, " ", first + 3, "\n", first, "\n"]
    html += [filler(46), '<a href="', 1 + CARDS * 5, '">Unsubscribe</a>']
    return Skeleton("reference", tuple(html), tuple(text), ("For you, ", 0))


SKELETON = reference_skeleton()


def newsletter(i: int, *, headers: bool = True, grouped: bool = True) -> Message:
    dice = random.Random(i)  # noqa: S311
    unsubscribe = f"https://shop.example/u/{hashlib.sha256(str(i).encode()).hexdigest()}"
    leaves = [f"Name{i}"]
    for _ in range(CARDS):
        item = dice.randrange(10_000)
        leaves += [
            f"https://shop.example/items/{item}?utm_source=mail&amp;utm_campaign=newsletter",
            f"Item number {item} in wool and down",
            f"https://cdn.shop.example/i/{hashlib.sha256(bytes(str(item), 'ascii')).hexdigest()[:32]}.jpg",
            f"kr {dice.randrange(50, 5000)},00",
            f"because you looked at item {dice.randrange(10_000)}",
        ]
    leaves.append(unsubscribe)
    fill = Skeleton.fill
    holes: Holes = SKELETON.html
    return Message(
        message_id=message_id("newsletter", f"p{i}", "bench"),
        profile_id=f"p{i}",
        campaign="newsletter",
        occasion="bench",
        sender=SENDER,
        to=Address(f"p{i}@mail.example", f"Name{i}"),
        subject=fill(SKELETON.subject, leaves),
        preheader="",
        html=fill(holes, leaves).encode("ascii"),
        text=fill(SKELETON.text, leaves),
        headers={
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
        if headers
        else {},
        skeleton=SKELETON if grouped else None,
        leaves=tuple(leaves) if grouped else (),
    )


def adapter_at(url: str, name: str) -> Adapter:
    address = f"{url}/{name}"
    spec = EspSpec(adapter=name, base_url=address, options=stub_options(name, address))
    return open_adapter(spec, stub_environ(name), root=Path())


# ── crash ──


def small(i: int) -> Message:
    return replace(newsletter(i, grouped=False), html=f"<p>Hello {i}</p>".encode(), text=f"Hello {i}")


def worker(url: str, stub: str, name: str, count: str) -> None:
    messages = (small(i) for i in range(int(count)))
    with suppress(DeliveryStopped):
        deliver(messages, adapter=adapter_at(stub, name), outbox=open_outbox(url), policy=CRASH_POLICY)


def crash(name: str, recipients: int, kills: int) -> dict[str, Any]:
    dice = random.Random(5)  # noqa: S311
    with StubEsp(process=True) as esp, tempfile.TemporaryDirectory() as folder:
        for kind in FAULTS:
            esp.fault(kind, times=None, probability=0.004, seconds=0.2)  # type: ignore[arg-type]
        url = f"sqlite:///{folder}/outbox.db"
        command = [sys.executable, __file__, "--worker", url, esp.url, name, str(recipients)]
        done = 0
        while True:
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            if done == kills:
                process.wait()
                break
            wanted = esp.counts["mails"] + dice.randrange(1, max(2, 2 * recipients // (kills + 20)))
            while esp.counts["mails"] < wanted and process.poll() is None:
                time.sleep(dice.random() * 0.004)
            if dice.random() < 0.3:
                esp.reset_connections()
            if process.poll() is None:
                process.kill()
                done += 1
            if process.wait() == 0:
                break
        esp.clear_faults()
        outbox = open_outbox(url)
        adapter = adapter_at(esp.url, name)
        while deliver([], adapter=adapter, outbox=outbox, policy=CRASH_POLICY).waiting:
            time.sleep(0.2)
        arrived = Counter(mail.message_id for mail in esp.mailbox)
        rows = {r.message_id: r.status for r in outbox.operators.messages(limit=recipients + 1)}
        missing = [m for i in range(recipients) if (m := small(i).message_id) not in arrived]
        unknown = sum(status == Status.UNKNOWN for status in rows.values())
        hooks = hooks_for(esp.mailbox, [Kind.QUEUED, Kind.DELIVERED], "http://bench/", time.time())
        for hook_name, hook in hooks:
            headers = {key.lower(): value for key, value in hook.headers.items()}
            request = WebhookRequest(f"http://bench/{hook_name}", headers, hook.body, time.time())
            outbox.feedback.record(adapter.webhook(request))
        after = outbox.operators.messages(status=Status.UNKNOWN, limit=recipients)
        return {
            "esp": name,
            "recipients": recipients,
            "kills": done,
            "lost": sum(rows.get(m) != Status.UNKNOWN for m in missing),
            "duplicated": sum(n - 1 for n in arrived.values()),
            "unknown": unknown,
            "unknown_after_webhooks": len(after),
            "calls": esp.counts["calls"],
        }


# ── calls ──


def calls(name: str, recipients: int) -> dict[str, Any]:
    """Grouped: sent over HTTP, and each mail compared with the rendered one. Single: the very payloads that
    would leave, counted without sending."""
    with StubEsp(process=True, keep="digests") as esp, tempfile.TemporaryDirectory() as folder:
        adapter = adapter_at(esp.url, name)
        headers = adapter.capabilities.grouped_headers
        outbox = open_outbox(f"sqlite:///{folder}/outbox.db")
        messages = (newsletter(i, headers=headers) for i in range(recipients))
        policy = DeliveryPolicy(concurrency=4, call_timeout_s=600, ahead=recipients)
        adapter.settings.options["timeout_s"] = 600.0  # type: ignore[attr-defined]
        report = deliver(messages, adapter=adapter, outbox=outbox, policy=policy)
        single = 0
        digests = {}
        for i in range(recipients):
            message = newsletter(i, headers=headers)
            single += len(adapter.assemble(None, [adapter.part(message)]).content)
            digests[message.message_id] = hashlib.sha256(message.html).hexdigest()
        merged = {mail.message_id: mail.html_sha256 for mail in esp.mailbox}
        return {
            "recipients": recipients,
            "sent": report.sent,
            "calls_grouped": report.calls,
            "calls_single": recipients,
            "bytes_grouped": report.bytes,
            "bytes_single": single,
            "times_fewer_calls": round(recipients / report.calls, 1),
            "times_fewer_bytes": round(single / report.bytes, 1),
            "merged_as_rendered": merged == digests,
            "gives_up": adapter.capabilities.gives_up,
        }


# ── throughput ──


def throughput(count: int, concurrency: int = 32) -> dict[str, Any]:
    """Three rounds, ours and the plain loop in turn, so that other load on the machine meets both alike."""
    with StubEsp(process=True, keep="digests") as esp, tempfile.TemporaryDirectory() as folder:
        adapter = adapter_at(esp.url, "sendgrid")
        policy = DeliveryPolicy(concurrency=concurrency)
        ours, plain = [], []
        for turn in range(3):
            outbox = open_outbox(f"sqlite:///{folder}/{turn}.db")
            started = time.perf_counter()
            report = deliver(
                (newsletter(i, grouped=False) for i in range(count)),
                adapter=adapter,
                outbox=outbox,
                policy=policy,
            )
            assert report.sent == count, report
            ours.append(count / (time.perf_counter() - started))
            payloads = [adapter.part(newsletter(i, grouped=False)) for i in range(count)]
            started = time.perf_counter()
            asyncio.run(_plain(esp.address("sendgrid"), payloads, concurrency))
            plain.append(count / (time.perf_counter() - started))
        outbox = open_outbox(f"sqlite:///{folder}/grouped.db")
        started = time.perf_counter()
        many = count * 4
        report = deliver((newsletter(i) for i in range(many)), adapter=adapter, outbox=outbox, policy=policy)
        assert report.sent == many, report
        grouped = many / (time.perf_counter() - started)
    ratios = sorted(a / b for a, b in zip(ours, plain, strict=True))
    return {
        "messages_per_s": round(sorted(ours)[1], 1),
        "plain_messages_per_s": round(sorted(plain)[1], 1),
        "ratio": round(ratios[1], 3),
        "grouped_messages_per_s": round(grouped, 1),
        "bytes_per_message": len(newsletter(0).html),
    }


async def _plain(url: str, payloads: list[bytes], concurrency: int) -> None:
    queue: Iterator[bytes] = iter(payloads)
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer stub-api-key"}
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def lane() -> None:
            for payload in queue:
                response = await client.post(f"{url}/v3/mail/send", content=payload, headers=headers)
                assert response.status_code == 202

        await asyncio.gather(*(lane() for _ in range(concurrency)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Crashes, calls and throughput of sending.")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--part", choices=("crash", "calls", "throughput"))
    parser.add_argument("--recipients", type=int, default=100_000, help="of the grouped sends")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--crash-recipients", type=int, default=2_000)
    parser.add_argument("--messages", type=int, default=3_000, help="of each throughput round")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        worker(*chosen.worker)
        return
    result: dict[str, Any] = {}
    if chosen.part in (None, "crash"):
        plays = {"keyed": "resend", "unkeyed": "sendgrid"}
        result["crash"] = {
            label: crash(name, chosen.crash_recipients, chosen.kills) for label, name in plays.items()
        }
    if chosen.part in (None, "calls"):
        names = ("sendgrid", "mailgun", "ses", "sparkpost", "mandrill")
        result["calls"] = {name: calls(name, chosen.recipients) for name in names}
    if chosen.part in (None, "throughput"):
        result["throughput"] = throughput(chosen.messages)
    sys.stdout.write(json.dumps(result, indent=None if chosen.json else 2) + "\n")


if __name__ == "__main__":
    main()

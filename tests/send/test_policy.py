"""What is decided at the moment of sending, and how fast calls leave."""

from __future__ import annotations

import itertools
import threading
import time as time_module
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from mailwright.errors import UsageError
from mailwright.model.message import Address, Status
from mailwright.model.workspace import EspSpec
from send import DeliveryPolicy, DeliveryStopped, Outbox, StubEsp, deliver, open_adapter, open_outbox
from send.adapter import Adapter
from send.outbox.claim import Claimer
from send.outbox.enlist import enlist
from send.pace import Pace
from send.policy import Cap, QuietHours, WarmUp
from send.prepare import Preparer
from tests.send.conftest import FAST, MakeAdapter, make_message

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def memory(tmp_path: Path) -> Adapter:
    return open_adapter(EspSpec(adapter="memory"), {}, root=tmp_path)


@pytest.fixture
def at_noon(tmp_path: Path) -> Outbox:
    return open_outbox(f"sqlite:///{tmp_path}/noon.db", clock=NOON.timestamp)


def test_suppression_is_read_when_the_call_leaves_not_when_the_mail_was_recorded(
    outbox: Outbox, memory: Adapter
) -> None:
    outbox.operators.pause("newsletter", "once")
    waiting = deliver([make_message(i) for i in range(3)], adapter=memory, outbox=outbox)
    assert (waiting.sent, waiting.waiting) == (0, 3)
    outbox.suppressions.add("P1@Mail.Example", "complained")
    outbox.operators.resume("newsletter", "once")
    report = deliver([], adapter=memory, outbox=outbox)
    assert (report.sent, report.skipped) == (2, {"suppressed": 1})


def test_one_skipped_for_a_reason_that_is_gone_is_sent_later(outbox: Outbox, memory: Adapter) -> None:
    outbox.suppressions.add("p1@mail.example", "bounced")
    assert deliver([make_message(1)], adapter=memory, outbox=outbox).skipped == {"suppressed": 1}
    outbox.suppressions.remove("p1@mail.example")
    assert deliver([make_message(1)], adapter=memory, outbox=outbox).sent == 1


def test_an_erased_address_stays_suppressed(outbox: Outbox) -> None:
    outbox.suppressions.add("p1@mail.example", "bounced")
    outbox.suppressions.forget("p1@mail.example")
    assert outbox.suppressions.reason("p1@mail.example") == "bounced"


def test_a_frequency_cap_counts_all_campaigns(outbox: Outbox, memory: Adapter) -> None:
    capped = DeliveryPolicy(caps=(Cap(2, days=7),))
    reports = [
        deliver([make_message(1, campaign=c), make_message(2, campaign=c)][: 2 - (i == 0)],
                adapter=memory, outbox=outbox, policy=capped)
        for i, c in enumerate(("a", "b", "c"))
    ]  # fmt: skip
    assert [r.sent for r in reports] == [1, 2, 1]
    assert reports[2].skipped == {"capped": 1}


def test_a_cap_holds_within_one_batch(outbox: Outbox, memory: Adapter) -> None:
    messages = [make_message(1, campaign=f"c{i}") for i in range(5)]
    report = deliver(messages, adapter=memory, outbox=outbox, policy=DeliveryPolicy(caps=(Cap(2, days=1),)))
    assert (report.sent, report.skipped) == (2, {"capped": 3})


def test_quiet_hours_wait_for_the_recipients_own_morning(at_noon: Outbox, memory: Adapter) -> None:
    policy = DeliveryPolicy(quiet_hours=QuietHours(time(21), time(8)))
    messages = [
        make_message(1, timezone="Europe/Oslo"),
        make_message(2, timezone="America/Los_Angeles"),
        make_message(3, timezone="Not/AZone"),
    ]
    report = deliver(messages, adapter=memory, outbox=at_noon, policy=policy)
    assert (report.sent, report.waiting) == (2, 1)
    at_noon.clock = (NOON + timedelta(hours=4, minutes=1)).timestamp
    assert deliver([], adapter=memory, outbox=at_noon, policy=policy).sent == 1


@pytest.mark.parametrize(
    ("hour", "quiet"), [(20, False), (21, True), (23, True), (0, True), (7, True), (8, False), (12, False)]
)
def test_quiet_hours_over_midnight(hour: int, quiet: bool) -> None:
    now = datetime(2026, 3, 28, hour, tzinfo=UTC)
    end = QuietHours(time(21), time(8)).until(now, "UTC")
    assert (end is not None) is quiet
    if end is not None:
        assert end.hour == 8
        assert now < end < now + timedelta(hours=12)


def test_a_warm_up_sends_no_more_than_its_hour_allows(at_noon: Outbox, memory: Adapter) -> None:
    policy = DeliveryPolicy(warm_up=WarmUp((3, 5), NOON))
    messages = [make_message(i) for i in range(20)]
    first = deliver(messages, adapter=memory, outbox=at_noon, policy=policy)
    assert (first.sent, first.waiting) == (3, 17)
    at_noon.clock = (NOON + timedelta(minutes=61)).timestamp
    assert deliver([], adapter=memory, outbox=at_noon, policy=policy).sent == 3
    at_noon.clock = (NOON + timedelta(days=1, minutes=1)).timestamp
    assert deliver([], adapter=memory, outbox=at_noon, policy=policy).sent == 5
    at_noon.clock = (NOON + timedelta(days=2, minutes=1)).timestamp
    assert deliver([], adapter=memory, outbox=at_noon, policy=policy).sent == 9


def test_after_its_window_nothing_leaves(at_noon: Outbox, memory: Adapter) -> None:
    over = [make_message(i, not_after=NOON - timedelta(seconds=1)) for i in range(2)]
    report = deliver([*over, make_message(2, not_after=NOON)], adapter=memory, outbox=at_noon)
    assert (report.sent, report.skipped) == (1, {"stopped": 2})


def test_one_campaign_s_window_is_not_another_s(at_noon: Outbox, memory: Adapter) -> None:
    at_noon.operators.pause("other", "once")
    deliver([make_message(1, campaign="other")], adapter=memory, outbox=at_noon)
    at_noon.operators.resume("other", "once")
    late = make_message(2, not_after=NOON - timedelta(seconds=1))
    report = deliver([late], adapter=memory, outbox=at_noon)
    assert (report.sent, report.skipped) == (1, {"stopped": 1})


def test_a_mail_waits_for_its_moment(at_noon: Outbox, memory: Adapter) -> None:
    later = make_message(1, not_before=NOON + timedelta(hours=1))
    report = deliver([later, make_message(2)], adapter=memory, outbox=at_noon)
    assert (report.sent, report.waiting) == (1, 1)
    at_noon.clock = (NOON + timedelta(hours=1)).timestamp
    assert deliver([], adapter=memory, outbox=at_noon).sent == 1


def test_the_held_out_are_skipped_by_name(outbox: Outbox, memory: Adapter) -> None:
    policy = DeliveryPolicy(holdout=lambda _, profile: profile == "p1")
    report = deliver([make_message(1), make_message(2)], adapter=memory, outbox=outbox, policy=policy)
    assert (report.sent, report.skipped) == (1, {"holdout": 1})


# ── operators ──


def test_a_stopped_campaign_is_over(outbox: Outbox, memory: Adapter) -> None:
    outbox.operators.pause("newsletter", "once")
    deliver([make_message(i) for i in range(3)], adapter=memory, outbox=outbox)
    assert outbox.operators.stop("newsletter", "once") == 3
    with pytest.raises(UsageError, match="stopped"):
        outbox.operators.resume("newsletter", "once")
    again = deliver([make_message(i) for i in range(3)], adapter=memory, outbox=outbox)
    assert (again.sent, again.skipped) == (0, {"stopped": 3})
    (standing,) = outbox.operators.overview()
    assert (standing.state, standing.counts) == ("stopped", {"skipped:stopped": 3})


def test_too_many_errors_pause_the_campaign(esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter) -> None:
    bad = [make_message(i, html=b"<p>{{ x }}</p>", text="{{ x }}") for i in range(2)]
    esp.fault("malformed", times=None)
    policy = replace(FAST, max_errors=3, concurrency=1)
    messages = [make_message(i) for i in range(10)]
    report = deliver(messages, adapter=adapter_for("mailjet"), outbox=outbox, policy=policy)
    assert report.unknown == 10, "one call of ten"
    assert "paused" in report.stopped
    assert outbox.operators.overview()[0].state == "paused"
    del bad


def test_an_unknown_waits_for_the_operators_word(
    esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    adapter = adapter_for("sendgrid")
    esp.fault("reset", times=3)
    assert (
        deliver([make_message(i) for i in range(3)], adapter=adapter, outbox=outbox, policy=FAST).unknown == 3
    )
    assert deliver([], adapter=adapter, outbox=outbox, policy=FAST).calls == 0
    ids = [row.message_id for row in outbox.operators.messages(status=Status.UNKNOWN)]
    assert outbox.operators.retry(ids[:1]) == 1
    assert outbox.operators.give_up(ids[1:]) == 2
    report = deliver([], adapter=adapter, outbox=outbox, policy=FAST)
    assert report.sent == 1
    statuses = sorted(row.status for row in outbox.operators.messages())
    assert statuses == [Status.ACCEPTED, Status.REJECTED, Status.REJECTED]
    with pytest.raises(UsageError):
        outbox.operators.retry()


# ── pace ──


@pytest.mark.parametrize("kind", ["429", "503", "500"])
def test_what_the_esp_says_it_has_not_taken_is_tried_again(
    kind: str, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    esp.fault(kind, times=3)  # type: ignore[arg-type]
    report = deliver([make_message(1)], adapter=adapter_for("sendgrid"), outbox=outbox, policy=FAST)
    assert (report.sent, report.calls) == (1, 4)
    assert len(esp.mailbox) == 1


def test_retry_after_is_kept_to(esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter) -> None:
    esp.fault("429-retry-after", seconds=1)
    report = deliver([make_message(1)], adapter=adapter_for("sendgrid"), outbox=outbox, policy=FAST)
    assert report.sent == 1
    assert report.seconds >= 1.0


def test_a_call_never_taken_is_given_up_after_its_tries(
    esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    esp.fault("503", times=None)
    policy = replace(FAST, max_attempts=3)
    report = deliver([make_message(1)], adapter=adapter_for("sendgrid"), outbox=outbox, policy=policy)
    assert (report.rejected, report.calls) == (1, 3)


def test_an_esp_that_takes_nothing_ends_the_delivery_and_nothing_is_lost(
    esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    esp.fault("503", times=None)
    policy = replace(FAST, patience_s=0.3, max_attempts=10_000)
    adapter = adapter_for("sendgrid")
    with pytest.raises(DeliveryStopped) as stopped:
        deliver([make_message(i) for i in range(20)], adapter=adapter, outbox=outbox, policy=policy)
    assert stopped.value.report.waiting == 20
    esp.clear_faults()
    assert deliver([], adapter=adapter, outbox=outbox, policy=FAST).sent == 20


def test_nobody_listening_is_known_not_to_have_been_taken(outbox: Outbox, tmp_path: Path) -> None:
    spec = EspSpec(adapter="sendgrid", base_url="http://127.0.0.1:1")
    adapter = open_adapter(spec, {"SENDGRID_API_KEY": "k"}, root=tmp_path)
    with pytest.raises(DeliveryStopped) as stopped:
        deliver([make_message()], adapter=adapter, outbox=outbox, policy=replace(FAST, patience_s=0.2,
                max_attempts=10_000))  # fmt: skip
    assert stopped.value.report.waiting == 1


def test_the_breaker_lets_one_call_probe() -> None:
    pace = Pace(DeliveryPolicy(concurrency=8, breaker_after=3, breaker_pause_s=2.0))
    assert pace.slots(8, 0.0) == 8
    for _ in range(3):
        pace.not_taken(1.0, after_s=None, throttled=False)
    assert pace.slots(8, 2.9) == 0
    assert pace.slots(8, 3.1) == 1
    assert pace.slots(7, 3.1) == 0
    pace.taken(3.2)
    assert pace.slots(8, 3.3) == 8


def test_throttling_halves_the_rate_and_time_gives_it_back() -> None:
    pace = Pace(DeliveryPolicy(concurrency=100))
    for i in range(100):
        pace.started(1, i / 100)
    pace.not_taken(1.0, after_s=None, throttled=True)
    assert pace.rate == pytest.approx(50, rel=0.05)
    pace.taken(1.1)
    for tenth in range(11, 200):
        pace.slots(100, tenth / 10)
    assert pace.rate is None or pace.rate > 1000


def test_a_set_rate_is_kept(esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter) -> None:
    policy = replace(FAST, max_per_s=20.0)
    report = deliver(
        [make_message(i) for i in range(20)], adapter=adapter_for("sendgrid"), outbox=outbox, policy=policy
    )
    assert report.sent == 20
    assert report.seconds > 0.6
    del esp


# ── streaming ──


def test_messages_are_drawn_as_they_are_needed(outbox: Outbox, memory: Adapter) -> None:
    drawn = 0

    def source() -> object:
        nonlocal drawn
        for i in range(3000):
            drawn += 1
            yield make_message(i)

    seen: list[tuple[int, int, int]] = []
    deliver(
        source(),  # type: ignore[arg-type]
        adapter=memory,
        outbox=outbox,
        policy=DeliveryPolicy(ahead=300),
        progress=lambda done, total: seen.append((done, total, drawn)),
    )
    assert max(ahead - done for done, _, ahead in seen if ahead < 3000) <= 300 + 2 * 200 + 64
    assert seen[-1][:2] == (3000, 3000)
    assert all(a[0] <= b[0] for a, b in itertools.pairwise(seen))


def test_a_failing_source_ends_the_delivery_and_keeps_what_it_gave(outbox: Outbox, memory: Adapter) -> None:
    def source() -> object:
        yield from (make_message(i) for i in range(250))
        raise RuntimeError("rendering failed")

    with pytest.raises(RuntimeError, match="rendering failed"):
        deliver(source(), adapter=memory, outbox=outbox)  # type: ignore[arg-type]
    sent = deliver([make_message(i) for i in range(250)], adapter=memory, outbox=outbox)
    assert sent.sent + sent.already_sent == 250
    assert len(memory.sent) == 250  # type: ignore[attr-defined]


def test_calls_can_be_kept_small(esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter) -> None:
    policy = replace(FAST, max_in_call=5)
    messages = [make_message(i) for i in range(12)]
    report = deliver(messages, adapter=adapter_for("postmark"), outbox=outbox, policy=policy)
    assert (report.sent, report.calls) == (12, 3)
    del esp


HOSTILE = [
    "a\0@b.example",
    "\ud800@b.example",
    "",
    "@",
    "a@\u2028.example",
    "a@b.example\r\nX: y",
    "ａ@ｂ.example",
]


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_hostile_profiles_are_skipped_and_stop_nobody(
    store: str, tmp_path: Path, memory: Adapter, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/h.db" if store == "sqlite" else request.getfixturevalue("fresh_postgres_url")
    outbox = open_outbox(url)
    bad = [make_message(i, profile_id=f"p\0{i}", to=Address(text)) for i, text in enumerate(HOSTILE)]
    named = [make_message(50, to=Address("x@b.example", "\ud83d \0 \u202e name")), make_message(51)]
    odd = [make_message(52, subject="\ud800"), make_message(53, text="\udfff")]
    report = deliver([*bad, *named, *odd], adapter=memory, outbox=outbox, policy=FAST)
    assert report.sent + report.rejected + sum(report.skipped.values()) == len(bad) + 4
    assert make_message(51).message_id in memory.sent  # type: ignore[attr-defined]
    assert report.skipped["invalid_address"] >= len(HOSTILE) - 1
    outbox.close()


@pytest.mark.parametrize("status", [301, 402, 404])
def test_a_wrong_address_ends_the_delivery_instead_of_rejecting_everybody(
    status: int, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    adapter = adapter_for("sendgrid")
    original = adapter.read  # type: ignore[attr-defined]
    adapter.read = lambda call, *_: original(call, status, {}, b"")  # type: ignore[attr-defined]
    with pytest.raises(DeliveryStopped) as stopped:
        deliver([make_message(1)], adapter=adapter, outbox=outbox, policy=FAST)
    assert stopped.value.report.waiting == 1


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    url = f"sqlite:///{tmp_path}/either.db"
    box = open_outbox(url if request.param == "sqlite" else request.getfixturevalue("fresh_postgres_url"))
    yield box
    box.close()


def reasons(outbox: Outbox) -> dict[str, str | None]:
    return {row.profile_id: row.reason for row in outbox.operators.messages(status=Status.SKIPPED)}


def test_a_holdout_is_read_when_the_call_leaves_not_when_the_mail_was_recorded(
    either: Outbox, memory: Adapter
) -> None:
    either.operators.pause("newsletter", "once")
    deliver([make_message(i) for i in range(3)], adapter=memory, outbox=either)
    either.operators.resume("newsletter", "once")
    held = DeliveryPolicy(holdout=lambda campaign, profile: (campaign, profile) == ("newsletter", "p1"))
    report = deliver([make_message(1, campaign="other")], adapter=memory, outbox=either, policy=held)
    assert (report.sent, report.skipped) == (3, {"holdout": 1})
    assert reasons(either) == {"p1": "holdout"}
    assert deliver([make_message(1)], adapter=memory, outbox=either).sent == 1


def test_a_mailbox_gets_a_campaign_once_whoever_shares_it(either: Outbox, memory: Adapter) -> None:
    shared = [make_message(i, to=Address(a)) for i, a in enumerate(("us@Mail.example", "US@mail.example"))]
    report = deliver([*shared, make_message(2)], adapter=memory, outbox=either)
    assert (report.sent, report.skipped) == (2, {"duplicate_address": 1})
    later = deliver([make_message(3, to=Address("us@mail.example"))], adapter=memory, outbox=either)
    assert (later.sent, later.skipped) == (0, {"duplicate_address": 1})
    assert reasons(either) == dict.fromkeys(("p1", "p3"), "duplicate_address")
    elsewhere = ({"occasion": "next"}, {"campaign": "b"})
    others = [make_message(4 + i, to=shared[0].to, **other) for i, other in enumerate(elsewhere)]
    assert deliver(others, adapter=memory, outbox=either).sent == 2


def test_only_a_mail_that_left_makes_another_a_duplicate(either: Outbox, memory: Adapter) -> None:
    us = Address("us@mail.example")
    first, second = make_message(1, to=us), make_message(2, to=us)
    held = DeliveryPolicy(holdout=lambda _, profile: profile == "p1")
    report = deliver([first, second], adapter=memory, outbox=either, policy=held)
    assert (report.sent, report.skipped) == (1, {"holdout": 1})
    apart = [replace(make_message(i, to=us), once_per_mailbox=False) for i in (7, 8)]
    assert deliver(apart, adapter=memory, outbox=either).sent == 2


def test_two_workers_do_not_send_to_one_mailbox_at_once(fresh_postgres_url: str, memory: Adapter) -> None:
    outbox = open_outbox(fresh_postgres_url)
    us, now = Address("us@mail.example"), outbox.clock()
    preparer = Preparer(memory, FAST)
    entries = [preparer.prepare(make_message(i, to=us)) for i in (1, 2)]
    claimers = [Claimer(outbox.db, memory, owner, FAST) for owner in ("a", "b")]
    told = {"adapter": "memory", "purpose": None, "hash_address": outbox.hash_address, "now": now}
    enlist(outbox.db, entries[:1], **told, run_started=now)
    with outbox.db.write() as one:
        (call,) = claimers[0].claim(one, 1, flush=True, now=now).calls
        enlist(outbox.db, entries[1:], **told, run_started=now)
        with outbox.db.write() as other:
            claim = claimers[1].claim(other, 1, flush=True, now=now)
            assert (claim.calls, claim.skipped) == ([], [])
    with outbox.db.write() as other:
        claim = claimers[1].claim(other, 1, flush=True, now=now)
        assert (claim.calls, claim.skipped) == ([], ["duplicate_address"])
    assert call.message_ids == (make_message(1).message_id,)
    outbox.close()


def test_whether_somebody_is_sending_is_known_from_outside(
    either: Outbox, adapter_for: MakeAdapter, esp: StubEsp
) -> None:
    assert not either.is_sending()
    seen: list[bool] = []
    deliver(
        [make_message(1)],
        adapter=adapter_for("resend"),
        outbox=either,
        progress=lambda *_: seen.append(either.is_sending()),
    )
    assert seen[-1]
    assert esp.counts["mails"] == 1
    assert either.is_sending() == either.db.is_postgres  # it claimed a call a moment ago


def test_what_is_recorded_after_a_campaign_was_stopped_is_skipped(either: Outbox, memory: Adapter) -> None:
    either.operators.stop("newsletter", "once")
    report = deliver([make_message(1), make_message(2, campaign="b")], adapter=memory, outbox=either)
    assert (report.sent, report.waiting, report.skipped) == (1, 0, {"stopped": 1})


def test_a_call_that_was_not_taken_is_not_repeated_for_a_paused_campaign(
    either: Outbox, adapter_for: MakeAdapter, esp: StubEsp
) -> None:
    esp.fault("429", times=None)
    given = threading.Thread(
        target=deliver,
        args=([make_message(1)],),
        kwargs={"adapter": adapter_for("sendgrid"), "outbox": either, "policy": FAST},
    )
    given.start()
    while not esp.counts["calls"]:
        time_module.sleep(0.01)
    either.operators.stop("newsletter", "once")
    given.join(30)
    (row,) = either.operators.messages()
    assert (row.status, row.reason) == ("skipped", "stopped")
    assert not esp.mailbox

"""What follows from results: interactions, alerts, proposals, exports, pictures, and simulated outcomes."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audience import arrow_schema
from mailwright.errors import DataError, UsageError
from mailwright.model.experiment import ExperimentSpec, version_of
from mailwright.model.identity import message_id
from mailwright.model.schema import INTERACTION_ATTRIBUTES, STANDARD_EVENTS
from mailwright.model.workspace import RecommendSpec
from measure import Question, export_results, measure_results, outcome_interactions, simulate_outcomes
from measure.alerts import find_alerts
from measure.breakdown import COUNTS
from measure.export import EXPERIMENTS, as_csv, as_json
from measure.planning import history_of
from measure.plots import plot_results
from measure.proposals import propose_segments
from measure.record import asked_items, record_messages, record_outcomes
from measure.results import SET_ASIDE
from measure.schema import MESSAGES, ORDERS, OUTCOMES
from measure.simulate import Behaviour
from tests.measure.worlds import (
    NOW,
    START,
    event,
    figures,
    held_out,
    hours,
    mail,
    messages_table,
    order,
    question,
    results,
)

ITEMS = pa.table({"item_id": ["hat"], "url": ["https://shop.example/hat"], "price": [30.0]})


# Feedback


def test_what_recipients_did_comes_back_as_interactions() -> None:
    events = [
        event(0, "delivered"),
        event(0, "opened", hours(2), machine=True),
        event(0, "opened", hours(3)),
        event(0, "clicked", hours(4), url="https://shop.example/hat?utm_source=mail"),
        event(1, "unsubscribed", hours(2)),
        event("nobody", "clicked"),
        event(2, "bounced"),
    ]
    table = outcome_interactions(question([mail(n) for n in range(3)], events * 2, items=ITEMS))
    assert table.schema == arrow_schema(INTERACTION_ATTRIBUTES)
    assert [(row["profile_id"], row["event"], row["item_id"], row["at"]) for row in table.to_pylist()] == [
        ("p0", "email_opened", None, hours(3)),
        ("p0", "email_clicked", "hat", hours(4)),
        ("p1", "email_unsubscribed", None, hours(2)),
    ]
    assert set(table["event"].to_pylist()) <= set(STANDARD_EVENTS)
    assert 0 < RecommendSpec().weights["email_clicked"] < RecommendSpec().weights["product_added"]


# Alerts

Rows = list[dict[str, Any]]


def wave(campaign: str, days_ago: float, mails: int, **hits: int) -> tuple[Rows, Rows]:
    """Mails of one moment, and how many of them met with each kind of event."""
    at = NOW - timedelta(days=days_ago)
    ids = [f"{campaign}-{days_ago:g}-{n}" for n in range(mails)]
    rows = [mail(one, at=at, campaign=campaign, blocks=[{"slot": "hero", "block": campaign}]) for one in ids]
    events = [event(one, "delivered", at + timedelta(minutes=1)) for one in ids]
    for kind, count in hits.items():
        events += [event(one, kind, at + timedelta(hours=1)) for one in ids[:count]]
    return rows, events


def alerts(*waves: tuple[Rows, Rows]) -> list[tuple[str, str, str | None]]:
    mails = [row for rows, _ in waves for row in rows]
    events = [row for _, rows in waves for row in rows]
    found = find_alerts(question(mails, events, campaign=None))
    return [(alert.kind, alert.dimension, alert.value) for alert in found]


def test_a_campaign_and_its_block_that_wear_off_are_named() -> None:
    found = alerts(
        wave("old", 40, 1500, clicked=150),
        wave("old", 10, 1500, clicked=60),
        wave("steady", 40, 1500, clicked=150),
        wave("steady", 10, 1500, clicked=140),
    )
    assert ("decay", "campaign", "old") in found
    assert ("decay", "block", "old") in found
    assert not [one for one in found if one[2] == "steady"]


def test_a_drop_that_chance_explains_alarms_nobody() -> None:
    assert alerts(wave("small", 40, 40, clicked=5), wave("small", 10, 40, clicked=3)) == []


def test_complaints_and_bounces_over_the_limit_are_named() -> None:
    found = alerts(wave("bad", 5, 2000, complained=12), wave("fine", 5, 2000, complained=1))
    assert ("complaints", "campaign", "bad") in found
    assert ("complaints", "campaign", "fine") not in found
    assert ("bounces", "campaign", "stale") in alerts(wave("stale", 5, 400, bounced=60))


def test_many_mails_that_drive_people_away_are_named() -> None:
    mails, events = [], []
    for profile in range(400):
        for number in range(8 if profile < 200 else 1):
            one = f"{profile}-{number}"
            at = NOW - timedelta(days=20) + timedelta(days=number)
            mails.append(mail(one, profile_id=f"p{profile}", at=at))
            events.append(event(one, "delivered", at + timedelta(minutes=1)))
            if number == 7 and profile < 40:
                events.append(event(one, "unsubscribed", at + timedelta(hours=1)))
    found = find_alerts(question(mails, events))
    assert [(alert.kind, alert.value) for alert in found] == [("fatigue", "8 or more")]
    assert found[0].text.startswith("after 8 or more mails within the span 20.00% leave, after 1 only 0.00%")


def test_nothing_to_compare_is_nothing_to_alarm() -> None:
    assert find_alerts(question([])) == ()


# Proposals


def membership(**members: range) -> pa.Table:
    rows = 100
    return pa.table({f"segment:{name}": [n in own for n in range(rows)] for name, own in members.items()})


def test_segments_of_the_same_people_are_proposed_for_merging() -> None:
    frame = membership(vip=range(50), loyal=range(48), new=range(60, 90), empty=range(0))
    found = propose_segments(frame)
    assert [(one.kind, one.segments, one.figure) for one in found] == [("merge", ("vip", "loyal"), 0.96)]
    assert propose_segments(frame, least_overlap=0.97) == ()
    assert propose_segments(membership(only=range(5))) == ()


def test_segments_that_behave_differently_are_kept_apart_and_weak_ones_named() -> None:
    frame = membership(vip=range(50), loyal=range(48))
    mails = [mail(n, segments=["vip"] if n < 1000 else ["loyal"]) for n in range(2000)]
    events = [event(n, "delivered") for n in range(2000)]
    events += [event(n, "clicked", hours(3)) for n in range(300)]
    events += [event(n, "clicked", hours(3)) for n in range(1000, 1050)]
    found = propose_segments(frame, results(mails, events))
    assert [(one.kind, one.segments) for one in found] == [("rethink", ("loyal",))]
    assert found[0].text == "'loyal' is clicked by 5.00%, the rest by 30.00%: rethink it"


# History


def test_history_is_what_the_past_says() -> None:
    mails = [mail(n, at=START + timedelta(days=n % 4)) for n in range(40)]
    asked = question(
        mails, [event(n, "clicked", hours(100)) for n in range(10)], [order(0, hours(3), amount=8.0)]
    )
    clicked = history_of(asked, "clicked")
    assert (clicked.profiles, clicked.mean, clicked.profiles_per_day) == (40, 0.25, 10.0)
    assert history_of(asked, "revenue").mean == pytest.approx(0.2)
    with pytest.raises(UsageError, match="no mail has been sent"):
        history_of(question([]), "clicked")
    with pytest.raises(UsageError, match="did you mean 'clicked'"):
        history_of(asked, "clicks")


# Exports and pictures


def finished() -> Any:
    spec = ExperimentSpec.model_validate({"arms": {"$a$_{x}": {}, "b": {}}})
    version = version_of("=cmd()", spec)
    mails = [
        mail(
            n,
            segments=["=1+1"],
            blocks=[{"slot": "hero", "block": "sale"}],
            arms=[{"experiment": "=cmd()", "version": version, "arm": ["$a$_{x}", "b"][n % 2]}],
            simulated=True,
        )
        for n in range(60)
    ]
    events = [event(n, "delivered") for n in range(60)] + [
        event(n, "clicked", hours(2)) for n in range(0, 60, 3)
    ]
    return results([*mails, held_out(99)], events, [order(3)], experiments={"=cmd()": spec})


def test_results_are_exported_for_machines_and_people(tmp_path: Path) -> None:
    result = finished()
    paths = export_results(result, tmp_path / "out")
    assert {path.name for path in paths} == {
        "breakdown.parquet",
        "experiments.parquet",
        "breakdown.csv",
        "results.json",
    }
    stored = pq.read_table(tmp_path / "out" / "breakdown.parquet")
    assert stored.equals(result.breakdown)
    assert stored.schema.metadata[b"mailwright.simulated"] == b"true"
    arms = pq.read_table(tmp_path / "out" / "experiments.parquet")
    assert arms.schema.equals(EXPERIMENTS)
    assert arms["arm"].to_pylist() == ["$a$_{x}", "b"]
    data = json.loads((tmp_path / "out" / "results.json").read_bytes())
    assert data == json.loads(json.dumps(as_json(result)))
    assert data["totals"]["clicked"] == 20
    assert data["simulated"] is True
    assert data["breakdown"]["block"][0]["value"] == "sale"
    assert data["experiments"][0]["verdict"]["kind"] == "not_enough"
    assert data["lift"]["held_out"] == 1
    assert data["lift"]["revenue_p"] is None  # one held out has no variance
    with pytest.raises(DataError, match="cannot write"):
        export_results(result, tmp_path / "out" / "results.json")


def test_figures_over_time_are_exported_too(tmp_path: Path) -> None:
    mails = [mail(n, at=START + timedelta(days=n), segments=["vip"]) for n in range(3)]
    made = measure_results(question(mails, [event(0, "delivered"), event(0, "clicked")]), periods=True)
    paths = export_results(made, tmp_path)
    assert {"over_time.parquet", "over_time.csv"} < {path.name for path in paths}
    assert made.over_time is not None
    assert pq.read_table(tmp_path / "over_time.parquet").equals(made.over_time.table)
    told = as_json(made)["over_time"]
    assert told["days"] == 1
    assert [(row["period"], row["sent"]) for row in told["rows"]["segment"]] == [
        ("2026-03-02", 1),
        ("2026-03-03", 1),
        ("2026-03-04", 1),
    ]
    assert as_json(finished())["over_time"] is None


def test_a_spreadsheet_runs_nothing() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(finished().breakdown))))
    cells = [cell for row in rows for cell in row]
    assert "'=1+1" in cells
    assert not [cell for cell in cells if cell[:1] in "=@" and cell]


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        export_results(finished(), tmp_path / name)
        plot_results(finished(), tmp_path / name)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")
    )
    assert one == two


def test_pictures_are_drawn_whatever_the_names(tmp_path: Path) -> None:
    paths = plot_results(finished(), tmp_path)
    assert [path.name for path in paths] == ["funnel.png", "segments.png", "blocks.png", "experiment-1.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert [path.name for path in plot_results(results([]), tmp_path)] == ["funnel.png"]


# Simulation


def sent(count: int) -> pa.Table:
    rows = [
        (held_out if n % 10 == 0 else mail)(n, recommendations=[{"item_id": "hat", "source": "popular"}])
        for n in range(count)
    ]
    return messages_table(rows)


def test_simulated_outcomes_say_so_and_come_out_of_the_seed() -> None:
    made = simulate_outcomes(sent(500), seed=1, items=ITEMS)
    assert set(made.outcomes["simulated"].to_pylist()) == set(made.orders["simulated"].to_pylist()) == {True}
    again = simulate_outcomes(sent(500), seed=1, items=ITEMS)
    assert made.outcomes.equals(again.outcomes)
    assert made.orders.equals(again.orders)
    assert not made.outcomes.equals(simulate_outcomes(sent(500), seed=2, items=ITEMS).outcomes)
    assert (
        made.outcomes["event_id"].value_counts().field("counts").to_pylist() == [1] * made.outcomes.num_rows
    )


def test_a_messages_fate_does_not_depend_on_the_others() -> None:
    whole = simulate_outcomes(sent(300), seed=1, items=ITEMS).outcomes.to_pylist()
    part = simulate_outcomes(
        sent(300).slice(100, 50).take(list(range(49, -1, -1))), seed=1, items=ITEMS
    ).outcomes
    ids = {f"m{n}" for n in range(100, 150)}

    def key(row: dict[str, Any]) -> str:
        return str(row["event_id"])

    assert sorted(part.to_pylist(), key=key) == sorted(
        (row for row in whole if row["message_id"] in ids), key=key
    )


def test_simulated_people_behave_as_stated() -> None:
    made = simulate_outcomes(sent(20_000), seed=3, items=ITEMS, behaviour=Behaviour(open=0.5, click=0.4))
    asked = Question(sent(20_000), made.outcomes, made.orders, now=NOW, items=ITEMS)
    row = figures(measure_results(asked))
    assert row["sent"] == 18_000
    assert row["bounced_rate"] == pytest.approx(0.015, abs=0.004)
    assert row["opened_rate"] == pytest.approx(0.5, abs=0.015)
    assert row["clicked_rate"] == pytest.approx(0.2, abs=0.015)
    assert row["machine_opened"] > 0
    assert measure_results(asked).set_aside.get("events_of_held_out") is None


def test_nobody_sent_to_does_nothing() -> None:
    made = simulate_outcomes(sent(0), seed=1)
    assert made.outcomes.num_rows == made.orders.num_rows == 0
    bounced = simulate_outcomes(messages_table([mail(0, status="pending"), mail(1, at=None)]), seed=1)
    assert bounced.outcomes.num_rows == 0


# Recording


def test_a_frame_of_recipients_is_recorded_as_messages() -> None:
    shown = pa.array([[{"item_id": "hat", "source": "popular", "score": 1.0, "reason": "…"}], [], None])
    frame = pa.table(
        {
            "profile_id": ["p0", "p1", "p2"],
            "locale": ["no", None, "en"],
            "variant": pa.array(["v1", "v1", "v2"]).dictionary_encode(),
            "segment:vip": [True, None, False],
            "segment:new": [True, True, False],
            "slot:hero": pa.array(["sale", None, "calm"]).dictionary_encode(),
            "slot:foot": ["legal", "legal", "legal"],
            "recommendations": shown,
        }
    )
    arm_entry = {"experiment": "subject", "version": "v", "arm": "a"}
    arms = [[arm_entry], [], []]
    kind = MESSAGES.field("arms").type
    table = record_messages(
        frame.slice(0, 3),
        campaign="newsletter",
        occasion="march",
        at=START,
        held_out=np.array([False, False, True]),
        arms=pa.array(arms, kind),
    )
    assert table.schema.equals(MESSAGES)
    first, second, third = table.to_pylist()
    assert first["message_id"] == message_id("newsletter", "p0", "march")
    assert (first["segments"], second["segments"], third["segments"]) == (["vip", "new"], ["new"], [])
    assert first["blocks"] == [{"slot": "hero", "block": "sale"}, {"slot": "foot", "block": "legal"}]
    assert second["blocks"] == [{"slot": "foot", "block": "legal"}]
    assert first["recommendations"] == [{"item_id": "hat", "source": "popular"}]
    assert second["recommendations"] == third["recommendations"] == []
    traces = [{"asked": {"recommend(…)": [["hat", "similar"], ["cap", "similar"]]}}, {}, {"asked": {}}]
    with_asked = record_messages(
        frame.append_column("asked", asked_items(traces)), campaign="newsletter", occasion="march", at=START
    )
    assert with_asked["asked"].to_pylist() == [
        [
            {"item_id": "hat", "source": "similar", "position": 1},
            {"item_id": "cap", "source": "similar", "position": 2},
        ],
        [],
        [],
    ]
    assert (first["arms"], first["status"], first["skip_reason"]) == ([arm_entry], "accepted", None)
    assert (third["status"], third["skip_reason"]) == ("skipped", "holdout")
    sliced = record_messages(frame.slice(1), campaign="newsletter", occasion="march", at=START)
    assert [row["blocks"] for row in sliced.to_pylist()] == [second["blocks"], third["blocks"]]
    bare = record_messages(frame.select(["profile_id"]), campaign="newsletter", occasion="march", at=START)
    assert figures(measure_results(Question(bare, None, None, now=NOW)))["sent"] == 3


def test_stored_webhooks_are_recorded_as_outcomes() -> None:
    stored = {"esp": "sendgrid", "event_id": "e1", "kind": "clicked", "at": START.timestamp() + 3600.5}
    more = {"message_id": "m0", "esp_id": "x", "url": "https://shop.example/hat", "detail": ""}
    never = {"esp": "sendgrid", "event_id": "e2", "kind": "opened", "at": 1e300}
    table = record_outcomes([stored | more, never, {**never, "at": float("nan")}])
    assert table.schema.equals(OUTCOMES)
    (row,) = table.to_pylist()
    assert (row["event_id"], row["at"]) == ("sendgrid:e1", START + timedelta(hours=1, milliseconds=500))
    assert figures(measure_results(Question(messages_table([mail(0)]), table, None, now=NOW)))["clicked"] == 1


# Documentation


def test_every_column_and_every_cause_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "measure.md").read_text(encoding="utf-8")
    columns = [name for schema in (MESSAGES, OUTCOMES, ORDERS) for name in schema.names]
    missing = [name for name in [*columns, *SET_ASIDE, *COUNTS] if f"`{name}`" not in text]
    assert not missing

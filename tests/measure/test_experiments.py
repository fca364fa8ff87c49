"""What an experiment says, when it says nothing, and what the mail did at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mailwright.model.experiment import ExperimentSpec, HoldoutSpec, version_of
from measure import Results, assign_arms, held_out_mask, measure_results, simulate_outcomes
from measure.experiments import ratio_p
from measure.promotion import promote
from measure.simulate import Behaviour
from measure.verdict import judge
from tests.measure.worlds import (
    NOW,
    START,
    event,
    held_out,
    hours,
    mail,
    messages_table,
    order,
    question,
    results,
)

SPEC = ExperimentSpec.model_validate({"arms": {"a": {}, "b": {"subject": "New!"}}})
VERSION = version_of("subject", SPEC)


def arm(name: str, version: str = VERSION, experiment: str = "subject") -> dict[str, str]:
    return {"experiment": experiment, "version": version, "arm": name}


def world(
    sizes: dict[str, int], clicks: dict[str, int], *, version: str = VERSION, first: int = 0, days: int = 1
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """So many profiles in each arm, mailed over so many days, so many of whom clicked."""
    mails, events = [], []
    number = first
    for name, size in sizes.items():
        for place in range(size):
            at = START + timedelta(days=place % days)
            mails.append(mail(number, arms=[arm(name, version)], at=at))
            if place < clicks.get(name, 0):
                events.append(event(number, "clicked", at + timedelta(hours=1)))
            number += 1
    return mails, events


def measured(
    sizes: dict[str, int], clicks: dict[str, int], spec: ExperimentSpec = SPEC, **options: Any
) -> Results:
    return results(
        *world(sizes, clicks, version=version_of("subject", spec), **options), experiments={"subject": spec}
    )


def test_an_experiment_is_counted_by_arm_and_compared_with_its_control() -> None:
    (result,) = measured({"a": 1000, "b": 1000}, {"a": 50, "b": 80}).experiments
    assert [(one.name, one.share, one.profiles, one.hits["clicked"]) for one in result.arms] == [
        ("a", 0.5, 1000, 50),
        ("b", 0.5, 1000, 80),
    ]
    (comparison,) = result.comparisons
    assert comparison.difference == pytest.approx(0.03)
    assert comparison.always_low < comparison.low < 0.03 < comparison.high < comparison.always_high
    assert comparison.p < comparison.always_p
    assert result.started == START


def test_a_clear_winner_wins_whoever_it_is() -> None:
    (verdict,) = measured({"a": 4000, "b": 4000}, {"a": 200, "b": 400}).verdicts
    assert (verdict.kind, verdict.arm) == ("winner", "b")
    assert verdict.text.startswith("'b' wins: clicked 10.00% against 5.00% (+100%), the difference between +")
    (verdict,) = measured({"a": 4000, "b": 4000}, {"a": 400, "b": 200}).verdicts
    assert (verdict.kind, verdict.arm) == ("winner", "a")


def test_of_a_bad_thing_less_is_better() -> None:
    spec = SPEC.model_copy(update={"metric": "unsubscribed"})
    mails, events = world({"a": 4000, "b": 4000}, {"a": 400, "b": 200})
    gone = [{**one, "kind": "unsubscribed"} for one in events]
    (verdict,) = results(mails, gone, experiments={"subject": spec}).verdicts
    assert verdict.arm == "b"


def test_not_enough_says_how_many_days_more() -> None:
    result = measured({"a": 1400, "b": 1400}, {"a": 140, "b": 150}, days=28)
    (verdict,) = result.verdicts
    assert verdict.kind == "not_enough"
    assert verdict.days is not None
    # Of the last seven days four brought a hundred profiles each.
    assert verdict.text.startswith(f"Not enough yet: about {verdict.days:,} more days, ")
    assert verdict.text.endswith(" profiles at 57 a day.")


def test_not_enough_says_when_nobody_comes_any_more() -> None:
    (verdict,) = measured({"a": 1400, "b": 1400}, {"a": 140, "b": 150}).verdicts
    assert verdict.text.endswith("more profiles are needed, and none came in the last 7 days.")


def test_nothing_is_believed_of_a_handful() -> None:
    (verdict,) = measured({"a": 100, "b": 100}, {"a": 0, "b": 30}).verdicts
    assert verdict.kind == "not_enough"
    assert "fewer than 10 profiles clicked in 'a'" in verdict.text


def test_no_difference_worth_knowing_of_is_a_result() -> None:
    spec = SPEC.model_copy(update={"minimum_effect": 0.5})
    (verdict,) = measured({"a": 6000, "b": 6000}, {"a": 1800, "b": 1800}, spec).verdicts
    assert verdict.kind == "no_difference"


def test_arms_that_do_not_follow_their_shares_stop_every_conclusion() -> None:
    result = measured({"a": 4000, "b": 3000}, {"a": 200, "b": 400})
    (verdict,) = result.verdicts
    assert verdict.kind == "broken"
    assert "a 4,000, b 3,000" in verdict.text
    assert promote(result.experiments[0], NOW).arm is None


def test_an_arm_that_nobody_got_is_a_mismatch() -> None:
    (verdict,) = measured({"a": 100}, {}).verdicts
    assert verdict.kind == "broken"


def test_sizes_that_chance_explains_are_let_pass() -> None:
    assert ratio_p({"a": 5050, "b": 4950}, {"a": 0.5, "b": 0.5}) > 0.3
    assert np.isnan(ratio_p({}, {"a": 0.5, "b": 0.5}))
    rng = np.random.default_rng(3)
    false = [
        ratio_p({"a": n, "b": 10_000 - n}, SPEC.shares) < 0.001 for n in rng.binomial(10_000, 0.5, 2_000)
    ]
    assert np.mean(false) < 0.003


def test_a_changed_experiment_is_never_mixed_with_what_it_was() -> None:
    old = world({"a": 300, "b": 300}, {"a": 30, "b": 90}, version="0ld")
    new = world({"a": 200, "b": 200}, {"a": 20, "b": 20}, first=600)
    result = results(old[0] + new[0], old[1] + new[1], experiments={"subject": SPEC})
    by_version = {one.version: one for one in result.experiments}
    assert {one.name: one.profiles for one in by_version[VERSION].arms} == {"a": 200, "b": 200}
    assert {one.name: one.profiles for one in by_version["0ld"].arms} == {"a": 300, "b": 300}
    assert by_version["0ld"].spec is None
    assert np.isnan(by_version["0ld"].ratio_p)
    assert promote(by_version["0ld"], NOW).arm is None
    assert any("version 0ld is not that of the file" in note for note in result.notes)


def test_a_changed_block_is_a_changed_experiment() -> None:
    mails, events = world({"a": 20, "b": 20}, {})
    (result,) = results(
        mails, events, experiments={"subject": SPEC}, content={"subject": "other block"}
    ).experiments
    assert result.spec is None


def test_a_profile_counts_once_however_many_mails_it_had() -> None:
    mails = [
        mail(f"{n}-{k}", profile_id=f"p{n}", arms=[arm("ab"[n % 2])], at=hours(k))
        for n in range(10)
        for k in range(3)
    ]
    events = [event(f"0-{k}", "clicked", hours(5)) for k in range(3)]
    orders = [{**order(0, hours(6), amount=4.0), "profile_id": "p0"}]
    (result,) = results(mails, events, orders, experiments={"subject": SPEC}).experiments
    assert {one.name: (one.profiles, one.hits["clicked"], one.revenue) for one in result.arms} == {
        "a": (5, 1, 4.0),
        "b": (5, 0, 0.0),
    }


def test_a_profile_with_two_arms_is_left_out_and_counted() -> None:
    mails = [mail("x", profile_id="p", arms=[arm("a")]), mail("y", profile_id="p", arms=[arm("b")])]
    result = results(
        [*mails, mail(1, arms=[arm("a")]), mail(2, arms=[arm("b")])], experiments={"subject": SPEC}
    )
    (found,) = result.experiments
    assert (found.crossed, [one.profiles for one in found.arms]) == (1, [1, 1])
    assert any("1 profiles had two arms" in note for note in result.notes)
    both = results(
        [mail(0, arms=[arm("a"), arm("b")]), mail(1, arms=[arm("a")])], experiments={"subject": SPEC}
    )
    assert both.experiments[0].crossed == 1


def test_an_experiment_that_the_file_does_not_have_is_reported_all_the_same() -> None:
    (result,) = results(*world({"a": 20, "b": 20}, {"a": 1})).experiments
    assert (result.spec, result.metric, result.control) == (None, "clicked", "a")


def test_several_arms_share_one_chance_of_a_false_alarm() -> None:
    spec = ExperimentSpec.model_validate({"arms": {name: {} for name in "abcd"}})
    sizes = dict.fromkeys("abcd", 2000)
    (three,) = measured(sizes, {"a": 200, "b": 240, "c": 200, "d": 200}, spec).experiments
    (one,) = measured({"a": 2000, "b": 2000}, {"a": 200, "b": 240}).experiments
    assert three.comparisons[0].p == pytest.approx(3 * one.comparisons[0].p)
    assert three.comparisons[0].always_low < one.comparisons[0].always_low


def test_a_winner_is_promoted_by_its_rule_and_by_nothing_else() -> None:
    (result,) = measured({"a": 4000, "b": 4000}, {"a": 200, "b": 400}).experiments
    assert promote(result, NOW).why == "the experiment has no winner rule, so nothing is promoted"
    ruled = replace(result, spec=SPEC.model_copy(update={"winner": _rule(min_profiles=4000, min_hours=48)}))
    assert promote(ruled, NOW).arm == "b"
    assert "less than 48 hours ago" in promote(ruled, START + timedelta(hours=47)).why
    strict = replace(result, spec=SPEC.model_copy(update={"winner": _rule(min_profiles=4001)}))
    assert promote(strict, NOW).why == "the smallest arm has 4,000 profiles of the 4,001 asked for"
    (even,) = measured({"a": 4000, "b": 4000}, {"a": 200, "b": 205}).experiments
    undecided = replace(even, spec=SPEC.model_copy(update={"winner": _rule()}))
    assert promote(undecided, NOW).arm is None


def _rule(**changes: Any) -> Any:
    return ExperimentSpec.model_validate({"arms": {"a": {}, "b": {}}, "winner": changes}).winner


def test_money_is_judged_by_money() -> None:
    spec = SPEC.model_copy(update={"metric": "revenue"})
    mails, _ = world({"a": 3000, "b": 3000}, {})
    orders = [order(n, amount=20.0) for n in range(300)] + [order(n, amount=20.0) for n in range(3000, 3600)]
    result = results(mails, [], orders, experiments={"subject": spec})
    (verdict,) = result.verdicts
    assert (verdict.arm, result.experiments[0].arm("b").value) == ("b", 4.0)
    assert "revenue 4.00 against 2.00 (+100%)" in verdict.text


def test_no_data_is_no_verdict() -> None:
    (result,) = measured({"a": 20, "b": 20}, {}).experiments
    empty = replace(result, arms=tuple(replace(one, profiles=0) for one in result.arms))
    assert judge(empty, NOW).kind == "no_data"


def test_lift_is_against_those_who_got_nothing() -> None:
    mails = [mail(n) for n in range(900)] + [held_out(n) for n in range(900, 1000)]
    orders = [order(n, amount=10.0) for n in range(90)] + [order(n, amount=10.0) for n in range(900, 905)]
    lift = results(mails, [], orders).lift
    assert lift is not None
    assert (lift.mailed, lift.held_out, lift.mailed_buyers, lift.held_out_buyers) == (900, 100, 90, 5)
    assert lift.rate_difference == pytest.approx(0.05)
    assert lift.extra_buyers == pytest.approx(45)
    assert lift.extra_revenue == pytest.approx(450)
    assert lift.rate_low < 0.05 < lift.rate_high


def test_a_mail_of_another_campaign_takes_no_lift_away() -> None:
    mails = [mail(0), held_out(1), mail("0x", profile_id="p0", campaign="other", at=hours(1))]
    lift = results(mails, [], [order(0, hours(2)), order(1, hours(2))]).lift
    assert lift is not None
    assert (lift.mailed_buyers, lift.held_out_buyers) == (1, 1)


def test_who_was_mailed_once_and_held_out_another_time_is_in_neither_group() -> None:
    both = [mail("x", profile_id="p"), held_out(8, profile_id="p", at=hours(1))]
    lift = results([*both, mail(1), held_out(2)], []).lift
    assert lift is not None
    assert (lift.mailed, lift.held_out) == (1, 1)


def test_a_bounced_mail_was_meant_all_the_same() -> None:
    lift = results([mail(0), mail(1), held_out(2)], [event(0, "bounced")]).lift
    assert lift is not None
    assert lift.mailed == 2


def test_the_intervals_cover_the_known_effects_of_simulated_shops() -> None:
    """All the way from assignment through webhooks and orders: sixty shops with a known lift."""
    shops, profiles = 60, 700
    behaviour = Behaviour(open=0.5, click=0.2, buy_after_click=0.5, buy_anyway=0.02)
    specs = {f"shop{n}": SPEC for n in range(shops)}
    names = [name for name in specs for _ in range(profiles)]
    ids = pa.array([f"{name}-{n}" for n, name in enumerate(names)])
    drawn = assign_arms({"subject": SPEC}, ids, now=START).shown["experiment:subject"].to_pylist()
    held = held_out_mask({"campaign:newsletter": HoldoutSpec(share=0.3)}, ids)
    versions = {name: version_of(name, SPEC) for name in specs}
    rows = [
        (held_out if out else mail)(profile, arms=[arm(own, versions[name], name)])
        for profile, name, own, out in zip(ids.to_pylist(), names, drawn, held, strict=True)
    ]
    effects = {(name, "b"): 1.5 for name in specs}
    messages = messages_table(rows)
    made = simulate_outcomes(messages, seed=5, behaviour=behaviour, effects=effects)
    asked = replace(question([]), messages=messages, outcomes=made.outcomes, orders=made.orders)
    result = measure_results(asked, experiments=specs)
    assert result.simulated
    assert len(result.experiments) == shops

    clicks = {"a": 0.5 * 0.2 * 0.985, "b": 0.5 * 0.2 * 0.985 * 1.5}
    truth = clicks["b"] - clicks["a"]
    compared = [one.comparisons[0] for one in result.experiments]
    assert np.mean([one.low <= truth <= one.high for one in compared]) == pytest.approx(0.95, abs=0.08)
    assert np.mean([one.always_low <= truth <= one.always_high for one in compared]) >= 0.95
    assert all(one.is_balanced for one in result.experiments)

    # Of those who click half buy; a fiftieth buys anyway, and a few of both at once.
    lift, through_mail = result.lift, (clicks["a"] + clicks["b"]) / 2 * 0.5
    assert lift is not None
    assert lift.rate_low <= through_mail * 0.98 <= lift.rate_high
    assert lift.rate_high - lift.rate_low < 0.012

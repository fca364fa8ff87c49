"""Who is in which arm, and who is held out: the same for one profile and for a column, for ever."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mailwright.errors import ConfigError, UsageError
from mailwright.model.campaign import CampaignSpec
from mailwright.model.experiment import (
    ExperimentSpec,
    HoldoutSpec,
    apply_arms,
    arm_of,
    conflicts,
    is_held_out,
    version_of,
)
from mailwright.model.yamltext import parse_yaml
from measure import assign_arms, assignment, held_out_mask

NOW = datetime(2026, 3, 10, tzinfo=UTC)
MANY = pa.array([f"p{n}" for n in range(20_000)])
IDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=20)


def spec(**changes: Any) -> ExperimentSpec:
    return ExperimentSpec.model_validate({"arms": {"a": {}, "b": {"subject": "New!"}}, **changes})


def ramp(*steps: tuple[int, float]) -> list[dict[str, Any]]:
    return [{"at": NOW + timedelta(days=day), "share": share} for day, share in steps]


SPECS = {
    "plain": spec(),
    "three": spec(arms={"x": {"share": 0.6}, "y": {"share": 0.3}, "z": {"share": 0.1}}),
    "sliced": spec(layer={"name": "subject", "start": 0.25, "end": 0.75}, arms={"c": {}, "d": {}}),
    "ramped": spec(ramp=ramp((-1, 0.3), (1, 1.0)), arms={"a": {}, "b": {}}),
}


def shown(name: str, days: float = 0) -> list[str | None]:
    """The arms of MANY in one of SPECS, so many days after NOW."""
    found = assign_arms({name: SPECS[name]}, MANY, now=NOW + timedelta(days=days))
    return found.shown[f"experiment:{name}"].to_pylist()


HASHED_BY = st.sampled_from([0, assignment.FEW])
"""Up to so many ids are hashed in Python: 0 leaves every column to DuckDB."""


@given(IDS, HASHED_BY)
@settings(max_examples=80, deadline=None)
def test_a_column_is_assigned_as_each_profile_alone(ids: list[str], few: int) -> None:
    specs = SPECS
    with patch.object(assignment, "FEW", few):
        found = assign_arms(specs, pa.array(ids, pa.string()), now=NOW)
    for name, one in specs.items():
        alone = [arm_of(name, one, profile, now=NOW) for profile in ids]
        assert found.shown[f"experiment:{name}"].to_pylist() == alone
    for profile, entries in zip(ids, found.enrolled.to_pylist(), strict=True):
        alone = {name: arm_of(name, one, profile, now=NOW) for name, one in specs.items()}
        expected = {name: arm for name, arm in alone.items() if arm is not None}
        assert {entry["experiment"]: entry["arm"] for entry in entries} == expected
        assert all(entry["version"] == found.versions[entry["experiment"]] for entry in entries)


@given(IDS, st.floats(0.01, 0.99), st.text(max_size=5), HASHED_BY)
@settings(max_examples=80, deadline=None)
def test_a_column_is_held_out_as_each_profile_alone(
    ids: list[str], share: float, name: str, few: int
) -> None:
    holdouts = {
        "global": HoldoutSpec(share=share, name=name),
        "campaign:news": None,
        "trigger:cart": HoldoutSpec(share=0.5),
    }
    with patch.object(assignment, "FEW", few):
        mask = held_out_mask(holdouts, pa.array(ids, pa.string()))
    assert mask.tolist() == [
        any(is_held_out(one, scope, profile) for scope, one in holdouts.items()) for profile in ids
    ]


def test_the_rule_language_buckets_the_same_way() -> None:
    from mailwright.errors import Location
    from mailwright.model.experiment import Salts
    from mailwright.model.schema import PROFILE_ATTRIBUTES
    from rules import RuleCatalog, compile_rule, evaluate_rules

    salt = Salts.of("plain", SPECS["plain"]).arm
    catalog = RuleCatalog(attributes=PROFILE_ATTRIBUTES, segments=frozenset(), events={})
    rule = compile_rule(f"bucket('{salt}') < 0.5", catalog, at=Location("test"))
    ids = MANY[:500]
    column = evaluate_rules({"first": rule}, pa.table({"profile_id": ids}), now=NOW)["first"]
    arms = assign_arms({"plain": SPECS["plain"]}, ids, now=NOW).shown["experiment:plain"]
    assert column.to_pylist() == [arm == "a" for arm in arms.to_pylist()]


def test_shares_are_kept() -> None:
    arms = Counter(shown("three"))
    for arm, share in SPECS["three"].shares.items():
        assert arms[arm] / len(MANY) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(MANY)))


def test_a_ramp_only_adds_profiles_and_moves_none_to_another_arm() -> None:
    before, at_first, at_last = (shown("ramped", days=day) for day in (-2, 0, 2))
    assert set(before) == {None}
    assert sum(arm is not None for arm in at_first) / len(MANY) == pytest.approx(0.3, abs=0.02)
    assert None not in at_last
    assert all(now == then for now, then in zip(at_last, at_first, strict=True) if then is not None)
    assert Counter(at_first)["a"] == pytest.approx(Counter(at_first)["b"], rel=0.1)


def test_experiments_of_one_layer_never_meet_and_crossed_ones_are_independent() -> None:
    one = spec(layer={"name": "subject", "end": 0.5})
    other = spec(layer={"name": "subject", "start": 0.5})
    crossed = spec(arms={"x": {}, "y": {"preheader": "Look"}})
    found = assign_arms({"one": one, "other": other, "crossed": crossed}, MANY, now=NOW).shown.to_pandas()
    assert not (found["experiment:one"].notna() & found["experiment:other"].notna()).any()
    assert (found["experiment:one"].notna() | found["experiment:other"].notna()).all()
    first = found["experiment:one"].dropna()
    share = (found.loc[first.index, "experiment:crossed"] == "x")[first == "a"].mean()
    assert share == pytest.approx(0.5, abs=0.03)


def test_experiments_that_would_undo_each_other_are_refused() -> None:
    assert conflicts({"one": spec(), "other": spec()}) == [
        "'one' and 'other' both change subject: put them into one layer"
    ]
    slices = {"one": {"name": "s", "end": 0.6}, "other": {"name": "s", "start": 0.5}}
    overlapping = {name: spec(layer=part) for name, part in slices.items()}
    assert conflicts(overlapping) == ["'one' and 'other' overlap in the layer 's'"]
    with pytest.raises(UsageError, match="both change subject"):
        assign_arms({"one": spec(), "other": spec()}, MANY[:1], now=NOW)


def test_a_winner_is_shown_to_the_rest_and_counted_for_nobody() -> None:
    specs = {"ramped": SPECS["ramped"]}
    plain = assign_arms(specs, MANY, now=NOW)
    found = assign_arms(specs, MANY, now=NOW, promoted={"ramped": "b"})
    before, after = plain.shown["experiment:ramped"].to_pylist(), found.shown["experiment:ramped"].to_pylist()
    assert [arm or "b" for arm in before] == after
    assert found.enrolled.equals(plain.enrolled)
    with pytest.raises(UsageError, match="no arm 'c' to promote"):
        assign_arms(specs, MANY, now=NOW, promoted={"ramped": "c"})


def test_a_winner_does_not_reach_into_another_experiment_of_its_layer() -> None:
    specs = {
        "left": spec(layer={"name": "subject", "end": 0.5}, arms={"a": {}, "b": {}}),
        "right": spec(layer={"name": "subject", "start": 0.5, "end": 0.8}, arms={"c": {}, "d": {}}),
    }
    found = assign_arms(specs, MANY, now=NOW, promoted={"left": "b"})
    left, right = (found.shown[f"experiment:{name}"].to_pylist() for name in specs)
    enrolled = [{entry["experiment"] for entry in row} for row in found.enrolled.to_pylist()]
    for mine, other, part in zip(left, right, enrolled, strict=True):
        assert (mine is None) == (other is not None)
        assert part or mine == "b"


def test_a_changed_experiment_is_a_new_version_and_a_new_draw() -> None:
    changed = spec(arms={"a": {}, "b": {"subject": "Newer!"}})
    assert version_of("plain", changed) != version_of("plain", SPECS["plain"])
    assert version_of("plain", SPECS["plain"], "blocks changed") != version_of("plain", SPECS["plain"])
    old = shown("plain")
    new = assign_arms({"plain": changed}, MANY, now=NOW).shown["experiment:plain"].to_pylist()
    assert np.mean([a == b for a, b in zip(old, new, strict=True)]) == pytest.approx(0.5, abs=0.02)


def test_what_changes_no_arm_changes_no_version() -> None:
    changes = {"ramp": SPECS["ramped"].ramp, "metric": "opened", "description": "…"}
    same = SPECS["plain"].model_copy(update=changes)
    assert version_of("plain", same) == version_of("plain", SPECS["plain"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("arms: {a: {share: 0.5}, b: {share: 0.4}}", "the arms' shares add up to 0.9, not to 1"),
        ("arms: {a: {share: 0.5}, b: {}}", "either every arm has a share, or none has"),
        ("arms: {a: {}}", "at least 2"),
        ("arms: {a: {}, b: {}}\ncontrol: c", "there is no arm 'c'"),
        ("arms: {a: {}, b: {}}\nlayer: {name: s, start: 0.5, end: 0.5}", "is empty"),
        (
            "arms: {a: {}, b: {}}\n"
            "ramp: [{at: 2026-03-01T00:00:00Z, share: 0.5}, {at: 2026-03-02T00:00:00Z, share: 0.1}]",
            "each step must be later",
        ),
        ("arms: {a: {}, b: {}}\nramp: [{at: 2026-03-01T00:00:00, share: 0.5}]", "say the time zone"),
        (
            "arms: {a: {}, b: {}}\n"
            "ramp: [{at: 2026-03-01T00:00:00, share: 0.5}, {at: 2026-03-02T00:00:00Z, share: 0.6}]",
            "say the time zone",
        ),
    ],
)
def test_an_experiment_that_cannot_run_is_refused_when_it_is_read(changes: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_yaml(changes, ExperimentSpec, file="campaigns/newsletter.yaml")


def test_a_holdout_of_everyone_is_refused() -> None:
    with pytest.raises(ValidationError):
        HoldoutSpec(share=1.0)


def test_the_arms_of_a_campaign_are_laid_over_it() -> None:
    campaign = CampaignSpec.model_validate(
        {
            "template": "news",
            "subject": "Hello",
            "values": {"code": "A", "shop": "x"},
            "experiments": {
                "subject": {"arms": {"a": {}, "b": {"subject": "New!"}}},
                "offer": {"arms": {"a": {}, "b": {"values": {"code": "B"}, "strategy": "popular"}}},
            },
        }
    )
    mail = apply_arms(campaign, campaign.experiments, {"subject": "b", "offer": "b"})
    assert mail.subject == "New!"
    assert mail.values == {"code": "B", "shop": "x"}
    assert mail.recommendations.strategy == "popular"
    assert apply_arms(campaign, campaign.experiments, {"subject": "a"}) == campaign


def test_holdouts_of_different_scopes_are_different_people() -> None:
    one = held_out_mask({"global": HoldoutSpec(share=0.5)}, MANY)
    other = held_out_mask({"campaign:news": HoldoutSpec(share=0.5)}, MANY)
    assert (one & other).mean() == pytest.approx(0.25, abs=0.02)
    assert (held_out_mask({"global": HoldoutSpec(share=0.5, name="2")}, MANY) != one).any()

"""Membership: parents, groups, minimum sizes, and the same answer for one profile as for all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailwright.errors import ConfigError, Location, RuleError
from mailwright.model.schema import INTERACTION_ATTRIBUTES, PROFILE_ATTRIBUTES, VIEWED, Attribute
from mailwright.model.segment import SegmentSpec
from rules import EventView, RuleCatalog, RuleContext, event_views
from segments import Segmentation, assign_segments, compile_segments, segments_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CATALOG = RuleCatalog(
    PROFILE_ATTRIBUTES | {"points": Attribute(type="integer")}, events={VIEWED: INTERACTION_ATTRIBUTES}
)


def at(name: str) -> Location:
    return Location("segments.yaml", 1 + "abcdefgh".find(name), 9)


def frame(*points: int | None) -> pa.Table:
    return pa.table(
        {"profile_id": [f"p{n}" for n in range(len(points))], "points": pa.array(points, pa.int64())}
    )


def assign(specs: Mapping[str, SegmentSpec], *points: int | None) -> Segmentation:
    rules = compile_segments(specs, CATALOG, at)
    return assign_segments(specs, rules, frame(*points), now=NOW, interactions=None)


def members(found: Segmentation, name: str) -> list[int]:
    return [n for n, inside in enumerate(found.columns[f"segment:{name}"].to_pylist()) if inside]


def spec(rule: str, **more: object) -> SegmentSpec:
    return SegmentSpec.model_validate({"rule": rule, "min_size": 0} | more)


def test_unknown_is_outside_and_never_null() -> None:
    found = assign({"a": spec("points > 2")}, 1, None, 3)
    assert found.columns["segment:a"].to_pylist() == [False, False, True]
    assert found.columns["segment:a"].null_count == 0


def test_a_segment_may_name_another_written_after_it() -> None:
    found = assign({"a": spec("NOT segment('b')"), "b": spec("points > 2")}, 1, 3)
    assert list(found.sizes) == ["b", "a"]
    assert members(found, "a") == [0]


def test_a_child_lies_inside_its_parent() -> None:
    found = assign({"a": spec("points > 2"), "b": spec("points < 9", parent="a")}, 1, 3, 10)
    assert members(found, "b") == [1]


def test_a_small_child_falls_back_to_its_parent_and_says_so() -> None:
    found = assign({"a": spec("points > 2"), "b": spec("points > 9", parent="a", min_size=2)}, 1, 3, 10)
    assert found.sizes == {"a": 2, "b": 0}
    assert found.fallen_back == {"b"}
    assert found.notes == ("b: 1 profiles, fewer than 2; they count as a only",)


def test_a_small_segment_without_parent_stays_and_is_reported() -> None:
    found = assign({"a": spec("points > 9", min_size=2), "b": spec("points > 99")}, 1, 10)
    assert found.sizes == {"a": 1, "b": 0}
    assert found.notes == (
        "a: 1 profiles, fewer than 2, and no parent to fall back to",
        "b: empty, no profile is in it",
    )


def test_a_default_minimum_is_fifty() -> None:
    specs = {"a": spec("points > 0"), "b": SegmentSpec(rule="points > 1", parent="a")}
    assert assign(specs, *[5] * 49).sizes == {"a": 49, "b": 0}
    assert assign(specs, *[5] * 50).sizes == {"a": 50, "b": 50}


def test_of_a_group_the_highest_priority_takes_a_profile() -> None:
    specs = {
        "a": spec("points > 0", group="g", priority=1),
        "b": spec("points > 5", group="g", priority=2),
        "c": spec("points > 3", group="g", priority=1),
        "d": spec("points > 0", group="other"),
    }
    found = assign(specs, 1, 4, 6)
    assert [members(found, name) for name in "abcd"] == [[0, 1], [2], [], [0, 1, 2]]


def test_a_fallen_back_segment_leaves_its_members_to_its_group() -> None:
    specs = {
        "a": spec("points > 0"),
        "b": spec("points > 5", group="g", priority=2, parent="a", min_size=2),
        "c": spec("points > 3", group="g"),
    }
    assert members(assign(specs, 1, 4, 6), "c") == [1, 2]


@pytest.mark.parametrize(
    "specs",
    [
        {"a": spec("segment('b')"), "b": spec("segment('a')")},
        {"a": spec("NOT segment('a')")},
        {"a": spec("points > 1", parent="b"), "b": spec("segment('a')")},
        {"a": spec("points > 1", parent="a")},
        {"a": spec("segment('b')", group="g", priority=1), "b": spec("points > 1", group="g")},
    ],
)
def test_a_cycle_is_an_error_that_names_it(specs: dict[str, SegmentSpec]) -> None:
    with pytest.raises((RuleError, ConfigError)) as caught:
        compile_segments(specs, CATALOG, at)
    assert "→" in caught.value.what or "group" in caught.value.what
    assert caught.value.at.file == "segments.yaml"


def test_unknown_names_are_errors_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown parent 'vipp'(.|\n)*did you mean 'vip'"):
        compile_segments({"vip": spec("points > 1"), "a": spec("points > 2", parent="vipp")}, CATALOG, at)
    with pytest.raises(RuleError, match=r"unknown segment 'vipp'(.|\n)*did you mean 'vip'"):
        compile_segments({"vip": spec("points > 1"), "a": spec("segment('vipp')")}, CATALOG, at)
    specs = {"a": spec("points > 1", group="g"), "b": spec("points > 2", group="g", parent="a")}
    with pytest.raises(ConfigError, match="both in group 'g'"):
        compile_segments(specs, CATALOG, at)


NAMES = st.sampled_from(["a", "b", "c", "d"])
RULES = st.sampled_from(
    ["points > 2", "points < 5", "points IS NULL", "count_events('product_viewed') > 0"]
    + [f"segment('{name}')" for name in "abcd"]
    + [f"points > 0 AND NOT segment('{name}')" for name in "abcd"]
)
SPECS = st.dictionaries(
    NAMES,
    st.builds(
        SegmentSpec,
        rule=RULES,
        priority=st.integers(0, 2),
        parent=st.none() | NAMES,
        min_size=st.integers(0, 4),
        group=st.sampled_from([None, None, "g"]),
    ),
    min_size=1,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs=SPECS, points=st.lists(st.none() | st.integers(0, 6), min_size=1, max_size=9))
def test_one_profile_is_where_the_frame_says(specs: dict[str, SegmentSpec], points: list[int | None]) -> None:
    try:
        rules = compile_segments(specs, CATALOG, at)
    except (RuleError, ConfigError):
        return
    people = frame(*points)
    events = pa.table(
        {
            "profile_id": ["p0", "p2"],
            "event": [VIEWED, VIEWED],
            "at": pa.array([NOW - timedelta(days=1)] * 2, pa.timestamp("us", "UTC")),
        }
    )
    found = assign_segments(specs, rules, people, now=NOW, interactions=events)
    views = event_views(events)
    for n, profile in enumerate(people.to_pylist()):
        context = RuleContext(NOW, events=views.get(profile["profile_id"], EventView()))
        alone = segments_of(specs, rules, profile, context, fallen_back=found.fallen_back)
        assert alone == {name for name in specs if found.columns[f"segment:{name}"][n].as_py()}
    for name, each in specs.items():
        if each.parent is not None:
            assert set(members(found, name)) <= set(members(found, each.parent))
        for other, rival in specs.items():
            if other != name and each.group is not None and rival.group == each.group:
                assert not set(members(found, name)) & set(members(found, other))

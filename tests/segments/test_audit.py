"""The audit: sizes, overlaps, gaps, and what moved between two runs."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from mailwright.errors import DataError
from mailwright.model.segment import SegmentSpec
from segments import audit_segments
from segments.drift import measure_drift, population_stability
from segments.plots import draw_drift, draw_overlap, draw_sizes

SPECS = {name: SegmentSpec(rule="TRUE", min_size=2) for name in ("a", "b", "c", "d")}


def table(**segments: str) -> pa.Table:
    """Profiles p0 …; each segment is a text with an x for every member."""
    size = len(next(iter(segments.values())))
    columns = {f"segment:{name}": [letter == "x" for letter in who] for name, who in segments.items()}
    return pa.table({"profile_id": [f"p{n}" for n in range(size)]} | columns)


def test_sizes_overlaps_and_gaps() -> None:
    audit = audit_segments(table(a="xxx...", b=".xx...", c="......", d=".xx..."), SPECS)
    assert audit.sizes == {"a": 3, "b": 2, "c": 0, "d": 2}
    assert audit.overlap.tolist() == [[3, 2, 0, 2], [2, 2, 0, 2], [0, 0, 0, 0], [2, 2, 0, 2]]
    assert audit.jaccard()[0, 1] == pytest.approx(2 / 3)
    assert audit.jaccard()[2].tolist() == [0, 0, 0, 0]
    assert (audit.uncovered, audit.coverage) == (3, 0.5)
    assert audit.empty == ("c",)
    assert audit.same == (("d", "b"),)
    assert audit.alerts == (
        "c is empty",
        "d and b have the very same members",
        "3 of 6 profiles (50%) are in no segment",
    )


def test_tiny_segments_are_named_with_what_was_asked() -> None:
    audit = audit_segments(table(a="x..", b="xxx"), SPECS)
    assert audit.tiny == ("a",)
    assert "a has 1 profiles, fewer than 2" in audit.alerts


def test_nobody_and_nothing() -> None:
    audit = audit_segments(pa.table({"profile_id": pa.array([], pa.string())}), {})
    assert (audit.profiles, audit.coverage, audit.alerts) == (0, 0.0, ())
    with pytest.raises(DataError, match="profile_id"):
        audit_segments(pa.table({"x": [1]}), {})


def test_churn_counts_only_profiles_that_both_runs_knew() -> None:
    before = pa.table({"profile_id": ["a", "b", "c", "gone"], "segment:s": [True, True, False, True]})
    after = pa.table({"profile_id": ["new", "c", "b", "a"], "segment:s": [True, True, True, False]})
    drift = measure_drift(before, after)
    churn = drift.churn["s"]
    assert (churn.before, churn.after, churn.joined, churn.left) == (2, 2, 1, 1)
    assert churn.rate == pytest.approx(2 / 3)
    assert (drift.new_profiles, drift.gone_profiles) == (1, 1)
    assert drift.alerts[0] == "s: 1 joined and 1 left (67% of all members changed)"


def test_population_stability_by_hand() -> None:
    before = np.array([0.0] * 50 + [1.0] * 50)
    after = np.array([0.0] * 80 + [1.0] * 20)
    expected = (0.8 - 0.5) * math.log(0.8 / 0.5) + (0.2 - 0.5) * math.log(0.2 / 0.5)
    assert population_stability(before, after) == pytest.approx(expected)
    assert population_stability(before, before) == 0
    assert population_stability(before, np.where(np.arange(100) < 40, np.nan, before)) > 0.25


@pytest.mark.parametrize("value", [4.0, 6.0, math.nan])
def test_a_column_of_one_value_can_move_either_way(value: float) -> None:
    assert population_stability(np.full(100, 5.0), np.full(100, value)) > 1


def test_a_shifted_distribution_is_an_alert_and_a_small_one_is_not() -> None:
    rng = np.random.default_rng(1)
    ids = [f"p{n}" for n in range(5_000)]
    same, other = rng.normal(size=5_000), rng.normal(1, 1, size=5_000)
    before = pa.table({"profile_id": ids, "x": same, "y": same})
    after = pa.table({"profile_id": ids, "x": rng.normal(size=5_000), "y": other})
    drift = audit_segments(after, {}, previous=before).drift
    assert drift is not None
    assert drift.psi["x"] < 0.01
    assert drift.psi["y"] > 0.5
    assert drift.alerts == (f"the distribution of y has shifted (PSI {drift.psi['y']:.2f})",)


def test_pictures_are_png_and_the_same_every_time() -> None:
    audit = audit_segments(
        table(a="xxx...", b=".xx...", c="......"), SPECS, previous=table(a="xxxxxx", b="......")
    )
    assert audit.drift is not None
    for picture in (
        draw_sizes({"$a_b$": 3, "b": 0}),
        draw_overlap(audit),
        draw_drift(audit.drift),
        draw_sizes({}),
    ):
        assert picture.startswith(b"\x89PNG")
    assert draw_overlap(audit) == draw_overlap(audit)

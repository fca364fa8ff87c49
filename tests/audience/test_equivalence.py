"""Properties: one meaning in every format; one profile alone as among all; no order of rows that matters."""

from __future__ import annotations

import csv
import json
import random
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audience import FEATURES, add_features, arrow_schema, read_audience
from audience.arrow import arrow_type
from audience.rfm import rfm_cuts
from audience.snapshot import fingerprint_tables
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES, PROFILE_ATTRIBUTES, Attribute
from tests.audience.shop import NOW, workspace

PROFILE = {
    "name": {"type": "string"},
    "points": {"type": "integer"},
    "spend": {"type": "number"},
    "member": {"type": "boolean"},
    "born": {"type": "date"},
    "joined": {"type": "timestamp"},
    "tags": {"type": "list", "items": {"type": "string"}},
}
words = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs"), exclude_characters="\u2028"), max_size=8
)
tag = words.filter(lambda w: w and ";" not in w and w[0] not in "[{")
rows = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.none() | words.map(lambda w: w or None),
            "points": st.none() | st.integers(-(2**63), 2**63 - 1),
            "spend": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "member": st.none() | st.booleans(),
            "born": st.none() | st.dates(min_value=date(1000, 1, 1)),
            "joined": st.none()
            | st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 29), timezones=st.just(UTC)),
            "tags": st.none() | st.lists(tag, min_size=1, max_size=3),
        }
    ),
    max_size=6,
)


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(value)
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows)
def test_a_value_means_the_same_in_every_format(values):
    people = [{"profile_id": f"p{n}", **row} for n, row in enumerate(values)]
    names = ["profile_id", *PROFILE]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with (root / "p.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows([text(row[name]) for name in names] for row in people)
        lines = [json.dumps(row, default=lambda d: d.isoformat(), ensure_ascii=False) for row in people]
        (root / "p.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        kinds = {name: arrow_type(Attribute.model_validate(kind)) for name, kind in PROFILE.items()}
        columns = {
            name: pa.array([row[name] for row in people], kinds.get(name, pa.string())) for name in names
        }
        pa.parquet.write_table(pa.table(columns), root / "p.parquet")
        found = [
            read_audience(root, workspace(PROFILE, profiles={"path": f"p.{kind}"}), now=NOW)
            for kind in ("csv", "jsonl", "parquet")
        ]
    expected = [{name: row[name] for name in names} for row in people]
    for audience in found:
        assert not audience.report.problems
        assert audience.profiles.select(names).to_pylist() == expected
        assert audience.fingerprint == found[0].fingerprint


events = st.lists(
    st.fixed_dictionaries(
        {
            "profile_id": st.sampled_from(["a", "b", "c"]),
            "item_id": st.none() | st.sampled_from(["x", "y", "z", "gone"]),
            "event": st.sampled_from(
                ["product_viewed", "product_added", "order_completed", "product_removed", "page_viewed"]
            ),
            "at": st.integers(-86_400, 400 * 86_400).map(lambda s: NOW - timedelta(seconds=s)),
            "quantity": st.none() | st.integers(1, 5),
            "amount": st.none() | st.floats(0, 1e4),
        }
    ),
    max_size=25,
)


def table(schema, records):
    kind = arrow_schema(schema)
    return pa.table({f.name: pa.array([r.get(f.name) for r in records], f.type) for f in kind})


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events, st.randoms(use_true_random=False))
def test_a_profile_alone_has_the_features_that_it_has_among_all(happened, chance: random.Random):
    people = [
        {"profile_id": p, "timezone": z} for p, z in (("a", "Europe/Oslo"), ("b", None), ("c", "Asia/Tokyo"))
    ]
    profiles = table(PROFILE_ATTRIBUTES, people)
    items = table(
        ITEM_ATTRIBUTES, [{"item_id": i, "category": c} for i, c in (("x", "X"), ("y", "X"), ("z", None))]
    )
    whole = add_features(profiles, table(INTERACTION_ATTRIBUTES, happened), items, now=NOW)
    cuts = rfm_cuts(whole, now=NOW)
    mixed = list(happened)
    chance.shuffle(mixed)
    interactions = table(INTERACTION_ATTRIBUTES, mixed)
    again = add_features(profiles, interactions, items, now=NOW)
    assert fingerprint_tables(again) == fingerprint_tables(whole)
    for position in range(3):
        alone = add_features(profiles.slice(position, 1), interactions, items, now=NOW, cuts=cuts)
        assert fingerprint_tables(alone) == fingerprint_tables(whole.slice(position, 1))
    for name, attribute in FEATURES.items():
        for value in whole.column(name).drop_null().to_pylist():
            assert attribute.min is None or attribute.min <= value <= attribute.max
            assert attribute.allowed is None or value in attribute.allowed

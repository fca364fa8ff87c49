"""Whatever bytes a source holds, reading ends in an audience or in one DataError."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audience import read_audience
from mailwright.errors import DataError
from tests.audience.shop import NOW, workspace

PROFILE = {
    "points": {"type": "integer"},
    "tags": {"type": "list", "items": {"type": "object", "fields": {"a": {"type": "date"}}}},
    "born": {"type": "timestamp"},
}
SPECS = {
    kind: workspace(PROFILE, profiles={"path": f"p.{kind}", "format": kind})
    for kind in ("csv", "jsonl", "segment", "parquet")
}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "traits", "email"]), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    [
        "profile_id",
        "email",
        "points",
        "tags",
        "born",
        "consent",
        "type",
        "userId",
        "traits",
        "context",
        "timestamp",
    ]
)
objects = st.lists(st.dictionaries(keys, json_values | st.just("identify"), max_size=6), max_size=4)


def read(kind: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"p.{kind}").write_bytes(data)
        try:
            audience = read_audience(Path(folder), SPECS[kind], now=NOW, rejects_dir=Path(folder) / "out")
        except DataError:
            return
    report = audience.report.sources["profiles"]
    assert report.read == report.kept + report.rejected.total()
    assert audience.profiles.num_rows == report.kept


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["jsonl", "segment", "parquet"]), st.binary(max_size=60))
@example("parquet", b"PAR1" + b"\x00" * 8 + b"PAR1")
@example("jsonl", b'{"profile_id": "a", "profile_id": "b"}\n')
@example("jsonl", b"[" * 2000)
@example("jsonl", b'{"profile_id": "\\ud800"}')
def test_any_bytes(kind, data):
    read(kind, data)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.sampled_from('ab,"\r\n;[]{}1é\x00\ufeff '), max_size=40), st.booleans())
@example('profile_id,points\n"a', True)
def test_any_table(text, with_header):
    head = "profile_id,email,points\n" if with_header else ""
    read("csv", (head + text).encode())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["jsonl", "segment"]), objects)
@example("jsonl", [{"profile_id": "a", "tags": []}])
@example("jsonl", [{"profile_id": "a", "tags": [{}]}, {"profile_id": "b", "tags": [None]}])
def test_any_objects(kind, found):
    read(kind, "".join(json.dumps(one) + "\n" for one in found).encode())

"""Calls by Segment's spec become profiles and interactions."""

from __future__ import annotations

import json

from audience import read_audience
from tests.audience.shop import NOW, workspace

CALLS = [
    {
        "type": "identify",
        "userId": "u1",
        "anonymousId": "x",
        "messageId": "1",
        "timestamp": "2026-11-01T10:00:00.000Z",
        "traits": {"email": "kari@nord.example", "firstName": "Kari", "shoe size": 38},
        "context": {
            "locale": "no-NO",
            "timezone": "Europe/Oslo",
            "consent": {"categoryPreferences": {"newsletter": True, "offers": False}},
        },
    },
    {"type": "identify", "userId": "u1", "timestamp": "2026-10-01T10:00:00Z",
     "traits": {"firstName": "K.", "plan": "a"}},
    {"type": "identify", "anonymousId": "nobody", "traits": {"email": "who@nord.example"}},
    {
        "type": "track",
        "anonymousId": "x",
        "event": "Product Viewed",
        "messageId": "2",
        "timestamp": "2026-11-02T10:00:00Z",
        "properties": {"product_id": "cap", "category": "Hats"},
    },
    {
        "type": "track",
        "anonymousId": "x",
        "event": "Product Viewed",
        "messageId": "2",
        "timestamp": "2026-11-02T10:00:00Z",
        "properties": {"product_id": "cap"},
    },
    {
        "type": "track",
        "userId": "u1",
        "event": "Order Completed",
        "messageId": "3",
        "originalTimestamp": "2026-11-03T10:00:00+01:00",
        "properties": {
            "order_id": "o-1",
            "total": 95.0,
            "products": [
                {"product_id": "cap", "price": 12.5, "quantity": 2, "category": "Hats"},
                {"sku": "tent", "price": "70", "category": "Camping"},
            ],
        },
    },
    {"type": "alias", "previousId": "old", "userId": "u1"},
    {"type": "track", "userId": "old", "event": "Email Opened", "timestamp": "2026-11-04T10:00:00Z"},
    {"type": "track", "userId": "u1", "event": "Order Completed", "timestamp": "2026-11-05T10:00:00Z",
     "properties": {"products": [{"product_id": "cap", "price": "free"}]}},
    {"type": "page", "userId": "u1", "name": "Home"},
    {"hello": 1},
]  # fmt: skip


def test_one_file_of_calls_is_profiles_and_interactions(tmp_path):
    (tmp_path / "calls.jsonl").write_text("\n".join(map(json.dumps, CALLS)) + "\n{oops\n", encoding="utf-8")
    spec = workspace(
        {"first_name": {"type": "string", "pii": "direct"}},
        {"category": {"type": "string"}, "order_id": {"type": "string"}},
        profiles={"path": "calls.jsonl", "format": "segment"},
        items={"path": "items.csv"},
        interactions={"path": "calls.jsonl", "format": "segment"},
    )
    (tmp_path / "items.csv").write_text("item_id,title\ncap,Cap\ntent,Tent\n")
    audience = read_audience(tmp_path, spec, now=NOW)
    (kari,) = audience.profiles.to_pylist()
    assert (kari["profile_id"], kari["first_name"], kari["locale"], kari["consent"]) == (
        "u1",
        "Kari",
        "no-NO",
        ["newsletter"],
    )
    rows = [tuple(row.values())[1:] for row in audience.interactions.to_pylist()]
    assert [(r[0], r[1], r[2].isoformat()[:16], r[3], r[4], r[5], r[6]) for r in rows] == [
        ("cap", "product_viewed", "2026-11-02T10:00", 1, None, "Hats", None),
        ("cap", "order_completed", "2026-11-03T09:00", 2, 25.0, "Hats", "o-1"),
        ("tent", "order_completed", "2026-11-03T09:00", 1, 70.0, "Camping", "o-1"),
        (None, "email_opened", "2026-11-04T10:00", 1, None, None, None),
    ]
    assert {(p.source, p.row, p.what) for p in audience.report.problems} >= {
        ("profiles", 3, "nobody: neither userId nor a known anonymousId"),
        ("profiles", 11, "not a call: it has no type"),
        ("interactions", 9, "not a number"),
    }
    notes = " | ".join(audience.report.notes)
    assert "delivered twice, counted once (1)" in notes
    assert "page calls left out (1)" in notes
    assert "trait 'plan' is not declared (1)" in notes
    assert "trait 'shoe size' is not declared (1)" in notes

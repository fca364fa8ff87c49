"""A workspace of a few lines for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mailwright.model import WorkspaceSpec

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def workspace(profile: Any = None, event: Any = None, **data: Any) -> WorkspaceSpec:
    """Profiles come from profiles.csv, and every row may be rejected, unless ``data`` says otherwise."""
    more = {name: data.pop(name) for name in ("identity", "retention", "expect", "item") if name in data}
    return WorkspaceSpec.model_validate(
        {
            "name": "Shop",
            "sender": {"name": "Shop", "email": "shop@shop.example"},
            "data": {"profiles": {"path": "profiles.csv"}, "max_reject_rate": 1, **data},
            "profile": profile or {},
            "event": event or {},
            **more,
        }
    )

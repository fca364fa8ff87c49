"""The example shop: its size, its dirt, that it is the same every time and that tastes can be found in it."""

from __future__ import annotations

import hashlib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import yaml

from audience import read_audience
from mailwright.model import WorkspaceSpec

SHOP = Path(__file__).parents[2] / "examples" / "shop"


def make(out: Path, seed: int) -> Path:
    found = spec_from_file_location("shop_generate", SHOP / "generate.py")
    module = module_from_spec(found)
    found.loader.exec_module(module)
    module.generate(out, seed)
    return out


@pytest.fixture(scope="module")
def spec() -> WorkspaceSpec:
    return WorkspaceSpec.model_validate(
        yaml.safe_load((SHOP / "mailwright.yaml").read_text(encoding="utf-8"))
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("shop"), 7)


@pytest.fixture(scope="module")
def audience(shop, spec):
    return read_audience(shop, spec, now=spec.clock)


def digest(root: Path) -> dict[str, str]:
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(shop, tmp_path):
    again = digest(make(tmp_path / "again", 7))
    assert again == digest(shop)
    other = digest(make(tmp_path / "other", 8))
    assert all(other[name] != again[name] for name in again if name.startswith("data/"))


def test_it_has_the_promised_size_and_all_the_dirt(audience):
    assert (audience.profiles.num_rows, audience.items.num_rows, audience.interactions.num_rows) == (
        5000,
        600,
        120_000,
    )
    profiles = audience.profiles.to_pylist()
    assert {p["locale"].split("-")[0] for p in profiles if p["locale"]} == {"en", "no", "nb", "sv", "de"}
    assert {p["currency"] for p in profiles} == {"NOK", "SEK", "EUR", "GBP", "USD"}
    assert sum(p["first_name"] is None for p in profiles) > 500
    assert sum(p["unsubscribed"] for p in profiles) > 100
    assert sum(p["last_seen_at"] is None for p in profiles) > 300
    names = {p["first_name"] for p in profiles}
    assert {"<script>alert(1)</script>", "Åse", "Ольга", "小林"} <= names
    report = audience.report
    assert report.email_problems["no_address"] == 25
    assert report.email_problems.total() == 85
    assert report.shared_addresses >= 90
    assert report.sources["interactions"].rejected == {
        "at: in the future": 100,
        "profile_id: unknown": 100,
        "item_id: unknown": 100,
        "quantity: below 1": 100,
    }
    assert not report.sources["interactions"].set_aside
    items = audience.items.to_pylist()
    assert 10 < sum(not item["in_stock"] for item in items) < 90
    assert len({item["title"] for item in items}) > 590
    assert len({item["category"] for item in items}) == 10


def test_every_picture_is_there_and_small(shop, audience):
    pictures = {shop / image for image in audience.items.column("image").to_pylist()}
    assert 60 <= len(pictures) <= 100
    assert all(p.read_bytes().startswith(b"\x89PNG") and p.stat().st_size < 8192 for p in pictures)


def test_people_keep_to_their_tastes(audience):
    """Half of a profile's views predict the other half's shelf far better than everybody's views do."""
    views = audience.interactions.to_pandas().query("event == 'product_viewed'")
    views = views[views.groupby("profile_id")["at"].transform("size") >= 10]
    order = views.groupby("profile_id").cumcount() % 2
    own = views[order == 0].groupby("profile_id")["category"].agg(lambda c: c.mode()[0])
    rest = views[order == 1]
    hits = np.mean(rest["category"].to_numpy() == rest["profile_id"].map(own).to_numpy())
    chance = rest["category"].value_counts(normalize=True).max()
    assert hits > chance + 0.15


def test_the_generators_clock_is_the_workspaces(spec):
    assert "CLOCK = datetime(2026, 11, 20, 9, tzinfo=UTC)" in (SHOP / "generate.py").read_text(
        encoding="utf-8"
    )
    assert spec.clock.isoformat() == "2026-11-20T09:00:00+00:00"

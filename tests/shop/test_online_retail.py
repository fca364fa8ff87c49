"""The same pipeline on a real shop's transactions: ingest, then the newsletter over all customers."""

import os
from pathlib import Path

import pytest

from mailwright.engine import plan
from mailwright.progress import Stages
from mailwright.run import render_campaign
from mailwright.workspace import open_workspace
from tests.cli.conftest import cli  # noqa: F401 the fixture
from tests.shop.test_example_shop import request_for


@pytest.fixture
def online_retail() -> Path:
    path = os.environ.get("MAILWRIGHT_ONLINE_RETAIL")
    if not path or not Path(path).exists():
        pytest.skip("NOT TESTED ON THE REAL SHOP: set MAILWRIGHT_ONLINE_RETAIL to online_retail.parquet")
    return Path(path)


def test_the_newsletter_reaches_every_customer_of_the_real_shop(cli, online_retail, tmp_path):  # noqa: F811
    shop = tmp_path / "retail"
    done = cli("ingest", "online-retail", online_retail, "--workspace", shop)
    assert done.code == 0, done.err
    report = done.data
    assert report["rows"] == 541_909
    assert 4_250 < report["profiles"] < 4_400
    assert report["left_out"]["return"] > 8_000
    assert report["left_out"]["no customer"] > 130_000
    assert {"no goods", "no price"} <= set(report["left_out"])

    made = plan(request_for(shop, "newsletter", now=open_workspace(shop).spec.clock, workers=2), Stages())
    rendering = render_campaign(made, None)
    assert rendering.rendered == report["profiles"] == made.everyone.num_rows
    assert not rendering.skipped
    assert rendering.sources["collaborative"] > rendering.sources.total() / 2
    assert rendering.largest < 102 * 1024

"""The real shop, and a tiny one of its shape with one line of everything that is wrong in it."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml

from audience import ingest_online_retail, read_audience
from mailwright.errors import DataError
from mailwright.model import WorkspaceSpec

REAL = os.environ.get("MAILWRIGHT_ONLINE_RETAIL", "")

LINES = [
    ("1", "10001", "RED MUG", 6, "2011-06-01 10:00:00", 2.5, 7, "United Kingdom"),
    ("1", "10001", "RED MUG", 2, "2011-06-01 10:00:00", 2.5, 7, "United Kingdom"),
    ("1", "POST", "POSTAGE", 1, "2011-06-01 10:00:00", 18.0, 7, "United Kingdom"),
    ("2", "10001", "RED  MUG ", 4, "2011-12-01 10:00:00", 2.5, 7, "United Kingdom"),
    ("2", "10002", "BLUE JUG", 1, "2011-12-01 10:00:00", 0.0, 7, "United Kingdom"),
    ("3", "10002", "jug, blue", 5, "2011-12-02 10:00:00", 4.0, 8, "EIRE"),
    ("C0", "10001", "RED MUG", -1, "2011-01-03 10:00:00", 2.5, 7, "United Kingdom"),
    ("C4", "10001", "RED MUG", -4, "2011-12-03 10:00:00", 2.5, 7, "United Kingdom"),
    ("C5", "10002", "BLUE JUG", -2, "2011-12-03 10:00:00", 4.0, 8, "EIRE"),
    ("C6", "10002", "BLUE JUG", -9, "2011-12-03 10:00:00", 4.0, 9, "France"),
    ("7", "10002", "BLUE JUG", 1, "2011-12-03 10:00:00", 4.0, None, "France"),
]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    names = [
        "InvoiceNo",
        "StockCode",
        "Description",
        "Quantity",
        "InvoiceDate",
        "UnitPrice",
        "CustomerID",
        "Country",
    ]
    path = tmp_path / "tiny.parquet"
    pa.parquet.write_table(pa.table(dict(zip(names, map(list, zip(*LINES, strict=True)), strict=True))), path)
    return path


def read(folder: Path):
    spec = WorkspaceSpec.model_validate(
        yaml.safe_load((folder / "mailwright.yaml").read_text(encoding="utf-8"))
    )
    return read_audience(folder, spec, now=spec.clock, strict=True)


def test_every_line_is_bought_returned_or_counted(tiny, tmp_path):
    report = ingest_online_retail(tiny, tmp_path / "shop")
    assert report["left_out"] == {"no customer": 1, "no goods": 1, "no price": 1, "return": 4}
    assert report["lines_merged"] == 1
    assert report["returns"] == {
        "lines": 4,
        "undid_a_purchase": 1,
        "made_one_smaller": 1,
        "without_a_purchase": 2,
    }
    assert report["customers_without_goods"] == 1
    assert any("consent" in line for line in report["assumed"])
    assert orjson.loads((tmp_path / "shop" / "ingest-report.json").read_bytes()) == report
    audience = read(tmp_path / "shop")
    rows = audience.interactions.select(["profile_id", "item_id", "quantity", "amount"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [("7", "10001", 8, 20.0), ("8", "10002", 3, 12.0)]
    assert audience.items.column("title").to_pylist() == ["Red mug", "jug, blue"]
    assert audience.profiles.column("email").to_pylist() == ["7@example.com", "8@example.com"]
    assert rows
    assert audience.interactions.column("at").to_pylist()[0].isoformat() == "2011-06-01T09:00:00+00:00"


def test_a_second_ingest_keeps_what_was_edited(tiny, tmp_path):
    ingest_online_retail(tiny, tmp_path / "shop")
    (tmp_path / "shop" / "segments.yaml").write_text("mine: { rule: 'TRUE' }\n", encoding="utf-8")
    ingest_online_retail(tiny, tmp_path / "shop")
    assert (tmp_path / "shop" / "segments.yaml").read_text(encoding="utf-8").startswith("mine")


def test_another_file_is_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "other.parquet"
    pa.parquet.write_table(pa.table({"StockCodes": ["1"]}), path)
    with pytest.raises(DataError, match="no column 'InvoiceNo'"):
        ingest_online_retail(path, tmp_path / "shop")
    with pytest.raises(DataError, match="there is no file"):
        ingest_online_retail(tmp_path / "none.parquet", tmp_path / "shop")
    path.write_text("not parquet")
    with pytest.raises(DataError, match="not a Parquet file"):
        ingest_online_retail(path, tmp_path / "shop")
    assert not (tmp_path / "shop").exists()


@pytest.mark.skipif(not Path(REAL).is_file(), reason="REAL SHOP NOT TESTED: set MAILWRIGHT_ONLINE_RETAIL")
def test_the_real_shop_becomes_a_workspace(tmp_path):
    report = ingest_online_retail(Path(REAL), tmp_path)
    audience = read(tmp_path)
    assert audience.profiles.num_rows == report["profiles"] == 4334
    assert (
        report["rows"]
        == 541_909
        == sum(report["left_out"].values())
        + report["lines_merged"]
        + (report["interactions"] + report["returns"]["undid_a_purchase"])
    )
    heart = audience.items.to_pandas().set_index("item_id").loc["85123A"]
    assert (heart["title"], heart["price"], heart["currency"]) == (
        "White hanging heart t-light holder",
        2.95,
        "GBP",
    )
    assert audience.interactions.column("amount").to_pandas().max() < 80_000, (
        "the order of 80,995 was returned"
    )

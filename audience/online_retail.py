"""A workspace out of the UCI "Online Retail" data set: a real shop, with all that is wrong in one."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from audience.arrow import query
from audience.files import replace_files
from mailwright.errors import DataError, did_you_mean

IngestReport = Mapping[str, Any]
"""Rows read, what was made of them, and what was left out and why; JSON can carry it."""

_COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
_SQL = Path(__file__).with_name("online_retail.sql").read_text(encoding="utf-8")
_WORKSPACE = Path(__file__).with_name("online_retail_workspace")


def ingest_online_retail(path: Path, workspace_dir: Path) -> IngestReport:
    """Build a workspace in ``workspace_dir``: YAML, data as Parquet and ``ingest-report.json``.

    Profiles are the customers with at least one line of goods, items the stock codes of goods with their
    most usual description, interactions the purchases, one a customer, invoice and item. A return takes
    back the latest earlier purchase of the same item. Consent to the newsletter is assumed, as the data set
    knows nothing of consent; the report says so. YAML files that are already there are kept, data replaced.
    Raises ``DataError`` when the file is not that data set.
    """
    lines = _read(path)
    judged = query(_SQL, lines=lines)
    kept = judged.filter(pc.is_null(judged.column("left_out")))
    left_out = Counter(judged.column("left_out").drop_null().to_pylist())
    if not kept.num_rows:
        raise DataError(f"{path}: no line is a purchase of goods by a customer")
    profiles, items = query(_PROFILES_SQL, kept=kept), query(_ITEMS_SQL, kept=kept)
    items = items.set_column(1, "title", pa.array([_readable(t) for t in items.column("title").to_pylist()]))
    bought = query(_PURCHASES_SQL, kept=kept)
    back = judged.filter(pc.equal(judged.column("left_out"), "return"))
    interactions, returns = _take_back(bought, back)
    report = {
        "rows": lines.num_rows,
        "profiles": profiles.num_rows,
        "items": items.num_rows,
        "interactions": interactions.num_rows,
        "left_out": dict(sorted(left_out.items())),
        "lines_merged": kept.num_rows - bought.num_rows,
        "returns": returns,
        "customers_without_goods": pc.count_distinct(lines.column("CustomerID")).as_py() - profiles.num_rows,
        "assumed": [
            "every customer agreed to the newsletter: the data set knows nothing of consent",
            "addresses are <CustomerID>@example.com: the data set has none",
            "invoice times are the shop's, Europe/London",
        ],
    }
    tables = {"profiles": profiles, "items": items, "interactions": interactions}
    _write(workspace_dir, tables, report)
    return report


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise DataError(f"there is no file {path}", fix="give the path of online_retail.parquet")
    try:
        names = pa.parquet.read_schema(path).names
        for name in _COLUMNS:
            if name not in names:
                near = did_you_mean(name, names)
                raise DataError(
                    f"{path}: not the Online Retail data set: it has no column {name!r}", fix=near
                )
        return pa.parquet.read_table(path, columns=list(_COLUMNS))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a Parquet file: {error}") from error


_PROFILES_SQL = """
SELECT profile_id, profile_id || '@example.com' AS email, ['newsletter'] AS consent,
    nullif(arg_min(country, ("at", country)), 'Unspecified') AS country
FROM kept GROUP BY profile_id ORDER BY profile_id
"""
_ITEMS_SQL = """
WITH titles AS (SELECT item_id, title, count(*) AS n FROM kept GROUP BY ALL),
    prices AS (SELECT item_id, price, count(*) AS n FROM kept GROUP BY ALL),
    first_sold AS (SELECT item_id, min("at") AS added_at FROM kept GROUP BY ALL)
SELECT item_id, coalesce(first(title ORDER BY t.n DESC, title), item_id) AS title,
    first(price ORDER BY p.n DESC, price) AS price, 'GBP' AS currency,
    'https://shop.example.com/item/' || item_id AS url, any_value(added_at) AS added_at
FROM titles AS t JOIN prices AS p USING (item_id) JOIN first_sold USING (item_id)
GROUP BY item_id ORDER BY item_id
"""
_PURCHASES_SQL = """
SELECT profile_id, item_id, 'order_completed' AS event, min("at") AS "at", sum(quantity)::BIGINT AS quantity,
    sum(round(quantity * price * 100)::HUGEINT) / 100 AS amount, order_id
FROM kept GROUP BY profile_id, item_id, order_id ORDER BY profile_id, "at", order_id, item_id
"""


def _take_back(bought: pa.Table, back: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    """Purchases less what was returned: the latest one of the same item before the return goes first."""
    rows = bought.to_pylist()
    purchases: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        purchases[row["profile_id"], row["item_id"]].append(row)
    counts = Counter({"lines": 0, "undid_a_purchase": 0, "made_one_smaller": 0, "without_a_purchase": 0})
    returned = back.sort_by([("at", "ascending"), ("order_id", "ascending"), ("item_id", "ascending")])
    for row in returned.to_pylist():
        counts["lines"] += 1
        pieces = -row["quantity"]
        earlier = [p for p in purchases[row["profile_id"], row["item_id"]] if p["at"] <= row["at"]]
        for purchase in sorted(earlier, key=lambda p: p["at"], reverse=True):
            taken = min(pieces, purchase["quantity"])
            if taken <= 0:
                continue
            purchase["amount"] = round(purchase["amount"] * (1 - taken / purchase["quantity"]), 2)
            purchase["quantity"] -= taken
            pieces -= taken
            counts["made_one_smaller" if purchase["quantity"] else "undid_a_purchase"] += 1
        counts["without_a_purchase"] += pieces > 0
    left = [row for row in rows if row["quantity"] > 0]
    return pa.Table.from_pylist(left, schema=bought.schema), dict(counts)


def _readable(title: str) -> str:
    """The catalogue shouts; a mail does not: "WHITE HANGING HEART" → "White hanging heart"."""
    return title[:1].upper() + title[1:].lower() if title.isupper() else title


def _write(folder: Path, tables: dict[str, pa.Table], report: IngestReport) -> None:
    files: dict[str, bytes] = {}
    for name, table in tables.items():
        sink = io.BytesIO()
        pa.parquet.write_table(table, sink, compression="zstd")
        files[f"data/{name}.parquet"] = sink.getvalue()
    files["ingest-report.json"] = orjson.dumps(report, option=orjson.OPT_INDENT_2)
    for source in sorted(_WORKSPACE.rglob("*.yaml")):
        name = source.relative_to(_WORKSPACE).as_posix()
        if not (folder / name).exists():
            files[name] = source.read_bytes()
    replace_files(folder, files)

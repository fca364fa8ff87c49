"""Make the data and pictures of Fjord & Field: ``python examples/shop/generate.py [--seed 7] [--out DIR]``.

Writes ``data/profiles.csv`` (5,000 profiles), ``data/items.jsonl`` (600 items), ``data/interactions.parquet``
(120,000 interactions of the year before the workspace's clock), each with a little dirt on top, and the
items' pictures in ``assets/``. The same seed gives the same bytes. What people do comes of hidden tastes
(maker/visits.py), so that there is something true for recommendations to find.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from maker.catalogue import Catalogue, make_catalogue  # noqa: E402
from maker.people import People, make_people  # noqa: E402
from maker.pictures import draw_pictures  # noqa: E402
from maker.visits import make_visits  # noqa: E402

CLOCK = datetime(2026, 11, 20, 9, tzinfo=UTC)
"""The ``clock`` of mailwright.yaml."""


def generate(out: Path, seed: int = 7) -> None:
    """Write ``data/`` and ``assets/`` under ``out``; files that are there are replaced."""
    rng = np.random.default_rng(seed)
    catalogue = make_catalogue(rng, CLOCK)
    people = make_people(rng, catalogue, CLOCK)
    visits = make_visits(rng, catalogue, people, CLOCK)
    sink = io.BytesIO()
    pa.parquet.write_table(visits, sink, compression="zstd")
    pictures = {f"assets/{name}": data for name, data in draw_pictures(catalogue.items).items()}
    files = {
        "data/profiles.csv": _profiles_csv(people),
        "data/items.jsonl": _items_jsonl(catalogue),
        "data/interactions.parquet": sink.getvalue(),
        **pictures,
    }
    for name, data in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(data)
        part.replace(path)


def _profiles_csv(people: People) -> bytes:
    """One row a person, then rows that should not be: numbers given twice, a row without one, one torn."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(people.rows[0]), lineterminator="\n")
    writer.writeheader()
    for number in range(30):
        old: dict[str, Any] = people.rows[number * 137] | {"points": "", "city": "", "consent": "newsletter"}
        writer.writerow(old)
    writer.writerows(people.rows)
    writer.writerow(people.rows[4] | {"customer_number": ""})
    text.write("FF-99999,torn@post.example,no\n")
    return text.getvalue().encode()


def _items_jsonl(catalogue: Catalogue) -> bytes:
    """One line an item; the dirt: a line twice, one without a title, one that is no JSON."""
    items = [catalogue.items[10] | {"price": 1.0}, *catalogue.items, {"item_id": "JAC-999", "price": 10.0}]
    lines = [json.dumps(item, ensure_ascii=False) for item in items] + ['{"item_id": "JAC-998", "title":']
    return ("\n".join(lines) + "\n").encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--out", type=Path, default=HERE, help="the folder to write into (default: the example)"
    )
    arguments = parser.parse_args()
    generate(arguments.out, arguments.seed)


if __name__ == "__main__":
    main()

"""A small copy of the example shop: everything of it, but few people."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"
MADE = ("data", "assets", ".mailwright", "out", "maker", "__pycache__")
PEOPLE = 400


def small_shop(folder: Path, people: int = PEOPLE) -> Path:
    """The example shop with its first ``people`` profiles, and those with a ``<script>`` in their name."""
    shutil.copytree(SHOP, folder, ignore=shutil.ignore_patterns(*MADE))
    subprocess.run([sys.executable, str(SHOP / "generate.py"), "--out", str(folder)], check=True)
    _cut(folder / "data", people)
    return folder


def _cut(data: Path, people: int) -> None:
    with (data / "profiles.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or ())
        rows = [row for row in reader if row["customer_number"]]
    first = {row["customer_number"]: row for row in rows[30 : 30 + people]}
    first |= {row["customer_number"]: row for row in rows if "<" in (row["first_name"] or "")}
    with (data / "profiles.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(first.values())
    events = pq.read_table(data / "interactions.parquet")
    kept = pc.is_in(events["profile_id"], value_set=pa.array(list(first), pa.string()))
    pq.write_table(events.filter(kept), data / "interactions.parquet")

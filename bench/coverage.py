"""Who gets which block, for a whole audience: ``python bench/coverage.py --json [--profiles 1000000]``.

The reference newsletter's three conditional slots over profiles in one frame: nothing is rendered. Prints
``profiles``; ``choose_s``, the blocks and their fallbacks of all profiles; ``count_s``, the coverage made of
them; ``profiles_per_s`` of both together; ``variants``; ``peak_mb``, the frame included; and ``adds_up``,
whether each slot that everybody sees was given to all profiles, and each profile has one variant.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.newsletter import NOW, audience, compiled_newsletter
from bench.render import high_water  # and this folder off the path
from render import choose_blocks
from render.coverage import choice_coverage

DRAWN = 20_000
"""Profiles that are written out; more are these again with other ids and points."""


def frame(profiles: int) -> pa.Table:
    """An audience of that size."""
    drawn = audience(0, min(DRAWN, profiles))
    table = pa.concat_tables([drawn] * -(-profiles // drawn.num_rows)).slice(0, profiles)
    points = np.random.default_rng(0).integers(0, 1_000, profiles)
    own = {"profile_id": [f"p-{n:07}" for n in range(profiles)], "points": points}
    for name, values in own.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return table


def measure(profiles: int) -> dict[str, Any]:
    """Seconds of the columnar passes over that many profiles."""
    compiled, _ = compiled_newsletter()
    people = frame(profiles)
    began = time.perf_counter()
    choices = choose_blocks(compiled, people, now=NOW)
    choose_s = time.perf_counter() - began
    coverage = choice_coverage(compiled, choices)
    seconds = time.perf_counter() - began
    given = {name: 0 for name, slot in compiled.all_slots.items() if not slot.optional}
    for block in coverage.blocks:
        if block.slot in given:
            given[block.slot] += block.chosen
    return {
        "profiles": profiles,
        "choose_s": round(choose_s, 3),
        "count_s": round(seconds - choose_s, 3),
        "profiles_per_s": round(profiles / seconds),
        "variants": len(coverage.variants),
        "peak_mb": high_water(),
        "adds_up": all(count == profiles for count in given.values())
        and sum(coverage.variants.values()) == coverage.recipients == profiles,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    parser.add_argument("--profiles", type=int, default=1_000_000)
    given = parser.parse_args()
    print(json.dumps(measure(given.profiles), indent=None if given.json else 2))  # noqa: T201


if __name__ == "__main__":
    main()

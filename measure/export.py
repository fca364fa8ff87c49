"""Results for other programs: one JSON object, CSV for a spreadsheet, Parquet for a warehouse."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mailwright.errors import DataError
from measure.experiments import ExperimentResult
from measure.results import Results
from measure.verdict import Verdict

EXPERIMENTS = pa.schema(
    [
        ("experiment", pa.string()),
        ("version", pa.string()),
        ("arm", pa.string()),
        ("control", pa.bool_()),
        ("metric", pa.string()),
        ("share", pa.float64()),
        ("profiles", pa.int64()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("revenue", pa.float64()),
        ("difference", pa.float64()),
        ("difference_low", pa.float64()),
        ("difference_high", pa.float64()),
        ("p", pa.float64()),
        ("always_low", pa.float64()),
        ("always_high", pa.float64()),
        ("always_p", pa.float64()),
        ("verdict", pa.string()),
        ("verdict_text", pa.string()),
    ]
)
"""One row an arm; the differences are to the control, and NULL in its own row."""


def as_json(results: Results) -> dict[str, Any]:
    """The results as plain values; what is unknown is null. Breakdown rows are grouped by dimension."""
    breakdown: dict[str, list[dict[str, Any]]] = {}
    for row in results.breakdown.to_pylist():
        breakdown.setdefault(row.pop("dimension"), []).append(row)
    rule = results.attribution
    return {
        "campaign": results.campaign,
        "occasion": results.occasion,
        "now": results.now.isoformat(),
        "simulated": results.simulated,
        "attribution": {
            "credit": rule.credit,
            "touch": rule.touch,
            "window_days": rule.window.total_seconds() / 86400,
            "events": list(rule.events),
        },
        "totals": {
            key: value for key, value in breakdown.pop("all")[0].items() if key not in ("name", "value")
        },
        "breakdown": breakdown,
        "over_time": _over_time(results),
        "experiments": [
            _experiment(result, verdict)
            for result, verdict in zip(results.experiments, results.verdicts, strict=True)
        ],
        "lift": None
        if results.lift is None
        else _known(
            asdict(results.lift)
            | {"extra_buyers": results.lift.extra_buyers, "extra_revenue": results.lift.extra_revenue}
        ),
        "set_aside": dict(results.set_aside),
        "notes": list(results.notes),
    }


def _over_time(results: Results) -> dict[str, Any] | None:
    """The periods of each value of each dimension, in their order; of the whole under ``all``."""
    if results.over_time is None:
        return None
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in results.over_time.table.to_pylist():
        rows.setdefault(row.pop("dimension"), []).append({**row, "period": row["period"].isoformat()})
    return {"days": results.over_time.days, "rows": rows}


def as_csv(table: pa.Table) -> str:
    """A table as CSV; a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([_cell(value) for value in row.values()])
    return out.getvalue()


def export_results(results: Results, folder: Path) -> tuple[Path, ...]:
    """Write ``breakdown.parquet``, ``experiments.parquet``, ``breakdown.csv`` and ``results.json``; where the
    results have them, ``over_time.parquet`` and ``over_time.csv`` too.

    The schemas are documented in docs/measure.md; ``measure_results(…, facts_to=…)`` writes the rows of
    single messages. Raises DataError when the folder cannot be written.
    """
    scope = {
        "campaign": results.campaign,
        "occasion": results.occasion,
        "now": results.now.isoformat(),
        "simulated": str(results.simulated).lower(),
    }
    marks = {f"mailwright.{key}": value for key, value in scope.items() if value is not None}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tables = {"breakdown": results.breakdown, "experiments": experiments_table(results)}
        texts = {"breakdown": results.breakdown}
        if results.over_time is not None:
            tables["over_time"] = texts["over_time"] = results.over_time.table
        paths = [folder / f"{name}.parquet" for name in tables]
        for path, table in zip(paths, tables.values(), strict=True):
            pq.write_table(table.replace_schema_metadata(marks), path, compression="zstd")
        for name, table in texts.items():
            paths.append(folder / f"{name}.csv")
            paths[-1].write_text(as_csv(table), encoding="utf-8")
        data = folder / "results.json"
        data.write_bytes(orjson.dumps(as_json(results), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    except OSError as error:
        raise DataError(f"cannot write the results to {folder}: {error}") from error
    return (*paths, data)


def experiments_table(results: Results) -> pa.Table:
    """``EXPERIMENTS``: one row an arm of each version of each experiment."""
    rows = []
    for result, verdict in zip(results.experiments, results.verdicts, strict=True):
        compared = {one.arm: one for one in result.comparisons}
        for arm in result.arms:
            one = compared.get(arm.name)
            row = {
                "experiment": result.name,
                "version": result.version,
                "arm": arm.name,
                "control": arm.name == result.control,
                "metric": result.metric,
                "share": arm.share,
                "profiles": arm.profiles,
                "value": arm.value,
                "low": arm.low,
                "high": arm.high,
                "revenue": arm.revenue,
                "verdict": verdict.kind,
                "verdict_text": verdict.text,
            }
            if one is not None:
                row |= {
                    "difference": one.difference,
                    "difference_low": one.low,
                    "difference_high": one.high,
                    "p": one.p,
                    "always_low": one.always_low,
                    "always_high": one.always_high,
                    "always_p": one.always_p,
                }
            rows.append(_known(row))
    return pa.Table.from_pylist(rows, schema=EXPERIMENTS)


def _experiment(result: ExperimentResult, verdict: Verdict) -> dict[str, Any]:
    return {
        "name": result.name,
        "version": result.version,
        "current": result.spec is not None,
        "metric": result.metric,
        "control": result.control,
        "arms": [_known({**asdict(arm), "hits": dict(arm.hits)}) for arm in result.arms],
        "comparisons": [_known(asdict(one)) for one in result.comparisons],
        "ratio_p": _known({"p": result.ratio_p})["p"],
        "balanced": result.is_balanced,
        "crossed": result.crossed,
        "verdict": asdict(verdict),
    }


def _known(values: dict[str, Any]) -> dict[str, Any]:
    """NaN and infinity, which JSON does not have, as None."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value

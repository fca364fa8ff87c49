"""The data-quality report: every expectation of the data, how many rows fail it, and examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from audience.address import ADDRESS_ATTRIBUTES
from audience.arrow import query
from audience.order import flat
from audience.report import AudienceReport, Finding, Problem, shown
from mailwright.errors import DataError, did_you_mean
from mailwright.model.audience import Expectation
from mailwright.model.schema import (
    INTERACTION_ATTRIBUTES,
    ITEM_ATTRIBUTES,
    PROFILE_ATTRIBUTES,
    Attribute,
    Schema,
)
from mailwright.model.workspace import WorkspaceSpec

EXAMPLES = 3


def check_expectations(tables: Mapping[str, pa.Table], spec: WorkspaceSpec, report: AudienceReport) -> None:
    """Fill ``report.findings``: what the schema asks for, failed or met; then ``expect``."""
    schemas: dict[str, Schema] = {
        "profiles": PROFILE_ATTRIBUTES | ADDRESS_ATTRIBUTES | spec.profile,
        "items": ITEM_ATTRIBUTES | spec.item,
        "interactions": INTERACTION_ATTRIBUTES | spec.event,
    }
    report.findings = [*_of_schema(report), *_as_declared(tables, schemas, report)]
    for number, expectation in enumerate(spec.expect):
        schema = schemas[expectation.source]
        if expectation.attribute not in schema:
            raise DataError(
                f"mailwright.yaml: expect[{number}]: unknown attribute {expectation.attribute!r}",
                fix=did_you_mean(expectation.attribute, schema),
            )
        report.findings.append(_check(tables[expectation.source], expectation, schema))


def _of_schema(report: AudienceReport) -> list[Finding]:
    grouped: dict[tuple[str, str, str, str], list[Problem]] = defaultdict(list)
    for problem in report.problems:
        grouped[problem.source, problem.attribute, problem.what, problem.outcome].append(problem)
    return [
        Finding(
            source=source,
            attribute=attribute,
            expectation=f"not {what}" if not what.startswith("not ") else what.removeprefix("not "),
            failing=len(problems),
            rows=report.sources[source].read,
            holds=False,
            gate=False,
            examples=tuple(f"row {p.row}: {p.shown}" for p in problems[:EXAMPLES]),
        )
        for (source, attribute, what, _), problems in sorted(grouped.items())
    ]


def _as_declared(
    tables: Mapping[str, pa.Table], schemas: Mapping[str, Schema], report: AudienceReport
) -> list[Finding]:
    """Every attribute that has values and nothing wrong with them: what the schema expects of it, met."""
    wrong = {(problem.source, problem.attribute) for problem in report.problems}
    return [
        Finding(source, name, _declared(attribute), 0, report.sources[source].read, holds=True, gate=False)
        for source, schema in schemas.items()
        if source in report.sources
        for name, attribute in schema.items()
        if (source, name) not in wrong and name not in ADDRESS_ATTRIBUTES
        if tables[source].num_rows and tables[source].column(name).null_count < tables[source].num_rows
    ]


def _declared(attribute: Attribute) -> str:
    parts = [f"as declared: {attribute.type}"]
    parts += ["required"] if attribute.required else []
    parts += [f"one of {', '.join(map(str, attribute.allowed))}"] if attribute.allowed else []
    parts += [f"at least {attribute.min}"] if attribute.min is not None else []
    parts += [f"at most {attribute.max}"] if attribute.max is not None else []
    return ", ".join(parts)


def _check(table: pa.Table, expectation: Expectation, schema: Schema) -> Finding:
    condition, text, params = _condition(expectation)
    attribute = expectation.attribute
    column = pa.table({"x": flat(table.column(attribute)), "n": np.arange(table.num_rows)})
    sql = f"SELECT x FROM (SELECT x, n, {condition} AS holds FROM t) WHERE holds = false ORDER BY n"  # noqa: S608 only ours
    failing = query(sql, params, t=column)
    rows = table.num_rows
    pii = schema[attribute].pii
    values: list[Any] = failing.column("x").slice(0, EXAMPLES).to_pylist()
    return Finding(
        source=expectation.source,
        attribute=attribute,
        expectation=text,
        failing=failing.num_rows,
        rows=rows,
        holds=rows == 0 or 1 - failing.num_rows / rows >= expectation.at_least,
        gate=expectation.gate,
        examples=tuple(shown(value, pii) for value in values),
    )


def _condition(expectation: Expectation) -> tuple[str, str, dict[str, Any]]:
    """SQL over the column ``x``, the same in words, and its parameters. Only ``not_null`` minds a NULL."""
    if expectation.not_null:
        return "x IS NOT NULL", "known", {}
    if expectation.unique:
        return "x IS NULL OR count(*) OVER (PARTITION BY x) = 1", "unique", {}
    if expectation.matches is not None:
        pattern = {"pattern": expectation.matches}
        return "regexp_full_match(x::VARCHAR, $pattern)", f"of the form {expectation.matches}", pattern
    if expectation.between is not None:
        low, high = expectation.between
        return "x BETWEEN $low AND $high", f"between {low:g} and {high:g}", {"low": low, "high": high}
    among = list(expectation.among or ())
    return "list_contains($among, x::VARCHAR)", "one of " + ", ".join(among), {"among": among}

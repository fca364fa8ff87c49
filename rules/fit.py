"""How kinds come together: integers become numbers, dates instants, quoted dates what they are met by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime

from sqlglot import exp

from rules.check import Scope, written
from rules.kind import DATE, INTEGER, NULL, NUMBER, STRING, TIMESTAMP, Kind, meet
from rules.tree import Const, Convert, Node


def fit(node: Node, kind: Kind) -> Node | None:
    """``node`` as a value of ``kind``, or None when it cannot be one.

    Integers become numbers, dates instants, and text constants dates or instants where they say one.
    """
    if node.kind == kind or node.kind == NULL:
        return replace(node, kind=kind)
    if isinstance(node, Const) and node.kind == STRING and kind in (DATE, TIMESTAMP):
        said = read_date(node.value) if kind == DATE else read_instant(node.value)
        return None if said is None else replace(node, kind=kind, value=said)
    if meet(node.kind, kind) != kind:
        return None
    if isinstance(node, Const):
        value = float(node.value) if kind == NUMBER else read_instant(node.value.isoformat())
        return replace(node, kind=kind, value=value)
    return Convert(operand=node, kind=kind, text=node.text)


def read_date(text: str) -> date | None:
    """The date that ``2026-11-20`` says."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_instant(text: str) -> datetime | None:
    """The instant that an ISO 8601 text says; without an offset it is meant in UTC."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def unify(nodes: Iterable[Node], tree: exp.Expr, scope: Scope) -> list[Node]:
    """The nodes, all of one kind in which they can be compared."""
    found = list(nodes)
    kind = NULL
    for node in sorted(found, key=lambda each: isinstance(each, Const)):
        wider = node.kind if kind == NULL else meet(kind, node.kind)
        if wider is None and isinstance(node, Const) and node.kind == STRING and kind in (DATE, TIMESTAMP):
            if fit(node, kind) is None and (kind == TIMESTAMP or read_instant(node.value) is None):
                scope.fail(
                    tree, f"{node.text} is no {kind}", "write '2026-11-20' or '2026-11-20 18:30:00+01:00'"
                )
            wider = kind if fit(node, kind) is not None else TIMESTAMP
        if wider is None:
            scope.fail(
                tree, f"{kind.a} cannot meet {node.kind.a}: {written(tree)}", kinds_fix(kind, node.kind)
            )
        kind = wider
    fitted = [fit(node, kind) for node in found]
    return [node for node in fitted if node is not None]


TIME_FIX = "write '2026-11-20' or '2026-11-20 18:30:00+01:00'"


def kinds_fix(a: Kind, b: Kind) -> str | None:
    if "list" in (a.name, b.name):
        return "ask a list with has(list, value) or len(list)"
    if STRING in (a, b) and {a, b} & {INTEGER, NUMBER}:
        return "write numbers without quotes and texts with them"
    return None

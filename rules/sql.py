"""Checked tree to SQL text, in any dialect of ``rules/dialects.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from rules.dialects import phrase, quote, translate
from rules.functions.zones import known_zones
from rules.interval import Interval
from rules.kind import INTEGER, NUMBER, STRING, Kind
from rules.tree import (
    ONE,
    RUN,
    All,
    Any_,
    Arith,
    Attr,
    Bucket,
    Call,
    Case,
    Compare,
    Const,
    Convert,
    Events,
    In,
    Is,
    Like,
    Node,
    Not,
    Now,
    Segment,
    Shift,
)

_LONG = 400
"""Characters of an operand above which a template that repeats it is replaced by one that does not, so that
nested arithmetic cannot grow without bound."""


@dataclass
class Writer:
    """Writes nodes as SQL of one dialect; the callables say where names are found.

    ``aggregates`` collects the aggregates over events that were met: SQL → its column. They count on rows of
    the future being left out.
    """

    dialect: str
    now: str
    attribute: Callable[[Attr], str]
    segment: Callable[[str], str]
    profile_id: str
    at: str
    """The column of an event's instant."""
    event: Callable[[str], str]
    """The test of an event's name."""
    cutoff: Callable[[Interval], str]
    aggregate: Callable[[str], str]
    aggregates: dict[str, str] = field(default_factory=dict)

    def write(self, node: Node) -> str:
        """``node`` as an SQL expression that can stand anywhere."""
        return _WRITERS[type(node)](self, node)

    def phrase(self, key: str, *operands: str) -> str:
        """The dialect's template for ``key``, filled."""
        return phrase(self.dialect, key).format(*operands)

    def shift(self, text: str, by: Interval) -> str:
        """The SQL of an instant, moved."""
        if by.months:
            text = self.phrase("add_months", text, f"({by.months})")
        return self.phrase("add_seconds", text, f"({by.seconds})") if by.seconds else text


def constant(dialect: str, value: Any, kind: Kind) -> str:
    """A literal of a kind."""
    if value is None:
        return f"CAST(NULL AS {phrase(dialect, kind.name)})" if kind.name in _TYPED else "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return f"({value})" if value < 0 else str(value)
    if isinstance(value, float):
        text = repr(value) if "e" in repr(value) else f"{value!r}e0"
        return text if value >= 0 else f"({text})"
    if isinstance(value, datetime):
        said = value.replace(tzinfo=None).isoformat(" ", "microseconds") + phrase(dialect, "utc")
        return phrase(dialect, "literal_timestamp").format(quote(dialect, said))
    if isinstance(value, date):
        return phrase(dialect, "literal_date").format(quote(dialect, value.isoformat()))
    if isinstance(value, list | tuple):
        inner = kind.element or kind
        return phrase(dialect, "list").format(", ".join(constant(dialect, each, inner) for each in value))
    return quote(dialect, str(value))


_TYPED = {"string", "integer", "number", "boolean", "date", "timestamp"}


def _attr(writer: Writer, node: Attr) -> str:
    text = writer.attribute(node)
    if node.kind == NUMBER:
        text = writer.phrase("known_number", text)
    if node.default is None:
        return text
    return f"COALESCE({text}, {constant(writer.dialect, node.default, node.kind)})"


def _bucket(writer: Writer, node: Bucket) -> str:
    template = phrase(writer.dialect, "bucket")
    return "(" + template.format(salt=quote(writer.dialect, node.salt), id=writer.profile_id) + ")"


def _convert(writer: Writer, node: Convert) -> str:
    return writer.phrase(f"to_{node.kind.name}", writer.write(node.operand))


def _compare(writer: Writer, node: Compare) -> str:
    left, right = writer.write(node.left), writer.write(node.right)
    if node.left.kind == STRING and node.op not in ("=", "<>"):
        left, right = writer.phrase("text_order", left), writer.phrase("text_order", right)
    return f"({left} {node.op} {right})"


def _is(writer: Writer, node: Is) -> str:
    text = writer.write(node.operand)
    if node.what is None:
        # PostgreSQL holds a row of nothing but NULLs to be NULL itself; an object of missing members is there
        whole_row = writer.dialect == "postgres" and node.operand.kind.name == "object"
        return f"({text} IS {'NOT DISTINCT FROM ' if whole_row else ''}NULL)"
    return f"COALESCE({text if node.what else f'NOT {text}'}, FALSE)"


def _in(writer: Writer, node: In) -> str:
    return f"({writer.write(node.operand)} IN ({', '.join(writer.write(option) for option in node.options)}))"


def _like(writer: Writer, node: Like) -> str:
    literal = "".join(piece for piece in node.pattern if isinstance(piece, str))
    clause = phrase(writer.dialect, "like_escape")
    escape = "!" if clause else "\\"  # BigQuery knows the backslash only, without saying so
    special = f"%_{escape}"
    pattern = ""
    for piece in node.pattern:
        if isinstance(piece, str):
            pattern += "".join(escape + letter if letter in special else letter for letter in piece)
        else:
            pattern += {RUN: "%", ONE: "_"}[piece]
    text, said = writer.write(node.operand), quote(writer.dialect, pattern)
    if node.fold:
        text, said = writer.phrase("lower", text), writer.phrase("lower", said)
    needed = clause and set(literal) & set(special + "\\")
    return f"({text} LIKE {said}" + (f" ESCAPE {clause})" if needed else ")")


def _arith(writer: Writer, node: Arith) -> str:
    left, right = writer.write(node.left), writer.write(node.right)
    text = writer.phrase(f"{node.kind.name} {node.op}", left, right)
    if node.kind == INTEGER:
        return text
    return "(" + writer.phrase("finite" if len(text) < _LONG else "finite_long", text) + ")"


def _shift(writer: Writer, node: Shift) -> str:
    moved = writer.shift(writer.write(node.operand), node.by)
    return "(" + writer.phrase("in_years", moved) + ")"


def _case(writer: Writer, node: Case) -> str:
    branches = "".join(
        f" WHEN {writer.write(test)} THEN {writer.write(value)}" for test, value in node.branches
    )
    return f"(CASE{branches} ELSE {writer.write(node.default)} END)"


def _call(writer: Writer, node: Call) -> str:
    templates = node.form.sql
    template = templates.get(writer.dialect) or translate(templates["duckdb"], writer.dialect)
    args = [writer.write(arg) for arg in node.args]
    zones = (
        ", ".join(quote(writer.dialect, zone) for zone in sorted(known_zones())) if _ZONES in template else ""
    )
    return "(" + template.format(*args, now=writer.now, zones=zones) + ")"


_ZONES = "{zones}"


def _events(writer: Writer, node: Events) -> str:
    where = [writer.event(node.event)]
    if node.window is not None:
        where.append(f"{writer.at} > {writer.cutoff(node.window)}")
    if node.where is not None:
        where.append(writer.write(node.where))
    value = "" if node.field is None else writer.write(node.field)
    how = f"sum {node.kind.name}" if node.how == "sum" else node.how
    text = phrase(writer.dialect, how).format(value, where=" AND ".join(where), at=writer.at)
    if text not in writer.aggregates:
        writer.aggregates[text] = f"a{len(writer.aggregates)}"
    total = how.replace("sum", "total") if node.how == "sum" else f"total {node.how}"
    return writer.phrase(total, writer.aggregate(writer.aggregates[text]))


_WRITERS: dict[type[Node], Callable[[Writer, Any], str]] = {
    All: lambda writer, node: "(" + " AND ".join(writer.write(term) for term in node.terms) + ")",
    Any_: lambda writer, node: "(" + " OR ".join(writer.write(term) for term in node.terms) + ")",
    Arith: _arith,
    Attr: _attr,
    Bucket: _bucket,
    Call: _call,
    Case: _case,
    Compare: _compare,
    Const: lambda writer, node: constant(writer.dialect, node.value, node.kind),
    Convert: _convert,
    Events: _events,
    In: _in,
    Is: _is,
    Like: _like,
    Not: lambda writer, node: f"(NOT {writer.write(node.operand)})",
    Now: lambda writer, _node: writer.now,
    Segment: lambda writer, node: writer.segment(node.name),
    Shift: _shift,
}

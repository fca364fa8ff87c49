"""A rule as a query in a warehouse's own dialect."""

from __future__ import annotations

import re
import sys
from datetime import datetime

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from mailwright.errors import Location, RuleError, UsageError, did_you_mean
from rules.dialects import DIALECTS, phrase, quote
from rules.kind import TIMESTAMP
from rules.sql import Writer, constant
from rules.tree import Attr, Call, Events, Node, walk


def rule_query(
    tree: Node, dialect: str, at: Location, profiles: str, interactions: str, now: datetime | None
) -> str:
    """The query that ``Rule.sql`` promises, parsed back by sqlglot before it is given out."""
    if dialect not in DIALECTS:
        raise UsageError(f"unknown dialect {dialect!r}", fix=did_you_mean(dialect, DIALECTS))
    for name in (profiles, interactions):
        if not _TABLE.fullmatch(name):
            raise UsageError(f"{name!r} is no table's name", fix="write schema.table")
    _check_sayable(tree, dialect, at)
    writer = _writer(dialect, now)
    where = writer.write(tree)
    query = f"SELECT p.profile_id FROM {profiles} AS p"  # noqa: S608 the names are checked above
    if writer.aggregates:
        columns = ", ".join(f"{text} AS {alias}" for text, alias in writer.aggregates.items())
        names = {node.event for node in walk(tree) if isinstance(node, Events)}
        events = ", ".join(quote(dialect, name) for name in sorted(names))
        query = (
            f"WITH e AS (SELECT i.profile_id, {columns} FROM {interactions} AS i"  # noqa: S608
            f" WHERE i.event IN ({events}) AND i.at <= {writer.now} GROUP BY i.profile_id) {query}"
            " LEFT JOIN e ON e.profile_id = p.profile_id"
        )
    limit = sys.getrecursionlimit()
    try:
        # The generated query is some times deeper than the rule, which is bounded (rules/read.py).
        sys.setrecursionlimit(max(limit, _FRAMES))
        (pretty,) = sqlglot.transpile(f"{query} WHERE {where}", read=dialect, write=dialect, pretty=True)
    except (SqlglotError, RecursionError) as error:
        raise RuleError(f"the rule cannot be said in {dialect}: {error}", at=at) from error
    finally:
        sys.setrecursionlimit(limit)
    return pretty


_FRAMES = 20_000


_TABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}", re.ASCII)


def _writer(dialect: str, now: datetime | None) -> Writer:
    clock = "CURRENT_TIMESTAMP" if now is None else constant(dialect, now, TIMESTAMP)
    writer = Writer(
        dialect=dialect,
        now=clock,
        attribute=lambda node: _attribute(dialect, node),
        segment=lambda name: f"COALESCE(p.{_name(dialect, f'segment:{name}')}, FALSE)",
        profile_id="p.profile_id",
        at="i.at",
        event=lambda name: f"i.event = {quote(dialect, name)}",
        cutoff=lambda window: writer.shift(clock, -window),
        aggregate=lambda column: f"e.{column}",
    )
    return writer


def _attribute(dialect: str, node: Attr) -> str:
    top, *rest = node.path
    text = f"{'i' if node.of_event else 'p'}.{_name(dialect, top)}"
    for member in rest:
        template = phrase(dialect, "member")
        text = template.format(text, quote(dialect, member), name=_name(dialect, member))
    if rest and dialect in ("snowflake", "redshift") and node.kind.name not in ("list", "object"):
        text = f"CAST({text} AS {phrase(dialect, node.kind.name)})"  # members of semi-structured values
    return text


def _name(dialect: str, name: str) -> str:
    """An identifier, quoted only where it must be: quotes make it case-sensitive in some warehouses."""
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) is not None and name not in _RESERVED
    return str(exp.to_identifier(name, quoted=not plain).sql(dialect=dialect))


_RESERVED = frozenset(
    word
    for line in (
        "all and any array as asc at between by case cast check column create cross current date default",
        "delete desc distinct else end except exists false for from full grant group having in inner insert",
        "intersect interval into is join left like limit not null of on or order outer primary qualify",
        "references right row rows select set some start table tag then time timestamp to true union unique",
        "update user using values when where window with",
    )
    for word in line.split()
)


def _check_sayable(tree: Node, dialect: str, at: Location) -> None:
    for node in walk(tree):
        if isinstance(node, Call) and node.form.sql.get(dialect) == "":
            raise RuleError(
                f"{node.name} cannot be said in {dialect}", at=at, fix="compute it as a column there"
            )

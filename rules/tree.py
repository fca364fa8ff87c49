"""The checked tree of a rule: what every evaluator walks. All names in it exist and all kinds fit.

``text`` is the node as its author could have written it, for explanations. ``Attr``, ``Segment``, ``Events``,
``Bucket`` and ``Call`` are the operands that an explanation lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from rules.interval import Interval
from rules.kind import BOOLEAN, Kind

if TYPE_CHECKING:
    from rules.functions import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An expression: its kind, and its text."""

    kind: Kind = BOOLEAN
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Const(Node):
    """A literal; ``value`` is None for NULL."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Attr(Node):
    """An attribute of the profile, or (``of_event``) a field of the event that a filter looks at.

    The rest is the schema's: ``default`` stands in when the value is missing, ``allowed``, ``low`` and
    ``high`` bound what it can be.
    """

    path: tuple[str, ...]
    default: Any = None
    allowed: tuple[Any, ...] | None = None
    low: Any = None
    high: Any = None
    of_event: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Now(Node):
    """The clock of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(Node):
    """Whether the profile is in a segment: never unknown."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket(Node):
    """``identity.bucket(salt, profile_id)``: the profile's stable number in [0, 1)."""

    salt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Events(Node):
    """An aggregate over the profile's events named ``event`` in (now - window, now] where ``where`` holds.

    ``count`` and ``sum`` are 0 where there are none, ``last`` (an instant) is NULL.
    """

    how: Literal["count", "sum", "last"]
    event: str
    window: Interval | None = None
    where: Node | None = None
    field: Attr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """A function of one of the files of ``rules/functions``; NULL when any argument is."""

    name: str
    form: Form
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convert(Node):
    """An integer as a number, or a date as the instant of its midnight in UTC."""

    operand: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(Node):
    """``op`` is one of = <> < <= > >=; both sides have the same kind."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class All(Node):
    """AND."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Any_(Node):  # noqa: N801 `Any` is taken
    """OR."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Node):
    """NOT: unknown stays unknown."""

    operand: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Is(Node):
    """IS NULL, IS TRUE or IS FALSE (``what``): never unknown."""

    operand: Node
    what: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class In(Node):
    """Equal to any of ``options`` (constants); unknown when to none of them and one of them is NULL."""

    operand: Node
    options: tuple[Const, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Like(Node):
    """``pattern`` is literal pieces, with ``RUN`` for ``%`` and ``ONE`` for ``_``; ``fold`` ignores case."""

    operand: Node
    pattern: tuple[str | int, ...]
    fold: bool = False


RUN, ONE = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Arith(Node):
    """``op`` is one of + - * / %. NULL where it has no value: division by zero, overflow."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift(Node):
    """An instant moved by an interval."""

    operand: Node
    by: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Node):
    """The value of the first branch whose condition holds, else ``default``."""

    branches: tuple[tuple[Node, Node], ...]
    default: Node


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below, in reading order."""
    for each in fields(node):
        yield from _nodes(getattr(node, each.name))


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in reading order."""
    yield node
    for child in children(node):
        yield from walk(child)


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _nodes(each)

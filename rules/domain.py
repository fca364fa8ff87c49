"""What one operand of a rule could still be, as conditions on it are added up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rules.kind import BOOLEAN, INTEGER
from rules.tree import Attr, Bucket, Call, Convert, Events, Node, Segment


@dataclass
class Domain:
    """The values that all conditions so far allow: between ``low`` and ``high``, of ``among``, not ``never``.

    ``null`` is None while the operand may be known or missing.
    """

    whole: bool = False
    low: Any = None
    high: Any = None
    low_open: bool = False
    high_open: bool = False
    among: frozenset[Any] | None = None
    never: set[Any] = field(default_factory=set)
    null: bool | None = None

    def require(self, op: str, value: Any) -> None:
        """Adds ``operand op value``; the operand is then known."""
        self.be_null(False)
        if op == "=":
            self.be_among(frozenset([value]))
        elif op == "<>":
            self.never.add(value)
        elif op in (">", ">=") and (self.low is None or value >= self.low):
            self.low_open = op == ">" or (self.low_open and value == self.low)
            self.low = value
        elif op in ("<", "<=") and (self.high is None or value <= self.high):
            self.high_open = op == "<" or (self.high_open and value == self.high)
            self.high = value

    def be_among(self, values: frozenset[Any]) -> None:
        """Adds that the operand is one of ``values``, and known."""
        self.be_null(False)
        self.among = values if self.among is None else self.among & values

    def be_null(self, null: bool) -> None:
        """Adds that the operand is missing, or that it is known; both is impossible."""
        if self.null is not None and self.null != null:
            self.among = frozenset()
        self.null = null

    @property
    def empty(self) -> bool:
        """Whether nothing is left."""
        if self.among is not None:
            return not any(self._allows(value) for value in self.among)
        if self.null or self.low is None or self.high is None:
            return False
        if self.whole:
            first, last = self._ends()
            return all(value in self.never for value in range(first, min(last, first + len(self.never)) + 1))
        if self.low == self.high:
            return self.low_open or self.high_open or self.low in self.never
        return bool(self.low > self.high)

    def _ends(self) -> tuple[int, int]:
        first, last = int(self.low // 1), int(-(-self.high // 1))
        first += first < self.low or (self.low_open and first == self.low)
        last -= last > self.high or (self.high_open and last == self.high)
        return first, last

    def _allows(self, value: Any) -> bool:
        if value in self.never or (self.whole and value != value // 1):
            return False
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return self.high is None or value < self.high or (value == self.high and not self.high_open)


def domain_of(node: Node) -> Domain:
    """What an operand can be before any condition: by its schema, or by what computes it."""
    inner = node.operand if isinstance(node, Convert) else node
    domain = Domain(whole=inner.kind == INTEGER)
    if isinstance(inner, Attr) and (inner is node or inner.kind == INTEGER):
        domain.low, domain.high = inner.low, inner.high
        if inner.allowed is not None:
            domain.among = frozenset(inner.allowed)
    if isinstance(inner, Attr) and inner.default is not None:
        domain.null = False
        if domain.among is not None:
            domain.among |= {inner.default}
        domain.low = None if domain.low is None else min(domain.low, inner.default)
        domain.high = None if domain.high is None else max(domain.high, inner.default)
    elif isinstance(inner, Events) and inner.how == "count":
        domain.low, domain.null = 0, False
    elif isinstance(inner, Bucket):
        domain.low, domain.high, domain.high_open, domain.null = 0.0, 1.0, True, False
    elif isinstance(inner, Call):
        domain.low, domain.high = inner.form.low, inner.form.high
    elif isinstance(inner, Segment):
        domain.null = False
    if node.kind == BOOLEAN:
        domain.among = frozenset([True, False])
    return domain

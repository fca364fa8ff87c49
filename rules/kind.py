"""Kinds: the types that an expression of a rule can have, and which of them may meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailwright.model.schema import Attribute


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of the rule language: the names of ``schema.AttributeType``, and ``null`` for the bare NULL."""

    name: str
    element: Kind | None = None
    fields: Mapping[str, Kind] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"list of {self.element}" if self.element is not None else self.name

    @property
    def a(self) -> str:
        """With its article."""
        return f"{'an' if self.name[0] in 'aeio' else 'a'} {self}"


STRING, INTEGER, NUMBER, BOOLEAN = Kind("string"), Kind("integer"), Kind("number"), Kind("boolean")
DATE, TIMESTAMP, NULL = Kind("date"), Kind("timestamp"), Kind("null")


def kind_of(attribute: Attribute) -> Kind:
    """The kind of a declared attribute, its elements and members included."""
    element = kind_of(attribute.items) if attribute.items is not None else None
    fields = {name: kind_of(member) for name, member in (attribute.fields or {}).items()}
    return Kind(attribute.type, element, fields)


def meet(a: Kind, b: Kind) -> Kind | None:
    """The kind in which two values can be compared, or None: an integer and a number meet as numbers, a date
    and a timestamp as timestamps (a date is its midnight in UTC), NULL and anything as that."""
    if a.name == b.name:
        if a.name == "list":
            return a if a.element is not None and b.element is not None and a.element == b.element else None
        return a if a.name != "object" else None
    if a == NULL or b == NULL:
        return b if a == NULL else a
    for pair, wider in (({"integer", "number"}, NUMBER), ({"date", "timestamp"}, TIMESTAMP)):
        if {a.name, b.name} == pair:
            return wider
    return None

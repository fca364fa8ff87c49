"""What is known to be there once a rule holds: the attributes that a block may show without a fallback."""

from __future__ import annotations

from rules import Rule
from rules.tree import All, Any_, Arith, Attr, Call, Compare, Convert, In, Is, Like, Node, Not, Shift

Names = frozenset[str]
NOTHING: Names = frozenset()


def known_when_holds(rule: Rule) -> Names:
    """The attributes (``first_name``, ``cart.items``) that cannot be missing where the rule holds."""
    return _known(rule.tree, True)


def _known(node: Node, outcome: bool) -> Names:
    """What cannot be missing where a condition comes to ``outcome``: SQL's unknown is neither."""
    match node:
        case All(terms=terms) | Any_(terms=terms):
            each = [_known(term, outcome) for term in terms]
            together = isinstance(node, All) is outcome
            return NOTHING.union(*each) if together else each[0].intersection(*each[1:])
        case Not(operand=operand):
            return _known(operand, not outcome)
        case Is(operand=operand, what=None):
            return NOTHING if outcome else _needed(operand)
        case Is(operand=operand, what=bool() as what):
            return _known(operand, what) if outcome else NOTHING
        case Compare(left=left, right=right):
            return _needed(left) | _needed(right)
        case In(operand=operand) | Like(operand=operand):
            return _needed(operand)
        case _:
            return _needed(node)


def _needed(node: Node) -> Names:
    """The attributes without which the value of an expression is NULL."""
    match node:
        case Attr(path=path, of_event=False):
            return frozenset(".".join(path[:count]) for count in range(1, len(path) + 1))
        case Call(args=args):
            return NOTHING.union(*map(_needed, args))
        case Arith(left=left, right=right):
            return _needed(left) | _needed(right)
        case Convert(operand=operand) | Shift(operand=operand):
            return _needed(operand)
        case _:
            return NOTHING

"""Says in one sentence why a slot shows what it shows."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from mailwright.model.trace import Outcome, SlotTrace

_SIGNS = {">=": "≥", "<=": "≤", "<>": "≠", "!=": "≠"}
_COMPARED = r"(?=\s*(?:>=|<=|<>|!=|<|>|NOT IN\b|IN\b|BETWEEN\b))"
_TEXT = r"('(?:[^']|'')*')"


def because(slot: SlotTrace) -> str:
    """ "because points 1,240 ≥ 500 and tier = 'gold'", or the trace's own reason where no rule decided."""
    for candidate in slot.candidates:
        if candidate.verdict != "chosen":
            continue
        deciding = [told(outcome) for outcome in candidate.outcomes if outcome.holds]
        if deciding:
            return "because " + " and ".join(deciding)
    return slot.reason


def told(outcome: Outcome) -> str:
    """The clause that decided, with the values it met: "points 1,240 ≥ 1,000", "tier is missing"."""
    parts = re.split(_TEXT, outcome.decided_by or outcome.rule)
    text = "".join(part if place % 2 else _readable(part) for place, part in enumerate(parts))
    for operand in sorted(outcome.operands, key=lambda one: -len(one.expression)):
        value = _short(operand.value)
        if value:
            here = rf"(?<![\w.'(]){re.escape(operand.expression)}{_COMPARED}"
            text = re.sub(here, lambda match, value=value: f"{match[0]} {value}", text)  # type: ignore[misc]
    for sign, shown in _SIGNS.items():
        text = text.replace(sign, shown)
    return text


def _readable(text: str) -> str:
    """Code between quoted texts: what is missing or known in words, numbers with their thousands."""
    text = re.sub(r"\bNOT ([\w.]+(?:\([\w.]*\))?) IS NULL\b", r"\1 is known", text)
    text = re.sub(r"\bIS NOT NULL\b", "is known", text)
    text = re.sub(r"\bIS NULL\b", "is missing", text)
    text = re.sub(r"\b(AND|OR)\b", lambda match: match[0].lower(), text)
    return re.sub(r"(?<![\w.])\d{4,}(?![\w.])", lambda match: f"{int(match[0]):,}", text)


def _short(value: Any) -> str:
    """A value that fits into a sentence; others are in the list below it."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, (int, float)):
        return f"{value:,}" if float(value).is_integer() else f"{value:,.2f}"
    if isinstance(value, date):
        return f"{value:%-d %b %Y}"
    return value if isinstance(value, str) and len(value) <= 24 else ""

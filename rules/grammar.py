"""What the language is made of."""

from __future__ import annotations

from sqlglot import exp

from rules.calls import call
from rules.check import Grammar
from rules.operands import OPERANDS
from rules.operators import OPERATORS

GRAMMAR: Grammar = {**OPERANDS, **OPERATORS, exp.Anonymous: call}

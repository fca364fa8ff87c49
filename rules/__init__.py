"""The one rule language: an SQL condition over a profile's attributes, segments and events.

Segments, block conditions, triggers, audience filters and aborts are all written in it. ``compile_rule``
checks a rule against a ``RuleCatalog``; ``evaluate_rules`` runs any number of them over a frame in DuckDB,
``Rule.holds`` runs one for one profile in microseconds, ``Rule.sql`` says it in a warehouse's dialect, and
all mean the same: what is missing is NULL, and an unknown condition does not hold.
"""

from rules.catalog import RuleCatalog
from rules.context import RuleContext
from rules.dialects import DIALECTS
from rules.events import EventView, event_views
from rules.frame import evaluate_rules
from rules.rule import Rule, compile_rule

__all__ = [
    "DIALECTS",
    "EventView",
    "Rule",
    "RuleCatalog",
    "RuleContext",
    "compile_rule",
    "evaluate_rules",
    "event_views",
]

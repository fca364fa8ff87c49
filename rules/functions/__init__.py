"""The functions of the rule language, one file each (a file may hold a few that belong together).

A file of this folder that has ``FUNCTIONS`` is found by itself: a new function is one new file. A function
has one or more forms (overloads); each says what it takes, what it gives, how Python computes it, and how SQL
says it. Both get only values that are known: a NULL argument makes the result NULL. Both must agree for
every value, which tests/rules/test_equivalence.py tries to refute.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from rules.functions.form import Form, Function

__all__ = ["Form", "Function", "functions"]


@cache
def functions() -> dict[str, Function]:
    """Every function of this folder, by name."""
    found: dict[str, Function] = {}
    for module in pkgutil.iter_modules(__path__):
        for function in getattr(importlib.import_module(f"{__name__}.{module.name}"), "FUNCTIONS", ()):
            found[function.name] = function
    return dict(sorted(found.items()))

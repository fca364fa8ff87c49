"""Checks that a mail must pass before it goes out; one file a check, found by being here.

``lint`` runs all of them over a compiled campaign and, when they are given, over rendered mails. A check is
a module with ``check(subject)`` that yields findings; docs/rendering.md has the table of thresholds.
"""

from render.checks.finding import Finding, as_github
from render.checks.run import lint

__all__ = ["Finding", "as_github", "lint"]

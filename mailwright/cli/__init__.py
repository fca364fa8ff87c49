"""The command line: ``mailwright COMMAND``. Each command is one file beside this one.

A command prints for people on stdout, or with ``--json`` one JSON object there and progress on stderr. It
exits with 0 when done, 1 when the work failed, 2 when it was called wrongly; never with a traceback, unless
``MAILWRIGHT_DEBUG`` is set.
"""

from mailwright.cli.main import app, main

__all__ = ["app", "main"]

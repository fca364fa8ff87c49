"""The command line: ``mailwright COMMAND``. Each command is one file of ``commands``.

A command prints for people on stdout, or with ``--json`` one JSON object there and progress on stderr. It
exits with 0 when done, 1 when the work failed, 2 when it was called wrongly; never with a traceback, unless
``MAILWRIGHT_DEBUG`` is set.
"""

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    The commands are imported here and not above: the processes that render import this package again, and
    need none of them (two seconds each).
    """
    try:
        from mailwright.cli.main import main as run
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run()

"""How often Python looks for garbage in a process that makes many objects and few cycles."""

from __future__ import annotations

import atexit
import gc


def collect_seldom() -> None:
    """For a process that makes rows by the thousand: they are in no cycles and go by themselves. Looking
    through them again and again was an eighth of the cost of a mail."""
    gc.set_threshold(100_000, 20, 50)


def settle_memory() -> None:
    """For a process that serves for long: what has been read stays, and is not looked through for garbage
    again and again while events come in (a third of their cost, with ten thousand profiles). What was settled
    before and is of no use any more goes."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    atexit.unregister(gc.unfreeze)
    atexit.register(gc.unfreeze)  # what is still frozen at the end, DuckDB reports as leaked, line by line
    collect_seldom()

"""A line of the navigation, which a module of ``preview/views`` may declare as ``ENTRY``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """``key`` is what a page gives as ``active`` to be marked; entries stand in the order of ``place``."""

    key: str
    href: str
    label: str
    place: int

"""Finds the pages: every module of ``preview/views`` that has ``ROUTES``, and its entry in the navigation."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache
from types import ModuleType

from starlette.routing import Route

from preview import views
from preview.entry import Entry


@cache
def view_modules() -> tuple[ModuleType, ...]:
    """The modules of pages, by name."""
    found = [
        importlib.import_module(f"{views.__name__}.{module.name}")
        for module in pkgutil.iter_modules(views.__path__)
    ]
    return tuple(module for module in found if hasattr(module, "ROUTES"))


def page_routes() -> list[Route]:
    """The addresses of all pages. Each module's own stand in the order in which they are tried."""
    routes: list[Route] = []
    for module in view_modules():
        own: Sequence[Route] = module.ROUTES
        routes += own
    return routes


def entries() -> tuple[Entry, ...]:
    """The navigation, from left to right."""
    found = [entry for module in view_modules() if isinstance(entry := getattr(module, "ENTRY", None), Entry)]
    return tuple(sorted(found, key=lambda entry: (entry.place, entry.label)))

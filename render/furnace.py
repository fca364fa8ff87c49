"""MJML and inlining in a process of their own, which can be killed when it takes too long or too much."""

from __future__ import annotations

from render.kiln import fire

__all__ = ["fire"]

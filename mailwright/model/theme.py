"""How mails look: colours by their role, each with its pair where the mail client is dark, and fonts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator

from mailwright.errors import did_you_mean
from mailwright.model.spec import Spec

Colour = Annotated[
    str, Field(pattern=r"^(?:#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6}|[a-z]+|(?:rgb|hsl)a?\([\d\s,.%/]+\))$")
]
Font = Annotated[str, Field(pattern=r"^[\w ,'.-]+$")]
"""Families, the first that there is counts: ``Georgia, 'Times New Roman', serif``."""

LIGHT = {
    "primary": "#1f4d43",
    "on_primary": "#ffffff",
    "accent_ink": "#a8481a",
    "band_accent": "#f2b48f",
    "background": "#f3f1ea",
    "surface": "#ffffff",
    "tint": "#f7f5ef",
    "text": "#24302c",
    "muted": "#5f6c66",
    "line": "#dcd9cd",
}
"""Roles of the shipped templates, and their colours where a workspace says nothing."""
DARK = {
    "background": "#121816",
    "surface": "#1b2421",
    "tint": "#222d29",
    "band": "#1f4d43",
    "text": "#eef1ec",
    "muted": "#a9b5af",
    "accent_ink": "#f2a074",
    "primary": "#9ad3c1",
    "on_primary": "#10231e",
    "line": "#36433e",
}


class Fonts(Spec):
    """Font stacks. Mails load no fonts: name what readers have."""

    text: Font = "Helvetica Neue, Helvetica, Arial, sans-serif"
    heading: Font = "Georgia, Times New Roman, serif"


class ThemeSpec(Spec):
    """Read in templates as ``theme.…``. Roles beside the shipped ones may be declared, a dark one for a light
    one that there is."""

    colours: dict[str, Colour] = Field(default_factory=lambda: dict(LIGHT))
    dark: dict[str, Colour] = Field(default_factory=lambda: dict(DARK))
    fonts: Fonts = Fonts()

    @field_validator("colours", mode="after")
    @classmethod
    def _all_roles(cls, colours: dict[str, str]) -> dict[str, str]:
        return LIGHT | colours

    @field_validator("dark", mode="after")
    @classmethod
    def _pairs(cls, dark: dict[str, str], info: Any) -> dict[str, str]:
        known: Mapping[str, str] = {**info.data.get("colours", {}), **DARK}
        for role in dark:
            if role not in known:
                hint = did_you_mean(role, known) or "declare it under colours too"
                raise ValueError(f"{role!r} has no light colour; {hint}")
        return DARK | dark

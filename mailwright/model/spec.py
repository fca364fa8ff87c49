"""The base of every concept that is written in YAML."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Spec(BaseModel):
    """A frozen record read from YAML; an unknown key is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _words(value: Any) -> Any:
    return str(value).upper() if isinstance(value, bool) else value


RuleText = Annotated[str, BeforeValidator(_words)]
"""A rule. ``TRUE`` without quotes, which YAML takes for a truth value, is one too."""

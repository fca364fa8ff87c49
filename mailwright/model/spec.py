"""The base of every concept that is written in YAML."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen record read from YAML; an unknown key is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

"""A trigger: an event that leads to a mail."""

from __future__ import annotations

from pydantic import Field

from mailwright.model.experiment import ExperimentSpec, HoldoutSpec
from mailwright.model.spec import Spec


class TriggerSpec(Spec):
    """One file of ``triggers/``: when ``on`` happens and ``when`` holds, wait, and send ``campaign``.

    An event of ``unless`` during the wait cancels it. ``wait`` is a duration such as ``30 minutes``.
    ``once_per`` names the attribute whose value makes the occasion.
    """

    on: str
    campaign: str
    when: str = "TRUE"
    wait: str = "0 minutes"
    unless: tuple[str, ...] = ()
    once_per: str | None = None
    description: str = Field(default="")
    experiments: dict[str, ExperimentSpec] = Field(default_factory=dict)
    """Beside those of the campaign."""
    holdout: HoldoutSpec | None = None

"""Winners of experiments, promoted by their stated rules: by a run, by a timer, by a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from audience import Audience
from mailwright.engine import read_workspace
from mailwright.experiments import Promoted, read_promotions, write_promotions
from mailwright.model.experiment import version_of
from mailwright.results import declared, question_of
from mailwright.workspace import Workspace
from measure import measure_results
from measure.promotion import Promotion, promote
from triggers.world import World

LOOKED_EVERY = timedelta(hours=1)
"""How often a server asks whether somebody has won."""


def promote_winners(
    workspace: Workspace, campaign: str, *, now: datetime, audience: Audience | None = None
) -> tuple[Promotion, ...]:
    """Promote the arms whose experiment's rule holds by what was really sent, once and for good.

    What is decided for each experiment that has a rule; nothing without one. What was promoted before stays.
    """
    found = declared(workspace, campaign, now)
    if not any(spec.winner is not None for spec in found.specs.values()):
        return ()
    question = question_of(workspace, now=now, audience=audience)
    asked = replace(question, campaign=campaign)
    results = measure_results(asked, experiments=found.specs, content=found.content)
    before = {(one.scope, one.experiment, one.version) for one in read_promotions(workspace)}
    decided, new = [], []
    for result in results.experiments:
        if result.spec is None or result.spec.winner is None:
            continue
        decision = promote(result, now)
        decided.append(decision)
        key = (found.scopes[result.name], result.name, result.version)
        if decision.arm is not None and key not in before:
            at = now.astimezone(UTC).isoformat(timespec="seconds")
            new.append(Promoted(*key, decision.arm, decision.why, at))
    write_promotions(workspace, new)
    return tuple(decided)


class Promoter:
    """``reread`` of a server (``triggers.Worker``) that promotes winners too, looking once an hour.

    What is promoted is written down as by every run, and comes into the mails when ``reread`` notices.
    """

    def __init__(self, workspace: Workspace, reread: Callable[[datetime], World | None]) -> None:
        self._workspace, self._reread = workspace, reread
        self._next: datetime | None = None

    def __call__(self, now: datetime) -> World | None:
        """Raises what reading and measuring raise; then the next look is an hour later."""
        if self._next is None or now >= self._next:
            self._next = now + LOOKED_EVERY
            self._promote(now)
        return self._reread(now)  # last: what it gives it gives once, and nothing may fail after it

    def _promote(self, now: datetime) -> None:
        """The audience is read once, and only while an experiment with a rule has no winner."""
        open_ones = [name for name in sorted(self._workspace.campaign_files) if self._undecided(name, now)]
        if not open_ones:
            return
        audience = read_workspace(self._workspace, now=now).audience
        for campaign in open_ones:
            promote_winners(self._workspace, campaign, now=now, audience=audience)

    def _undecided(self, campaign: str, now: datetime) -> bool:
        found = declared(self._workspace, campaign, now)
        decided = {(one.scope, one.experiment, one.version) for one in read_promotions(self._workspace)}
        return any(
            (found.scopes[name], name, version_of(name, spec, found.content[name])) not in decided
            for name, spec in found.specs.items()
            if spec.winner is not None
        )

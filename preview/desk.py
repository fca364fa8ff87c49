"""The desk: the plan of each campaign, kept current while files change under it.

A plan is made when somebody first looks at its campaign, by the stages of the engine. When a file is saved,
only the stages that read it run again. When that fails, the last plan that worked stays on the desk beside
the error, so that a picture never vanishes because of a typing mistake.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from mailwright.engine import SHIPPED, Plan, compile_mail, plan_campaign
from mailwright.errors import MailwrightError
from mailwright.experiments import versions_of
from mailwright.progress import Stages
from mailwright.workspace import Workspace, open_workspace
from preview.ground import Ground, read_ground, recommended, request_for, reread_campaigns, reread_segments
from preview.settings import PreviewSettings
from preview.sketch import (
    has_same_choices,
    has_same_rules,
    library_names,
    rehearse,
    sketch_plan,
    sketched_rows,
    with_compiled,
)
from preview.watched import Kind
from preview.work import Work
from render import choose_blocks


@dataclass(frozen=True)
class View:
    """What there is to see of a campaign: the last plan that worked, and what is wrong since, if anything."""

    plan: Plan
    ground: Ground
    error: MailwrightError | None = None
    settled: bool = True
    """Whether the whole audience's blocks have been chosen since the last save."""
    memo: dict[str, Any] = field(default_factory=dict)
    """What pages have computed from this plan and need again."""


COUNTED = ("census", "frames", "sheet")
"""What pages keep in ``memo`` that depends on the chosen blocks alone, not on their words."""


@dataclass
class _Held:
    plan: Plan
    ground: Ground
    choices_are_current: bool = True
    error: MailwrightError | None = None
    library_changed: bool = False
    saved: frozenset[Path] = frozenset()
    """Library files that were saved since the whole campaign was compiled."""
    sketch_is_due: bool = False
    """Whether some of them were saved since the last sketch."""
    sketch: Plan | None = None
    """A quick compile since the last save, until the whole one is there."""
    sketch_is_settled: bool = False
    """Whether the blocks chosen before the save are those of the sketch."""
    memo: dict[str, Any] = field(default_factory=dict)


class Desk:
    """The plans of one workspace. Safe to use from many threads."""

    def __init__(self, root: Path, settings: PreviewSettings) -> None:
        self.root = root.resolve()
        self.settings = settings
        self._lock = threading.RLock()
        self._queue = threading.Lock()
        self._shown: dict[str, list[frozenset[str]]] = {}
        self._ground: Ground | None = None
        self._ground_error: MailwrightError | None = None
        self._changed: set[Kind] = set()
        self._held: dict[str, _Held] = {}
        self._builds: dict[str, tuple[Future[View], Work]] = {}
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="desk")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def ground(self, stages: Stages | None = None, campaign: str | None = None) -> Ground:
        """What the campaigns stand on; ``campaign`` is compiled beside the reading of data, if they are read.

        Raises MailwrightError when it has never been whole.
        """
        with self._lock:
            if self._ground is None or self._changed:
                try:
                    self._ground = self._reread(stages or Stages(), campaign)
                    self._ground_error = None
                except MailwrightError as error:
                    if self._ground is None:
                        raise
                    self._ground_error = error
                self._changed.clear()
            return self._ground

    def workspace(self) -> Workspace:
        return self.ground().workspace

    def glance(self) -> Workspace:
        """The workspace's YAML at once, whatever is being computed; its data may not have been read yet."""
        if self._ground is None:
            return open_workspace(self.root)
        if not self._changed & {Kind.CONFIG, Kind.DATA} and self._lock.acquire(blocking=False):
            try:
                return self.ground().workspace
            finally:
                self._lock.release()
        return self._ground.workspace

    @property
    def ground_error(self) -> MailwrightError | None:
        """What is wrong in the workspace's files since they were last whole."""
        return self._ground_error

    def view(self, campaign: str, *, exact: bool = True, stages: Stages | None = None) -> View:
        """The campaign as it stands now. Raises MailwrightError when it has never worked.

        ``exact`` is for whoever counts: without it the blocks of the whole audience may be those from
        before the last save (those of a single profile are chosen when it is shown).
        """
        with self._lock:
            stages = stages or Stages()
            ground = self.ground(stages, campaign)
            held = self._held.get(campaign)
            if held is None:
                held = self._held[campaign] = _Held(
                    _whole_plan(ground, campaign, self.settings, stages), ground
                )
            elif held.ground is not ground:
                self._renew(
                    held, campaign, lambda: _whole_plan(ground, campaign, self.settings, stages), ground
                )
            elif held.library_changed:
                self._renew_library(held, campaign, stages)
            if exact and not held.choices_are_current:
                held.plan = _choose_again(held.plan)
                held.choices_are_current, held.memo = True, {}
            error = held.error or self._ground_error
            return View(held.plan, held.ground, error, held.choices_are_current, held.memo)

    def quick_view(self, campaign: str) -> View:
        """What there is to show of a single mail: after a save the sketch, before anything else is ready."""
        self.sketch(campaign)
        held = self._held.get(campaign)
        if held is not None and held.sketch is not None:
            return View(held.sketch, held.ground, None, settled=held.sketch_is_settled)
        return self.view(campaign, exact=False)

    def note_shown(self, campaign: str, blocks: Iterable[str]) -> None:
        """These are the blocks of a mail on somebody's screen, where there may be several; of one that is
        loaded again and again nobody sees those before."""
        now, before = frozenset(blocks), self._shown.get(campaign, [])
        self._shown[campaign] = [now] if before[-1:] == [now] else [*before[-3:], now]

    def sketch(self, campaign: str) -> bool:
        """Compile what is on somebody's screen, if library files were saved since it was. Returns whether
        there is a new picture: when the files do not work, the last one stays."""
        if self._due(campaign) is None:
            return False
        with self._lock:
            held = self._due(campaign)
            if held is None:
                return True  # another thread came first
            try:
                held.sketch = self._sketched(held, campaign)
            except MailwrightError:
                return False
            finally:
                held.sketch_is_due = False
            return True

    def _due(self, campaign: str) -> _Held | None:
        held = self._held.get(campaign)
        return held if held is not None and held.sketch_is_due and campaign in self._shown else None

    def _sketched(self, held: _Held, campaign: str) -> Plan:
        shown = frozenset().union(*self._shown[campaign])
        made = sketch_plan(held.plan, shown, library_names(held.saved, self.root, SHIPPED))
        held.sketch_is_settled = held.choices_are_current and has_same_rules(held.plan, made)
        if held.sketch_is_settled:
            made.__dict__["recipients"] = sketched_rows(held.plan)
        return made

    def rehearse(self) -> None:
        """Compile what is on the screen once for nothing: what a save leaves as it is is known then. By the
        second save the last mail has been loaded again, and is compiled alone."""
        for campaign in self.looked_at()[:1]:
            shown = self._shown.get(campaign, [])
            for blocks in dict.fromkeys((frozenset().union(*shown), *shown[-1:])):
                rehearse(self._held[campaign].plan, blocks)

    @property
    def standing(self) -> Ground | None:
        """What the campaigns stand on, if it has been read."""
        return self._ground

    def looked_at(self) -> list[str]:
        """The campaigns on the desk, the last looked at first."""
        return list(reversed(self._held))

    def begin(self, campaign: str) -> tuple[Future[View], Work]:
        """Start to make a campaign's view in the background; the same work for all who ask meanwhile."""
        with self._queue:
            running = self._builds.get(campaign)
            if running is not None and not running[0].done():
                return running
            work = Work()
            future = self._threads.submit(self.view, campaign, stages=work)
            self._builds[campaign] = (future, work)
            return future, work

    def changed(self, kinds: Iterable[Kind], files: Iterable[Path] = ()) -> list[str]:
        """Files of these kinds were saved. Returns the campaigns on the desk, the last looked at first."""
        with self._lock:
            kinds = set(kinds)
            self._changed |= kinds - {Kind.LIBRARY}
            if Kind.LIBRARY in kinds:
                for held in self._held.values():
                    held.library_changed = held.sketch_is_due = True
                    held.saved |= frozenset(files)
            return self.looked_at()

    def _reread(self, stages: Stages, campaign: str | None) -> Ground:
        ground = self._ground
        if ground is None or self._changed & {Kind.CONFIG, Kind.DATA}:
            return read_ground(self.root, self.settings, stages, campaign)
        if Kind.SEGMENTS in self._changed:
            return reread_segments(ground)
        return reread_campaigns(ground)

    def _renew_library(self, held: _Held, campaign: str, stages: Stages) -> None:
        """Compile again; what was counted and chosen stays as long as no rule has changed."""
        before, current, memo, ground = held.plan, held.choices_are_current, held.memo, held.ground
        self._renew(
            held, campaign, lambda: _recompiled(before, ground, campaign, self.settings, stages), ground
        )
        if held.plan is before:
            return
        if held.plan.assignment is not before.assignment:
            return
        held.choices_are_current = current and has_same_choices(before, held.plan)
        if held.choices_are_current:
            held.plan.__dict__["recipients"] = before.recipients
            held.memo = {name: memo[name] for name in COUNTED if name in memo}

    def _renew(self, held: _Held, campaign: str, make: Callable[[], Plan], ground: Ground) -> None:
        try:
            held.plan = make()
            held.error, held.choices_are_current, held.memo, held.sketch = None, True, {}, None
        except MailwrightError as error:
            held.error = error
        held.ground, held.library_changed, held.sketch_is_due = ground, False, False
        held.saved = frozenset()
        self._held[campaign] = self._held.pop(campaign)


def _whole_plan(ground: Ground, campaign: str, settings: PreviewSettings, stages: Stages) -> Plan:
    """The stages that depend on the campaign."""
    request = request_for(ground, campaign, settings)
    return plan_campaign(
        request,
        ground.source,
        ground.segmentation,
        ground.model,
        stages,
        compiling=ground.compiling.pop(campaign, None),
        shared=partial(recommended, ground),
        outlined=stages.outlined if isinstance(stages, Work) else None,
    )


def _recompiled(plan: Plan, ground: Ground, campaign: str, settings: PreviewSettings, stages: Stages) -> Plan:
    """The plan with its template and blocks read again; who gets which of them is not yet chosen again.

    Where blocks of an experiment changed, its arms are drawn anew, and all that hangs on them is made again.
    """
    compiled = compile_mail(plan.request, plan.source.assets)
    if versions_of(compiled) != plan.assignment.versions:
        return _whole_plan(ground, campaign, settings, stages)
    if (compiled.asks, compiled.spare) != (plan.compiled.asks, plan.compiled.spare):
        return _whole_plan(ground, campaign, settings, stages)
    return with_compiled(plan, compiled)


def _choose_again(plan: Plan) -> Plan:
    choices = choose_blocks(
        plan.compiled,
        plan.everyone,
        now=plan.request.now,
        interactions=plan.source.audience.interactions,
        rows=plan.admission.admitted,
    )
    return replace(plan, choices=choices)

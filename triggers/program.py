"""A trigger file compiled: its rules checked, its steps laid flat, so that a run is a place in a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from cronsim import CronSim, CronSimError

from mailwright.catalog import segment_catalog
from mailwright.errors import ConfigError, Location, did_you_mean
from mailwright.model.experiment import conflicts
from mailwright.model.identity import fingerprint
from mailwright.model.schema import INTERACTION_ATTRIBUTES
from mailwright.model.trigger import OnSpec, Step, TriggerSpec
from mailwright.model.yamltext import Located
from mailwright.workspace import Workspace
from rules import Rule, RuleCatalog, compile_rule
from rules.interval import Interval
from triggers.waits import Wait, read_duration, read_wait


@dataclass(frozen=True)
class Op:
    """One flat step. ``branch`` goes on with the next op where its rule holds, else at ``otherwise``."""

    what: Literal["wait", "mail", "set", "branch", "jump", "end"]
    wait: Wait | None = None
    campaign: str = ""
    values: Mapping[str, Any] | None = None
    rule: Rule | None = None
    otherwise: int = 0


@dataclass(frozen=True)
class Cap:
    """At most ``count`` mails in ``per``; of all triggers where ``across``."""

    count: int
    per: Interval
    across: bool

    def __str__(self) -> str:
        return f"{self.count} of {'all triggers' if self.across else 'this trigger'}"


@dataclass(frozen=True)
class Trigger:
    """One file of ``triggers/``, ready to run."""

    name: str
    spec: TriggerSpec
    start: OnSpec
    when: Rule
    where: Rule | None
    ops: tuple[Op, ...]
    version: str
    """Changes when the steps do; a run under way under other steps ends."""
    caps: tuple[Cap, ...]
    skip_after: Interval | None
    once_every: Interval | None
    """``once_per`` where it is a duration."""
    inactivity: Interval | None
    before: Interval | None
    seen: Interval


def compile_triggers(workspace: Workspace) -> dict[str, Trigger]:
    """The enabled triggers of a workspace by name. Raises ConfigError or RuleError with file and line."""
    catalog = segment_catalog(workspace)
    return {
        name: _Compiler(name, file, workspace, catalog).compile()
        for name, file in workspace.trigger_files.items()
        if file.value.enabled
    }


class _Compiler:
    def __init__(
        self, name: str, file: Located[TriggerSpec], workspace: Workspace, catalog: RuleCatalog
    ) -> None:
        self._name, self._file, self._workspace, self._catalog = name, file, workspace, catalog
        self._spec = file.value
        self._rules: dict[tuple[str, Location], Rule] = {}

    def compile(self) -> Trigger:
        spec, start = self._spec, self._spec.start
        self._check_start(start)
        self._check_experiments()
        for key, names in (("unless", spec.unless), ("goal", spec.goal)):
            for place, name in enumerate(names):
                self._check_event(name, self._file.at(key, place))
        where = self._where(start)
        ops = tuple(self._all_ops())
        if start.schedule is not None:
            self._check_cron(start.schedule)
        return Trigger(
            name=self._name,
            spec=spec,
            start=start,
            when=self._rule(spec.when, self._file.at("when")),
            where=where,
            ops=ops,
            version=fingerprint(
                "steps", [step.model_dump(mode="json") for step in spec.steps], spec.campaign, spec.wait
            )[:12],
            caps=tuple(
                Cap(cap.count, read_duration(cap.per, self._file.at("cap", n, "per")), cap.across)
                for n, cap in enumerate(spec.cap)
            ),
            skip_after=self._duration(spec.skip_after, "skip_after"),
            once_every=self._once_every(),
            inactivity=self._duration(start.inactivity, "on", "inactivity"),
            before=self._duration(start.before, "on", "before"),
            seen=read_duration(start.seen, self._file.at("on", "seen")),
        )

    # ── what is named ──

    def _check_start(self, start: OnSpec) -> None:
        at = self._file.at("on", start.kind) if isinstance(self._spec.on, OnSpec) else self._file.at("on")
        if start.event is not None:
            self._check_event(start.event, at)
        segment = start.segment_entered or start.segment_left
        if segment is not None and segment not in self._workspace.segments:
            raise ConfigError(
                f"there is no segment {segment!r}", at=at, fix=did_you_mean(segment, self._workspace.segments)
            )
        if start.date is not None:
            known = {n for n, a in self._catalog.attributes.items() if a.type in ("date", "timestamp")}
            if start.date not in known:
                raise ConfigError(
                    f"there is no date {start.date!r} among the attributes",
                    at=at,
                    fix=did_you_mean(start.date, known),
                )

    def _check_experiments(self) -> None:
        """The trigger's experiments run beside those of each campaign that it sends."""
        for name in self._spec.campaigns:
            campaign = self._workspace.campaign(name).value
            both = campaign.experiments.keys() & self._spec.experiments.keys()
            problems = [f"the campaign {name!r} has an experiment {one!r} too" for one in sorted(both)]
            problems += conflicts({**campaign.experiments, **self._spec.experiments})
            if self._spec.experiments and problems:
                at = self._file.at_key("experiments")
                raise ConfigError("; ".join(problems), at=at, fix="put them into slices of one layer")

    def _check_event(self, name: str, at: Location) -> None:
        if name not in self._catalog.events:
            fix = did_you_mean(name, self._catalog.events)
            raise ConfigError(f"there is no event {name!r}", at=at, fix=fix)

    def _check_cron(self, text: str) -> None:
        try:
            next(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)))
        except (CronSimError, StopIteration) as error:
            raise ConfigError(
                f"{text!r} is no schedule",
                at=self._file.at("on", "schedule"),
                fix="five fields of cron: minute hour day month weekday, such as 0 9 * * 1",
            ) from error

    def _where(self, start: OnSpec) -> Rule | None:
        if start.where is None or start.event is None:
            return None
        fields = self._catalog.events[start.event]
        catalog = RuleCatalog(attributes=dict(fields), segments=frozenset(), events={})
        return compile_rule(start.where, catalog, at=self._file.at("on", "where"))

    def _once_every(self) -> Interval | None:
        text = self._spec.once_per
        if text is None or text == "ever":
            return None
        if text[0].isdigit():
            return read_duration(text, self._file.at("once_per"))
        root, _, rest = text.partition(".")
        fields = self._catalog.attributes
        if root == "event" and rest:
            item_id = INTERACTION_ATTRIBUTES["item_id"]
            of_item = self._spec.start.kind in ("price_drop", "back_in_stock")
            fields = self._catalog.events.get(
                self._spec.start.event or "", {"item_id": item_id} if of_item else {}
            )
            root = rest
        if root not in fields:
            raise ConfigError(
                f"there is no attribute {root!r}",
                at=self._file.at("once_per"),
                fix=did_you_mean(root, fields) or "write ever, a duration, an attribute, or event.<field>",
            )
        return None

    def _duration(self, text: str | None, *path: str) -> Interval | None:
        return None if text is None else read_duration(text, self._file.at(*path))

    def _rule(self, text: str, at: Location) -> Rule:
        return compile_rule(text, self._catalog, at=at)

    # ── steps ──

    def _all_ops(self) -> Iterator[Op]:
        spec = self._spec
        yield Op("wait", wait=read_wait(spec.wait, self._file.at("wait")))
        if spec.campaign is not None:
            yield Op("mail", campaign=spec.campaign)
        yield from self._flat(spec.steps, 1, ("steps",))
        yield Op("end")

    def _flat(self, steps: tuple[Step, ...], first: int, path: tuple[str | int, ...]) -> list[Op]:
        """The ops of these steps, the first of which stands at ``first``."""
        ops: list[Op] = []
        for number, step in enumerate(steps):
            at = (*path, number)
            if step.condition is None:
                ops.append(self._op(step, at))
                continue
            rule = self._rule(step.condition, self._file.at(*at, "if"))
            here = first + len(ops)
            then = self._flat(step.then, here + 1, (*at, "then"))
            otherwise = self._flat(step.otherwise, here + 2 + len(then), (*at, "else"))
            ops.append(Op("branch", rule=rule, otherwise=here + 2 + len(then)))
            ops += then
            ops.append(Op("jump", otherwise=here + 2 + len(then) + len(otherwise)))
            ops += otherwise
        return ops

    def _op(self, step: Step, at: tuple[str | int, ...]) -> Op:
        if step.mail is not None:
            return Op("mail", campaign=step.mail)
        if step.wait is not None:
            return Op("wait", wait=read_wait(step.wait, self._file.at(*at, "wait")))
        if step.set is not None:
            for name in step.set:
                declared = self._workspace.spec.profile
                if name not in declared:
                    raise ConfigError(
                        f"there is no attribute {name!r} that could be set",
                        at=self._file.at(*at, "set", name),
                        fix=did_you_mean(name, declared) or "declare it under profile in mailwright.yaml",
                    )
            return Op("set", values=step.set)
        return Op("end")

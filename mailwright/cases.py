"""Authors' tests: the mail of a profile that is written down in ``tests/``, with the clock stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from mailwright.catalog import profile_schema, segment_catalog
from mailwright.engine import DEVELOPMENT_SECRET, Request, beside, compile_mail
from mailwright.errors import ConfigError, UsageError, did_you_mean
from mailwright.events import EventsOfProfiles
from mailwright.given import given_row, given_values, interaction_table, item_table, listed
from mailwright.model.links import LinkSigner
from mailwright.model.schema import ITEM_ATTRIBUTES
from mailwright.workspace import Assets, Workspace
from mailwright.workspace.assets import link_pictures
from render import CompiledCampaign, RenderContext, choose_blocks, explain_row, render_batch
from render.golden import Case, Made, read_cases
from rules import Rule, RuleContext
from segments import compile_segments, segments_of


def cases_of(workspace: Workspace, names: Sequence[str] = ()) -> list[Case]:
    """The cases of a workspace's ``tests/``, or those named. Raises UsageError when there are none."""
    cases = read_cases(workspace.root / "tests")
    known = [case.name for case in cases]
    for name in names:
        if name not in known:
            raise UsageError(f"there is no test {name!r} in tests/", fix=did_you_mean(name, known))
    if not cases:
        fix = "save a mail as a test in the preview, or write tests/<name>/case.yaml (docs/templates.md)"
        raise UsageError(f"there are no tests in {workspace.root / 'tests'}", fix=fix)
    return [case for case in cases if not names or case.name in names]


@dataclass
class Bench:
    """Makes the mails of cases; each campaign is compiled once, and no data of the workspace are read."""

    workspace: Workspace

    def make(self, case: Case) -> Made:
        """The mail of a case as it is now. Raises ConfigError at the line of what the case has wrong."""
        workspace, spec = self.workspace, case.spec
        compiled = self._compiled(case)
        self._check_names(case)
        self._check_arms(case, compiled)
        done = self._read(case, "interactions", self._interactions)
        items = self._read(case, "items", self._items)
        one = self._read(case, "profile", lambda case: self._row(case, compiled, done))
        for name in compiled.experiments:
            one = one.append_column(f"experiment:{name}", pa.array([spec.arms.get(name)], pa.string()))
        choices = choose_blocks(compiled, one, now=spec.now, interactions=done)
        one = beside(one, choices.columns).combine_chunks()
        context = RenderContext(
            campaign=spec.campaign,
            occasion="test",
            now=spec.now,
            fingerprint="",
            signer=LinkSigner(workspace.spec.base_url, DEVELOPMENT_SECRET),
            items=items,
            settings=workspace.spec,
            events=EventsOfProfiles(done),
        )
        (mail,) = render_batch(compiled, context, one.to_batches()[0]).to_pylist()
        return Made(mail, explain_row(compiled, context, one.to_pylist()[0]))

    # -- what all cases share ----------------------------------------------------------------------------
    @cached_property
    def _campaigns(self) -> dict[str, CompiledCampaign]:
        return {}

    @cached_property
    def _assets(self) -> Assets:
        return Assets(
            self.workspace.root, self.workspace.state / "assets", self.workspace.spec.assets_base_url
        )

    @cached_property
    def _segment_rules(self) -> dict[str, Rule]:
        file = self.workspace.segments_file
        return compile_segments(
            file.value, segment_catalog(self.workspace), lambda name: file.at(name, "rule")
        )

    def _compiled(self, case: Case) -> CompiledCampaign:
        name = case.spec.campaign
        known = self.workspace.campaign_files
        if name not in known:
            fix = did_you_mean(name, known)
            raise ConfigError(f"there is no campaign {name!r}", at=case.file.at("campaign"), fix=fix)
        if name not in self._campaigns:
            request = Request(self.workspace, name, now=case.spec.now, seed=0, occasion="test")
            self._campaigns[name] = compile_mail(request, self._assets)
        return self._campaigns[name]

    # -- what a case says --------------------------------------------------------------------------------
    def _read(self, case: Case, part: str, read: Callable[[Case], pa.Table]) -> pa.Table:
        """A part of a case. Raises ConfigError where a value is not of its attribute's type."""
        try:
            return read(case)
        except (ValueError, TypeError, KeyError, pa.ArrowException) as error:
            what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            fix = "give each attribute a value of its type (mailwright.yaml)"
            raise ConfigError(what, at=case.file.at_key(part), fix=fix) from error

    def _row(self, case: Case, compiled: CompiledCampaign, interactions: pa.Table) -> pa.Table:
        """The profile of a case, in the segments that it names or else in those that its values make."""
        spec, workspace = case.spec, self.workspace
        values = given_values(
            workspace, spec.profile, name=case.name, now=spec.now, interactions=interactions
        )
        segments = spec.segments
        if segments is None:
            context = RuleContext(now=spec.now, events=EventsOfProfiles(interactions)(values["profile_id"]))
            segments = tuple(segments_of(workspace.segments, self._segment_rules, values, context))
        described = {item["item_id"]: item for item in spec.items}

        def described_items(ids: Sequence[str], source: str) -> list[dict[str, Any]]:
            return [{"source": source, **described[item]} for item in ids]

        recommended = described_items(spec.recommendations, "editorial")
        one = given_row(workspace, values, segments=segments, recommendations=recommended)
        for ask in compiled.asks:
            items = described_items(ask.among(spec.asked), ask.strategy)
            one = one.append_column(ask.column, listed(items))
        return one

    def _items(self, case: Case) -> pa.Table:
        schema = {**ITEM_ATTRIBUTES, **self.workspace.spec.item}
        return link_pictures(item_table(case.spec.items, schema), self._assets)[0]

    def _interactions(self, case: Case) -> pa.Table:
        profile_id = str(case.spec.profile.get("profile_id", case.name))
        return interaction_table(self.workspace, case.spec.interactions, profile_id)

    def _check_arms(self, case: Case, compiled: CompiledCampaign) -> None:
        for name, arm in case.spec.arms.items():
            at = case.file.at("arms", name)
            if name not in compiled.experiments:
                fix = did_you_mean(name, compiled.experiments)
                raise ConfigError(f"{compiled.name} has no experiment {name!r}", at=at, fix=fix)
            known = compiled.experiments[name].arms
            if arm not in known:
                raise ConfigError(f"{name} has no arm {arm!r}", at=at, fix=did_you_mean(arm, known))

    def _check_names(self, case: Case) -> None:
        """Raise ConfigError for an attribute, a segment or an item that there is not."""
        spec, at = case.spec, case.file
        schema = profile_schema(self.workspace.spec)
        for name in spec.profile:
            if name not in schema:
                fix = did_you_mean(name, schema)
                raise ConfigError(f"there is no attribute {name!r}", at=at.at_key("profile", name), fix=fix)
        for number, name in enumerate(spec.segments or ()):
            if name not in self.workspace.segments:
                fix = did_you_mean(name, self.workspace.segments)
                raise ConfigError(f"there is no segment {name!r}", at=at.at("segments", number), fix=fix)
        described = {item.get("item_id") for item in spec.items}
        lists: dict[tuple[str, ...], tuple[str, ...]] = {("recommendations",): spec.recommendations}
        lists |= {("asked", ask): ids for ask, ids in spec.asked.items()}
        for path, ids in lists.items():
            for number, name in enumerate(ids):
                if name not in described:
                    fix = "write under items: what a mail shows of it (item_id, title, price, …)"
                    what = f"the test does not say what the item {name!r} is"
                    raise ConfigError(what, at=at.at(*path, number), fix=fix)

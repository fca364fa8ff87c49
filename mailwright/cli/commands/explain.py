"""``mailwright explain``: why one profile gets the mail that it gets, or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.tree import Tree

from mailwright.cli.asking import make_request
from mailwright.cli.console import (
    CampaignArgument,
    JsonOption,
    NowOption,
    OccasionOption,
    SeedOption,
    Session,
    StrictOption,
    WorkspaceOption,
)
from mailwright.engine import plan
from mailwright.explain import explain_profile
from mailwright.model.recommendation import Recommendation
from mailwright.model.trace import AskedList, Outcome, SlotTrace, Trace
from mailwright.workspace import open_workspace

LONGEST_VALUE = 60
"""Characters of an operand's value in the tree; --json has it whole."""


def register(app: typer.Typer) -> None:
    app.command("explain")(explain)


def explain(
    campaign: CampaignArgument,
    profile: Annotated[str, typer.Option("--profile", metavar="ID", help="The profile.")],
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    seed: SeedOption = None,
    occasion: OccasionOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Say why a profile gets its mail, or none: audience, slots, recommendations, fallbacks."""
    with Session(json) as session:
        request = make_request(
            open_workspace(workspace),
            campaign,
            now=now,
            seed=seed,
            occasion=occasion,
            workers=1,
            strict=strict,
        )
        trace = explain_profile(plan(request, session.stages), profile)
        session.finish(asdict(trace), lambda console: console.print(tree(trace)))


def tree(trace: Trace) -> Tree:
    """The trace as a tree for the terminal."""
    head = f"[bold]{escape(trace.campaign)}[/bold] for {escape(trace.profile_id)} ({escape(trace.occasion)})"
    root = Tree(head)
    if trace.skip:
        detail = f": {escape(trace.skip_detail)}" if trace.skip_detail else ""
        root.add(f"[red]gets no mail: {escape(trace.skip)}[/red]{detail}")
    if trace.audience is not None:
        _outcome(root.add("audience"), trace.audience)
    root.add("segments: " + escape(", ".join(trace.segments) or "none"))
    for name, arm in trace.experiments.items():
        how = "the promoted winner; takes no part" if name in trace.promoted else "takes part"
        root.add(f"experiment [bold]{escape(name)}[/bold] → {escape(arm)} ({how})")
    for slot in trace.slots:
        _slot(root, slot)
    title = f"{len(trace.recommendations)} recommendations {escape(trace.recommendation_note)}".rstrip()
    _items(root.add(title), trace.recommendations)
    for asked in trace.asked:
        _asked(root, asked)
    for use in trace.fallbacks:
        root.add(
            f"{escape(use.expression)} was missing: {escape(use.shown)!r} shown instead ({escape(use.where)})"
        )
    return root


def _asked(root: Tree, asked: AskedList) -> None:
    shown = "" if asked.shown else " [dim](not shown)[/dim]"
    title = f"{len(asked.items)} by {escape(asked.ask)}{shown} {escape(asked.note)}".rstrip()
    _items(root.add(title), asked.items)


def _items(branch: Tree, items: Iterable[Recommendation]) -> None:
    for item in items:
        branch.add(f"{escape(item.item_id)}  {escape(item.source)} {item.score:.3g}  {escape(item.reason)}")


def _slot(root: Tree, slot: SlotTrace) -> None:
    branch = root.add(
        f"slot [bold]{escape(slot.slot)}[/bold] → {escape(slot.block or 'empty')}: {escape(slot.reason)}"
    )
    for candidate in slot.candidates:
        line = branch.add(f"{escape(candidate.block)}: {candidate.verdict}, {escape(candidate.reason)}")
        for outcome in candidate.outcomes:
            _outcome(line, outcome)


def _outcome(branch: Tree, outcome: Outcome) -> None:
    verdict = {True: "holds", False: "does not hold", None: "is unknown"}[outcome.holds]
    node = branch.add(f"{escape(outcome.rule)} {verdict}")
    for operand in outcome.operands:
        value = "missing" if operand.missing else _short(operand.value)
        node.add(f"{escape(operand.expression)} = {escape(value)}")


def _short(value: object) -> str:
    """A value on one line of the terminal."""
    if isinstance(value, (list, tuple)):
        return f"{len(value)} values"
    text = value.isoformat() if isinstance(value, date) else repr(value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"

"""``mailwright plan``: how many profiles and days an experiment takes, before it starts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mailwright.cli.console import JsonOption, NowOption, Session, WorkspaceOption, clock, key_values
from mailwright.planned import Planned, plan_for
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("plan")(plan)


def plan(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="As campaign or block declare it.")],
    campaign: Annotated[
        str | None, typer.Option("--campaign", help="Where several declare one of that name.")
    ] = None,
    baseline: Annotated[
        float | None,
        typer.Option("--baseline", help="The metric's value now; else what past mails had."),
    ] = None,
    minimum_effect: Annotated[
        float | None,
        typer.Option("--minimum-effect", min=1e-6, help="Relative: 0.1 is from 5.0 % to 5.5 %."),
    ] = None,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Say how many profiles and days an experiment needs, and whether this audience can carry it."""
    with Session(json) as session:
        space = open_workspace(workspace)
        made = plan_for(
            space,
            experiment,
            now=clock(now, space.spec),
            campaign=campaign,
            baseline=baseline,
            minimum_effect=minimum_effect,
            stages=session.stages,
        )
        session.finish(_data(made), lambda console: _show(console, made))


def _data(made: Planned) -> dict[str, Any]:
    data = asdict(made.plan) | {
        "experiment": made.experiment,
        "campaign": made.campaign,
        "trigger": made.trigger,
        "basis": made.basis,
    }
    if data["smallest_effect"] != data["smallest_effect"]:
        data["smallest_effect"] = None
    return data


def _show(console: Console, made: Planned) -> None:
    plan = made.plan
    form = ",.2f" if plan.metric == "revenue" else ".2%"
    after = f"{plan.baseline + plan.effect:{form}}"
    when = "in one sending" if plan.days is None else f"{plan.days:,} days"
    whenever = "" if plan.days_sequential is None else f", {plan.days_sequential:,} days"
    figures = {
        "metric": plan.metric,
        "baseline": f"{plan.baseline:{form}} ({made.basis})",
        "to be shown": f"{plan.baseline:{form}} to {after}",
        "profiles": f"{plan.profiles:,} ({when})",
        "looked at every day": f"{plan.profiles_sequential:,}{whenever}",
        "per arm": plan.per_arm,
        "audience": plan.audience,
        "horizon to set": plan.horizon,
    }
    if plan.smallest_effect == plan.smallest_effect:
        figures["smallest effect shown"] = f"{plan.smallest_effect:.1%}"
    console.print(key_values(f"{made.experiment} · {made.campaign}", figures))
    if plan.warning:
        console.print(f"warning: {plan.warning}", style="yellow", markup=False)

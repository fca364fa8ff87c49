"""``mailwright fit``: what is learned of profiles, learned anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mailwright.cli.commands.scores import quality_text, score_data
from mailwright.cli.console import (
    JsonOption,
    NowOption,
    SeedOption,
    Session,
    StrictOption,
    WorkspaceOption,
    clock,
)
from mailwright.engine import read_workspace
from mailwright.errors import ModelError, UsageError
from mailwright.fitting import Fit, fit_learned, put_back
from mailwright.workspace import open_workspace
from segments.clusters import ClusterModel
from segments.clusters import summary as cluster_summary
from segments.scoremodel import ScoreModel


def register(app: typer.Typer) -> None:
    app.command("fit")(fit)


def fit(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Clusters and scores; none: all of them.")
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--version", help="Fit nothing: put this earlier version of NAME back in place."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace groups though rules name some that are gone.")
    ] = False,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    seed: SeedOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Find the groups and make the scores that mailwright.yaml declares, and put them in place."""
    with Session(json) as session:
        space = open_workspace(workspace)
        if version is not None:
            if names is None or len(names) != 1:
                raise UsageError("--version is of one cluster or score", fix="name it")
            put_back(space, names[0], version)
            data: dict[str, Any] = {"name": names[0], "version": version, "in_place": True}
            session.finish(
                {"fitted": [data]}, lambda console: console.print(f"{names[0]} is {version} again")
            )
            return
        moment = clock(now, space.spec)
        with session.stages("read"):
            audience = read_workspace(space, now=moment, strict=strict).audience
        with session.stages("fit") as progress:
            made = fit_learned(
                space,
                audience,
                names or [],
                now=moment,
                seed=space.spec.seed if seed is None else seed,
                force=force,
                progress=progress,
            )
        rows = [_fit_data(one) for one in made]

        def show(console: Console) -> None:
            for row in rows:
                console.print(f"{row['name']}: {row['what']}", markup=False, soft_wrap=True)

        session.finish({"fitted": rows, "seconds": session.stages.seconds}, show)
    if refused := [one for one in made if one.refused]:
        reasons = "; ".join(f"{one.name}: {one.refused}" for one in refused)
        raise ModelError(f"not in place: {reasons}", fix="mend the rules, or --force")


def _fit_data(made: Fit) -> dict[str, Any]:
    data: dict[str, Any] = {"name": made.name, "in_place": made.in_place, "refused": made.refused}
    if isinstance(made.model, ClusterModel):
        data |= cluster_summary(made.model)
        sizes = ", ".join(f"{label} {size:,}" for label, size in data["sizes"].items())
        data["what"] = f"{data['k']} groups ({sizes}), stability {data['stability']:.2f}"
    elif isinstance(made.model, ScoreModel):
        data |= score_data(made.model)
        data["what"] = quality_text(made.model)
    return {**data, "what": made.refused or data["what"]}

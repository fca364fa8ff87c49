"""``mailwright promote``: the winner of an experiment to the rest of the audience."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console

from mailwright.cli.console import CampaignArgument, JsonOption, NowOption, Session, WorkspaceOption, clock
from mailwright.experiments import read_promotions
from mailwright.promoting import promote_winners
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("promote")(promote)


def promote(
    campaign: CampaignArgument,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Apply the winner rules of a campaign's experiments; run and send do so by themselves."""
    with Session(json) as session:
        space = open_workspace(workspace)
        with session.stages("measure"):
            decided = promote_winners(space, campaign, now=clock(now, space.spec))
        data = {
            "campaign": campaign,
            "decided": [asdict(one) for one in decided],
            "promoted": [asdict(one) for one in read_promotions(space)],
        }

        def show(console: Console) -> None:
            for one in decided:
                console.print(
                    f"experiment {one.experiment}: {one.arm or 'nothing promoted'}: {one.why}", markup=False
                )
            if not decided:
                console.print(f"no experiment of {campaign} has a winner rule", markup=False)

        session.finish(data, show)

"""``mailwright run`` and ``mailwright send``: a campaign from its data to the ESP."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.table import Table

from mailwright.cli.console import (
    CampaignArgument,
    JsonOption,
    NowOption,
    OccasionOption,
    SeedOption,
    Session,
    StrictOption,
    WorkersOption,
    WorkspaceOption,
    make_request,
    opened,
    shown,
)
from mailwright.engine import plan
from mailwright.gates import hold_against
from mailwright.run import figures, refuse_broken, render_campaign, report
from mailwright.sending import (
    Destination,
    open_destination,
    refuse_outside_schedule,
    refuse_unready,
    send_spool,
)

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Do all but the sending.")]
StubOption = Annotated[
    bool, typer.Option("--stub-esp", help="Rehearse: send to a stand-in ESP on this machine, started for it.")
]
SamplesOption = Annotated[
    Path | None, typer.Option("--samples", metavar="DIR", help="Write one mail of each variant there.")
]


def register(app: typer.Typer) -> None:
    app.command("run")(run)
    app.command("send")(send)


def run(
    campaign: CampaignArgument,
    workspace: WorkspaceOption = Path(),
    occasion: OccasionOption = None,
    dry_run: DryRunOption = False,
    stub_esp: StubOption = False,
    samples: SamplesOption = None,
    now: NowOption = None,
    seed: SeedOption = None,
    workers: WorkersOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Do it all: read, segment, train, recommend, choose blocks, compile, render, hold the gates, send."""
    with Session(json) as session, ExitStack() as cleanup:
        request = make_request(
            opened(workspace), campaign, now=now, seed=seed, occasion=occasion, workers=workers, strict=strict
        )
        destination: Destination | None = None
        if not dry_run:
            refuse_outside_schedule(request)
            destination = cleanup.enter_context(open_destination(request, stub_esp=stub_esp))
        made = plan(request, session.stages)
        state = request.workspace.state
        state.mkdir(exist_ok=True)
        spool = (
            Path(cleanup.enter_context(tempfile.TemporaryDirectory(dir=state, prefix="spool-")))
            / "mails.parquet"
        )
        with session.stages("render") as progress:
            rendering = render_campaign(made, None if dry_run else spool, samples=samples, progress=progress)
        gates = hold_against(request.spec.gates, figures(made, rendering))
        delivery: dict[str, Any] = {}
        if destination is not None:
            refuse_broken(gates)
            refuse_unready(rendering)
            with session.stages("send") as progress:
                delivery = send_spool(
                    request, spool, destination, total=rendering.rendered, progress=progress
                )
        data = report(made, rendering, delivery.get("sent", 0), session.stages.seconds)
        data |= {"dry_run": dry_run, "gates": [gate.__dict__ for gate in gates], "delivery": delivery}

        def show(console: Console) -> None:
            console.print(summary(data))
            for line in next_steps(request.workspace.root, campaign, samples, destination):
                console.print(line, markup=False)

        session.finish(data, show)


send = run

"""``mailwright run`` and ``mailwright send``: a campaign from its data to the ESP."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table

from mailwright.cli.asking import make_request
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
    clock,
    shown,
)
from mailwright.engine import plan
from mailwright.feedback import take_back
from mailwright.gates import Gate, hold_against
from mailwright.memberships import note_changes
from mailwright.review import require_approval
from mailwright.run import figures, refuse_broken, render_campaign, report
from mailwright.sending import (
    Destination,
    open_destination,
    refuse_local_pictures,
    refuse_outside_schedule,
    send_spool,
)
from mailwright.underway import Underway, told
from mailwright.workspace import open_workspace

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Do all but the sending.")]
StubOption = Annotated[
    bool, typer.Option("--stub-esp", help="Rehearse: send to a stand-in ESP on this machine, started for it.")
]
SamplesOption = Annotated[
    Path | None, typer.Option("--samples", metavar="DIR", help="Write one mail of each variant there.")
]
ApprovalOption = Annotated[
    bool,
    typer.Option("--require-approval", help="Refuse what was not approved as it is now."),
]

COUNTS = ("profiles", "segments", "recommendation_sources", "variants", "eligible", "rendered", "skipped")
"""What the table shows of the report, in this order."""


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
    approved: ApprovalOption = False,
    now: NowOption = None,
    seed: SeedOption = None,
    workers: WorkersOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Do it all: read, segment, train, recommend, choose blocks, compile, render, hold the gates, send."""
    with Session(json) as session, ExitStack() as cleanup:
        space = open_workspace(workspace)
        with session.stages("feedback"):
            take_back(space, campaign, clock(now, space.spec), promote=not dry_run)
        request = make_request(
            space,
            campaign,
            now=now,
            seed=seed,
            occasion=occasion,
            workers=workers,
            strict=strict,
            keep_data=not dry_run,
        )
        destination: Destination | None = None
        if not dry_run:
            refuse_outside_schedule(request)
            destination = cleanup.enter_context(open_destination(request, stub_esp=stub_esp))
            run = Underway(request.campaign, request.occasion, rehearsal=stub_esp)
            cleanup.enter_context(told(space.state, run, session.stages))
        made = plan(request, session.stages)
        changed = note_changes(made, keep=not dry_run)
        if approved:
            require_approval(made)
        state = request.workspace.state
        state.mkdir(exist_ok=True)
        spool = (
            Path(cleanup.enter_context(tempfile.TemporaryDirectory(dir=state, prefix="spool-")))
            / "mails.parquet"
        )
        with session.stages("render") as progress:
            rendering = render_campaign(
                made,
                None if dry_run else spool,
                grouped=destination is not None and destination.groups,
                samples=samples,
                progress=progress,
            )
        gates = hold_against(request.spec.gates, figures(made, rendering))
        delivery: dict[str, Any] = {}
        if destination is not None:
            refuse_broken(gates)
            refuse_local_pictures(rendering)
            with session.stages("send") as progress:
                delivery = send_spool(made, spool, destination, progress=progress)
        data = report(made, rendering, delivery.get("sent", 0), session.stages.seconds)
        data["notes"] += changed
        data |= {"dry_run": dry_run, "gates": [gate.__dict__ for gate in gates], "delivery": delivery}

        if delivery.get("skipped") and not delivery["sent"] + delivery["already_sent"]:
            data["notes"].append(f"nobody was mailed: {shown(delivery['skipped'])}")

        def show(console: Console) -> None:
            console.print(summary(data))
            for line in next_steps(request.workspace.root, data, samples, destination):
                console.print(line, markup=False, soft_wrap=True)

        session.finish(data, show)


def send(
    campaign: CampaignArgument,
    workspace: WorkspaceOption = Path(),
    occasion: OccasionOption = None,
    dry_run: DryRunOption = False,
    stub_esp: StubOption = False,
    approved: ApprovalOption = False,
    now: NowOption = None,
    seed: SeedOption = None,
    workers: WorkersOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Send a campaign: each recipient once an occasion, however often this is called."""
    run(
        campaign=campaign,
        workspace=workspace,
        occasion=occasion,
        dry_run=dry_run,
        stub_esp=stub_esp,
        approved=approved,
        now=now,
        seed=seed,
        workers=workers,
        strict=strict,
        json=json,
    )


def summary(data: dict[str, Any]) -> Group:
    """The table at the end of a run."""
    figures = Table(title=f"{data['campaign']} · {data['occasion']}", title_justify="left", show_header=False)
    figures.add_column(style="bold")
    for name in (
        "profiles",
        "segments",
        "recommendation_sources",
        "variants",
        "eligible",
        "rendered",
        "skipped",
    ):
        figures.add_row(name.replace("_", " "), shown(data[name]) or "–")
    rejected = {name: sum(one["rejected"].values()) for name, one in data["data"].items()}
    if any(rejected.values()):
        figures.add_row("rows rejected", shown(rejected) + f"\nlisted in {escape(data['rejects_file'])}")
    figures.add_row("largest mail", f"{data['largest']['bytes'] / 1024:,.1f} KB of HTML")
    for gate in data["gates"]:
        figures.add_row("gate", shown(str(Gate(**gate))))
    figures.add_row("sent", "dry run: none" if data["dry_run"] else shown(data["sent"]))
    if data["delivery"].get("calls"):
        figures.add_row("calls to the ESP", calls_made(data["delivery"]))
    for key in ("already_sent", "rejected", "unknown", "waiting", "stopped"):
        if data["delivery"].get(key):
            figures.add_row(key.replace("_", " "), shown(data["delivery"][key]))
    if suppressed := data["delivery"].get("skipped"):
        figures.add_row("not sent", shown(suppressed))
    times = Table(title="Seconds", title_justify="left", show_header=False)
    for stage, seconds in data["seconds"].items():
        times.add_row(stage, f"{seconds:,.2f}")
    times.add_row("in all", f"{sum(data['seconds'].values()):,.2f}", style="bold")
    return Group(figures, times, *(f"note: {escape(note)}" for note in data["notes"]))


def calls_made(delivery: dict[str, Any]) -> str:
    """How many calls took the mails, and their bytes."""
    calls, size = delivery["calls"], delivery["bytes"]
    return f"{calls:,}, {delivery['sent'] / calls:,.1f} mails each, {size / 1e6:,.1f} MB in all"


def next_steps(
    root: Path, data: dict[str, Any], samples: Path | None, destination: Destination | None
) -> list[str]:
    """Where to look next."""
    where = "" if root == Path() else f" --workspace {root}"
    campaign, delivery = data["campaign"], data["delivery"]
    lines = [f"A mail of each variant: {samples}"] if samples else []
    if delivery.get("waiting"):
        if "is paused" in delivery["stopped"] or "was paused" in delivery["stopped"]:
            of = f"--campaign {campaign} --occasion {data['occasion']}"
            lines.append(f"Let it go on: mailwright outbox resume {of}{where}")
        lines.append(f"Send what waits: mailwright outbox deliver{where}")
    if destination is not None and destination.rehearsal:
        lines.append("A rehearsal: a stand-in ESP on this machine took the mails, nobody was mailed.")
    lines.append(f"In the browser: mailwright preview{where}")
    lines.append(f"Why a profile gets its mail: mailwright explain {campaign} --profile ID{where}")
    return lines

"""``mailwright quality``: what the data are worth, source by source."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from audience import AudienceReport
from audience.report import RefusedDataError
from mailwright.cli.console import JsonOption, NowOption, Session, StrictOption, WorkspaceOption, clock
from mailwright.engine import read_workspace
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("quality")(quality)


def quality(
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Check the data: rows read, kept and rejected, values set aside, expectations that fail."""
    with Session(json) as session:
        space = open_workspace(workspace)
        refused: RefusedDataError | None = None
        with session.stages("read"):
            try:
                report = read_workspace(space, now=clock(now, space.spec), strict=strict).audience.report
            except RefusedDataError as error:
                refused, report = error, error.report

        def show(console: Console) -> None:
            console.print(_sources(report))
            console.print(_findings(report))
            for note in report.notes:
                console.print(f"note: {note}", markup=False)
            console.print(f"Every case is listed in {report.rejects_file}", markup=False, soft_wrap=True)
            if refused is not None:
                console.print(f"refused: {refused}", markup=False, soft_wrap=True)

        session.finish(report.as_dict() | {"refused": None if refused is None else refused.what}, show)
    if refused is not None:
        raise typer.Exit(refused.exit_code)


def _sources(report: AudienceReport) -> Table:
    table = Table(
        "source", "read", "kept", "rejected", "values set aside", title="Data", title_justify="left"
    )
    for name, one in report.sources.items():
        counts = (one.read, one.kept, one.rejected.total(), one.set_aside.total())
        table.add_row(name, *(f"{count:,}" for count in counts))
    return table


def _findings(report: AudienceReport) -> Table:
    table = Table("source", "attribute", "expectation", "failing", "examples", title="Expectations that fail")
    for found in report.findings:
        if not found.holds:
            share = f"{found.failing:,} of {found.rows:,}"
            examples = escape(", ".join(found.examples))
            table.add_row(found.source, found.attribute, escape(found.expectation), share, examples)
    return table

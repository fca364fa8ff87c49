"""``mailwright segments``: the segments and how many profiles are in each."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from mailwright.cli.console import (
    JsonOption,
    NowOption,
    Session,
    StrictOption,
    WorkspaceOption,
    clock,
)
from mailwright.engine import beside, read_workspace, segment_audience
from mailwright.workspace import open_workspace
from segments import audit_segments


def register(app: typer.Typer) -> None:
    app.command("segments")(segments)


def segments(
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Assign every profile to its segments and print their sizes."""
    with Session(json) as session:
        space = open_workspace(workspace)
        moment = clock(now, space.spec)
        with session.stages("read"):
            audience = read_workspace(space, now=moment, strict=strict).audience
        with session.stages("segment"):
            segmentation = segment_audience(space, audience, now=moment)
        profiles = audience.profiles.num_rows

        audited = audit_segments(
            beside(audience.profiles.select(["profile_id"]), segmentation.columns), space.segments
        )

        def show(console: Console) -> None:
            table = Table("segment", "rule", title=f"Segments of {profiles:,} profiles", title_justify="left")
            table.add_column("profiles", justify="right")
            table.add_column("share", justify="right")
            for name, size in segmentation.sizes.items():
                share = f"{size / profiles:.1%}" if profiles else "–"
                table.add_row(name, space.segments[name].rule, f"{size:,}", share)
            console.print(table)
            for note in (*segmentation.notes, *audited.alerts):
                console.print(f"note: {note}", markup=False)

        session.finish(
            {
                "profiles": profiles,
                "segments": dict(segmentation.sizes),
                "notes": list(segmentation.notes),
                "uncovered": audited.uncovered,
                "overlap": {
                    name: dict(zip(audited.names, row, strict=True))
                    for name, row in zip(audited.names, audited.overlap.tolist(), strict=True)
                },
                "alerts": list(audited.alerts),
                "seconds": session.stages.seconds,
            },
            show,
        )

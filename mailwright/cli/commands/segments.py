"""``mailwright segments``: the segments, how many profiles are in each, and what changed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailwright.cli.console import (
    JsonOption,
    NowOption,
    Session,
    StrictOption,
    WorkspaceOption,
    clock,
)
from mailwright.engine import read_workspace, segment_audience
from mailwright.memberships import Audited, audit_workspace, keep_memberships
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("segments")(segments)


def segments(
    workspace: WorkspaceOption = Path(),
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep who is in what, for later runs to be compared with.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="TIME", help="Compare with that kept run, not the last."),
    ] = None,
    plots: Annotated[Path | None, typer.Option("--plots", metavar="DIR", help="Draw them there.")] = None,
    now: NowOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Assign every profile to its segments; print sizes, what is wrong, and what changed since."""
    with Session(json) as session:
        space = open_workspace(workspace)
        moment = clock(now, space.spec)
        with session.stages("read"):
            source = read_workspace(space, now=moment, strict=strict)
        with session.stages("segment"):
            segmentation = segment_audience(space, source.audience, now=moment)
        with session.stages("audit"):
            found = audit_workspace(space, source, segmentation, now=moment, against=against)
        written = [] if plots is None else _draw(found, plots)
        if keep:
            written.append(str(keep_memberships(space, source, segmentation, now=moment)))
        profiles, audited = found.audit.profiles, found.audit
        notes = [*segmentation.notes, *source.learned.notes, *found.notes]

        def show(console: Console) -> None:
            table = Table("segment", "rule", title=f"Segments of {profiles:,} profiles", title_justify="left")
            table.add_column("profiles", justify="right")
            table.add_column("share", justify="right")
            for name, size in segmentation.sizes.items():
                share = f"{size / profiles:.1%}" if profiles else "–"
                table.add_row(name, escape(space.segments[name].rule), f"{size:,}", share)
            console.print(table)
            if found.since is not None:
                console.print(f"compared with {found.since:%Y-%m-%d %H:%M} UTC")
            for note in (*notes, *audited.alerts):
                console.print(f"note: {note}", markup=False)
            for line in written:
                console.print(line, markup=False, soft_wrap=True)

        session.finish(
            {
                "profiles": profiles,
                "segments": dict(segmentation.sizes),
                "notes": notes,
                "uncovered": audited.uncovered,
                "overlap": {
                    name: dict(zip(audited.names, row, strict=True))
                    for name, row in zip(audited.names, audited.overlap.tolist(), strict=True)
                },
                "since": found.since,
                "drift": None if audited.drift is None else asdict(audited.drift),
                "alerts": list(audited.alerts),
                "written": written,
                "seconds": session.stages.seconds,
            },
            show,
        )


def _draw(found: Audited, folder: Path) -> list[str]:
    from segments.plots import draw_drift, draw_overlap, draw_sizes

    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"sizes": draw_sizes(found.audit.sizes), "overlap": draw_overlap(found.audit)}
    if found.audit.drift is not None:
        pictures["drift"] = draw_drift(found.audit.drift)
    for name, data in pictures.items():
        (folder / f"{name}.png").write_bytes(data)
    return [str(folder / f"{name}.png") for name in pictures]

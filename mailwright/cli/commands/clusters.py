"""``mailwright clusters``: the groups found among profiles."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailwright.cli.console import JsonOption, NowOption, Session, WorkspaceOption, clock
from mailwright.engine import read_workspace
from mailwright.learned import learned_of
from mailwright.workspace import open_workspace
from segments.clusters import ClusterModel
from segments.clusters import summary as cluster_summary
from segments.learned import Learned
from segments.personas import personas_page


def register(app: typer.Typer) -> None:
    app.command("clusters")(clusters)


def clusters(
    workspace: WorkspaceOption = Path(),
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Write pictures and personas there.")
    ] = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """The groups in place: personas, how many and why, whether they are stable, what sets them apart."""
    with Session(json) as session:
        space = open_workspace(workspace)
        known = learned_of(space)
        written: list[str] = []
        if plots is not None and known.clusters:
            moment = clock(now, space.spec)
            with session.stages("read"):
                profiles = read_workspace(space, now=moment).audience.profiles
            written = _draw(known, profiles, plots)
        data = {name: _cluster_data(model) for name, model in known.clusters.items()}

        def show(console: Console) -> None:
            for name, model in known.clusters.items():
                console.print(_cluster_table(name, model))
            for note in known.notes:
                console.print(f"note: {note}", markup=False)
            for line in written:
                console.print(line, markup=False)

        session.finish({"clusters": data, "notes": list(known.notes), "written": written}, show)


def _cluster_data(model: ClusterModel) -> dict[str, Any]:
    return cluster_summary(model) | {
        "personas": [asdict(persona) for persona in model.personas],
        "significance": [asdict(each) for each in model.significance],
        "choice": None if model.choice is None else asdict(model.choice),
    }


def _cluster_table(name: str, model: ClusterModel) -> Table:
    title = f"{name} · {model.method}, stability {model.stability:.2f}, version {model.version}"
    table = Table("group", "profiles", "share", "what sets it apart", title=title, title_justify="left")
    for persona in model.personas:
        traits = "\n".join(persona.traits) or "like the average profile"
        table.add_row(escape(persona.label), f"{persona.size:,}", f"{persona.share:.1%}", escape(traits))
    return table


def _draw(known: Learned, profiles: Any, folder: Path) -> list[str]:
    from segments.plots import draw_choice, draw_clusters

    folder.mkdir(parents=True, exist_ok=True)
    written: list[str] = []
    for name, model in known.clusters.items():
        pictures = {"map": draw_clusters(model, profiles)}
        if model.choice is not None:
            pictures["choice"] = draw_choice(model)
        for kind, data in pictures.items():
            (folder / f"{name}-{kind}.png").write_bytes(data)
            written.append(str(folder / f"{name}-{kind}.png"))
        page = personas_page(model.personas, title=f"Personas: {name}")
        (folder / f"{name}-personas.html").write_text(page, encoding="utf-8")
        written.append(str(folder / f"{name}-personas.html"))
    return written

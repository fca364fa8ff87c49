"""``mailwright scores``: the predictions in place, and why a profile has its own."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import pyarrow.compute as pc
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailwright.cli.console import JsonOption, NowOption, Session, WorkspaceOption, clock
from mailwright.engine import Source, read_workspace
from mailwright.errors import UsageError
from mailwright.learned import learned_of
from mailwright.workspace import open_workspace
from segments.learned import Learned
from segments.scoremodel import ScoreModel
from segments.targets import TARGETS, cohort_of


def register(app: typer.Typer) -> None:
    app.command("scores")(scores)


def scores(
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="ID", help="This profile's scores, and why.")
    ] = None,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """The scores in place: version, quality, whether they are published; of one profile the reasons."""
    with Session(json) as session:
        space = open_workspace(workspace)
        known = learned_of(space)
        data: dict[str, Any] = {name: score_data(model) for name, model in known.models.items()}
        for name, spec in known.score_specs.items():
            if spec.column is not None:
                data[name] = {"version": spec.version, "column": spec.column, "auc": spec.auc}
        told: dict[str, Any] = {}
        if profile is not None:
            moment = clock(now, space.spec)
            with session.stages("read"):
                told = _of_profile(read_workspace(space, now=moment), profile, moment)

        def show(console: Console) -> None:
            table = Table("score", "version", "quality", title="Scores", title_justify="left")
            for name, one in data.items():
                model = known.models.get(name)
                text = quality_text(model) if model else f"from the column {one['column']}"
                table.add_row(name, str(one["version"]), escape(text))
            console.print(table)
            for name, one in told.items():
                value = one["value"] if one["value"] is not None else f"none ({_meaning(known, name)})"
                console.print(f"{name} of {profile}: {value}", markup=False)
                for reason in one["reasons"]:
                    console.print(f"  {reason}", markup=False)
            for note in known.notes:
                console.print(f"note: {note}", markup=False)

        answer = {"scores": data, "notes": list(known.notes)}
        session.finish(answer | ({"profile": told} if profile is not None else {}), show)


def _meaning(known: Learned, name: str) -> str:
    """What the score is of: whom it is not for, or whose column is empty, has none."""
    spec = known.score_specs[name]
    return TARGETS[spec.predicts].description if spec.predicts else f"from the column {spec.column}"


def _of_profile(source: Source, profile: str, now: datetime) -> dict[str, Any]:
    profiles, known = source.audience.profiles, source.learned
    place = pc.index(profiles["profile_id"], profile).as_py()
    if place < 0:
        raise UsageError(f"there is no profile {profile!r}")
    row = profiles.slice(place, 1)
    cohort = cohort_of(row, now)
    return {
        name: {
            "value": row[name][0].as_py(),
            "reasons": known.models[name].reasons(cohort, [0])[0] if name in known.models else (),
        }
        for name in known.score_specs
    }


def score_data(model: ScoreModel) -> dict[str, Any]:
    """What ``--json`` prints of a score."""
    return {
        "version": model.version,
        "predicts": model.target,
        "learner": model.learner,
        "fitted_at": model.fitted_at,
        "published": model.published,
        "note": model.note,
        "quality": None if model.quality is None else asdict(model.quality),
    }


def quality_text(model: ScoreModel) -> str:
    """How good a score is, in a line; of one that is not published, why."""
    if model.quality is None or not model.published:
        return model.note
    quality = model.quality
    return f"AUC {quality.auc:.2f}; the best tenth has {quality.lift:.1f} times the average"

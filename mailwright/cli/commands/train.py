"""``mailwright train``, ``evaluate`` and ``models``: the recommendation model and its worth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailwright.cli.console import (
    JsonOption,
    NowOption,
    SeedOption,
    Session,
    StrictOption,
    WorkspaceOption,
    clock,
    key_values,
)
from mailwright.engine import read_workspace, segment_audience
from mailwright.errors import UsageError
from mailwright.feedback import gather_feedback
from mailwright.models import Candidate, shelf, train_candidate
from mailwright.workspace import open_workspace
from recommend import Evaluation, evaluate


def register(app: typer.Typer) -> None:
    app.command("train")(train_model)
    app.command("evaluate")(evaluate_model)
    app.command("models")(models)


def train_model(
    workspace: WorkspaceOption = Path(),
    search: Annotated[bool, typer.Option("--tune", help="Search for better parameters first.")] = False,
    warm: Annotated[bool, typer.Option("--warm", help="Go on from the model in place: quicker.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Put it in place whatever it is worth.")] = False,
    now: NowOption = None,
    seed: SeedOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Train the Surprise model, judge it, and put it in place if it beats the one there."""
    with Session(json) as session:
        space = open_workspace(workspace)
        moment = clock(now, space.spec)
        with session.stages("feedback"):
            gather_feedback(space, now=moment)
        with session.stages("read"):
            audience = read_workspace(space, now=moment, strict=strict).audience
            segments = segment_audience(space, audience, now=moment).columns
        made = train_candidate(
            space,
            audience,
            segments,
            session.stages,
            now=moment,
            seed=space.spec.seed if seed is None else seed,
            search=search,
            warm=warm,
            force=force,
        )
        data = _candidate(made) | {"seconds": session.stages.seconds}
        session.finish(data, lambda console: console.print(key_values("Model", data)))


def _candidate(made: Candidate) -> dict[str, Any]:
    return {
        "name": made.name,
        "fingerprint": made.model.fingerprint,
        "promoted": made.promoted,
        "why": made.verdict.why if made.verdict else made.unjudged,
        "evaluation": asdict(made.evaluation.overall) if made.evaluation else None,
        "popularity": asdict(made.evaluation.popularity) if made.evaluation else None,
        **asdict(made.model.info),
    }


def evaluate_model(
    workspace: WorkspaceOption = Path(),
    n: Annotated[int, typer.Option("--n", min=1, max=100, help="Items recommended to each.")] = 10,
    days: Annotated[int, typer.Option("--days", min=1, help="The window that is judged on, up to now.")] = 28,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="PNG", help="Draw it there.")] = None,
    now: NowOption = None,
    seed: SeedOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Judge the recommendations on what happened after a cut, beside popularity."""
    with Session(json) as session:
        space = open_workspace(workspace)
        moment = clock(now, space.spec)
        with session.stages("read"):
            audience = read_workspace(space, now=moment, strict=strict).audience
            segments = segment_audience(space, audience, now=moment).columns
        with session.stages("evaluate") as progress:
            judged = evaluate(
                audience.profiles,
                audience.interactions,
                audience.items,
                space.spec.recommend,
                now=moment,
                seed=space.spec.seed if seed is None else seed,
                n=n,
                window_days=days,
                segments=segments,
                progress=progress,
            )
        if plot is not None:
            from recommend.plots import plot_evaluation

            plot_evaluation(judged, plot)
        data = {key: value for key, value in asdict(judged).items() if key not in ("ndcg", "profile_ids")}
        session.finish(data, lambda console: console.print(_figures(judged)))


def _figures(judged: Evaluation) -> Table:
    title = f"Judged on {judged.cut[:10]} to {judged.end[:10]}, {judged.n} items each"
    names = ("nDCG", "recall", "MAP", "hit rate", "coverage", "novelty")
    table = Table("", "profiles", *names, title=title)
    rows = {"everyone": (judged.overall, judged.popularity), "cold": (judged.cold, judged.cold_popularity)}
    for name, pair in {**rows, **judged.segments}.items():
        for label, metrics in zip((escape(name), "  popularity"), pair, strict=True):
            figures = (metrics.ndcg, metrics.recall, metrics.map, metrics.hit_rate, metrics.coverage)
            shown = [*(f"{figure:.4f}" for figure in figures), f"{metrics.novelty:.2f} bits"]
            table.add_row(label, f"{metrics.profiles:,}", *shown)
    return table


def models(
    action: Annotated[str, typer.Argument(metavar="[list|rollback]", help="What to do.")] = "list",
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """List the trained models, or put the one before back in place."""
    if action not in ("list", "rollback"):
        raise UsageError(f"models cannot {action!r}", fix="list or rollback")
    with Session(json) as session:
        versions = shelf(open_workspace(workspace))
        if action == "rollback":
            versions.rollback()
        known = versions.versions()

        def show(console: Console) -> None:
            table = Table("model", "trained at", "nDCG", "in place")
            for one in known:
                worth = "–" if one.ndcg is None else f"{one.ndcg:.4f}"
                table.add_row(one.name, one.trained_at, worth, "yes" if one.in_place else "")
            console.print(table if known else "No model was trained yet: mailwright train")

        session.finish({"models": [asdict(one) for one in known]}, show)

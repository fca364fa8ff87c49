"""``mailwright train``: the recommendation model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console

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
from mailwright.engine import read_workspace, trained_model
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("train")(train)


def train(
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    seed: SeedOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Train the Surprise model on the workspace's interactions, unless that very model is there already."""
    with Session(json) as session:
        space = open_workspace(workspace)
        moment = clock(now, space.spec)
        with session.stages("read"):
            audience = read_workspace(space, now=moment, strict=strict).audience
        with session.stages("train") as progress:
            seed = space.spec.seed if seed is None else seed
            model = trained_model(space, audience, now=moment, seed=seed, progress=progress)
        data = {"fingerprint": model.fingerprint, **asdict(model.info), "seconds": session.stages.seconds}

        def show(console: Console) -> None:
            console.print(key_values("Model", data))

        session.finish(data, show)

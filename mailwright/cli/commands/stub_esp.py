"""``mailwright stub-esp``: a stand-in ESP on this machine."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from mailwright.cli.console import JsonOption, Session
from send import StubEsp


def register(app: typer.Typer) -> None:
    app.command("stub-esp")(stub_esp)


def stub_esp(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 8025,
    seed: Annotated[int, typer.Option("--seed", help="Of the faults that are drawn at random.")] = 0,
    json: JsonOption = False,
) -> None:
    """Play every ESP's API on this machine until Ctrl-C; what it accepts can be browsed."""
    with Session(json) as session, StubEsp(port=port, seed=seed) as esp:

        def show(console: Console) -> None:
            console.print(f"An ESP listens at {esp.url}; what it accepts is shown there. Ctrl-C ends it.")
            console.print(f"Point an adapter at it with `esp: {{ base_url: {esp.address('sendgrid')} }}`.")

        session.finish({"url": esp.url}, show)
        esp.wait()

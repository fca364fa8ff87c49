"""What every command shares: its options, its progress, its output, its errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from mailwright.errors import SourceError, UsageError
from mailwright.model.workspace import WorkspaceSpec
from mailwright.progress import Stages

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", help="The workspace's folder.", show_default="this folder")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, progress on stderr.")]
NowOption = Annotated[
    str | None,
    typer.Option("--now", metavar="TIME", help="The clock: ISO 8601, UTC unless it says otherwise."),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, max=2**32 - 1, help="In place of the workspace's seed.")
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes that render.", show_default="all cores")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="A rejected row is an error.")]
OccasionOption = Annotated[
    str | None, typer.Option("--occasion", help="A profile gets a campaign once per occasion.")
]
CampaignArgument = Annotated[
    str, typer.Argument(metavar="CAMPAIGN", help="A file of campaigns/, without its ending.")
]


class SpeedColumn(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        counted = speed is not None and task.total is not None and task.total > 1
        return Text(f"{speed:,.0f}/s" if counted else "", justify="right", style="progress.data.speed")


class ShownStages(Stages):
    """Stages with a progress bar each, on stderr."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._bars = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            SpeedColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def begin(self, stage: str) -> None:
        if not self._tasks:
            self._bars.start()
        self._tasks[stage] = self._bars.add_task(stage, total=None)

    def advance(self, stage: str, done: int, total: int) -> None:
        self._bars.update(self._tasks[stage], completed=done, total=total)

    def end(self, stage: str) -> None:
        task = self._tasks[stage]
        if self._bars.tasks[task].total is None:
            self._bars.update(task, completed=1, total=1)
        self._bars.stop_task(task)  # where it stands: a send that was paused has not sent all

    def close(self) -> None:
        if self._tasks:
            self._bars.stop()


@dataclass
class Session:
    """One call of one command."""

    json: bool

    def __post_init__(self) -> None:
        self.out = Console()
        self.err = Console(stderr=True)
        self.stages = ShownStages(self.err)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.stages.close()

    def finish(self, data: dict[str, Any], show: Callable[[Console], None]) -> None:
        """Print the result: as JSON, or the way ``show`` draws it."""
        self.stages.close()
        if self.json:
            sys.stdout.write(to_json(data) + "\n")
        else:
            show(self.out)


def key_values(title: str, data: Mapping[str, Any]) -> Table:
    """A table of names and values; a mapping inside is shown as its own lines."""
    table = Table(title=title, title_justify="left", show_header=False)
    for key, value in data.items():
        table.add_row(key.replace("_", " "), shown(value))
    return table


def shown(value: Any) -> str:
    """A value as a table shows it, free of markup."""
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {shown(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return "\n".join(shown(inner) for inner in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3g}" if value < 1 else f"{value:,.1f}"
    return escape(str(value))


def to_json(data: Any) -> str:
    return orjson.dumps(data, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()


def secret_of(spec: WorkspaceSpec) -> bytes | None:
    """The secret that signs links, from the environment."""
    return os.environ.get(spec.secret_env, "").encode() or None


def clock(now: str | None, spec: WorkspaceSpec) -> datetime:
    """``--now``, else the workspace's fixed clock, else the time it is."""
    if now is None:
        moment = spec.clock or datetime.now(UTC)
    else:
        try:
            moment = datetime.fromisoformat(now)
        except ValueError as error:
            raise UsageError(f"--now {now!r} is no time", fix="write it as 2026-11-20T09:00:00Z") from error
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise UsageError(f"--now {now!r} is no time in UTC") from error
    if not 2000 <= moment.year < 2200:
        raise UsageError(f"the clock says {moment.isoformat()}", fix="a time between 2000 and 2200")
    return moment


def error_data(error: Exception) -> dict[str, Any]:
    """An error as ``--json`` prints it."""
    data: dict[str, Any] = {"error": getattr(error, "what", str(error)), "kind": type(error).__name__}
    if isinstance(error, SourceError):
        data |= {"file": error.at.file, "line": error.at.line, "column": error.at.column}
    if fix := getattr(error, "fix", None):
        data["fix"] = fix
    return data

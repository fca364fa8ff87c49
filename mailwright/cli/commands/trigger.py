"""``mailwright trigger``: what triggers say of a profile, events from a file, and refused events."""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailwright.cli.console import JsonOption, NowOption, Session, WorkspaceOption, clock, secret_of
from mailwright.errors import UsageError
from mailwright.outboxes import workspace_outbox
from mailwright.workspace import Workspace, open_workspace
from send import open_adapter
from triggers import Triggers, open_triggers
from triggers.lines import batches
from triggers.store import Store


class Action(StrEnum):
    """What can be asked and done."""

    EXPLAIN = "explain"
    TAKE = "take"
    DEAD_LETTERS = "dead-letters"
    REPLAY = "replay"


def register(app: typer.Typer) -> None:
    app.command("trigger")(trigger)


def trigger(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    what: Annotated[
        str | None,
        typer.Argument(metavar="[PROFILE|EVENTS.jsonl]", help="Whom to explain; what to take (-: stdin)."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Dead letters listed or replayed.", show_default="100; all"),
    ] = None,
    now: NowOption = None,
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Explain what triggers say of a profile, take events from a file, list and replay refused ones.

    `explain PROFILE` tells, for every trigger, whether its `when` holds now and why, what is lacking for a
    run to begin and its mail to go, and what each run of it has decided. `take EVENTS.jsonl` stores Segment
    calls, one a line; the server fires what they start. `replay` takes dead letters once more, after the
    schema was mended, say. The clock is the machine's, as the server's is, whatever the workspace fixes.
    """
    if (action in (Action.EXPLAIN, Action.TAKE)) != (what is not None):
        wanted = {Action.EXPLAIN: "a profile", Action.TAKE: "a file, or - for stdin"}.get(action, "nothing")
        raise UsageError(f"`trigger {action}` is given {wanted}", fix="see mailwright trigger --help")
    with Session(json) as session:
        space = open_workspace(workspace)
        if action is Action.DEAD_LETTERS:
            store = Store(workspace_outbox(space))
            letters = [_letter(one) for one in store.dead_letters(limit or 100)]
            data = {"dead_letters": letters, "all": store.count_letters()}
            session.finish(data, lambda console: _show_letters(console, data))
        elif action is Action.EXPLAIN:
            moment = _moment(now, space)
            data = _open(space, moment).explain(str(what), now=moment)
            session.finish(data, lambda console: _show_explained(console, data))
        else:
            taken = _take(space, str(what), now) if what else _replay(space, limit, now)
            session.finish(taken, lambda console: console.print(_counted(taken)))


def _moment(now: str | None, space: Workspace) -> datetime:
    """``--now``, else the time it is, as for the server whose store it is: no clock that is fixed."""
    return clock(now, space.spec.model_copy(update={"clock": None}))


def _open(space: Workspace, moment: datetime) -> Triggers:
    """The triggers over the workspace's own store; nothing is sent."""
    adapter = open_adapter(space.spec.esp.model_copy(update={"adapter": "memory"}), {}, root=space.state)
    outbox = workspace_outbox(space)
    return open_triggers(space, outbox=outbox, adapter=adapter, now=moment, secret=secret_of(space.spec))


def _take(space: Workspace, name: str, now: str | None) -> dict[str, Any]:
    with ExitStack() as stack:
        if name == "-":
            file, source = sys.stdin.buffer, "stdin"
        else:
            source = f"file:{Path(name).name}"
            try:
                file = stack.enter_context(Path(name).open("rb"))
            except OSError as error:
                raise UsageError(f"{name} cannot be read: {os.strerror(error.errno or 0)}") from error
        live = _open(space, _moment(now, space))
        counts: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        notes: Counter[str] = Counter()
        for some in batches(file):
            done = live.ingest(some, now=_moment(now, space), source=source)
            counts.update(accepted=done.accepted, duplicates=done.duplicates, refused=len(done.refused))
            reasons.update(done.refused)
            notes.update(done.notes)
    found = {name: counts[name] for name in ("accepted", "duplicates", "refused")}
    return {**found, "reasons": dict(reasons), "notes": dict(notes)}


def _replay(space: Workspace, limit: int | None, now: str | None) -> dict[str, Any]:
    moment = _moment(now, space)
    done = _open(space, moment).replay_dead_letters(now=moment, limit=limit)
    found = {"accepted": done.accepted, "duplicates": done.duplicates, "refused": len(done.refused)}
    return {**found, "reasons": dict(Counter(done.refused)), "notes": dict(done.notes)}


def _letter(one: dict[str, Any]) -> dict[str, Any]:
    return {
        **one,
        "received_at": one["received_at"].isoformat(),
        "body": one["body"].decode(errors="replace"),
    }


def _counted(taken: dict[str, Any]) -> str:
    text = f"{taken['accepted']:,} stored, {taken['duplicates']:,} seen before, {taken['refused']:,} refused"
    more = [f"  {n:,}× {escape(what)}" for what, n in {**taken["reasons"], **taken["notes"]}.items()]
    return "\n".join([text, *more])


def _show_letters(console: Console, data: dict[str, Any]) -> None:
    shown, count = len(data["dead_letters"]), data["all"]
    title = f"the oldest {shown:,} of {count:,} dead letters" if shown < count else f"{count:,} dead letters"
    table = Table("no.", "received", "source", "why", "call", title=title)
    for one in data["dead_letters"]:
        body = one["body"] if len(one["body"]) <= 80 else one["body"][:79] + "…"
        cells = (str(one["seq"]), one["received_at"], one["source"], one["reason"], body)
        table.add_row(*map(escape, cells))
    console.print(table)


def _title(data: dict[str, Any]) -> str:
    return f"{escape(data['profile_id'])} at {data['now'][:16].replace('T', ' ')} UTC"


def _show_explained(console: Console, data: dict[str, Any]) -> None:
    table = Table("trigger", "when holds", "what is lacking now", "runs", title=_title(data))
    table.show_lines = True
    for name, said in data["triggers"].items():
        when = said["when"]
        holds = {True: "yes", False: "no", None: "unknown"}[when["holds"]]
        values = [
            f"{one['expression']} " + ("is missing" if one["missing"] else f"= {one['value']}")
            for one in when["operands"]
        ]
        lacking = [f"{one['reason']}: {one['detail']}" for one in said["lacking"]]
        runs = "\n".join(
            f"{run['state']}"
            + (f" ({run['reason']})" if run["reason"] else "")
            + (f" until {run['due_at']}" if run["due_at"] else "")
            + "".join(
                f"\n  {step['at'][:16]} {step['what']} {step.get('reason', '')}" for step in run["trace"]
            )
            for run in said["runs"]
        )
        cells = (f"{name}\n{said['on']}", "\n".join([holds, *values]), "\n".join(lacking) or "nothing", runs)
        table.add_row(*map(escape, cells))
    console.print(table)

"""``mailwright outbox``: what was sent, what waits, what nobody knows of; and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailwright.cli.console import JsonOption, Session, WorkspaceOption, key_values
from mailwright.errors import UsageError, did_you_mean
from mailwright.model.message import Status
from mailwright.outboxes import deliver_waiting, workspace_outbox
from mailwright.workspace import open_workspace
from send import Outbox


class Action(StrEnum):
    """What an operator can do."""

    OVERVIEW = "overview"
    LIST = "list"
    RETRY = "retry"
    GIVE_UP = "give-up"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    DELIVER = "deliver"


STANDING = (Action.PAUSE, Action.RESUME, Action.STOP)
"""What is done to a campaign as a whole, before it begins or while it is sent."""


def register(app: typer.Typer) -> None:
    app.command("outbox")(outbox)


def outbox(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.OVERVIEW,
    messages: Annotated[list[str] | None, typer.Argument(metavar="[MESSAGE_ID]…")] = None,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only this campaign.")] = None,
    occasion: Annotated[str | None, typer.Option("--occasion", help="Only this occasion.")] = None,
    status: Annotated[Status | None, typer.Option("--status", help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows listed.")] = 100,
    wait: Annotated[
        float | None,
        typer.Option("--wait", min=0, help="deliver: hours to wait for what must go later."),
    ] = None,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="That of --stub-esp.")] = False,
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Look at the outbox, retry or give up what is unknown, pause, resume or stop a campaign, deliver.

    A message that is unknown may have been accepted: `retry` sends it again on your word that it was not.
    `deliver` sends what waits (quiet hours, a warm-up, a resumed campaign) without rendering anything.
    """
    with Session(json) as session:
        space = open_workspace(workspace)
        if action is Action.DELIVER:
            with session.stages("send") as progress:
                report = deliver_waiting(space, wait_hours=wait, progress=progress)
            session.finish(report, lambda console: console.print(key_values("delivered", report)))
            return
        store = workspace_outbox(space, rehearsal=rehearsal)
        if action is Action.LIST:
            rows = [
                asdict(row)
                for row in store.operators.messages(
                    campaign=campaign, occasion=occasion, status=status, limit=limit
                )
            ]
            session.finish({"messages": rows}, _rows(rows))
            return
        if action in STANDING and campaign is not None:
            _check_campaign(
                campaign, {*space.campaign_files, *(one.campaign for one in store.operators.overview())}
            )
        changed = _change(store, action, messages or [], campaign, occasion, status)
        overview = [asdict(one) for one in store.operators.overview()]
        session.finish({"changed": changed, "campaigns": overview}, _overview(overview, changed))


def _change(
    store: Outbox,
    action: Action,
    messages: list[str],
    campaign: str | None,
    occasion: str | None,
    status: Status | None,
) -> int | None:
    """Do it; the number of messages that changed, where that can be counted."""
    if action is Action.RETRY:
        _need(messages or campaign, "retry needs message ids or --campaign")
        return store.operators.retry(messages, campaign=campaign, status=status or Status.UNKNOWN)
    if action is Action.GIVE_UP:
        _need(messages or campaign, "give-up needs message ids or --campaign")
        return store.operators.give_up(messages, campaign=campaign)
    if action in STANDING:
        _need(campaign and occasion, f"{action} needs --campaign and --occasion")
        does: dict[Action, Callable[[str, str], int | None]] = {
            Action.PAUSE: store.operators.pause,
            Action.RESUME: store.operators.resume,
            Action.STOP: store.operators.stop,
        }
        return does[action](str(campaign), str(occasion))
    return None


def _check_campaign(campaign: str, known: Collection[str]) -> None:
    """Whoever stops a campaign under a wrong name believes that it stands still."""
    if campaign not in known:
        raise UsageError(f"there is no campaign {campaign!r}", fix=did_you_mean(campaign, known))


def _need(given: Any, what: str) -> None:
    if not given:
        raise UsageError(what, fix="see `mailwright outbox` for what there is")


def _rows(rows: list[dict[str, Any]]) -> Callable[[Console], None]:
    def show(console: Console) -> None:
        table = Table("message", "campaign", "profile", "status", "detail")
        for row in rows:
            detail = " ".join(filter(None, (row["reason"], row["detail"])))
            table.add_row(
                row["message_id"],
                escape(row["campaign"]),
                escape(row["profile_id"]),
                row["status"],
                escape(detail),
            )
        console.print(table)

    return show


def _overview(overview: list[dict[str, Any]], changed: int | None) -> Callable[[Console], None]:
    def show(console: Console) -> None:
        if changed is not None:
            console.print(f"{changed:,} messages changed")
        table = Table("campaign", "occasion", "state", "messages")
        for one in overview:
            counts = ", ".join(f"{name} {count:,}" for name, count in one["counts"].items())
            state = " ".join(filter(None, (one["state"], one["why"])))
            table.add_row(escape(one["campaign"]), escape(one["occasion"]), escape(state), counts)
        console.print(table if overview else "Nothing was sent yet.")

    return show

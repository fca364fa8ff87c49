"""What is held of one person anywhere in a workspace, and its erasure everywhere."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audience import access_profile, forget_profile
from mailwright.archive import Archive
from mailwright.engine import LAST_GOOD
from mailwright.errors import DataError
from mailwright.sending import TESTS, archive_of, workspace_outbox
from mailwright.traces import erase_traces, learned_of_person, memberships_of, traces_left
from mailwright.workspace import Workspace
from send import Outbox
from send.outbox.person import erase_person, held_of
from triggers.store import Store

REHEARSALS = (False, True)
DERIVED = ("coverage", "feedback", "models", "preview", LAST_GOOD)
"""Folders of ``.mailwright`` that are made of profiles' data and can be made again."""


@dataclass(frozen=True)
class Forgotten:
    """What was erased, and what has to be deleted where Mailwright cannot write."""

    profile_ids: tuple[str, ...]
    rows: dict[str, int]
    messages: int
    mails: int
    suppressed: int
    """Addresses kept on the suppression list as keyed hashes, so that a re-import cannot mail them."""
    memberships: int
    """Rows of earlier runs: who was in which segment."""
    fit_again: tuple[str, ...]
    """Clusters in which single people stood, and which went with them: ``mailwright fit`` makes new ones."""
    elsewhere: tuple[str, ...]


def access(workspace: Workspace, profile_id: str, *, now: datetime) -> dict[str, Any]:
    """All that is held of a person, as JSON: sources, features, messages, events, preferences, mails."""
    held = access_profile(workspace.root, workspace.spec, profile_id, now=now)
    mails = []
    for rehearsal in REHEARSALS:
        with_these = archive_of(workspace, rehearsal=rehearsal)
        mails += [_mail(row) for one in held["profile_ids"] for row in with_these.of_profile(one)]
    return held | {
        "learned": learned_of_person(workspace, held["profile_ids"][0], now=now),
        "memberships": memberships_of(workspace, held["profile_ids"]),
        "sending": _sending(workspace, held["profile_ids"]),
        "mails": mails,
    }


def forget(workspace: Workspace, profile_id: str) -> Forgotten:
    """Erase a person from sources, outbox, kept mails and models, and prove that nothing is left.

    Raises UsageError for a profile that no source knows, DataError when anything is left.
    """
    erased = forget_profile(
        workspace.root, workspace.spec, profile_id, rejects_dir=workspace.state / "rejects"
    )
    ids = list(erased.profile_ids)
    messages = mails = 0
    for rehearsal in REHEARSALS:
        mails += archive_of(workspace, rehearsal=rehearsal).erase(frozenset(ids))
        if (outbox := _existing_outbox(workspace, rehearsal=rehearsal)) is None:
            continue
        for address in erased.addresses:
            outbox.suppressions.add(address, "forgotten", source="erased on request")
            outbox.suppressions.forget(address)
        for row in held_of(outbox.db, ids)["messages"]:
            for written in workspace.state.rglob(f"*{row['message_id']}*.eml"):
                written.unlink()
        events = Store(outbox)
        with events.db.write() as connection:
            for one in ids:
                events.erase(connection, one)
        messages += erase_person(outbox.db, ids)
        outbox.close()
    memberships, fit_again = erase_traces(workspace, ids)
    for folder in DERIVED:
        shutil.rmtree(workspace.state / folder, ignore_errors=True)
    for log in workspace.state.glob(f"{TESTS}*"):  # of test sends: it names whose mail was looked at
        log.unlink()
    _prove(workspace, ids)
    return Forgotten(
        profile_ids=erased.profile_ids,
        rows=dict(erased.rows),
        messages=messages,
        mails=mails,
        suppressed=len(erased.addresses),
        memberships=memberships,
        fit_again=fit_again,
        elsewhere=erased.elsewhere,
    )


def _prove(workspace: Workspace, ids: list[str]) -> None:
    left = [name for name, rows in _sending(workspace, ids).items() if rows]
    kept: list[Archive] = [archive_of(workspace, rehearsal=rehearsal) for rehearsal in REHEARSALS]
    if any(archive.of_profile(one) for archive in kept for one in ids):
        left.append("mails")
    left += traces_left(workspace, ids)
    if left:
        raise DataError(f"something of the profile is left: {', '.join(left)}", fix="run it again")


def _sending(workspace: Workspace, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    names = ("messages", "events", "preferences", "attributes")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for rehearsal in REHEARSALS:
        if (outbox := _existing_outbox(workspace, rehearsal=rehearsal)) is not None:
            for name, rows in held_of(outbox.db, ids).items():
                found[name] += rows
            outbox.close()
    return found


def _existing_outbox(workspace: Workspace, *, rehearsal: bool) -> Outbox | None:
    """The outbox, but for a rehearsal's that was never made."""
    if rehearsal and not (workspace.state / "rehearsal.db").exists():
        return None
    return workspace_outbox(workspace, rehearsal=rehearsal)


def _mail(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "message_id": row["message_id"],
        "subject": row["subject"],
        "text": row["text"],
        "html": row["html"].decode("ascii"),
    }

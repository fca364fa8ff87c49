"""What is held of one person anywhere in a workspace, and its erasure everywhere."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audience import access_profile, forget_profile
from audience.privacy import Person, person_of
from mailwright.archive import Archive
from mailwright.engine import LAST_GOOD
from mailwright.errors import DataError, UsageError
from mailwright.leftovers import still_naming
from mailwright.outboxes import TESTS, workspace_outbox
from mailwright.sending import archive_of
from mailwright.traces import erase_traces, learned_of_person, memberships_of, traces_left
from mailwright.workspace import Workspace
from send import Outbox
from send.address import canonical
from send.outbox.person import erase_person, held_of
from triggers import person as live
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
    live: int
    """Rows of what came in live: events, what identify calls said, runs of triggers, refused calls."""
    suppressed: int
    """Addresses kept on the suppression list as keyed hashes, so that a re-import cannot mail them."""
    memberships: int
    """Rows of earlier runs: who was in which segment."""
    fit_again: tuple[str, ...]
    """Clusters in which single people stood, and which went with them: ``mailwright fit`` makes new ones."""
    elsewhere: tuple[str, ...]
    """What a person has to see to: databases, platforms, files, other profiles with their address."""


def access(workspace: Workspace, profile_id: str, *, now: datetime) -> dict[str, Any]:
    """All that is held of a person, as JSON: sources, features, messages, live events, preferences, mails.

    Raises UsageError when nothing is held anywhere.
    """
    held = access_profile(workspace.root, workspace.spec, profile_id, now=now)
    ids = held["profile_ids"]
    told = [str(row["email"]) for row in held["held"]["profiles"] if row.get("email")]
    elsewhere = {
        "memberships": memberships_of(workspace, ids),
        "sending": _sending(workspace, ids),
        "live": _live(workspace, ids, told),
        "mails": _mails(workspace, ids),
    }
    _refuse_nobody(profile_id, held["held"], elsewhere["sending"], elsewhere["live"], elsewhere["mails"])
    return held | {"learned": learned_of_person(workspace, ids[0], now=now)} | elsewhere


def forget(workspace: Workspace, profile_id: str) -> Forgotten:
    """Erase a person from stores, kept mails, models and sources, and prove that nothing is left.

    The sources go last: they say who was merged with whom, so that what was interrupted can be run again.
    Raises UsageError when nothing is held of them anywhere, DataError when anything is left.
    """
    person = person_of(workspace.root, workspace.spec, profile_id)
    ids = list(person.profile_ids)
    held, told = _sending(workspace, ids), _live(workspace, ids, person.addresses)
    _refuse_nobody(profile_id, person.rows, held, told, _mails(workspace, ids))
    addresses = _addresses(workspace, person, held)
    messages = mails = rows = 0
    for rehearsal in REHEARSALS:
        mails += archive_of(workspace, rehearsal=rehearsal).erase(frozenset(ids))
        if (outbox := _existing_outbox(workspace, rehearsal=rehearsal)) is not None:
            rows += _erase_live(outbox, ids, addresses)
            messages += _erase_sent(workspace, outbox, ids, addresses)
            outbox.close()
    memberships, fit_again = erase_traces(workspace, ids)
    for folder in DERIVED:
        shutil.rmtree(workspace.state / folder, ignore_errors=True)
    for log in workspace.state.glob(f"{TESTS}*"):  # of test sends: it names whose mail was looked at
        log.unlink()
    erased = forget_profile(workspace.root, workspace.spec, person, rejects_dir=workspace.state / "rejects")
    _prove(workspace, ids, addresses)
    return Forgotten(
        profile_ids=person.profile_ids,
        rows=dict(erased.rows),
        messages=messages,
        mails=mails,
        live=rows,
        suppressed=len(addresses),
        memberships=memberships,
        fit_again=fit_again,
        elsewhere=(*erased.elsewhere, *_elsewhere(workspace, person, addresses, held)),
    )


def _refuse_nobody(profile_id: str, *held: Any) -> None:
    """UsageError where nothing is held."""
    if not any(any(one.values()) if isinstance(one, dict) else one for one in held):
        raise UsageError(f"nothing is held of a profile {profile_id!r}", fix="check the id")


def _addresses(workspace: Workspace, person: Person, held: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Every mailbox that was ever theirs, in the spelling by which the suppression list knows it."""
    known = {*person.addresses, *(row["address"] for row in held["messages"])}
    for outbox in _outboxes(workspace):
        known.update(live.addresses_told(Store(outbox), person.profile_ids))
    return sorted({canonical(address) for address in known if address.strip()})


def _erase_live(outbox: Outbox, ids: list[str], addresses: Collection[str]) -> int:
    store = Store(outbox)
    with store.db.write() as connection:
        return live.erase_person(store, connection, ids, addresses)


def _erase_sent(workspace: Workspace, outbox: Outbox, ids: list[str], addresses: Collection[str]) -> int:
    for address in addresses:
        outbox.suppressions.add(address, "forgotten", source="erased on request")
        outbox.suppressions.forget(address)
    for row in held_of(outbox.db, ids)["messages"]:
        for written in workspace.state.rglob(f"*{row['message_id']}*.eml"):
            written.unlink()
    return erase_person(outbox.db, ids)


def _prove(workspace: Workspace, ids: list[str], addresses: Collection[str]) -> None:
    left = [name for name, rows in _sending(workspace, ids).items() if rows]
    left += ["live events"] if _live(workspace, ids, addresses) else []
    left += ["mails"] if _mails(workspace, ids) else []
    left += traces_left(workspace, ids)
    if left:
        raise DataError(f"something of the profile is left: {', '.join(left)}", fix="run it again")


def _elsewhere(
    workspace: Workspace, person: Person, addresses: Collection[str], held: dict[str, list[dict[str, Any]]]
) -> Iterator[str]:
    for platform in sorted({str(row["platform"]) for row in held["attributes"]}):
        yield f"{platform} has attributes of the profile (sync-attributes): delete them there"
    for other in person.others:
        yield f"profile {other} has the address too and stays: forget it as well, if it is the same person"
    for file in still_naming(workspace.root, {*addresses, *person.addresses}):
        yield f"{file} still holds an address of theirs: delete it, if it is not another's"


def _sending(workspace: Workspace, ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    names = ("messages", "events", "preferences", "attributes")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for outbox in _outboxes(workspace):
        for name, rows in held_of(outbox.db, list(ids)).items():
            found[name] += rows
    return found


def _live(workspace: Workspace, ids: Collection[str], addresses: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for outbox in _outboxes(workspace):
        for name, rows in live.held_of(Store(outbox), ids, addresses).items():
            found[name] = found.get(name, []) + rows
    return found


def _mails(workspace: Workspace, ids: Collection[str]) -> list[dict[str, Any]]:
    kept: list[Archive] = [archive_of(workspace, rehearsal=rehearsal) for rehearsal in REHEARSALS]
    return [_mail(row) for archive in kept for one in ids for row in archive.of_profile(one)]


def _outboxes(workspace: Workspace) -> Iterator[Outbox]:
    """Each outbox that there is, open as long as it is looked at."""
    for rehearsal in REHEARSALS:
        if (outbox := _existing_outbox(workspace, rehearsal=rehearsal)) is not None:
            try:
                yield outbox
            finally:
                outbox.close()


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

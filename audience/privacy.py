"""What is held of one person in the workspace's sources, and its erasure. Lists and mails are the store's.

A person is a profile and all that was merged into it. Everything that the sources hold counts, rows that
were rejected and interactions that could not be used included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from audience.address import check_address
from audience.erasure import erase_rows, plain_id, stands_in
from audience.features import FEATURES, add_features
from audience.files import replace_files
from audience.people import read_profiles
from audience.report import AudienceReport
from audience.sources import format_of, read_source
from audience.things import read_interactions, read_items, take_in_interactions
from mailwright.errors import DataError
from mailwright.model.schema import INTERACTION_ATTRIBUTES, PROFILE_ATTRIBUTES, Schema
from mailwright.model.workspace import DataSource, WorkspaceSpec


@dataclass(frozen=True)
class Erasure:
    """What was erased of a person here, and what the caller still has to do elsewhere."""

    rows: Mapping[str, int] = field(default_factory=dict)
    """Source → rows that went."""
    elsewhere: tuple[str, ...] = ()
    """Sources that cannot be written from here (queries): what has to be deleted there."""


@dataclass(frozen=True)
class Person:
    """A profile and all that was merged into it, as the sources know them."""

    profile_ids: tuple[str, ...]
    """The surviving id first; one that no source knows stands alone."""
    addresses: tuple[str, ...]
    """As they are written in the sources, of every row."""
    others: tuple[str, ...]
    """Profiles that have one of these addresses and were not merged."""
    rows: int
    """How many rows of the sources are theirs."""


def person_of(root: Path, spec: WorkspaceSpec, profile_id: str) -> Person:
    """Who that is: to be asked before anything of them is erased, for merges follow from the sources."""
    found = read_profiles(root, spec, AudienceReport())
    ids = _merged(found.aliases, profile_id)
    rows = _rows(root, spec, "profiles", ids)
    done = _rows(root, spec, "interactions", ids)
    addresses = sorted(
        {str(row["email"]).strip() for row in rows if row.get("email")} | _torn_addresses(rows)
    )
    keys = {key for one in addresses if (key := check_address(one)[1]) is not None}
    at_them = found.profiles.filter(
        pc.is_in(found.profiles["email_key"], pa.array(sorted(keys), pa.string()))
    )
    others = sorted(set(at_them["profile_id"].to_pylist()) - set(ids))
    return Person(ids, tuple(addresses), tuple(others), len(rows) + len(done))


def _torn_addresses(rows: list[dict[str, Any]]) -> set[str]:
    """The address in a row that cannot be read, where it is the only one: else it may be a neighbour's."""
    found = [re.findall(r"[^\s,;:<>\"'\\]+@[^\s,;:<>\"'\\]+", row.get("torn", "")) for row in rows]
    return {addresses[0] for addresses in found if len(addresses) == 1}


def access_profile(root: Path, spec: WorkspaceSpec, profile_id: str, *, now: datetime) -> dict[str, Any]:
    """All that the sources hold of a person, as JSON: rows as they are, and what is made of them.

    Of a profile that no source knows its id alone.
    """
    report = AudienceReport()
    people = read_profiles(root, spec, report)
    person = _merged(people.aliases, profile_id)
    sources = {name: _rows(root, spec, name, person) for name in ("profiles", "interactions")}
    items = read_items(root, spec, report)
    interactions = read_interactions(
        take_in_interactions(root, spec), spec, report, people.profiles, people.aliases, items, now
    )
    kept = person[0]
    mine = people.profiles.filter(pc.equal(people.profiles.column("profile_id"), kept))
    used = interactions.filter(pc.equal(interactions.column("profile_id"), kept))
    whole = add_features(mine, used, items, now=now).to_pylist()
    # RFM scores compare with all buyers; alone they would say nothing.
    shown = {k: v for row in whole for k, v in row.items() if not k.startswith("rfm")}
    return {
        "profile_ids": list(person),
        "held": sources,
        "profile": {name: _json(value) for name, value in shown.items() if name not in FEATURES},
        "features": {name: _json(value) for name, value in shown.items() if name in FEATURES},
    }


def forget_profile(
    root: Path, spec: WorkspaceSpec, person: Person, *, rejects_dir: Path | None = None
) -> Erasure:
    """Erase a person from the files of the workspace, and make sure that nothing of them is left there.

    Rows of profiles and interactions go, and lines of the lists in ``rejects_dir`` that name them; nothing
    for a person that no source knows. Raises ``DataError`` when a source still holds them after.
    """
    ids = person.profile_ids
    known = {name: _rows(root, spec, name, ids) for name in ("profiles", "interactions")}
    rows: dict[str, int] = {}
    elsewhere: list[str] = []
    for name in ("profiles", "interactions"):
        source = getattr(spec.data, name)
        if source is None or not known[name]:
            continue
        if source.path is None:
            elsewhere.append(
                f"data.{name}.query still gives {len(known[name])} rows: delete them in the database"
            )
            continue
        path = root / source.path
        rows[name] = erase_rows(path, format_of(source, path), _id_column(source), frozenset(ids))
        if left := _rows(root, spec, name, ids):
            raise DataError(
                f"{source.path} still holds {len(left)} rows of the profile", fix="erase them by hand"
            )
    if rejects_dir is not None:
        _erase_from_lists(rejects_dir, ids)
    return Erasure(rows, tuple(elsewhere))


def _merged(aliases: Mapping[str, str], profile_id: str) -> tuple[str, ...]:
    """The surviving id first, then all that were merged into it."""
    kept = aliases.get(profile_id, profile_id)
    return kept, *sorted(merged for merged, into in aliases.items() if into == kept)


def _rows(root: Path, spec: WorkspaceSpec, name: str, person: tuple[str, ...]) -> list[dict[str, Any]]:
    """The person's rows of one source, as they came, by attribute; with the number of each."""
    source: DataSource | None = getattr(spec.data, name)
    if source is None:
        return []
    schemas: dict[str, Schema] = {
        "profiles": PROFILE_ATTRIBUTES | spec.profile,
        "interactions": INTERACTION_ATTRIBUTES | spec.event,
    }
    raw = read_source(root, source, schemas[name], what=name)
    ids = raw.columns.get("profile_id", [])
    values = ids.to_pylist() if isinstance(ids, pa.Array) else ids
    found: list[dict[str, Any]] = []
    for position in (i for i, value in enumerate(values) if plain_id(value) in person):
        row: dict[str, Any] = {"row": int(raw.rows[position])}
        for attribute, column in raw.columns.items():
            value = column[position]
            row[attribute] = _json(value.as_py() if isinstance(value, pa.Scalar) else value)
        found.append(row)
    found += [{"row": row, "torn": text} for row, _, text in raw.broken if stands_in(person, text)]
    return found


def _id_column(source: DataSource) -> str:
    return next((column for column, name in source.columns.items() if name == "profile_id"), "profile_id")


def _erase_from_lists(folder: Path, person: tuple[str, ...]) -> None:
    for path in sorted(folder.glob("*.jsonl")):
        lines = path.read_bytes().splitlines(keepends=True)
        left = [line for line in lines if not any(orjson.dumps(known) in line for known in person)]
        if len(left) < len(lines):
            replace_files(folder, {path.name: b"".join(left)})


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value

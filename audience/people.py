"""Reading profiles: checked, one row a person, nobody mailed who said no anywhere."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audience.address import ADDRESS_ATTRIBUTES, check_addresses
from audience.identity import Identities, unify
from audience.intake import Intake, take_in, with_defaults
from audience.order import flat, is_among, of_each
from audience.report import AudienceReport
from audience.survivorship import FITS
from audience.zones import known_zones
from mailwright.errors import DataError, did_you_mean
from mailwright.model.schema import PROFILE_ATTRIBUTES, Attribute, Schema
from mailwright.model.workspace import WorkspaceSpec

_LOCALE = r"^[a-z]{2,3}([-_][A-Z][a-z]{3})?([-_]([A-Z]{2}|\d{3}))?$"
_ROW = " row"
_TIMES = ("identity.newest_by", "retention.registered")


def read_profiles(root: Path, spec: WorkspaceSpec, report: AudienceReport) -> Identities:
    """The profiles of the workspace, sorted by id, and which ids were merged into which."""
    found = read_people(root, spec, report)
    found.profiles = share_mailboxes(found.profiles, report)
    return found


def read_people(root: Path, spec: WorkspaceSpec, report: AudienceReport) -> Identities:
    """The same but for ``share_mailboxes``, which nothing waits for that reads only ids.

    Defaults are filled in last, so that a default never outlives a known value of the same person.
    """
    schema = PROFILE_ATTRIBUTES | spec.profile
    _check_names(spec, schema)
    incoming = take_in(root, spec.data.profiles, schema, what="profiles", code=True)
    intake = Intake("profiles", incoming, schema, report)
    with ThreadPoolExecutor(max_workers=1) as meanwhile:
        addresses = meanwhile.submit(check_addresses, flat(intake.columns["email"]))
        _check(intake)
        _take_in_emails(intake, *addresses.result())
    intake.add(_ROW, Attribute(type="integer"), pa.array(incoming.raw.rows))
    table = intake.table(["profile_id"])
    found = unify(table.drop_columns([_ROW]), table.column(_ROW), spec.identity)
    report.merges, report.candidates = found.merges, found.candidates
    report.notes += found.notes
    found.profiles = with_defaults(found.profiles, schema)
    return found


def _check(intake: Intake) -> None:
    """One row an id, time zones and locales that there are."""
    intake.reject_duplicates("profile_id")
    known = is_among(intake.columns["timezone"], known_zones())
    unknown = pc.and_(pc.is_valid(intake.columns["timezone"]), pc.invert(known))
    intake.set_aside("timezone", intake.kept(unknown), "not a time zone (Europe/Oslo)")
    locale = of_each(partial(pc.match_substring_regex, pattern=_LOCALE), intake.columns["locale"])
    intake.set_aside("locale", intake.kept(pc.invert(locale)), "not a locale (no, sv-SE)")


def _take_in_emails(intake: Intake, emails: pa.Array, email_problems: pa.Array, keys: pa.Array) -> None:
    for what in sorted(set(email_problems.drop_null().to_pylist()) - {"no_address"}):
        intake.note("email", intake.kept(pc.equal(email_problems, what)), what)
    intake.columns["email"] = emails  # NULL where there is a problem
    intake.add("email_problem", ADDRESS_ATTRIBUTES["email_problem"], email_problems)
    intake.add("email_key", ADDRESS_ATTRIBUTES["email_key"], keys)


def _check_names(spec: WorkspaceSpec, known: Schema) -> None:
    """Attributes that the workspace names elsewhere exist, and those that order people are times."""
    identity, fuzzy = spec.identity, spec.identity.fuzzy
    named = {
        "identity.keys": identity.keys,
        "identity.fields": tuple(identity.fields),
        "identity.newest_by": (identity.newest_by,) if identity.newest_by else (),
        "identity.fuzzy": (*fuzzy.fields, *fuzzy.block) if fuzzy else (),
        "retention.registered": (spec.retention.registered,) if spec.retention.registered else (),
    }
    for where, names in named.items():
        for name in names:
            if name not in known:
                raise DataError(
                    f"mailwright.yaml: {where}: unknown attribute {name!r}", fix=did_you_mean(name, known)
                )
            rule = identity.fields.get(name, "") if where == "identity.fields" else ""
            if known[name].type not in FITS.get(rule, (known[name].type,)):
                raise DataError(
                    f"mailwright.yaml: {where}: {rule} is no rule for {name}, a {known[name].type}"
                )
            if where in _TIMES and known[name].type not in ("date", "timestamp"):
                raise DataError(f"mailwright.yaml: {where}: {name} is no date and no timestamp")


def share_mailboxes(profiles: pa.Table, report: AudienceReport) -> pa.Table:
    """Whoever unsubscribed at an address is unsubscribed at it, under every profile that has it."""
    keys, gone = flat(profiles.column("email_key")).dictionary_encode(), profiles.column("unsubscribed")
    mailbox = keys.indices.fill_null(len(keys.dictionary)).to_numpy()
    times = np.bincount(mailbox, minlength=len(keys.dictionary))[: len(keys.dictionary)]
    left = np.zeros(len(keys.dictionary) + 1, dtype=bool)
    left[mailbox[gone.fill_null(False).to_numpy()]] = True
    left[-1] = False  # whoever has no address shares none
    result = pc.or_(gone, pa.array(left[mailbox]))
    problems = pc.value_counts(profiles.column("email_problem").drop_null()).to_pylist()
    report.email_problems = Counter({problem["values"]: problem["counts"] for problem in problems})
    report.shared_addresses = int(times[times > 1].sum())
    report.unsubscribed_elsewhere = (pc.sum(result).as_py() or 0) - (pc.sum(gone).as_py() or 0)
    return profiles.set_column(profiles.column_names.index("unsubscribed"), "unsubscribed", result)

"""The stage "read": files → checked tables → an audience with features, a report and a fingerprint."""

from __future__ import annotations

import zoneinfo
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from audience.address import ADDRESS_ATTRIBUTES, check_addresses
from audience.arrow import arrow_schema
from audience.features import RfmCuts, add_features, rfm_cuts
from audience.intake import Intake
from audience.report import AudienceReport, write_rejects
from audience.snapshot import fingerprint_tables
from audience.sources import read_source
from mailwright.errors import DataError
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES, PROFILE_ATTRIBUTES
from mailwright.model.workspace import WorkspaceSpec

_LOCALE = r"^[a-z]{2,3}([-_][A-Z][a-z]{3})?([-_]([A-Z]{2}|\d{3}))?$"


@dataclass(frozen=True)
class Audience:
    """Everything known of people and things at one instant; tables as docs/architecture.md has them."""

    profiles: pa.Table
    items: pa.Table
    interactions: pa.Table
    report: AudienceReport
    fingerprint: str
    cuts: RfmCuts
    """For ``add_features`` on one profile of this audience."""


def read_audience(
    root: Path, spec: WorkspaceSpec, *, now: datetime, strict: bool = False, rejects_dir: Path | None = None
) -> Audience:
    """The audience that the workspace at ``root`` declares, as it stands at ``now``.

    Rows that cannot be taken are left out, values that cannot be are set aside; both are counted in the
    report and, given ``rejects_dir``, listed in its ``rejects.jsonl``. Raises ``DataError`` for a missing or
    unreadable source, an unknown column, a larger share of rejected rows than ``max_reject_rate`` and,
    when ``strict``, for any row or value at all.
    """
    report = AudienceReport()
    profiles = _read_profiles(root, spec, report)
    items = _read_items(root, spec, report)
    interactions = _read_interactions(root, spec, report, profiles, items, now)
    if rejects_dir is not None:
        report.rejects_file = write_rejects(report.problems, rejects_dir)
    _gate(report, spec.data.max_reject_rate, strict=strict)
    profiles = add_features(profiles, interactions, items, now=now)
    cuts = rfm_cuts(profiles, now=now)
    fingerprint = fingerprint_tables(profiles, items, interactions)
    return Audience(profiles, items, interactions, report, fingerprint, cuts)


def _read_profiles(root: Path, spec: WorkspaceSpec, report: AudienceReport) -> pa.Table:
    schema = PROFILE_ATTRIBUTES | spec.profile
    raw = read_source(root, spec.data.profiles, schema, what="profiles")
    intake = Intake("profiles", raw, schema, report)
    intake.reject_duplicates("profile_id")
    zones = pa.array(sorted(zoneinfo.available_timezones()))
    known = pc.is_in(intake.columns["timezone"], value_set=zones)
    unknown = pc.and_(pc.is_valid(intake.columns["timezone"]), pc.invert(known))
    intake.set_aside("timezone", intake.kept(unknown), "not a time zone (Europe/Oslo)")
    no_locale = pc.invert(pc.match_substring_regex(intake.columns["locale"], _LOCALE))
    intake.set_aside("locale", intake.kept(no_locale), "not a locale (no, sv-SE)")
    emails, email_problems, keys = check_addresses(intake.columns["email"])
    for what in sorted(set(email_problems.drop_null().to_pylist()) - {"no_address"}):
        intake.set_aside("email", intake.kept(pc.equal(email_problems, what)), what)
    intake.columns["email"] = emails
    intake.add("email_problem", ADDRESS_ATTRIBUTES["email_problem"], email_problems)
    intake.add("email_key", ADDRESS_ATTRIBUTES["email_key"], keys)
    return _share_mailboxes(intake.table(["profile_id"]), report)


def _share_mailboxes(profiles: pa.Table, report: AudienceReport) -> pa.Table:
    """Whoever unsubscribed at an address is unsubscribed at it, under every profile that has it."""
    keys = profiles.column("email_key").to_pylist()
    gone = profiles.column("unsubscribed").to_pylist()
    times = Counter(key for key in keys if key is not None)
    left = {key for key, out in zip(keys, gone, strict=True) if out and key is not None}
    report.email_problems = Counter(p for p in profiles.column("email_problem").to_pylist() if p is not None)
    report.shared_addresses = sum(n for n in times.values() if n > 1)
    result = [bool(out) or key in left for key, out in zip(keys, gone, strict=True)]
    report.unsubscribed_elsewhere = sum(result) - sum(map(bool, gone))
    position = profiles.column_names.index("unsubscribed")
    return profiles.set_column(position, "unsubscribed", pa.array(result))


def _read_items(root: Path, spec: WorkspaceSpec, report: AudienceReport) -> pa.Table:
    schema = ITEM_ATTRIBUTES | spec.item
    if spec.data.items is None:
        return arrow_schema(schema).empty_table()
    intake = Intake("items", read_source(root, spec.data.items, schema, what="items"), schema, report)
    intake.reject_duplicates("item_id")
    for name, pattern, what in (
        ("url", r"^https?://[^\s<>\"]+$", "not an http(s) address"),
        ("image", r"^(https://[^\s<>\"]+|[^/\\\\:][^\\\\:]*)$", "neither an https address nor a local file"),
        ("currency", r"^[A-Z]{3}$", "not a currency code (NOK)"),
    ):
        bad = pc.invert(pc.match_substring_regex(intake.columns[name], pattern))
        intake.set_aside(name, intake.kept(bad), what)
    outside = pc.match_substring_regex(intake.columns["image"], r"(^|/)\.\.(/|$)")
    intake.set_aside("image", intake.kept(outside), "outside of the workspace")
    return intake.table(["item_id"])


def _read_interactions(
    root: Path,
    spec: WorkspaceSpec,
    report: AudienceReport,
    profiles: pa.Table,
    items: pa.Table,
    now: datetime,
) -> pa.Table:
    """Interactions of known profiles with known items, up to ``now``; none that says something impossible."""
    schema = INTERACTION_ATTRIBUTES | spec.event
    if spec.data.interactions is None:
        return arrow_schema(schema).empty_table()
    raw = read_source(root, spec.data.interactions, schema, what="interactions")
    intake = Intake("interactions", raw, schema, report, decisive=INTERACTION_ATTRIBUTES)
    columns = intake.columns
    for name, known in (("profile_id", profiles), ("item_id", items)):
        there = pc.is_in(columns[name], value_set=known.column(name).combine_chunks())
        intake.reject(name, intake.kept(pc.and_(pc.is_valid(columns[name]), pc.invert(there))), "unknown")
    late = pc.greater(columns["at"], pa.scalar(now, columns["at"].type))
    intake.reject("at", intake.kept(late), "in the future")
    return intake.table(["profile_id", "at", "event", "item_id"])


def _gate(report: AudienceReport, limit: float, *, strict: bool) -> None:
    listed = f"; all of them are listed in {report.rejects_file}" if report.rejects_file else ""
    if strict and report.problems:
        first = report.problems[0]
        raise DataError(
            f"{first.file}:{first.row}: {first.attribute} {first.what} ({first.shown}), "
            f"and {len(report.problems) - 1} more{listed}",
            fix="mend the rows, or read without strict",
        )
    for source in report.sources.values():
        if source.reject_rate > limit:
            reasons = ", ".join(f"{what} ({n})" for what, n in source.rejected.most_common(5))
            raise DataError(
                f"{source.file}: {sum(source.rejected.values())} of {source.read} rows cannot be taken, "
                f"more than data.max_reject_rate allows ({limit:.0%}): {reasons}{listed}",
                fix="mend the source, or raise max_reject_rate in mailwright.yaml",
            )

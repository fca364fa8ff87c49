"""The stage "read": files → checked tables → an audience with features, a report and a fingerprint."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path

from audience.cores import meanwhile
from audience.features import add_features
from audience.feedback import add_feedback
from audience.order import decoded
from audience.people import read_people, share_mailboxes
from audience.quality import check_expectations
from audience.report import AudienceReport, RefusedDataError, write_rejects
from audience.retention import expire
from audience.rfm import rfm_cuts
from audience.snapshot import fingerprint_tables
from audience.store import Audience
from audience.things import read_interactions, read_items, take_in_interactions
from mailwright.errors import DataError
from mailwright.model.workspace import WorkspaceSpec


def read_audience(
    root: Path,
    spec: WorkspaceSpec,
    *,
    now: datetime,
    strict: bool = False,
    rejects_dir: Path | None = None,
    last_good: Path | None = None,
    feedback: Path | None = None,
) -> Audience:
    """The audience that the workspace at ``root`` declares, as it stands at ``now``.

    Rows that cannot be taken are left out, values that cannot be are set aside; both are counted in the
    report and, given ``rejects_dir``, listed in its ``rejects.jsonl``. Given ``last_good``, the audience is
    kept there (``Audience.load``), and a refused one leaves the earlier one as it was. ``feedback`` is a
    Parquet file of interactions that mails and live events brought back (``add_feedback``).

    Raises ``DataError`` for a missing or unreadable source and an unknown column; ``RefusedDataError``, which
    carries the report, for a larger share of rejected rows than ``max_reject_rate``, an expectation that
    gates and, when ``strict``, for any row or value at all.
    """
    report = AudienceReport()
    incoming = meanwhile(partial(take_in_interactions, root, spec))
    people = read_people(root, spec, report)
    items = read_items(root, spec, report)
    happened = incoming.result()
    shared = meanwhile(partial(share_mailboxes, people.profiles, report))
    interactions = read_interactions(happened, spec, report, people.profiles, people.aliases, items, now)
    people.profiles = shared.result()
    interactions = add_feedback(
        interactions,
        feedback,
        spec,
        report,
        profiles=people.profiles,
        aliases=people.aliases,
        items=items,
        now=now,
    )
    profiles, interactions = expire(people.profiles, interactions, spec.retention, report, now=now)
    tables = {"profiles": profiles, "items": items, "interactions": interactions}
    check_expectations(tables, spec, report)
    if rejects_dir is not None:
        report.rejects_file = write_rejects(report, rejects_dir)
    try:
        _gate(report, spec.data.max_reject_rate, strict=strict, last_good=last_good)
    except DataError as error:
        raise RefusedDataError(error.what, report, fix=error.fix) from error
    plain = meanwhile(partial(decoded, interactions))
    profiles = add_features(profiles, interactions, items, now=now)
    interactions = plain.result()
    cuts = rfm_cuts(profiles, now=now)
    mark = partial(fingerprint_tables, profiles, items, interactions)
    audience = Audience(profiles, items, interactions, report, mark, cuts)
    if last_good is not None:
        audience.save(last_good, now=now)
    return audience


def _gate(report: AudienceReport, limit: float, *, strict: bool, last_good: Path | None) -> None:
    """Raise what refuses the data, the first that does."""
    listed = f"; all of them are listed in {report.rejects_file}" if report.rejects_file else ""
    kept = f"; the last good data is still in {last_good}" if last_good and last_good.is_dir() else ""
    if strict and report.problems:
        first = report.problems[0]
        what = f"{first.attribute} {first.what}".strip()
        raise DataError(
            f"{first.file}:{first.row}: {what} ({first.shown}), and {len(report.problems) - 1} more{listed}",
            fix="mend the rows, or read without strict",
        )
    nobody = report.sources["profiles"]
    if not nobody.kept and any(source.reject_rate > limit for source in report.sources.values()):
        read = f"none of its {nobody.read} rows can be taken" if nobody.read else "it has no rows"
        raise DataError(
            f"{nobody.file}: {read}, so nobody is known to whom the other sources could belong{listed}{kept}",
            fix="mend the export of the profiles",
        )
    for finding in report.findings:
        if finding.gate and not finding.holds:
            raise DataError(
                f"{finding.source}: {finding.attribute} is not {finding.expectation} in {finding.failing} of "
                f"{finding.rows} rows: {'; '.join(finding.examples)}{listed}{kept}",
                fix="mend the source, or change what mailwright.yaml expects",
            )
    for source in report.sources.values():
        if source.reject_rate > limit:
            reasons = ", ".join(f"{what} ({n})" for what, n in source.rejected.most_common(5))
            raise DataError(
                f"{source.file}: {sum(source.rejected.values())} of {source.read} rows cannot be taken, "
                f"more than data.max_reject_rate allows ({100 * limit:.3g}%): {reasons}{listed}{kept}",
                fix="mend the source, or raise max_reject_rate in mailwright.yaml",
            )

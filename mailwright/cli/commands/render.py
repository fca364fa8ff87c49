"""``mailwright render``: a campaign's mails as files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.console import Console

from mailwright.cli.asking import make_request
from mailwright.cli.console import (
    CampaignArgument,
    JsonOption,
    NowOption,
    OccasionOption,
    SeedOption,
    Session,
    StrictOption,
    WorkersOption,
    WorkspaceOption,
    key_values,
)
from mailwright.engine import Plan, plan
from mailwright.errors import RenderError, UsageError, did_you_mean
from mailwright.explain import explained_mails, row_of
from mailwright.run import RENDERED
from mailwright.samples import write_mail
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("render")(render)


def render(
    campaign: CampaignArgument,
    out: Annotated[Path, typer.Option("--out", help="The folder for the mails: three files a profile.")],
    profile: Annotated[str | None, typer.Option("--profile", metavar="ID", help="Only this profile.")] = None,
    segment: Annotated[
        str | None, typer.Option("--segment", metavar="NAME", help="Only this segment.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="At most so many.")] = None,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    seed: SeedOption = None,
    occasion: OccasionOption = None,
    workers: WorkersOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Write the mails to a folder: <profile>.html, .txt, and .json (subject, headers, trace)."""
    if profile is not None and segment is not None:
        raise UsageError("--profile and --segment exclude each other", fix="leave one of them out")
    with Session(json) as session:
        request = make_request(
            open_workspace(workspace),
            campaign,
            now=now,
            seed=seed,
            occasion=occasion,
            workers=1 if profile or (limit or 10_000) < 500 else workers,
            strict=strict,
        )
        _check_segment(request.workspace.segments, segment)
        made = plan(request, session.stages)
        rows = narrowed(made, profile, segment, limit)
        out.mkdir(parents=True, exist_ok=True)
        skipped: Counter[str] = Counter()
        files = 0
        with session.stages("render") as progress:
            for mail, trace in explained_mails(made, rows, progress=progress):
                if mail["status"] == RENDERED:
                    write_mail(out, mail, trace)
                    files += 1
                else:
                    skipped[mail["reason"]] += 1
        if profile is not None and not files:
            raise RenderError(f"profile {profile!r} gets no mail of {campaign!r}: {', '.join(skipped)}")
        data: dict[str, Any] = {
            "campaign": campaign,
            "out": str(out),
            "rendered": files,
            "skipped": dict(skipped),
            "fingerprint": made.fingerprint,
            "seconds": session.stages.seconds,
        }

        def show(console: Console) -> None:
            console.print(key_values(f"Rendered into {out}", data))

        session.finish(data, show)


def narrowed(made: Plan, profile: str | None, segment: str | None, limit: int | None) -> pa.Table:
    """The recipients that were asked for, by id.

    Raises RenderError for a profile that is no recipient, with the reason.
    """
    rows = made.recipients
    if profile is not None:
        reason = str(made.admission.reasons[row_of(made, profile)])
        if reason:
            raise RenderError(
                f"profile {profile!r} gets no mail of {made.request.campaign!r}: {reason}",
                fix=f"see `mailwright explain {made.request.campaign} --profile {profile}`",
            )
        rows = rows.filter(pa.compute.equal(rows["profile_id"], profile))
    if segment is not None:
        rows = rows.filter(rows[f"segment:{segment}"])
    return rows if limit is None else rows.slice(0, limit)


def _check_segment(segments: Any, segment: str | None) -> None:
    if segment is not None and segment not in segments:
        raise UsageError(f"there is no segment {segment!r}", fix=did_you_mean(segment, segments))

"""``mailwright coverage`` and ``lint``: the whole audience before the send, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

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
)
from mailwright.engine import Plan, plan, render_plan
from mailwright.workspace import open_workspace
from render.checks import as_github, lint
from render.coverage import Coverage, choice_coverage, full_coverage

_MOST = 10
"""Variants that are printed; ``--json`` has all."""


class LintFormat(StrEnum):
    TEXT = "text"
    GITHUB = "github"
    JSON = "json"


def register(app: typer.Typer) -> None:
    app.command("coverage")(coverage)
    app.command("lint")(lint_campaign)


def coverage(
    campaign: CampaignArgument,
    quick: Annotated[bool, typer.Option("--quick", help="Only what is known without rendering.")] = False,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    seed: SeedOption = None,
    occasion: OccasionOption = None,
    workers: WorkersOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Count who gets which block, fallback and variant over the whole audience, and pick mails for review."""
    with Session(json) as session:
        space = open_workspace(workspace)
        request = make_request(
            space, campaign, now=now, seed=seed, occasion=occasion, workers=workers, strict=strict
        )
        made = plan(request, session.stages)
        found = choice_coverage(made.compiled, made.choices) if quick else _full(made, session)
        data = asdict(found) | {"unseen": list(found.unseen), "not_eligible": dict(made.admission.skipped)}
        session.finish(data, lambda console: _show(console, found, data["not_eligible"]))


def _full(made: Plan, session: Session) -> Coverage:
    with session.stages("render") as progress:
        return full_coverage(
            made.compiled,
            made.context,
            made.recipients,
            workers=made.request.workers,
            cache=made.request.workspace.state / "coverage",
            progress=progress,
        )


def _show(console: Console, found: Coverage, skipped: Mapping[str, int]) -> None:
    title = f"Blocks of {found.campaign}, {found.recipients:,} recipients"
    table = Table("slot", "block", "may get it", "chosen", "shown", title=title, title_justify="left")
    for block in found.blocks:
        counts = (block.eligible, block.chosen, block.shown)
        note = f" (shadowed by {block.shadowed_by})" if block.shadowed_by else ""
        cells = ("–" if count is None else f"{count:,}" for count in counts)
        table.add_row(escape(block.slot), escape(block.block + note), *cells)
    console.print(table)
    for line in _lines(found, skipped):
        console.print(line, markup=False, soft_wrap=True)


def _lines(found: Coverage, not_eligible: Mapping[str, int]) -> Iterator[str]:
    """What the table does not say, in words."""
    if found.exact:
        yield f"every figure is exact: {found.rendered:,} of {found.recipients:,} mails were made"
    else:
        yield "who may get a block, and whom it is chosen for, is exact; what is shown is not known"
    for title, counts in (("skipped", found.skipped), ("not eligible", not_eligible)):
        if counts:
            yield f"{title}: {', '.join(f'{reason} {count:,}' for reason, count in counts.items())}"
    if found.unseen:
        yield f"nobody gets: {', '.join(block.partition('/')[2] for block in found.unseen)}"
    sizes = found.largest_by_variant or {}
    yield f"{len(found.variants)} variants{', the most frequent' if len(found.variants) > _MOST else ''}:"
    for variant, count in sorted(found.variants.items(), key=lambda pair: -pair[1])[:_MOST]:
        size = f", at most {sizes[variant]:,} bytes" if variant in sizes else ""
        blocks = "; ".join(slot.partition("=")[2] or "–" for slot in variant.split(";"))
        yield f"  {_mails(count)}{size}: {blocks}"
    if found.fallbacks:
        yield "fallbacks:"
    for seen in found.fallbacks:
        yield f"  {_mails(seen.mails)}: {seen.what}, {seen.where}"
    if found.largest_profile:
        yield f"largest mail: {found.largest_bytes:,} bytes ({found.largest_profile})"
        yield f"mails that rest on a block that needs nothing: {found.fallback_mails:,}"
        yield f"{len(found.review)} profiles show everything:"
    for pick in found.review:
        shows = [*map(_worded, pick.shows[:3]), *(["…"] if pick.shows[3:] else [])]
        yield f"  {pick.profile_id}: {', '.join(shows)}"


def _mails(count: int) -> str:
    return "1 mail" if count == 1 else f"{count:,} mails"


def _worded(shown: str) -> str:
    """``block|hero/vip|hero`` as people say it."""
    kind, rest = shown.split("|", 1)
    what, _, where = rest.rpartition("|")
    return what if kind == "block" else f"{'fallback of ' * (kind == 'fallback')}{what} ({where})"


def lint_campaign(
    campaign: CampaignArgument,
    form: Annotated[LintFormat, typer.Option("--format", help="How findings are printed.")] = LintFormat.TEXT,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    seed: SeedOption = None,
    occasion: OccasionOption = None,
    workers: WorkersOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Check the campaign's mails: size, accessibility, links, dark mode, what mail programs understand."""
    with Session(json or form is LintFormat.JSON) as session:
        space = open_workspace(workspace)
        request = make_request(
            space, campaign, now=now, seed=seed, occasion=occasion, workers=workers, strict=strict
        )
        made = plan(request, session.stages)
        seen = _full(made, session)
        review = pa.array([pick.profile_id for pick in seen.review] + [seen.largest_profile or ""])
        rows = made.recipients.filter(pc.is_in(made.recipients["profile_id"], value_set=review))
        mails = [row for batch in render_plan(made, rows) for row in batch.to_pylist()]
        findings = lint(made.compiled, mails=mails, coverage=seen)
        errors = sum(finding.level == "error" for finding in findings)

        def show(console: Console) -> None:
            if form is LintFormat.GITHUB:
                typer.echo(as_github(findings))
                return
            for finding in findings:
                console.print(str(finding), markup=False, soft_wrap=True)
            console.print(f"{errors} errors, {len(findings) - errors} warnings")

        session.finish({"errors": errors, "findings": [asdict(finding) for finding in findings]}, show)
    if errors:
        raise typer.Exit(1)

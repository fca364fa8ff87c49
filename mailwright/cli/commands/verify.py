"""``mailwright verify``: the proof that compiling changed nothing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from mailwright.cli.asking import make_request
from mailwright.cli.console import (
    CampaignArgument,
    JsonOption,
    NowOption,
    OccasionOption,
    SeedOption,
    Session,
    StrictOption,
    WorkspaceOption,
    error_data,
)
from mailwright.engine import plan
from mailwright.errors import TemplateError
from mailwright.workspace import open_workspace
from render.anyfile import verify_file
from render.verify import verify


def register(app: typer.Typer) -> None:
    app.command("verify")(verify_campaign)
    app.command("verify-files")(verify_files)


def verify_campaign(
    campaign: CampaignArgument,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Profiles to compare.")] = 50,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    seed: SeedOption = None,
    occasion: OccasionOption = None,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Compare the compiled mails with those of the slow way (Jinja, MJML, inlining for each profile)."""
    with Session(json) as session:
        space = open_workspace(workspace)
        made = plan(
            make_request(space, campaign, now=now, seed=seed, occasion=occasion, strict=strict),
            session.stages,
        )
        with session.stages("verify") as progress:
            found = verify(
                made.compiled,
                made.context,
                made.recipients,
                sample=sample,
                seed=made.request.seed,
                progress=progress,
            )

        def show(console: Console) -> None:
            verdict = "all equal" if found.equal else f"{len(found.differences)} DIFFERENT"
            console.print(f"{found.mails} mails of {found.variants} variants: {verdict}")
            for one in found.differences:
                console.print(f"{escape(one.profile_id)} {one.part}: {escape(one.what)}")

        session.finish(asdict(found) | {"equal": found.equal}, show)
    if not found.equal:
        raise typer.Exit(1)


def verify_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="MJML files, or folders of them.")],
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Compare both ways for MJML files of any origin; every name they use is given awkward values.

    A file that is refused is named with the reason, and the others are compared all the same.
    """
    with Session(json) as session:
        inliner = open_workspace(workspace).spec.inliner if (workspace / "mailwright.yaml").exists() else None
        found: list[dict[str, Any]] = []
        for one in files:
            for path in sorted(one.rglob("*.mjml")) if one.is_dir() else [one]:
                try:
                    verified = verify_file(path, inliner=inliner or "premailer")
                    found.append(asdict(verified) | {"equal": verified.equal})
                except TemplateError as error:
                    found.append({"campaign": path.stem, "equal": False, **error_data(error)})
        equal = all(one["equal"] for one in found)

        def show(console: Console) -> None:
            for one in found:
                unlike = "; ".join(d["what"] for d in one.get("differences", ()))
                refused = f"refused, line {one['line']}: {one['error']}" if "error" in one else ""
                console.print(
                    f"{one['campaign']}: {refused or unlike or 'equal'}", markup=False, soft_wrap=True
                )

        session.finish({"equal": equal, "files": found}, show)
    if not equal:
        raise typer.Exit(1)

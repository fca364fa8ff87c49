"""``mailwright test``: the mails that authors accepted are still what they were."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mailwright.cases import Bench, cases_of
from mailwright.cli.console import JsonOption, Session, WorkspaceOption
from mailwright.workspace import open_workspace
from render.golden import Result, as_junit, run_cases


def register(app: typer.Typer) -> None:
    app.command("test")(run_tests)


def run_tests(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]…", help="Folders of tests/; all without any.")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Accept what the mails are now.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit report to this file.")] = None,
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Render the profiles of tests/ and compare the mails and their traces with what was accepted."""
    with Session(json) as session:
        bench = Bench(open_workspace(workspace))
        cases = cases_of(bench.workspace, names or ())
        with session.stages("test") as progress:
            results: list[Result] = []
            for done, case in enumerate(cases, 1):
                results += run_cases([case], bench.make, update=update, clock=time.perf_counter)
                progress(done, len(cases))
        if junit is not None:
            junit.parent.mkdir(parents=True, exist_ok=True)
            junit.write_text(as_junit(results), encoding="utf-8")
        failed = [result for result in results if not result.passed]
        data = {
            "tests": len(results),
            "passed": len(results) - len(failed),
            "failed": len(failed),
            "updated": sum(result.updated for result in results),
            "results": [asdict(result) for result in results],
        }
        session.finish(data, lambda console: _show(console, results))
    if failed:
        raise typer.Exit(1)


def _show(console: Console, results: list[Result]) -> None:
    for result in results:
        word = "updated" if result.updated else "passed" if result.passed else "FAILED"
        console.print(f"{word:8}{result.name}", markup=False, highlight=False)
        if not result.passed:
            console.print(result.diff, markup=False, highlight=False, soft_wrap=True)
    failed = sum(not result.passed for result in results)
    console.print(f"{len(results)} tests, {failed} failed", highlight=False)
    if failed:
        console.print("if this is what the mails are to be now: mailwright test --update", markup=False)

"""The campaign with the text of one file in the place of another: a version that is not in use yet."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from mailwright.engine import SHIPPED, Plan, compile_mail
from mailwright.errors import UsageError
from preview.sketch import with_compiled
from preview.sources import LARGEST, File, file_named, files_of
from render import load_library

READ = ("blocks/", "templates/")
"""Where the library reads from: only a file that is there has a place that another can take."""


def plan_with_file(plan: Plan, file: File, of: File) -> Plan:
    """The plan compiled as if ``of`` had the text of ``file``; each row has to be given its blocks again."""
    root = plan.request.workspace.root
    with TemporaryDirectory() as folder:
        place = Path(folder) / of.name
        place.parent.mkdir(parents=True)
        place.write_bytes(file.path.read_bytes()[:LARGEST])
        compiled = compile_mail(
            plan.request, plan.source.assets, load_library(SHIPPED, root, Path(folder)), draft=True
        )
    return with_compiled(plan, compiled)


def files_to_compare(plan: Plan, name: str, of: str) -> tuple[File, File]:
    """The file of that name, and the one whose place it takes: where none is named, the campaign's template.

    Raises UsageError for a name that there is not, and for a place that no template or block has.
    """
    root = plan.request.workspace.root
    there = file_named(root, of or f"templates/{plan.request.spec.template}/template.mjml")
    if not there.name.startswith(READ) or there.path.suffix != ".mjml":
        raise UsageError(
            f"{there.name} is no template and no block", fix="name a file of blocks/ or templates/"
        )
    return file_named(root, name), there


def files_offered(plan: Plan) -> list[str]:
    """The MJML files of the workspace and of the shipped library, the workspace's own first."""
    files = [file for file in files_of(plan.request.workspace.root).values() if file.path.suffix == ".mjml"]
    return [file.name for file in sorted(files, key=lambda file: (file.is_shipped, file.name))]

"""For template authors: every template and block, and their files."""

from __future__ import annotations

import contextlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwright.engine import SHIPPED
from mailwright.errors import MailwrightError
from preview.authoring import Size, block_sizes, failing, notes_on, reads_file
from preview.entry import Entry
from preview.sources import file_named, files_of
from preview.views.context import desk_of, paper_of, view_or_work
from preview.work import Work
from render import load_library
from render.checks.clients import SHOWN


def library(request: Request) -> Response:
    """Templates, and the blocks of each slot in the order in which they are tried."""
    desk = desk_of(request)
    workspace = desk.workspace()
    books = load_library(SHIPPED, workspace.root)
    files = files_of(desk.root)
    used: dict[str, list[str]] = {}
    for name, file in workspace.campaign_files.items():
        used.setdefault(file.value.template, []).append(name)
    slots = sorted({block.spec.slot for block in books.blocks.values() if block.spec.slot})
    templates = [
        {
            "name": name,
            "file": source.file,
            "shipped": files[source.file].is_shipped if source.file in files else True,
            "campaigns": used.get(name, []),
            "samples": sorted(
                file.rsplit("/", 1)[1].removeprefix("sample.").removesuffix(".json")
                for file in files
                if file.startswith(f"templates/{name}/sample.")
            ),
        }
        for name, source in sorted(books.templates.items())
    ]
    blocks = [
        (
            slot,
            [
                {
                    "name": block.name,
                    "spec": block.spec,
                    "file": block.source.file,
                    "shipped": files[block.source.file].is_shipped if block.source.file in files else True,
                }
                for block in books.candidates(slot)
            ],
        )
        for slot in slots
    ]
    return paper_of(request).page(
        request, "library.html", templates=templates, slots=blocks, active="library"
    )


def source(request: Request) -> Response:
    """One file with its lines numbered."""
    desk = desk_of(request)
    file = file_named(desk.root, request.query_params.get("file", ""))
    return paper_of(request).page(
        request, "source.html", file=file, lines=file.lines(), notes=None, working=True, active="library"
    )


def notes(request: Request) -> Response:
    """The same lines with what the checks and the compiler say beside them, its size and its clients.

    A campaign that uses the file is looked for among those that somebody has open, then among all."""
    desk = desk_of(request)
    file = file_named(desk.root, request.query_params.get("file", ""))
    found, working = None, False
    names = list(dict.fromkeys([*desk.looked_at(), *desk.workspace().campaign_files]))
    for name in names:
        try:
            view = view_or_work(request, name)
        except MailwrightError as error:
            found = failing(name, error, file.name) or found
            continue
        if isinstance(view, Work):
            working = True
            break
        if reads_file(view, file.name):
            found, working = notes_on(view, file.name), False
            break
    return paper_of(request).page(
        request, "_source.html", file=file, lines=file.lines(), notes=found, working=working, clients=SHOWN
    )


def sizes(request: Request) -> Response:
    """The size of each block, from the campaigns that are on the desk."""
    desk = desk_of(request)
    found: dict[str, Size] = {}
    for name in desk.looked_at():
        with contextlib.suppress(MailwrightError):
            found = block_sizes(desk.view(name)) | found
    return paper_of(request).page(request, "_sizes.html", sizes=found)


ENTRY = Entry("library", "/library", "Blocks", place=50)
ROUTES = [
    Route("/library", library),
    Route("/library/sizes", sizes),
    Route("/source", source),
    Route("/source/notes", notes),
]

"""For template authors: every template and block, and their files."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwright.engine import SHIPPED
from preview.entry import Entry
from preview.sources import file_named, files_of
from preview.views.context import desk_of, paper_of
from render import load_library


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
    return paper_of(request).page(request, "source.html", file=file, lines=file.lines(), active="library")


ENTRY = Entry("library", "/library", "Blocks", place=50)
ROUTES = [
    Route("/library", library),
    Route("/source", source),
]

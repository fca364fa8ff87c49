"""``verify`` over any MJML file: compiled, and made the slow way, for profiles that are made up."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from jinja2 import Environment, TemplateSyntaxError, meta

from mailwright.errors import Location, TemplateError, UsageError
from mailwright.model.campaign import CampaignSpec, Sender
from mailwright.model.links import LinkSigner
from mailwright.model.schema import ITEM_ATTRIBUTES, PROFILE_ATTRIBUTES, Attribute
from mailwright.model.workspace import DataSource, DataSpec, WorkspaceSpec
from render.compiling import compile_edition
from render.context import RenderContext
from render.expressions import FUNCTIONS
from render.kiln import Inliner
from render.library import Library
from render.names import SPECIAL
from render.source import Source
from render.verify import Verification, verify
from rules import RuleCatalog

_NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
_VALUES = ("plain", 'O"Neil & <b>Söhne</b>', "हिन्दी 😀", "", "https://example.com/?a=1&b='2'")


def verify_file(path: Path, *, inliner: Inliner = "premailer") -> Verification:
    """Compare both ways for one ``.mjml`` file; every name that it uses is a text, with awkward values.

    Slots are no part of it. Raises TemplateError where the file cannot be compiled.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error}", fix="name a file of MJML") from error
    except UnicodeDecodeError as error:
        raise TemplateError(
            f"this is not UTF-8: {error.reason}", at=Location(path.name, 1), fix="save it as UTF-8"
        ) from error
    names = sorted(_names(text, path) - SPECIAL - {*FUNCTIONS, "loop"})
    settings = WorkspaceSpec(
        name="verify",
        sender=Sender(name="verify", email="verify@example.com"),
        data=DataSpec(profiles=DataSource(path="-")),
        inliner=inliner,
    )
    compiled = compile_edition(
        path.stem,
        CampaignSpec(template=path.stem, subject="Subject", preheader="Preheader"),
        library=Library(templates={path.stem: Source(path.name, text.replace("\r\n", "\n"))}),
        settings=settings,
        catalog=RuleCatalog(
            attributes={
                **PROFILE_ATTRIBUTES,
                **{name: Attribute(type="string", default="x") for name in names},
            }
        ),
        asset=lambda name: f"https://example.com/{name}",
        at=lambda _: Location(path.name, 1),
    )
    rows = [{"profile_id": f"p{n}", **dict.fromkeys(names, value)} for n, value in enumerate(_VALUES)]
    columns = {"profile_id": pa.string(), **{name: pa.string() for name in names}}
    context = RenderContext(
        campaign=path.stem,
        occasion="verify",
        now=_NOW,
        fingerprint=compiled.fingerprint,
        signer=LinkSigner("https://example.com", b"verify"),
        items=pa.table({name: pa.array([], pa.string()) for name in ITEM_ATTRIBUTES}),
        settings=settings,
    )
    return verify(compiled, context, pa.Table.from_pylist(rows, schema=pa.schema(columns)), sample=len(rows))


def _names(text: str, path: Path) -> set[str]:
    """The names that a file leaves to its context."""
    try:
        environment = Environment(autoescape=True)
        return meta.find_undeclared_variables(environment.parse(text))
    except TemplateSyntaxError as error:
        at = Location(path.name, error.lineno)
        raise TemplateError(error.message or "this is not Jinja", at=at) from error

"""A sent mail rendered again from what was stored when it was made, and compared byte for byte.

Two things are kept: the sources of a compiled campaign, once per fingerprint (``keep_sources``,
``compile_kept``), and what one mail was made of, per message (``capture``). Both hold values only, no code.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from mailwright.errors import DataError, Location
from mailwright.model.campaign import CampaignSpec
from mailwright.model.links import LinkSigner
from mailwright.model.schema import Attribute
from mailwright.model.workspace import WorkspaceSpec
from render.batch import render_batch, row_columns
from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.editions import compile_campaign
from render.library import Library, load_library
from render.program import program
from render.rows import batch_rows
from rules import RuleCatalog

COMPARED = ("status", "subject", "preheader", "html", "text", "headers", "variant")


@dataclass(frozen=True)
class Replay:
    """What a mail is when it is made again. ``differences`` names the parts that are not what was sent."""

    mail: Mapping[str, Any]
    differences: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return not self.differences


def keep_sources(compiled: CompiledCampaign, library: Library, catalog: RuleCatalog, folder: Path) -> Path:
    """Write all that compiling needs to ``folder/<fingerprint>``; nothing when it is there already."""
    kept = folder / compiled.fingerprint
    if (kept / "campaign.json").exists():
        return kept
    files = {
        **{f"blocks/{name}.mjml": block.source.text for name, block in library.blocks.items()},
        **{f"blocks/cards/{name}.mjml": card.source.text for name, card in library.cards.items()},
        **{f"blocks/{name}": source.text for name, source in library.partials.items()},
        **{f"templates/{name}/template.mjml": source.text for name, source in library.templates.items()},
        **{f"strings/{name}.yaml": orjson.dumps(table).decode() for name, table in library.strings.items()},
    }
    for name, text in files.items():
        path = kept / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    schemas = {name: _plain(schema) for name, schema in catalog.events.items()}
    whole = {
        "name": compiled.name,
        "campaign": compiled.spec.model_dump(mode="json"),
        "settings": compiled.settings.model_dump(mode="json"),
        "attributes": _plain(catalog.attributes),
        "segments": sorted(catalog.segments),
        "events": schemas,
        "assets": dict(compiled.assets),
    }
    (kept / "campaign.json").write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    return kept


def compile_kept(fingerprint: str, folder: Path) -> CompiledCampaign:
    """The campaign of that fingerprint compiled again from its kept sources.

    Raises DataError when it was not kept, or comes out otherwise (other versions of MJML or the inliner).
    """
    kept = folder / fingerprint
    try:
        whole = orjson.loads((kept / "campaign.json").read_bytes())
    except (OSError, ValueError) as error:
        fix = "sources are kept from the first send on; this one is gone or was never kept"
        raise DataError(f"the sources of the campaign {fingerprint} are not there", fix=fix) from error
    catalog = RuleCatalog(
        attributes=_schema(whole["attributes"]),
        segments=frozenset(whole["segments"]),
        events={name: _schema(schema) for name, schema in whole["events"].items()},
    )
    compiled = compile_campaign(
        whole["name"],
        CampaignSpec.model_validate(whole["campaign"]),
        library=load_library(kept),
        settings=WorkspaceSpec.model_validate(whole["settings"]),
        catalog=catalog,
        asset=whole["assets"].__getitem__,
        at=lambda _: Location(f"campaigns/{whole['name']}.yaml", 1),
    )
    if compiled.fingerprint != fingerprint:
        fix = "install the versions that requirements.lock had when it was sent"
        raise DataError("the campaign compiles to something else than it did when it was sent", fix=fix)
    return compiled


class Capturer:
    """Writes down what each mail of a run is made of: the row that is read, and the items that are shown."""

    def __init__(self, compiled: CompiledCampaign, context: RenderContext) -> None:
        self._compiled, self._context = compiled, context
        self._noting = _Noting(context.catalogue)
        run = replace(context, programs={})
        run.__dict__["catalogue"] = self._noting
        self._run = run
        self._position = {item: row for row, item in enumerate(context.items["item_id"].to_pylist())}

    def items(self, one: pa.RecordBatch) -> pa.Table:
        """What the mail of a batch of one row shows of the catalogue."""
        self._noting.seen.clear()
        for made in batch_rows(one, row_columns(self._compiled), self._noting):
            program(self._compiled.edition(made), self._run).mail(made)
        positions = sorted(self._position[item] for item in self._noting.seen)
        return self._context.items.take(pa.array(positions, pa.int64()))

    def capture(self, batch: pa.RecordBatch, row: int) -> bytes:
        """What the mail of one row of a batch is made of, a few kilobytes."""
        names = [name for name in row_columns(self._compiled) if name in batch.schema.names]
        one = batch.select(names).slice(row, 1)
        items = self.items(one)
        kept = {
            "campaign": self._context.campaign,
            "occasion": self._context.occasion,
            "now": self._context.now.isoformat(),
            "fingerprint": self._context.fingerprint,
            "compiled": self._compiled.fingerprint,
            "row": _packed(pa.Table.from_batches([one])),
            "items": _packed(items),
        }
        return orjson.dumps(kept)


def replay(
    captured: bytes,
    sent: Mapping[str, Any],
    *,
    signer: LinkSigner,
    compiled: Callable[[str], CompiledCampaign],
) -> Replay:
    """Make a mail again and compare it with what was sent (a row of ``render_batch``, or its parts).

    ``compiled`` gives the campaign by fingerprint, such as ``lambda key: compile_kept(key, folder)``.
    """
    try:
        kept = orjson.loads(captured)
        row, items = _unpacked(kept["row"]), _unpacked(kept["items"])
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise DataError(f"what was stored of this mail cannot be read: {error}") from error
    campaign = compiled(kept["compiled"])
    context = RenderContext(
        campaign=kept["campaign"],
        occasion=kept["occasion"],
        now=datetime.fromisoformat(kept["now"]),
        fingerprint=kept["fingerprint"],
        signer=signer,
        items=items,
        settings=campaign.settings,
    )
    (mail,) = render_batch(campaign, context, row.to_batches()[0]).to_pylist()
    return Replay(mail, tuple(name for name in COMPARED if name in sent and mail[name] != sent[name]))


class _Noting(dict[str, dict[str, Any]]):
    """The catalogue, which notes the items that were asked for and are there."""

    def __init__(self, items: Mapping[str, dict[str, Any]]) -> None:
        super().__init__(items)
        self.seen: set[str] = set()

    def __getitem__(self, key: str) -> dict[str, Any]:
        self.seen.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        if key in self:
            self.seen.add(key)
        return super().get(key, default)


def _plain(schema: Mapping[str, Attribute]) -> dict[str, Any]:
    return {name: attribute.model_dump(mode="json") for name, attribute in schema.items()}


def _schema(plain: Mapping[str, Any]) -> dict[str, Attribute]:
    return {name: Attribute.model_validate(attribute) for name, attribute in plain.items()}


def _packed(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return b64encode(sink.getvalue()).decode("ascii")


def _unpacked(text: str) -> pa.Table:
    return pa.ipc.open_stream(b64decode(text)).read_all()

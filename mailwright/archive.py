"""What was sent, kept so that any mail can be seen again, and made again byte for byte.

One folder a run: ``mails.parquet`` (the mails themselves), ``rows.parquet`` (what rendering read of each
recipient), ``held_out.parquet`` (who was kept back on purpose), ``items.parquet`` (the catalogue of that
day), ``sources.zip`` (configuration, templates and blocks of that day) and ``run.json``. Everything is plain
data: nothing in it runs when it is read.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailwright import __version__
from mailwright.engine import SHIPPED, Plan, Request, compile_mail
from mailwright.errors import UsageError
from mailwright.model.message import SkipReason
from mailwright.model.replacing import replacing
from mailwright.run import RENDERED
from mailwright.workspace import Workspace, open_workspace
from render import RenderContext, load_library, render_batch
from render.batch import row_columns

LIBRARY = ("blocks", "templates", "strings")
COMPARED = ("subject", "preheader", "html", "text", "headers", "variant")
"""Columns of a mail that a replay must give again."""


@dataclass(frozen=True)
class Replay:
    """One sent mail made again from what was kept. ``different`` names the parts that are not the same."""

    message_id: str
    campaign: str
    occasion: str
    profile_id: str
    bytes: int
    different: tuple[str, ...]


@dataclass(frozen=True)
class Archive:
    """The runs kept in ``folder``, in the order in which they were sent."""

    folder: Path

    def keep(self, plan: Plan, spool: Path, known: frozenset[str]) -> Path | None:
        """Keep the mails of a spool but those ``known`` (their ids were sent before); None if none is left.

        Called before anything is sent: whatever happens after, what a recipient got is here.
        """
        number = 1 + max((int(run.name) for run in self._runs()), default=0)
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="part-") as made:
            part = Path(made) / "run"
            part.mkdir()
            if not _copy_mails(spool, part / "mails.parquet", known):
                return None
            wanted = set(row_columns(plan.compiled))
            columns = [
                name for name in plan.recipients.column_names if name in wanted or name.startswith("segment:")
            ]
            pq.write_table(plan.recipients.select(columns), part / "rows.parquet", compression="zstd")
            pq.write_table(self._held_out(plan), part / "held_out.parquet", compression="zstd")
            pq.write_table(plan.context.items, part / "items.parquet", compression="zstd")
            _zip_sources(plan.request.workspace, part / "sources.zip")
            (part / "run.json").write_bytes(orjson.dumps(_facts(plan), option=orjson.OPT_INDENT_2))
            target = self.folder / f"{number:06d}"
            part.rename(target)
        return target

    def _held_out(self, plan: Plan) -> pa.Table:
        """Those who would have got this mail and are held out, but for those written down before."""
        request, everyone = plan.request, plan.everyone
        names = [
            "profile_id",
            *(n for n in everyone.column_names if n == "locale" or n.startswith("segment:")),
        ]
        held = everyone.filter(pa.array(plan.admission.reasons == SkipReason.HOLDOUT)).select(names)
        known: set[str] = set()
        for run, facts in self.runs():
            if (facts["campaign"], facts["occasion"]) == (request.campaign, request.occasion):
                known.update(_held_out_of(run)["profile_id"].to_pylist())
        return held.filter(
            pc.invert(pc.is_in(held["profile_id"], value_set=pa.array(sorted(known), pa.string())))
        )

    def mail(self, message_id: str) -> tuple[Path, dict[str, Any]]:
        """The run and the mail of a message as it was sent; raises UsageError when none is kept."""
        for run in reversed(self._runs()):
            found = pq.read_table(run / "mails.parquet", filters=[("message_id", "=", message_id)])
            if found.num_rows:
                return run, found.to_pylist()[0]
        raise UsageError(
            f"no mail {message_id!r} is kept", fix="see `mailwright outbox list` for the ids of messages"
        )

    def of_profile(self, profile_id: str) -> list[dict[str, Any]]:
        """Every mail kept of one profile."""
        mine = [("profile_id", "=", profile_id)]
        found = (pq.read_table(run / "mails.parquet", filters=mine) for run in self._runs())
        return [row for table in found for row in table.to_pylist()]

    def replay(self, message_id: str, secret: bytes | None) -> Replay:
        """Make a sent mail again from what was kept, and compare; ``secret`` signed its links."""
        run, mail = self.mail(message_id)
        rows = pq.read_table(run / "rows.parquet", filters=[("profile_id", "=", mail["profile_id"])])
        facts = orjson.loads((run / "run.json").read_bytes())
        again = _render_again(run, facts, rows, secret).to_pylist()[0]
        different = tuple(part for part in COMPARED if again[part] != mail[part])
        return Replay(
            message_id, facts["campaign"], facts["occasion"], mail["profile_id"], len(mail["html"]), different
        )

    def erase(self, profile_ids: frozenset[str]) -> int:
        """Remove every mail and row of the profiles from every run; the number of mails that went."""
        gone = 0
        for run in self._runs():
            gone += _without(run / "mails.parquet", profile_ids)
            _without(run / "rows.parquet", profile_ids)
            _without(run / "held_out.parquet", profile_ids)
        return gone

    def expire(self, now: datetime, days: int | None) -> int:
        """Remove the runs sent more than ``days`` ago (None: none); the number that went."""
        if days is None:
            return 0
        old = [run for run in self._runs() if now - _sent_at(run) > timedelta(days=days)]
        for run in old:
            shutil.rmtree(run)
        return len(old)

    def keep_last(self, runs: int) -> None:
        """Remove all but the last ``runs`` runs."""
        for run in self._runs()[:-runs]:
            shutil.rmtree(run)

    def runs(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Each run and its facts, in the order in which they were sent."""
        for run in self._runs():
            yield run, orjson.loads((run / "run.json").read_bytes())

    def held_out(self, run: Path) -> pa.Table:
        """Those who were held out of a run: ``profile_id``, ``locale``, segments."""
        return _held_out_of(run)

    def _runs(self) -> list[Path]:
        return sorted(path.parent for path in self.folder.glob("[0-9]*/run.json"))


@dataclass(frozen=True)
class _KeptLinks:
    """The links that pictures had on that day."""

    links: dict[str, str]

    def link(self, path: str) -> str:
        return self.links[path]


def _copy_mails(spool: Path, target: Path, known: frozenset[str]) -> int:
    """The rendered mails of the spool, in its order, without those known; how many."""
    skip = pa.array(sorted(known), pa.string())
    kept = 0
    schema = pa.schema([one for one in pq.read_schema(spool) if one.name not in ("skeleton", "leaves")])
    with (
        closing(pq.ParquetFile(spool)) as source,
        pq.ParquetWriter(target, schema, compression="zstd") as writer,
    ):
        for batch in source.iter_batches(batch_size=512, columns=schema.names):
            rendered = pc.equal(batch["status"], RENDERED)
            new = pc.invert(pc.is_in(batch["message_id"], value_set=skip))
            mails = batch.filter(pc.and_(rendered, new))
            kept += mails.num_rows
            if mails.num_rows:
                writer.write_batch(mails)
    return kept


def _zip_sources(workspace: Workspace, target: Path) -> None:
    """The YAML, templates, blocks and string tables that the campaign was compiled from."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (workspace.root / "mailwright.yaml", workspace.root / "segments.yaml"):
            if path.exists():
                archive.write(path, f"workspace/{path.name}")
        for path in sorted((workspace.root / "campaigns").glob("*.y*ml")):
            archive.write(path, f"workspace/campaigns/{path.name}")
        for root, name in ((SHIPPED, "shipped"), (workspace.root, "workspace")):
            for path in _library_files(root):
                archive.write(path, f"{name}/{path.relative_to(root).as_posix()}")


def _library_files(root: Path) -> Iterator[Path]:
    for room in LIBRARY:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in (".mjml", ".yaml") and path.is_file():
                yield path


def _facts(plan: Plan) -> dict[str, Any]:
    request = plan.request
    return {
        "campaign": request.campaign,
        "occasion": request.occasion,
        "now": request.now.isoformat(),
        "seed": request.seed,
        "fingerprint": plan.fingerprint,
        "compiled": plan.compiled.fingerprint,
        "assets": dict(plan.compiled.assets),
        "version": __version__,
    }


def _render_again(run: Path, facts: dict[str, Any], rows: pa.Table, secret: bytes | None) -> pa.RecordBatch:
    """The mail of one row, compiled and rendered from what the run kept."""
    with tempfile.TemporaryDirectory(prefix="mailwright-replay-") as made:
        with zipfile.ZipFile(run / "sources.zip") as archive:
            archive.extractall(made)
        old = Request(
            workspace=open_workspace(Path(made) / "workspace"),
            campaign=facts["campaign"],
            occasion=facts["occasion"],
            now=datetime.fromisoformat(facts["now"]),
            seed=facts["seed"],
            secret=secret,
        )
        library = load_library(Path(made) / "shipped", old.workspace.root)
        compiled = compile_mail(old, _KeptLinks(facts["assets"]), library)
        context = RenderContext(
            campaign=old.campaign,
            occasion=old.occasion,
            now=old.now,
            fingerprint=facts["fingerprint"],
            signer=old.signer,
            items=pq.read_table(run / "items.parquet"),
            settings=old.workspace.spec,
        )
        return render_batch(compiled, context, rows.combine_chunks().to_batches()[0])


def _without(path: Path, profile_ids: frozenset[str]) -> int:
    """Rewrite a file without the rows of the profiles; how many went. The old file stays until then."""
    if not path.is_file():
        return 0
    table = pq.read_table(path, columns=["profile_id"])
    mine = pc.is_in(table["profile_id"], value_set=pa.array(sorted(profile_ids), pa.string()))
    gone: int = pc.sum(mine).as_py() or 0
    if gone:
        whole = pq.read_table(path).filter(pc.invert(mine))
        with replacing(path) as part:
            pq.write_table(whole, part, compression="zstd", row_group_size=512)
    return gone


def _held_out_of(run: Path) -> pa.Table:
    path = run / "held_out.parquet"
    return pq.read_table(path) if path.is_file() else pa.table({"profile_id": pa.array([], pa.string())})


def _sent_at(run: Path) -> datetime:
    return datetime.fromisoformat(orjson.loads((run / "run.json").read_bytes())["now"])

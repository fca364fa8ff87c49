"""The exact figures of a campaign: every recipient rendered in the background, counted, and remembered.

What only a render knows (aborted mails, fallbacks, sizes, items shown, broken gates) is computed over the
whole audience, with progress, and kept on disk under the fingerprint of all that went in.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from mailwright.engine import Plan
from mailwright.errors import MailwrightError
from mailwright.gates import Gate, hold_against
from mailwright.model.identity import fingerprint
from mailwright.model.replacing import replacing
from mailwright.run import figures, render_campaign

KEPT = 100
"""Results kept on disk; the oldest go first."""


@dataclass(frozen=True)
class Exact:
    """What came of rendering every recipient."""

    eligible: int
    rendered: int
    skipped: dict[str, int]
    with_fallback: int
    sources: dict[str, int]
    bytes: int
    largest: int
    largest_profile: str | None
    gates: tuple[Gate, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class Gap:
    """Fallbacks inside blocks that mails show together."""

    expressions: tuple[str, ...]
    """What is missing."""
    mails: int
    profile_id: str
    """The first recipient of such a mail."""


@dataclass
class Pass:
    """One pass over one audience: how far it is, and what came of it."""

    done: int = 0
    total: int = 0
    exact: Exact | None = None
    error: str | None = None
    stop: threading.Event = field(default_factory=threading.Event)


class _StoppedError(Exception):
    """The pass is no longer wanted."""


class FullPasses:
    """Runs one pass at a time for one workspace, and remembers what came of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._passes: dict[str, Pass] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fullpass")

    def close(self) -> None:
        for running in self._passes.values():
            running.stop.set()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def of(self, plan: Plan) -> Pass:
        """The pass over this plan: kept, under way, or started now. Passes over older plans are stopped."""
        key = pass_key(plan)
        with self._lock:
            if key in self._passes:
                return self._passes[key]
            for other, running in list(self._passes.items()):
                if other.startswith(f"{plan.request.campaign}\x1f") and running.exact is None:
                    running.stop.set()
                    del self._passes[other]
            found = Pass(exact=self._kept(key))
            self._passes[key] = found
            if found.exact is None:
                found.total = int(plan.admission.admitted.sum())
                self._thread.submit(self._run, plan, key, found)
            return found

    def _run(self, plan: Plan, key: str, running: Pass) -> None:
        def progress(done: int, total: int) -> None:
            if running.stop.is_set():
                raise _StoppedError
            running.done, running.total = done, total

        try:
            progress(0, running.total)
            rendering = render_campaign(plan, None, progress=progress)
        except _StoppedError:
            return
        except MailwrightError as error:
            running.error = str(error)
            return
        counted = figures(plan, rendering)
        running.exact = Exact(
            eligible=counted.eligible,
            rendered=rendering.rendered,
            skipped=dict(rendering.skipped),
            with_fallback=rendering.with_fallback,
            sources=dict(rendering.sources),
            bytes=rendering.bytes,
            largest=rendering.largest,
            largest_profile=rendering.largest_profile,
            gates=tuple(hold_against(plan.request.spec.gates, counted)),
            gaps=tuple(
                Gap(expressions, mails, rendering.gap_profiles[expressions])
                for expressions, mails in rendering.gaps.most_common()
            ),
        )
        self._keep(key, running.exact)

    def _file(self, key: str) -> Path:
        return self.folder / f"{fingerprint(key)}.json"

    def _kept(self, key: str) -> Exact | None:
        try:
            data: dict[str, Any] = orjson.loads(self._file(key).read_bytes())
            gaps = (Gap(**{**gap, "expressions": tuple(gap["expressions"])}) for gap in data["gaps"])
            gates = (Gate(**gate) for gate in data["gates"])
            return Exact(**{**data, "gates": tuple(gates), "gaps": tuple(gaps)})
        except (OSError, ValueError, TypeError, KeyError):
            return None  # not there, or written by another version: it is computed anew

    def _keep(self, key: str, exact: Exact) -> None:
        with replacing(self._file(key)) as part:
            part.write_bytes(orjson.dumps(asdict(exact)))
        for old in sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)


def pass_key(plan: Plan) -> str:
    """Changes when anything does that the figures depend on."""
    request = plan.request
    return "\x1f".join((request.campaign, plan.fingerprint, request.now.isoformat(), request.occasion))

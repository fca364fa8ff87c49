"""Live reload: who is looking, and what they are told when a file is saved."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool

from mailwright.engine import SHIPPED
from mailwright.errors import MailwrightError
from preview.desk import Desk
from preview.watched import Kind, saves
from render.furnace import warm

HEARTBEAT_S = 15.0
"""A line now and then, so that a browser that went away is noticed."""

HEAD_START_S = 0.15
"""What the mail on the screen is given before the whole campaign is compiled."""


class Live:
    """Tells every open page what happened, in the order in which it did."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        """Set as soon as somebody has looked."""
        self._listeners: set[asyncio.Queue[dict[str, Any]]] = set()

    def tell(self, event: dict[str, Any]) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    async def stream(self) -> AsyncIterator[bytes]:
        """Server-sent events, until the browser goes away."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._listeners.add(queue)
        self.first.set()
        try:
            yield b'retry: 500\n\ndata: {"kind":"hello"}\n\n'
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                yield b"data: " + orjson.dumps(event) + b"\n\n"
        finally:
            self._listeners.discard(queue)


async def follow(desk: Desk, live: Live) -> None:
    """Watch the workspace for ever: make new what a save touched, then tell the pages.

    After a save in the library the mail on the screen comes first (``sketched``), the whole campaign and its
    figures after it (``saved``).
    """
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_make_ready(desk, live))
        await _follow(desk, live)


async def _make_ready(desk: Desk, live: Live) -> None:
    """The first save shows as soon as the second: what compiles is there before."""
    await live.first.wait()
    with contextlib.suppress(MailwrightError):
        await run_in_threadpool(warm, desk.glance().spec.inliner)


async def _follow(desk: Desk, live: Live) -> None:
    async for changed in saves(desk.root, SHIPPED):
        names = [_shown(path, desk.root) for path in sorted(changed)]
        campaigns = desk.changed(changed.values())
        if set(changed.values()) == {Kind.LIBRARY}:
            for campaign in campaigns[:1]:
                error = await run_in_threadpool(desk.sketch, campaign, list(changed))
                if error is None:
                    live.tell({"kind": "sketched", "files": names, "campaign": campaign, "error": None})
                    await asyncio.sleep(HEAD_START_S)
        if not campaigns:
            live.tell({"kind": "saved", "files": names, "campaign": None, "error": None})
        for campaign in campaigns:
            found = await run_in_threadpool(_renewed, desk, campaign)
            live.tell({"kind": "saved", "files": names, "campaign": campaign, "error": found})


def _renewed(desk: Desk, campaign: str) -> str | None:
    """Compile a campaign again; the error that came of it, if one did."""
    try:
        error = desk.view(campaign, exact=False).error
    except MailwrightError as caught:
        error = caught
    return None if error is None else str(error)


def _shown(path: Path, root: Path) -> str:
    for base in (root, SHIPPED):
        with contextlib.suppress(ValueError):
            return path.relative_to(base).as_posix()
    return path.name

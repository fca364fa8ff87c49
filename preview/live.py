"""Live reload: who is looking, and what they are told when a file is saved."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool

from mailwright.engine import SHIPPED
from mailwright.errors import MailwrightError
from preview.desk import Desk
from preview.ready import keep_ready
from preview.watched import Kind, saves

HEARTBEAT_S = 15.0
"""A line now and then, so that a browser that went away is noticed."""

HEAD_START_S = 0.15
"""What the mail on the screen is given at least before the whole campaign is compiled: where it was slow to
compile, the browser is slow too."""


class Live:
    """Tells every open page what happened, in the order in which it did."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        """Set whenever somebody opens a page."""
        self._listeners: set[asyncio.Queue[dict[str, Any] | None]] = set()
        self._closed = False

    def tell(self, event: dict[str, Any]) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    def close(self) -> None:
        """End every stream, and those still to come."""
        self._closed = True
        for queue in self._listeners:
            queue.put_nowait(None)

    async def stream(self) -> AsyncIterator[bytes]:
        """Server-sent events, until the browser goes away or the server ends."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._listeners.add(queue)
        self.opened.set()
        try:
            yield b'retry: 500\n\ndata: {"kind":"hello"}\n\n'
            while not self._closed:
                try:
                    event = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if event is None:
                    return
                yield b"data: " + orjson.dumps(event) + b"\n\n"
        finally:
            self._listeners.discard(queue)


async def follow(desk: Desk, live: Live) -> None:
    """Watch the workspace for ever: make new what a save touched, then tell the pages.

    After a save in the library the mail on the screen comes first (``sketched``), the whole campaign and its
    figures after it (``saved``).
    """
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_ready(desk, live.opened))
        await _follow(desk, live)


async def _follow(desk: Desk, live: Live) -> None:
    async for changed in saves(desk.root, SHIPPED):
        names = [_shown(path, desk.root) for path in sorted(changed)]
        campaigns = await run_in_threadpool(desk.changed, changed.values(), changed)
        if set(changed.values()) == {Kind.LIBRARY}:
            for campaign in campaigns[:1]:
                started = time.monotonic()
                if await run_in_threadpool(desk.sketch, campaign):
                    live.tell({"kind": "sketched", "files": names, "campaign": campaign, "error": None})
                    await asyncio.sleep(max(HEAD_START_S, 2 * (time.monotonic() - started)))
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

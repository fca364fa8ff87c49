"""What is made ready while nobody waits, so that the first save shows as soon as those after it."""

from __future__ import annotations

import asyncio
import contextlib
import gc

from starlette.concurrency import run_in_threadpool

from mailwright.errors import MailwrightError
from mailwright.model.garbage import settle_memory
from preview.desk import Desk
from preview.ground import Ground
from render.furnace import warm

REST_S = 0.3
"""How long after a page was opened it counts as loaded."""


async def keep_ready(desk: Desk, opened: asyncio.Event) -> None:
    """For ever: each time ``opened`` was set, be ready for a save of what is on the screen by then."""
    await opened.wait()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_warm(desk))
        settled: Ground | None = None
        while True:
            await opened.wait()
            opened.clear()
            await asyncio.sleep(REST_S)
            ground = desk.standing
            if ground is None or opened.is_set():
                continue
            await run_in_threadpool(desk.rehearse)
            if ground is settled:
                gc.collect()  # at rest, not in the middle of a save
            else:
                settle_memory()
                settled = ground


async def _warm(desk: Desk) -> None:
    """Have the process of MJML and inlining there."""
    with contextlib.suppress(MailwrightError):
        await run_in_threadpool(warm, desk.glance().spec.inliner)

"""The request that a command makes of its options. Beside the console, which needs no engine."""

from __future__ import annotations

import os

from mailwright.cli.console import clock, secret_of
from mailwright.engine import Request
from mailwright.experiments import read_promotions
from mailwright.workspace import Workspace


def make_request(
    workspace: Workspace,
    campaign: str,
    *,
    now: str | None = None,
    seed: int | None = None,
    workers: int | None = None,
    strict: bool = False,
    occasion: str | None = None,
    keep_data: bool = False,
) -> Request:
    """The request of a command, its defaults taken from the workspace and the campaign."""
    spec = workspace.campaign(campaign).value
    return Request(
        workspace=workspace,
        campaign=campaign,
        now=clock(now, workspace.spec),
        seed=workspace.spec.seed if seed is None else seed,
        occasion=occasion or spec.occasion,
        secret=secret_of(workspace.spec),
        workers=workers or os.cpu_count() or 1,
        strict=strict,
        keep_data=keep_data,
        promotions=read_promotions(workspace),
    )

"""The workspace's word on sending (``delivery`` of ``mailwright.yaml``) as the outbox is asked it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mailwright.model.experiment import is_held_out
from mailwright.model.identity import is_seed
from mailwright.workspace import Workspace
from send import DeliveryPolicy
from send.policy import Cap, QuietHours, WarmUp


def delivery_policy(
    workspace: Workspace, *, current: Callable[[], Workspace] | None = None
) -> DeliveryPolicy:
    """How campaigns and triggers of a workspace are sent. ``current``: the workspace as it is by then, where
    it is read again in between."""
    spec = workspace.spec
    asked = spec.delivery
    quiet = asked.quiet_hours
    return DeliveryPolicy(
        holdout=_holdout(current or (lambda: workspace)),
        group=asked.group,
        concurrency=asked.concurrency,
        max_per_s=asked.max_per_s,
        max_in_call=asked.max_in_call,
        max_errors=asked.max_errors,
        patience_s=asked.patience_minutes * 60,
        wait_s=asked.wait_hours * 3600,
        caps=tuple(Cap(cap.count, cap.days) for cap in asked.caps),
        quiet_hours=None if quiet is None else QuietHours(quiet.start, quiet.end, spec.timezone),
        warm_up=None if asked.warm_up is None else WarmUp(asked.warm_up.per_hour, asked.warm_up.started_at),
    )


def rehearsal_policy(workspace: Workspace) -> DeliveryPolicy:
    """The same for a rehearsal: it waits for no hour, and earlier rehearsals count against nobody's cap."""
    return replace(delivery_policy(workspace), caps=(), quiet_hours=None, warm_up=None, wait_s=0.0)


def _holdout(current: Callable[[], Workspace]) -> Callable[[str, str], bool]:
    """Whether workspace or campaign hold a profile back by now. A trigger's own is asked when it fires."""

    def held_out(campaign: str, profile_id: str) -> bool:
        workspace = current()
        file = workspace.campaign_files.get(campaign)
        own = None if file is None else file.value.holdout
        if (workspace.spec.holdout is None and own is None) or is_seed(profile_id):
            return False
        return is_held_out(workspace.spec.holdout, "global", profile_id) or is_held_out(
            own, f"campaign:{campaign}", profile_id
        )

    return held_out

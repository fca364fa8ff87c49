"""The workspace's word on sending (``delivery`` of ``mailwright.yaml``) as the outbox is asked it."""

from __future__ import annotations

from dataclasses import replace

from mailwright.model.workspace import WorkspaceSpec
from send import DeliveryPolicy
from send.policy import Cap, QuietHours, WarmUp


def delivery_policy(spec: WorkspaceSpec) -> DeliveryPolicy:
    """How campaigns and triggers of a workspace are sent."""
    asked = spec.delivery
    quiet = asked.quiet_hours
    return DeliveryPolicy(
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


def rehearsal_policy(spec: WorkspaceSpec) -> DeliveryPolicy:
    """The same for a rehearsal: it waits for no hour, and earlier rehearsals count against nobody's cap."""
    return replace(delivery_policy(spec), caps=(), quiet_hours=None, warm_up=None, wait_s=0.0)

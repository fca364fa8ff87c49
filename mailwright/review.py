"""Who may approve a campaign, what they approved, and where test mails may go.

``review.yaml`` of the workspace names the people (with the SHA-256 of each one's token, never the token) and
the addresses that test mails may go to. An approval is one line of ``.mailwright/approvals.jsonl``: it holds
for one fingerprint of all that goes into the mails, so any change of campaign, templates, audience, model or
configuration voids it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pydantic import Field

from mailwright.engine import Plan
from mailwright.errors import GateError, UsageError
from mailwright.model.identity import fingerprint
from mailwright.model.spec import Spec
from mailwright.model.yamltext import parse_yaml
from mailwright.workspace import Workspace

FILE = "review.yaml"


class ReviewSpec(Spec):
    """The whole of ``review.yaml``."""

    test_addresses: tuple[str, ...] = ()
    """Where test mails may go; nowhere else, whatever the form says."""
    approvers: dict[str, str] = Field(default_factory=dict)
    """Name → ``sha256:`` and the hash of the token in hex (``approver_token`` makes both)."""


@dataclass(frozen=True)
class Approval:
    """One person's word that a campaign may go out as it was then."""

    campaign: str
    occasion: str
    fingerprint: str
    by: str
    at: str
    """ISO 8601, UTC."""


def read_review(workspace: Workspace) -> ReviewSpec:
    """The workspace's ``review.yaml``; without one nobody may approve. Raises ConfigError."""
    path = workspace.root / FILE
    if not path.is_file():
        return ReviewSpec()
    return parse_yaml(path.read_text("utf-8-sig"), ReviewSpec, file=str(path)).value


def approver_token() -> tuple[str, str]:
    """A new token and what ``review.yaml`` holds of it. The token itself is kept nowhere."""
    token = secrets.token_urlsafe(24)
    return token, _hash(token)


def approve(plan: Plan, token: str, *, at: datetime | None = None) -> Approval:
    """Write down that the token's owner approves the plan as it is. Raises UsageError for no known token."""
    people = read_review(plan.request.workspace).approvers
    given = _hash(token.strip())
    names = [name for name, known in people.items() if hmac.compare_digest(known.lower(), given)]
    if not names:
        raise UsageError("nobody who may approve has this token", fix=f"see approvers in {FILE}")
    moment = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    approval = Approval(plan.request.campaign, plan.request.occasion, approval_mark(plan), names[0], moment)
    log = _log(plan.request.workspace)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        file.write(orjson.dumps(asdict(approval)) + b"\n")
    return approval


def approvals(workspace: Workspace, campaign: str) -> list[Approval]:
    """Every approval of a campaign that was ever given, the newest first; valid or not."""
    log = _log(workspace)
    lines = log.read_bytes().splitlines() if log.is_file() else []
    given = [Approval(**orjson.loads(line)) for line in lines if line.strip()]
    return [approval for approval in reversed(given) if approval.campaign == campaign]


def approval_of(plan: Plan) -> Approval | None:
    """The newest approval that holds for the plan as it is; None when something has changed since.

    The approver must still be one: who is taken out of ``review.yaml`` approves nothing any more.
    """
    mark = approval_mark(plan)
    people = read_review(plan.request.workspace).approvers
    given = approvals(plan.request.workspace, plan.request.campaign)
    return next((one for one in given if one.fingerprint == mark and one.by in people), None)


def require_approval(plan: Plan) -> Approval:
    """The approval of the plan; raises GateError when there is none."""
    found = approval_of(plan)
    if found is None:
        before = approvals(plan.request.workspace, plan.request.campaign)
        since = f"; what {before[0].by} approved at {before[0].at} has changed since" if before else ""
        raise GateError(
            f"nothing was sent: the campaign {plan.request.campaign!r} is not approved as it is now{since}",
            fix="look at it in the preview and approve it there",
        )
    return found


def approval_mark(plan: Plan) -> str:
    """What is approved: everything that the run's fingerprint covers, on this occasion."""
    return fingerprint("approval", plan.fingerprint, plan.request.campaign, plan.request.occasion)


def _hash(token: str) -> str:
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def _log(workspace: Workspace) -> Path:
    return workspace.state / "approvals.jsonl"

"""What the checks of the render find in a campaign, for its page and beside the lines of its files."""

from __future__ import annotations

from collections import Counter
from typing import Any

from preview.desk import View
from preview.mail import make_mail
from preview.sheet import Frame, contact_sheet
from preview.views.context import address, census_of
from render.checks import Finding, lint


def proofs_of(view: View) -> tuple[Frame, ...]:
    """The contact sheet, made once for each plan."""
    if "frames" not in view.memo:
        view.memo["frames"] = contact_sheet(view.plan, census_of(view))
    found: tuple[Frame, ...] = view.memo["frames"]
    return found


def findings_of(view: View) -> tuple[Finding, ...]:
    """Errors first. The finished mails looked at are those of the contact sheet: one for every block."""
    if "findings" not in view.memo:
        mails = [
            made.made
            for frame in proofs_of(view)
            if (made := make_mail(view.plan, frame.profile_id)).is_rendered
        ]
        view.memo["findings"] = lint(view.plan.compiled, mails=mails)
    found: tuple[Finding, ...] = view.memo["findings"]
    return found


def shown_findings(view: View) -> list[dict[str, Any]]:
    """The same, equal ones counted, with links to their lines."""
    counted = Counter(findings_of(view))
    return [
        {
            "level": finding.level,
            "what": finding.what,
            "fix": finding.fix,
            "times": times,
            "place": str(finding.at) if finding.at.file else "",
            "href": f"{address('/source', file=finding.at.file)}#L{finding.at.line or 1}"
            if finding.at.file
            else "",
        }
        for finding, times in counted.items()
    ]

"""Gmail cuts mails off at 102 KB of HTML (spamresource.com, 2022), and with them the link to unsubscribe."""

from collections.abc import Iterator

from render.checks.finding import Finding, Level
from render.checks.subject import Subject

WARN_BYTES, MAX_BYTES = 90 * 1024, 102 * 1024


def check(subject: Subject) -> Iterator[Finding]:
    sizes = [(len(mail["html"] or b""), mail["profile_id"]) for mail in subject.mails]
    coverage = subject.coverage
    if coverage is not None and coverage.exact and coverage.largest_bytes is not None:
        sizes.append((coverage.largest_bytes, coverage.largest_profile or ""))
    size, profile = max(sizes, default=(0, ""))
    if size >= WARN_BYTES:
        level: Level = "error" if size >= MAX_BYTES else "warning"
        what = f"the mail of {profile} has {size / 1024:.0f} KB; Gmail cuts off at 102 KB"
        yield subject.finding(level, subject.template, what, "show fewer items or shorter blocks")

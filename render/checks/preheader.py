"""A preheader of 40 to 100 characters: shorter, and clients fill up with the first words of the mail."""

from collections.abc import Iterator

from render.checks.finding import Finding
from render.checks.subject import Subject

SHORT, LONG = 40, 100


def check(subject: Subject) -> Iterator[Finding]:
    if not subject.compiled.spec.preheader.strip():
        fix = "write preheader: … in the campaign"
        yield subject.finding("warning", subject.compiled.places[-1], "no preheader", fix)
        return
    done = [mail for mail in subject.mails if mail["preheader"] is not None]
    for mail in sorted(done, key=lambda mail: abs(len(mail["preheader"]) - 70), reverse=True)[:1]:
        length = len(mail["preheader"])
        if not SHORT <= length <= LONG:
            what = f"the preheader of {mail['profile_id']} has {length} characters ({mail['preheader']!r})"
            fix = f"write {SHORT} to {LONG}"
            yield subject.finding("warning", subject.compiled.places[-1], what, fix)

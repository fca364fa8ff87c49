"""Links are https, lead somewhere, and are few enough (Mailpit, react-email: at most 100)."""

from collections.abc import Iterator

from render.checks.finding import Finding
from render.checks.subject import Subject

MAX_LINKS = 100


def check(subject: Subject) -> Iterator[Finding]:
    for element in subject.elements:
        if element.name != "a":
            continue
        href = element.attributes.get("href", "").strip()
        at = subject.place(element, "href")
        if href in ("", "#"):
            yield subject.finding("error", at, "a link that leads nowhere", "give it an https address")
        elif href.lower().startswith("http://"):
            fix = "write https://"
            yield subject.finding("error", at, f"the link {subject.code(href)} is not https", fix)
    for mail in subject.mails:
        count = (mail["html"] or b"").count(b"<a ")
        if count > MAX_LINKS:
            what = f"the mail of {mail['profile_id']} has {count} links; more than {MAX_LINKS} look like spam"
            yield subject.finding("warning", subject.template, what, "show fewer items")

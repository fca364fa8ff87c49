"""A link to unsubscribe can be seen (RFC 8058 and the bulk-sender rules of Google and Yahoo).

The headers List-Unsubscribe and List-Unsubscribe-Post are in every mail that render makes.
"""

from collections.abc import Iterator

from render.checks.finding import Finding
from render.checks.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    links = (subject.code(e.attributes.get("href", "")) for e in subject.elements if e.name == "a")
    if not any("unsubscribe_url" in link or "preferences_url" in link for link in links):
        fix = 'write <a href="{{ unsubscribe_url }}">Unsubscribe</a> at the foot'
        yield subject.finding("error", subject.template, "no link to unsubscribe", fix)

"""Tables that lay out say so, or screen readers read them as data (Email Markup Consortium)."""

from collections.abc import Iterator

from render.checks.finding import Finding
from render.checks.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    for element in subject.elements:
        if element.name == "table" and "role" not in element.attributes:
            fix = 'write role="presentation" (role="table" when it holds data)'
            at = subject.near(element.position)
            yield subject.finding("warning", at, "a table without a role", fix)

"""Every picture has an ``alt`` (Email Markup Consortium); an empty one says that it only decorates."""

from collections.abc import Iterator

from render.checks.finding import Finding
from render.checks.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    for element in subject.elements:
        if element.name == "img" and "alt" not in element.attributes:
            shown = subject.code(element.attributes.get("src", ""))
            yield subject.finding(
                "error",
                subject.place(element, "src"),
                f"the picture {shown} has no alt",
                'say what it shows, or write alt="" when it only decorates',
            )

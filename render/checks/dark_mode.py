"""The mail says that it knows of dark mode, or clients invert its colours as they like."""

from collections.abc import Iterator

from render.checks.finding import Finding
from render.checks.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    named = {element.attributes.get("name", "") for element in subject.elements if element.name == "meta"}
    for name in ("color-scheme", "supported-color-schemes"):
        if name not in named:
            fix = f'write <mj-raw><meta name="{name}" content="light dark"></mj-raw> into <mj-head>'
            yield subject.finding("warning", subject.template, f"no {name} for dark mode", fix)

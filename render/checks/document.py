"""The document says its language and title (Email Markup Consortium)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from render.checks.finding import Finding
from render.checks.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    html = next((element for element in subject.elements if element.name == "html"), None)
    if html is None or html.attributes.get("lang", "") in ("", "und"):
        fix = 'write <mjml lang="{{ locale }}">'
        yield subject.finding("error", subject.template, "the mail does not say its language", fix)
    if html is not None and html.attributes.get("dir", "") not in ("ltr", "rtl", "auto"):
        fix = 'write <mjml dir="ltr">'
        yield subject.finding("error", subject.template, "the mail does not say its direction", fix)
    title = re.search(r"<title[^>]*>(.*?)</title>", subject.compiled.template.inlined, re.S)
    if title is None or not title[1].strip():
        fix = "write <mj-title>{{ subject }}</mj-title> into <mj-head>"
        yield subject.finding("error", subject.template, "the mail has no title", fix)

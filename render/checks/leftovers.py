"""Nothing unresolved is left in a finished mail, and the text part is there with the same links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from render.checks.finding import Finding
from render.checks.subject import Subject

_LEFT = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_HREF = re.compile(r'<a\s[^>]*?href="(https?:[^"]+)"')


def check(subject: Subject) -> Iterator[Finding]:
    for mail in subject.mails:
        if mail["status"] != "rendered":
            continue
        html = mail["html"].decode("ascii")
        for part in (mail["subject"], mail["preheader"], html):
            if found := _LEFT.search(part):
                what = f"{found[0][:40]!r} is left in the mail of {mail['profile_id']}"
                fix = "take the braces out of the data, or write the code outside {% raw %}"
                yield subject.finding("warning", subject.template, what, fix)
                break
        if not mail["text"].strip():
            what = f"the text part of {mail['profile_id']} is empty"
            yield subject.finding(
                "error", subject.template, what, "put words into the blocks, not only pictures"
            )
        shown = re.sub(r"<!--.*?-->", "", html, flags=re.S)
        links = {unescape(link) for link in _HREF.findall(shown)}
        lost = sorted(link for link in links if link not in mail["text"])
        if lost:
            what = f"the text part of {mail['profile_id']} lacks the link {lost[0]}"
            yield subject.finding(
                "error", subject.template, what, "give the link words or its picture an alt"
            )

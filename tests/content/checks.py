"""What every mail must hold, whoever gets it."""

from __future__ import annotations

from typing import Any

from lxml import html as lxml_html

LARGEST = 90_000
"""Bytes; Gmail cuts a mail at 102 KB."""


def problems(mail: dict[str, Any], language: str) -> list[str]:
    """What is wrong with one rendered row; nothing, if all is well."""
    if mail["status"] != "rendered":
        return [f"not rendered: {mail['reason']} {mail['trace']}"]
    tree = lxml_html.fromstring(mail["html"])
    found = []
    if tree.get("lang", "")[:2] != language:
        found.append(f"lang is {tree.get('lang')!r}")
    if not (tree.findtext(".//title") or "").strip():
        found.append("no title")
    found += [
        f"a picture without alt: {image.get('src')}" for image in tree.iter("img") if image.get("alt") is None
    ]
    found += [
        f"a picture that is not https: {i.get('src')}" for i in tree.iter("img") if not _https(i.get("src"))
    ]
    found += [f"a link to {a.get('href')!r}" for a in tree.iter("a") if not _good_link(a.get("href"))]
    found += [f"an empty link to {a.get('href')!r}" for a in tree.iter("a") if not _shows_something(a)]
    found += [
        f"{table.get('class')}: a table without role" for table in tree.iter("table") if not table.get("role")
    ]
    headings = len(list(tree.iter("h1")))
    found += [] if headings == 1 else [f"{headings} headings of the first order"]
    metas = {meta.get("name") for meta in tree.iter("meta")}
    found += [f"no meta {name}" for name in ("color-scheme", "supported-color-schemes") if name not in metas]
    unsubscribe = [a for a in tree.iter("a") if "/u/" in (a.get("href") or "")]
    found += [] if unsubscribe else ["no link to unsubscribe"]
    for part in ("subject", "preheader", "text"):
        found += [f"{mark} in the {part}" for mark in ("{{", "{%", "}}", "None") if mark in mail[part]]
    found += [
        f"{mark} in the HTML" for mark in ("{{", "{%", "{#", "None") if mark in mail["html"].decode("ascii")
    ]
    found += (
        [] if 40 <= len(mail["preheader"]) <= 100 else [f"a preheader of {len(mail['preheader'])} characters"]
    )
    found += [] if len(mail["html"]) < LARGEST else [f"{len(mail['html'])} bytes"]
    links = {(a.get("href") or "").removeprefix("mailto:") for a in tree.iter("a")}
    found += [f"a link that the text part lacks: {link}" for link in links if link not in mail["text"]]
    return found


def _https(link: str | None) -> bool:
    return bool(link) and str(link).startswith("https://")


def _good_link(link: str | None) -> bool:
    return _https(link) or (str(link).startswith("mailto:") and "@" in str(link))


def _shows_something(anchor: Any) -> bool:
    return bool(anchor.text_content().strip()) or anchor.find(".//img") is not None

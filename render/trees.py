"""Two HTML documents compared as what a mail client reads: trees, not bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

_SPACE = re.compile(r"\s+")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_INLINE = re.compile(r"</?(?:a|abbr|b|big|code|em|font|i|img|s|small|span|strike|strong|sub|sup|u)[ >]")
_COLOUR = re.compile(r"#([0-9a-f])\1([0-9a-f])\2([0-9a-f])\3(?![0-9a-f])", re.I)
_MJML_CLASS = re.compile(r"\.mj-|\.moz-text-html")


def difference(expected: str, found: str) -> str | None:
    """The first place where two documents differ, or None when they say the same.

    White space, the order of attributes and the way of writing characters do not count. Of style elements the
    found document may hold more rules for MJML's own classes (``.mj-column-per-50``): it carries those of
    all blocks of a slot, shown or not.
    """
    for line, (left, right) in enumerate(_pairs(outline(expected), outline(found)), 1):
        if left != right:
            return f"line {line}: expected {left!r}, found {right!r}"
    missing = _rules(expected) - _rules(found)
    if missing:
        return f"missing style rule {sorted(missing)[0]!r}"
    more = [rule for rule in sorted(_rules(found) - _rules(expected)) if not _MJML_CLASS.search(rule)]
    return f"unexpected style rule {more[0]!r}" if more else None


def _pairs(left: list[str], right: list[str]) -> Iterator[tuple[str, str]]:
    for index in range(max(len(left), len(right))):
        yield (
            left[index] if index < len(left) else "the end",
            right[index] if index < len(right) else "the end",
        )


def outline(html: str) -> list[str]:
    """A document as lines: each tag with its attributes, each text."""
    root = etree.fromstring(html, etree.HTMLParser(remove_blank_text=False))
    lines: list[str] = []
    if root is not None:
        _write(root, lines)
    merged: list[str] = []
    for line in lines:  # text on both sides of what was left out is one text
        if line.startswith("'") and merged and merged[-1].startswith("'"):
            merged[-1] += line[1:]
        else:
            merged.append(line)
    return [line for line in map(_trimmed, range(len(merged)), [merged] * len(merged)) if line != "'"]


def _trimmed(index: int, lines: list[str]) -> str:
    """A line of text without the white space that nobody sees: where a block begins or ends."""
    line = lines[index]
    if not line.startswith("'"):
        return line
    text = _SPACE.sub(" ", line[1:])
    if index == 0 or not _INLINE.match(lines[index - 1]):
        text = text.lstrip()
    if index + 1 == len(lines) or not _INLINE.match(lines[index + 1]):
        text = text.rstrip()
    return "'" + text


def _write(node: etree._Element, lines: list[str]) -> None:
    if node.tag is etree.Comment:
        shown = _SPACE.sub(" ", re.sub(r"\s*([<>])\s*", r"\1", node.text or "")).strip()
        if shown:
            lines.append(f"<!--{shown}-->")
        return
    if not isinstance(node.tag, str):
        return
    if node.tag == "style":
        return
    attributes = " ".join(f"{name}={_value(name, value)!r}" for name, value in sorted(node.attrib.items()))
    lines.append(f"<{node.tag} {attributes}>")
    lines.append("'" + (node.text or ""))
    for child in node:
        _write(child, lines)
        lines.append("'" + (child.tail or ""))
    lines.append(f"</{node.tag}>")


def _value(name: str, value: str) -> str:
    if name == "style":
        # premailer shortens the colours that it sees, and puts a blank after each comma
        value = re.sub(r",\s*", ",", _COLOUR.sub(r"#\1\2\3", value))
        declarations = [part.strip() for part in value.split(";") if part.strip()]
        return "; ".join(re.sub(r"\s*:\s*", ": ", _SPACE.sub(" ", part), count=1) for part in declarations)
    return _SPACE.sub(" ", value).strip()


def _rules(html: str) -> set[str]:
    rules = set()
    for block in re.findall(r"<style[^>]*>(.*?)</style>", re.sub(r"<!--.*?-->", "", html, flags=re.S), re.S):
        for selector, body in _RULE.findall(_SPACE.sub(" ", block)):
            rules.add(f"{selector.rsplit('{', 1)[-1].strip()} {{ {body.strip()} }}")
    return rules

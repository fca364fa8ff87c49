"""A mail as what many share and what is its own: constant text with holes, and the leaves that fill them.

Messages of one skeleton can go to an ESP in one call: one body, and a list of leaves per recipient. The
skeleton is found by rendering with every leaf marked; mails of another locale, other blocks or other numbers
of items have other constant text and so another skeleton. What decides between a few words (a price that was
reduced, a rating that is not there) is a leaf as a whole, so that it does not set mails apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mailwright.model.identity import fingerprint
from mailwright.model.message import Holes, Skeleton
from render.batch import headers
from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.language import AbortError
from render.leaf import WHOLE
from render.mail import FAILURES, Mail, NoBlockError
from render.plaintext import LINE, PARAGRAPH, is_repeat, settle
from render.program import Program
from render.rows import Row

_OPEN, _SHUT = "\x0e", "\x0f"
"""Around the number of a leaf while text is put together; no value can hold them (``escapes.clean``)."""
_MARK = re.compile(f"{_OPEN}(\\d+){_SHUT}")
KEPT = 2_048
"""Skeletons that one splitter remembers; with more of them than that, few mails share one anyway."""


@dataclass
class _Leaves:
    """The leaves of one mail, numbered as they come; a value that is read again has one number."""

    own: str
    """What the workspace's own links begin with: signed, and so the same wherever they stand."""
    values: list[str] = field(default_factory=list)
    whole: set[int] = field(default_factory=set)
    """Those that are a whole statement's output."""
    shared: dict[tuple[Any, ...], int] = field(default_factory=dict)
    owners: list[Any] = field(default_factory=list)
    """Kept alive, so that an id means one of them."""

    def mark(self, value: Any, expression: str, *owners: Any) -> Any:
        """The mark that stands for a leaf.

        ``expression`` is empty where each occurrence is its own; ``owners`` are the values of locals that it
        reads, and only items (dicts) make it the same value when it is read again.
        """
        of_html = type(value) is bytes
        text = value.decode("ascii") if of_html else value
        key: tuple[Any, ...] = ()
        if text.startswith(self.own):
            key = (text,)
        elif expression and expression != WHOLE and _are_items(owners):
            key = (expression, of_html, *map(id, owners))
        number = self.shared.get(key) if key else None
        if number is None or self.values[number] != text:
            number = self.add(text)
            if key:
                self.owners += owners
                self.shared[key] = number
            if expression == WHOLE:
                self.whole.add(number)
        shown = f"{_OPEN}{number}{_SHUT}"
        return shown.encode("ascii") if of_html else shown

    def add(self, text: str) -> int:
        self.values.append(text)
        return len(self.values) - 1

    def fill(self, text: str) -> str:
        """Marked text with the leaves in their places."""
        pieces = text.split(_OPEN)
        for index, piece in enumerate(pieces[1:], 1):
            number, _, rest = piece.partition(_SHUT)
            pieces[index] = self.values[int(number)] + rest
        return "".join(pieces)


def _are_items(owners: tuple[Any, ...]) -> bool:
    return all(type(owner) is dict for owner in owners)


class Splitter:
    """Splits the mails of one campaign and run into skeletons and leaves."""

    def __init__(self, compiled: CompiledCampaign, context: RenderContext) -> None:
        self._own = f"{context.signer.base_url}/"
        self._leaves = _Leaves(self._own)
        self._program = Program(compiled, context, leaf=self._mark)
        self._known: dict[tuple[str, ...], tuple[Skeleton, tuple[int, ...]]] = {}
        self._paragraphs: dict[str, tuple[str, tuple[int, ...]]] = {}

    def _mark(self, value: Any, expression: str, *owners: Any) -> Any:
        return self._leaves.mark(value, expression, *owners)

    def split(self, row: Row, mail: Mail | Mapping[str, Any]) -> tuple[Skeleton, tuple[str, ...]] | None:
        """Skeleton and leaves of a rendered mail, or None when they would not make the same bytes.

        ``row`` is the row that the mail was made of and is filled up; ``mail`` the finished mail, or a row of
        ``render_batch``.
        """
        made = mail if isinstance(mail, Mapping) else vars(mail)
        self._leaves = leaves = _Leaves(self._own)
        link = self._complete(row, made)
        try:
            marked = (
                self._program.html(row, row["@mail"]).decode("ascii"),
                self._settled(self._program.unsettled(row, row["@mail"])),
                " ".join(self._program.line("subject", row, []).split()),
            )
        except (*FAILURES, NoBlockError, AbortError):
            return None
        due = (made["html"].decode("ascii"), made["text"], made["subject"])
        if any(leaves.fill(text) != finished for text, finished in zip(marked, due, strict=True)):
            return None
        skeleton, order = self._skeleton(marked, link)
        return skeleton, tuple(leaves.values[number] for number in order)

    def _skeleton(self, marked: tuple[str, str, str], link: str) -> tuple[Skeleton, tuple[int, ...]]:
        """What marked texts have in common, and the numbers of the leaves in its order."""
        mark = self._leaves.mark(link, "link")
        known = self._known.get((*marked, mark))
        if known is not None:
            return known
        if len(self._known) >= KEPT:
            self._known.clear()
        order: dict[int, int] = {}
        html, text, subject = (_holes(one, order) for one in marked)
        named = {name: _holes(value.replace(link, mark), order) for name, value in headers(link)}
        key = fingerprint(*([list(holes) for holes in (html, text, subject)]))
        found = self._known[*marked, mark] = Skeleton(key, html, text, subject, named), tuple(order)
        return found

    def _settled(self, text: str) -> str:
        """Marked text with its line breaks. How many there are depends on what stands between them: a
        paragraph that may be empty, or more than one, is a leaf with the breaks that belong to it."""
        parts = [(part, self._paragraph(part)) for part in text.split(PARAGRAPH)]
        fixed = [shown is not None and shown != "" for _, shown in parts]
        if not any(fixed):
            return f"{_OPEN}{self._leaves.add(settle(self._leaves.fill(text)))}{_SHUT}"
        first, last, out = fixed.index(True), "", []
        for index, (part, shown) in enumerate(parts):
            if shown is not None:
                if is_repeat(shown, last):
                    continue
                last = shown or last
                out.append(("\n\n" if index > first else "") + shown if shown else "")
                continue
            due = last = settle(self._leaves.fill(part))[:-1]
            broken = f"\n\n{due}" if index > first else f"{due}\n\n"
            out.append(f"{_OPEN}{self._leaves.add(broken if due else '')}{_SHUT}")
        return "".join(out) + "\n"

    def _paragraph(self, part: str) -> str | None:
        """The paragraph settled, its marks in it; None when it can only be a leaf as a whole."""
        known = self._paragraphs.get(part)
        if known is None:
            if len(self._paragraphs) >= KEPT:
                self._paragraphs.clear()
            numbers = tuple(int(number) for number in _MARK.findall(part))
            known = self._paragraphs[part] = settle(part)[:-1], numbers
        shown, numbers = known
        leaves = self._leaves
        if not numbers:
            return shown
        if not leaves.whole.isdisjoint(numbers):
            return None
        if all(_is_plain(leaves.values[number]) for number in numbers):
            return shown  # such a value changes no break around it
        due = settle(leaves.fill(part))[:-1]
        return shown if due and leaves.fill(shown) == due else None

    def _complete(self, row: Row, made: Mapping[str, Any]) -> str:
        """Fill up the row as the finished mail had it; gives the unsubscribe link."""
        context = self._program.context
        link = context.signer.unsubscribe_url(row["profile_id"], context.campaign, context.occasion)
        self._program.complete(row, link)
        row["subject"], row["preheader"], row["@mail"] = made["subject"], made["preheader"], Mail("")
        return link


def _is_plain(value: str) -> bool:
    """Whether settling leaves a text as it is, wherever it stands: not empty, with single blanks inside."""
    return (
        bool(value)
        and value[0] != " " != value[-1]
        and "  " not in value
        and LINE not in value
        and PARAGRAPH not in value
    )


def _holes(text: str, order: dict[int, int]) -> Holes:
    """Constant text and the numbers of leaves, counted anew in the order in which they are met."""
    parts: list[str | int] = []
    for index, piece in enumerate(text.split(_OPEN)):
        number, shut, rest = piece.partition(_SHUT) if index else ("", "", piece)
        if shut:
            parts.append(order.setdefault(int(number), len(order)))
        if rest:
            parts.append(rest)
    return tuple(parts)

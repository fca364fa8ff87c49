"""A mail as what many share and what is its own: constant text with holes, and the leaves that fill them.

Messages of one skeleton can go to an ESP in one call: one body, and a list of leaves per recipient. The
skeleton is found by rendering with every leaf marked; mails that took other branches, blocks or numbers of
items have other constant text and so another skeleton.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailwright.model.identity import fingerprint
from mailwright.model.message import Holes, Skeleton
from render.batch import headers
from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.language import AbortError
from render.mail import FAILURES, Mail, NoBlockError
from render.program import Program
from render.rows import Row

_OPEN, _SHUT = "\x0e", "\x0f"
"""Around the number of a leaf while text is put together; no value can hold them (``escapes.clean``)."""


@dataclass
class _Leaves:
    """The leaves of one mail, numbered as they come; a value that all of the mail shares has one number."""

    values: list[str]
    shared: dict[tuple[str, str], int]

    def mark(self, value: Any, expression: str) -> Any:
        """The mark that stands for a leaf. ``expression`` is empty where each occurrence is its own."""
        text = value.decode("ascii") if isinstance(value, bytes) else value
        key = (expression, type(value).__name__)
        number = self.shared.get(key) if expression else None
        if number is None:
            number = len(self.values)
            self.values.append(text)
            if expression:
                self.shared[key] = number
        shown = f"{_OPEN}{number}{_SHUT}"
        return shown.encode("ascii") if isinstance(value, bytes) else shown


class Splitter:
    """Splits the mails of one campaign and run into skeletons and leaves."""

    def __init__(self, compiled: CompiledCampaign, context: RenderContext) -> None:
        self._leaves = _Leaves([], {})
        self._program = Program(compiled, context, leaf=self._mark)
        self._skeletons: dict[str, Skeleton] = {}

    def _mark(self, value: Any, expression: str) -> Any:
        return self._leaves.mark(value, expression)

    def split(self, row: Row, mail: Mail | Mapping[str, Any]) -> tuple[Skeleton, tuple[str, ...]] | None:
        """Skeleton and leaves of a rendered mail, or None when they would not make the same bytes.

        ``row`` is the row that the mail was made of and is filled up; ``mail`` the finished mail, or a row of
        ``render_batch``.
        """
        made = mail if isinstance(mail, Mapping) else vars(mail)
        due = {"html": made["html"].decode("ascii"), "text": made["text"], "subject": made["subject"]}
        self._leaves = _Leaves([], {})
        link = self._complete(row, made)
        try:
            marked = {
                "html": self._program.html(row, row["@mail"]).decode("ascii"),
                "text": self._program.text(row, row["@mail"]),
                "subject": " ".join(self._program.line("subject", row, []).split()),
            }
        except (*FAILURES, NoBlockError, AbortError):
            return None
        named = {name: value.replace(link, self._leaves.mark(link, "link")) for name, value in headers(link)}
        order: dict[int, int] = {}
        holes = {name: _holes(text, order) for name, text in [*marked.items(), *named.items()]}
        leaves = tuple(self._leaves.values[number] for number in order)
        if any(Skeleton.fill(holes[name], leaves) != text for name, text in due.items()):
            return None
        parts = {name: holes.pop(name) for name in due}
        key = fingerprint(*([list(found) for found in parts.values()]))
        return self._skeletons.setdefault(key, Skeleton(key, **parts, headers=holes)), leaves

    def _complete(self, row: Row, made: Mapping[str, Any]) -> str:
        """Fill up the row as the finished mail had it; gives the unsubscribe link."""
        context = self._program.context
        link = context.signer.unsubscribe_url(row["profile_id"], context.campaign, context.occasion)
        self._program.complete(row, link)
        row["subject"], row["preheader"], row["@mail"] = made["subject"], made["preheader"], Mail("")
        return link


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

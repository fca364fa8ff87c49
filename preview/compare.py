"""What differs between two mails: their slots, and their words."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from mailwright.model.trace import Trace
from preview.marked import marked_pieces

_WORD = re.compile(r"\s+|[^\s]+")
MOST_WORDS = 6_000
"""Longer texts are compared line by line: words would take seconds."""


@dataclass(frozen=True)
class Piece:
    """A run of words: ``same``, ``left`` only, or ``right`` only."""

    kind: str
    text: str


def differing_words(left: str, right: str) -> list[Piece]:
    """Both texts as one, with what stands in one of them only marked."""
    a, b = _parts(left), _parts(right)
    pieces: list[Piece] = []
    gone, come = "", ""
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        same = "".join(a[i:j])
        if kind == "equal" and not ((gone or come) and same.isspace() and "\n" not in same):
            pieces += [*_changed(gone, come), Piece("same", same)]
            gone, come = "", ""
        else:  # a blank between two changes belongs to both: a phrase has changed, not word after word
            gone, come = gone + same, come + "".join(b[k:m])
    return pieces + _changed(gone, come)


def _changed(gone: str, come: str) -> list[Piece]:
    return [piece for piece in (Piece("left", gone), Piece("right", come)) if piece.text]


def differing_slots(left: Trace | None, right: Trace | None) -> set[str]:
    """The slots in which two mails show different blocks."""
    one = {slot.slot: slot.block for slot in left.slots} if left else {}
    other = {slot.slot: slot.block for slot in right.slots} if right else {}
    return {slot for slot in {*one, *other} if one.get(slot) != other.get(slot)}


def differing_blocks(left: bytes, right: bytes) -> set[str]:
    """The slots whose HTML is not the same in two marked mails."""
    one, other = ({slot: text for slot, _, text in marked_pieces(html)} for html in (left, right))
    return {slot for slot in {*one, *other} if one.get(slot) != other.get(slot)}


def _parts(text: str) -> list[str]:
    words = _WORD.findall(text)
    return words if len(words) <= MOST_WORDS else text.splitlines(keepends=True)

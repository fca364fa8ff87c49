"""LIKE for one text, without backtracking: no pattern can make it slow."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rules.folding import lower
from rules.tree import ONE, RUN


def matcher(pattern: Sequence[str | int], fold: bool) -> Callable[[str], bool]:
    """Whether a whole text matches; with ``fold``, after both are put in lower case.

    Each stretch between two ``%`` has a fixed length, so taking the leftmost match of each in turn is right,
    and costs at most length of text × length of pattern.
    """
    stretches: list[list[str | int]] = [[]]
    for piece in pattern:
        if piece == RUN:
            stretches.append([])
        else:
            stretches[-1].append(lower(piece) if fold and isinstance(piece, str) else piece)
    compiled = [_stretch(stretch) for stretch in stretches]
    first, middle, last = compiled[0], compiled[1:-1], compiled[-1]
    if len(compiled) == 1:
        whole = first.fullmatch
        return (
            (lambda text: whole(lower(text)) is not None) if fold else (lambda text: whole(text) is not None)
        )
    tail = sum(len(piece) if isinstance(piece, str) else 1 for piece in stretches[-1])

    def matches(text: str) -> bool:
        if fold:
            text = lower(text)
        begun = first.match(text)
        if begun is None:
            return False
        place, end = begun.end(), len(text) - tail
        for stretch in middle:
            found = stretch.search(text, place)
            if found is None:
                return False
            place = found.end()
        return place <= end and last.fullmatch(text, end) is not None

    return matches


def _stretch(pieces: Sequence[str | int]) -> re.Pattern[str]:
    return re.compile("".join("." if piece == ONE else re.escape(str(piece)) for piece in pieces), re.DOTALL)

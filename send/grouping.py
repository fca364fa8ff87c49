"""One body for many: how an ESP's substitution is written, and what it will make of body and values."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mailwright.errors import SendError
from mailwright.model.message import Message, Skeleton


class Bodies(NamedTuple):
    """Subject, text and HTML, with the ESP's tokens where leaves go."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Syntax:
    """An ESP's way to write a value's place.

    ``in_turn``: the platform replaces key after key, so that a value may be replaced again; otherwise it
    goes through the text once.
    """

    opening: str
    closing: str
    prefix: str = "v"
    in_turn: bool = False
    live: str = ""
    """What must not stand in a grouped mail at all; empty: the opening."""

    def name(self, index: int) -> str:
        return f"{self.prefix}{index}"

    def token(self, index: int) -> str:
        return f"{self.opening}{self.name(index)}{self.closing}"

    def bodies(self, message: Message) -> Bodies:
        """The shared bodies of a message's skeleton."""
        skeleton = skeleton_of(message)
        return Bodies(
            *(
                "".join(self.token(part) if isinstance(part, int) else part for part in holes)
                for holes in (skeleton.subject, skeleton.text, skeleton.html)
            )
        )

    def values(self, message: Message) -> dict[str, str]:
        return {self.name(i): leaf for i, leaf in enumerate(message.leaves)}

    def merge(self, text: str, values: Mapping[str, str]) -> str:
        """What the platform makes of a text: the simulation that a grouped mail must pass."""
        if self.in_turn and any(self.opening in value for value in values.values()):
            for name, value in values.items():
                text = text.replace(f"{self.opening}{name}{self.closing}", value)
            return text
        # Where no value holds a token, one pass and key after key come to the same.
        return _tokens(self).sub(lambda m: values.get(m[1], ""), text)

    def merge_all(self, bodies: Bodies, message: Message) -> Bodies:
        """The grouped mail as this recipient will get it."""
        values = self.values(message)
        return Bodies(*(self.merge(text, values) for text in bodies))

    def would_stir(self, message: Message) -> bool:
        """Whether the finished mail itself holds what the platform would take for a value's place."""
        html = message.html.decode("ascii", "replace")
        live = self.live or self.opening
        return any(live in text for text in (html, message.text, message.subject))


@functools.cache
def _tokens(syntax: Syntax) -> re.Pattern[str]:
    opening, closing = re.escape(syntax.opening), re.escape(syntax.closing)
    return re.compile(f"{opening}({re.escape(syntax.prefix)}\\d+){closing}")


def skeleton_of(message: Message) -> Skeleton:
    if message.skeleton is None:
        raise SendError("a message without a skeleton cannot be grouped")
    return message.skeleton

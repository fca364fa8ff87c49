"""One body for many: how an ESP's substitution is written, and what it will make of body and values."""

from __future__ import annotations

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
        if self.in_turn:
            for name, value in values.items():
                text = text.replace(f"{self.opening}{name}{self.closing}", value)
            return text
        pattern = f"{re.escape(self.opening)}({re.escape(self.prefix)}\\d+){re.escape(self.closing)}"
        return re.sub(pattern, lambda m: values.get(m[1], ""), text)

    def merge_all(self, message: Message) -> Bodies:
        """The grouped mail as this recipient will get it."""
        values = self.values(message)
        return Bodies(*(self.merge(text, values) for text in self.bodies(message)))

    def would_stir(self, message: Message) -> bool:
        """Whether the finished mail itself holds what the platform would take for a value's place."""
        html = message.html.decode("ascii", "replace")
        return any(self.opening in text for text in (html, message.text, message.subject))


def skeleton_of(message: Message) -> Skeleton:
    if message.skeleton is None:
        raise SendError("a message without a skeleton cannot be grouped")
    return message.skeleton

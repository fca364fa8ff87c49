"""A recommendation: one item for one profile, and why; and what a block may ask for by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from babel import Locale


class Source(StrEnum):
    """Which tier of the chain an item came from, from the most personal to the least."""

    COLLABORATIVE = "collaborative"
    CONTENT = "content"
    COHORT = "cohort"
    POPULAR = "popular"
    EDITORIAL = "editorial"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is shown. Mails say it in their reader's language (``blocks/partials/reason.mjml``), traces
    in English.

    ``kind`` is a key of ``SENTENCES`` or ``SENTENCES_ABOUT``; a kind of one's own brings its ``sentence``.
    ``about`` is the title of an item, of ``country`` an ISO 3166 code, of ``price`` whole percents; empty
    where there is nothing to name.
    """

    kind: str
    about: str = ""
    sentence: str = ""

    @property
    def text(self) -> str:
        """The English sentence: "because you bought Wool cap"."""
        if self.sentence or not self.about:
            return self.sentence or SENTENCES[self.kind]
        about = self.about
        if self.kind == "country":
            about = str(Locale("en").territories.get(about.upper(), about))
        return SENTENCES_ABOUT[self.kind].replace("{about}", about)


SENTENCES = {
    "bought": "because you bought it",
    "viewed": "because you viewed it",
    "taste": "chosen by what you like",
    "seen": "like what you have looked at",
    "cohort": "popular with people like you",
    "popular": "popular now",
    "editorial": "picked for you by our editors",
    "similar": "similar to what you chose",
    "together": "often bought together",
    "recent": "you looked at it lately",
    "new": "new in the shop",
    "trending": "trending now",
}
SENTENCES_ABOUT = {
    "bought": "because you bought {about}",
    "viewed": "because you viewed {about}",
    "country": "popular in {about}",
    "cohort": "popular in {about}",
    "similar": "similar to {about}",
    "together": "often bought with {about}",
    "price": "its price has dropped by {about} %",
}


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommended item. ``score`` orders items of one source; across sources it has no meaning."""

    item_id: str
    source: str
    score: float
    reason: str
    """For the reader of the trace, and fit for the reader of the mail: "because you bought Wool cap"."""


OWN_FIELDS = ("source", "score", "reason", "reason_kind", "reason_about")
"""What a recommended item has beside the fields that the catalogue gives it."""
ASKED = "recommend:"
"""With what the frame's columns of asked lists begin."""
MOST_ASKED = 50
"""Items of one asked list."""


@dataclass(frozen=True, slots=True, order=True)
class Ask:
    """``recommend(strategy="similar", to=cart.items, n=4)``: a list of items that a block asks for.

    Two equal asks of one mail are one list. An item that a mail shows already, by another list, is left out
    of this one; ``again`` is whole all the same, and takes nothing from the others.
    """

    strategy: str
    n: int
    to: str = ""
    """The attribute with the items asked about, as a path (``cart.items``); empty: what the profile met."""
    again: bool = False

    @property
    def column(self) -> str:
        """The frame's column that holds the list: ``recommend:similar:4:cart.items``."""
        return f"{ASKED}{self.strategy}:{self.n}:{self.to}" + (":again" if self.again else "")

    @property
    def note(self) -> str:
        """The frame's column that says why the list is shorter than asked for."""
        return f"note:{self.column}"

    def among(self, given: Mapping[str, Any]) -> Any:
        """What was written for this ask, by its text or else by its strategy; nothing is an empty tuple."""
        return given.get(self.text, given.get(self.strategy, ()))

    @classmethod
    def of(cls, column: str) -> Ask:
        """The ask of a column."""
        strategy, n, to, *again = column.removeprefix(ASKED).split(":")
        return cls(strategy, int(n), to, bool(again))

    @property
    def text(self) -> str:
        """As an author writes it."""
        about = f", to={self.to}" if self.to else ""
        return f'recommend(strategy="{self.strategy}"{about}, n={self.n}{", again=true" * self.again})'

"""The template as MJML with a token in place of each piece of Jinja, and what each token stands for."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailwright.errors import TemplateError
from render.source import Segment

TOKEN_LENGTH = 6
LOCALE = -1
"""The number of the expression ``locale``, which gives the mail its language when <mjml> names none."""


@dataclass(frozen=True)
class Code:
    """A piece of Jinja as it is put back: the segment's number, and the escape of an expression."""

    segment: int
    escape: str = ""


Piece = str | Code
"""Constant text (escaped for HTML) or code."""


@dataclass(frozen=True)
class Token:
    """What a token stands for, and what must hold of it after compiling."""

    pieces: tuple[Piece, ...]
    kind: str
    """``leaf`` (at least once), ``control`` or ``mark`` (once, in order), ``default`` (any number)."""
    segment: int
    url: bool = False
    """The whole is a link, to be checked once it is known."""
    link: str = ""
    """``tag`` or ``click``: the whole is a link that somebody follows, made anew once it is known."""


@dataclass
class Placed:
    """The template as MJML with tokens, what the tokens stand for, and the same MJML with Jinja in place."""

    mjml: str = ""
    tokens: dict[str, Token] = field(default_factory=dict)
    jinja: list[Piece | Token] = field(default_factory=list)
    """The source with every escape written in: the slow way renders this for each recipient."""
    prefix: str = ""


@dataclass
class Output:
    """Both forms of the template while they are written."""

    prefix: str
    mjml: list[str] = field(default_factory=list)
    jinja: list[Piece | Token] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)

    def emit(self, text: str) -> None:
        """Text that both forms hold."""
        self.mjml.append(text)
        self.jinja.append(text)

    def token(self, token: Token, form: str = "{}") -> None:
        """A new token, written as ``form`` says; elements and comments around it are for MJML alone."""
        name = self.prefix + token_letters(len(self.tokens))
        self.tokens[name] = token
        before, after = form.split("{}")
        self.mjml.append(before + name + after)
        if before.startswith("<"):
            self.jinja.append(token)
        else:
            self.jinja += [before, token, after]

    def finished(self) -> Placed:
        return Placed("".join(self.mjml), self.tokens, self.jinja, self.prefix)


@dataclass
class Cursor:
    """Where the walk over the template is: the segment, its number, and how far into it."""

    segment: Segment
    number: int = 0
    offset: int = 0

    def error(self, what: str, fix: str | None = None) -> TemplateError:
        """What is wrong at this place."""
        return TemplateError(what, at=self.segment.source.at(self.segment.offset + self.offset), fix=fix)


def token_letters(number: int) -> str:
    """The letters of the token of that number."""
    letters = ""
    for _ in range(TOKEN_LENGTH):
        number, digit = divmod(number, 26)
        letters = chr(97 + digit) + letters
    return letters

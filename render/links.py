"""The links of a compiled mail, tagged: constant ones when it is compiled, the others when they are known.

Only what ``<a href>`` holds is a link that somebody follows; pictures are not. Counted clicks belong to one
mail, so with them constant links too are made for each mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

from mailwright.model.links import LinkSigner
from mailwright.model.tracking import Tagger
from render.escapes import ascii_html, url
from render.placed import TOKEN_LENGTH, Placed, Token, token_letters

_HREF = re.compile(r"""(<a\b(?:[^>"']|"[^"]*"|'[^']*')*?\shref=")([^"]*)(")""", re.IGNORECASE)


def place_links(html: str, placed: Placed, tagger: Tagger | None) -> tuple[str, Placed]:
    """The inlined HTML, and its tokens, with every link tagged or made to be when a mail is made."""
    if tagger is None:
        return html, placed
    tokens = dict(placed.tokens)
    name = re.compile(f"{placed.prefix}[a-z]{{{TOKEN_LENGTH}}}")

    def link(match: re.Match[str]) -> str:
        before, shown, after = match.groups()
        if name.fullmatch(shown):
            tokens[shown] = replace(tokens[shown], link="click" if tagger.clicks else "tag")
            return match[0]
        if name.search(shown):
            return match[0]
        if not tagger.clicks:
            return before + tagged_html(shown, tagger.tagged) + after
        if not tagger.follows(unescape(shown)):
            return match[0]
        made = f"{placed.prefix}{token_letters(len(tokens))}"
        tokens[made] = Token((ascii_html(shown),), "default", 0, link="click")
        return before + made + after

    html = _HREF.sub(link, html)
    return html, replace(placed, tokens=tokens)


def tagged_html(shown: str, make: Callable[[str], str]) -> str:
    """A link as it stands in HTML, made anew; untouched when that changes nothing."""
    plain = unescape(shown)
    made = make(plain)
    return shown if made == plain else escaped(made)


def escaped(link: str) -> str:
    """A link as it stands in an attribute."""
    return ascii_html(link.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&#34;"))


def tag_all(html: str, make: Callable[[str], str]) -> str:
    """A finished mail with every link made anew: what the compiled form must come to."""
    return _HREF.sub(lambda match: match[1] + tagged_html(match[2], make) + match[3], html)


def link_maker(tagger: Tagger | None, signer: LinkSigner) -> Callable[[str, str], str]:
    """(link, message id) → the link as the mail has it."""

    def make(link: str, mail: str) -> str:
        if tagger is None:
            return link
        tagged = tagger.tagged(link)
        return signer.click_url(mail, tagged) if tagger.clicks and tagger.follows(tagged) else tagged

    return make


def in_html(make: Callable[[str, str], str]) -> Callable[[bytes, str], bytes]:
    """``href`` of generated code that makes HTML. Raises UnsafeValueError as ``escapes.url`` does."""

    def made(link: bytes, mail: str) -> bytes:
        shown = link.decode("ascii")
        url(unescape(shown))
        return tagged_html(shown, lambda plain: make(plain, mail)).encode("ascii")

    return made


def in_text(make: Callable[[str, str], str]) -> Callable[[str, str], str]:
    """``href`` of generated code that makes the text part."""
    return lambda link, mail: make(url(link), mail)

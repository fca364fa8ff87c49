"""MJML and the CSS inliner, once per template version: ``mjml`` and ``inline`` are all that calls them.

Tokens stand as letters in MJML and, wherever they stand between tags, as comments in the inliner: letters
alone are moved out of tables by HTML parsers, comments alone end a conditional comment around them.
"""

from __future__ import annotations

import logging
import re
from typing import Literal

import css_inline
import mjml as mrml

from mailwright.errors import RenderError
from render.placed import TOKEN_LENGTH

Inliner = Literal["premailer", "css-inline"]

_BASIC_ATTRIBUTES = ["align", "valign", "bgcolor", "width", "height"]
"""premailer would derive these from CSS values, which may be tokens; mrml writes them itself."""
_DOCTYPE = re.compile(r"\s*(<!doctype[^>]*>)", re.I)
_OPAQUE = r"<!--.*?-->|<style\b.*?</style>|<title\b.*?</title>|<[a-zA-Z/!][^>]*>"


def fire(source: str, prefix: str, inliner: Inliner) -> str:
    """MJML with tokens → HTML with tokens, styles inlined. Raises RenderError for what MJML cannot read."""
    return demote(inline(promote(mjml(source), prefix), inliner), prefix)


def mjml(source: str) -> str:
    """MJML → HTML. No font is fetched or linked."""
    try:
        return str(mrml.mjml2html(source, fonts={}))
    except (ValueError, OSError) as error:
        raise RenderError(f"MJML cannot read this: {error}") from error


def inline(html: str, inliner: Inliner) -> str:
    """The rules of style elements written onto the elements that they select; the style elements stay."""
    if inliner == "css-inline":
        try:
            return css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False).inline(html)
        except css_inline.InlineError as error:
            raise RenderError(f"the styles cannot be inlined: {error}") from error
    from premailer import Premailer  # slow to import, and what is compiled already does without
    from premailer.premailer import PremailerError

    premailer = Premailer(
        keep_style_tags=True,
        strip_important=False,
        disable_validation=True,
        disable_basic_attributes=_BASIC_ATTRIBUTES,
        allow_network=False,
        cssutils_logging_level=logging.CRITICAL,
    )
    try:
        inlined = str(premailer.transform(html))
    except (PremailerError, ValueError, SyntaxError) as error:
        raise RenderError(f"the styles cannot be inlined: {error}") from error
    # premailer loses the doctype, without which browsers lay out as those of 1998 did
    doctype = _DOCTYPE.match(html)
    return inlined if doctype is None or _DOCTYPE.match(inlined) else f"{doctype[1]}\n{inlined}"


def promote(html: str, prefix: str) -> str:
    """Tokens between tags become comments; those in comments, tags, styles and titles stay letters."""
    token = f"{prefix}[a-z]{{{TOKEN_LENGTH}}}"

    def replaced(match: re.Match[str]) -> str:
        return f"<!--{match[0]}-->" if match[0].startswith(prefix) else match[0]

    return re.sub(f"{_OPAQUE}|{token}", replaced, html, flags=re.S | re.I)


def demote(html: str, prefix: str) -> str:
    """The inverse of ``promote``."""
    return re.sub(f"<!--({prefix}[a-z]{{{TOKEN_LENGTH}}})-->", r"\1", html)

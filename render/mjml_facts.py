"""What MJML 4 as mrml compiles it knows, and where a value cannot change after the compilation.

The two tables of attributes were measured (docs/rendering.md, "What cannot be dynamic"): for each, a value
was put through the compiler and looked for in its output.
"""

from __future__ import annotations

CONTENT = frozenset(
    [
        "mj-text",
        "mj-button",
        "mj-table",
        "mj-raw",
        "mj-title",
        "mj-preview",
        "mj-style",
        "mj-navbar-link",
        "mj-social-element",
        "mj-accordion-title",
        "mj-accordion-text",
    ]
)
"""Tags that hold text and HTML."""
STRUCTURE = frozenset(
    [
        "mj-body",
        "mj-wrapper",
        "mj-section",
        "mj-column",
        "mj-hero",
        "mj-group",
    ]
)
"""Tags that hold MJML; a control tag stands in them as ``<mj-raw>``."""
COMMENTED = frozenset(
    [
        "mj-social",
        "mj-navbar",
        "mj-accordion",
    ]
)
"""Tags in which mrml refuses ``<mj-raw>``; a control tag stands in them as a comment."""
EMPTY = frozenset(
    [
        "mj-image",
        "mj-divider",
        "mj-spacer",
        "mj-font",
        "mj-breakpoint",
        "mj-all",
        "mj-class",
        "mj-carousel-image",
    ]
)
HEAD = frozenset(
    [
        "mjml",
        "mj-head",
        "mj-attributes",
        "mj-html-attributes",
    ]
)
OTHER = frozenset(
    [
        "mj-carousel",
        "mj-accordion-element",
    ]
)
TAGS = CONTENT | STRUCTURE | COMMENTED | EMPTY | HEAD | OTHER

VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
"""HTML elements without an end tag."""

URLS = frozenset(
    [
        "href",
        "src",
        "background-url",
        "action",
        "background",
        "poster",
        "cite",
        "longdesc",
        "formaction",
    ]
)
TEXTS = frozenset(
    [
        "alt",
        "title",
        "lang",
        "dir",
        "rel",
        "target",
        "name",
        "summary",
        "abbr",
    ]
)
NEVER = frozenset(
    [
        "class",
        "css-class",
        "mj-class",
        "id",
        "srcset",
        "sizes",
        "name",
        "http-equiv",
        "content",
    ]
)
"""Attributes that MJML or CSS selectors look at, or that hold several links."""

_SIDES = ("padding", "padding-left", "padding-right", "border", "border-left", "border-right")
LOST: dict[str, frozenset[str]] = {
    "mj-body": frozenset({"width"}),
    "mj-breakpoint": frozenset({"width"}),
    "mj-carousel": frozenset({"thumbnails", "tb-width", "icon-width"}),
    "mj-column": frozenset({"width"}),
    "mj-group": frozenset({"width"}),
    "mj-hero": frozenset({"height", "mode"}),
    "mj-image": frozenset({"width", "border-left", "border-right", "fluid-on-mobile"}),
    "mj-section": frozenset({"full-width"}),
    "mj-social": frozenset({"icon-size", "icon-height", "mode"}),
    "mj-social-element": frozenset({"icon-size", "icon-height", "name"}),
    "mj-wrapper": frozenset({"full-width"}),
}
"""MJML computes with these: a value that is not known when compiling is lost."""
DIFFERS: dict[str, frozenset[str]] = {
    "mj-button": frozenset({"width"}),
    "mj-column": frozenset(_SIDES),
    "mj-divider": frozenset({"width", "align", *_SIDES}),
    "mj-hero": frozenset({"padding-top", "padding-bottom", *_SIDES}),
    "mj-image": frozenset({"height", *_SIDES}),
    "mj-section": frozenset(_SIDES),
    "mj-table": frozenset({"border"}),
    "mj-wrapper": frozenset(_SIDES),
}
"""MJML computes with these too, and the mail would come out differently."""


def fixed(tag: str, attribute: str) -> bool:
    """Whether the attribute must be known when compiling."""
    if attribute in NEVER or attribute.startswith("on"):
        return True
    tags = [*LOST, *DIFFERS] if tag in ("mj-all", "mj-class") else [tag]
    return any(attribute in LOST.get(name, ()) or attribute in DIFFERS.get(name, ()) for name in tags)


def context(tag: str, attribute: str) -> str:
    """How a value in this attribute is written: ``_url``, ``_css`` or ``_html``."""
    if attribute in URLS:
        return "_url"
    if attribute in TEXTS or attribute.startswith(("aria-", "data-")):
        return "_html"
    if tag.startswith("mj") or attribute in (
        "style",
        "bgcolor",
        "color",
        "width",
        "height",
        "align",
        "valign",
    ):
        return "_css"
    return "_html"

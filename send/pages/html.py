"""The few pages that recipients see, without a script, readable at any width and zoom."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from starlette.responses import HTMLResponse

_STYLE = (
    "body{font:18px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem;color:#1b1b1b;"
    "background:#fff}button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.4rem;"
    "background:#1b4d3e;color:#fff;cursor:pointer}label{display:block;margin:.6rem 0}"
    "button:focus-visible,input:focus-visible{outline:3px solid #f5a623;outline-offset:2px}"
)


def page(title: str, body: str, *, status: int = 200) -> HTMLResponse:
    """A whole page; ``title`` is text, ``body`` HTML."""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style><main><h1>{escape(title)}</h1>{body}</main></html>",
        status_code=status,
    )


def bad_link() -> HTMLResponse:
    """For a link that was not signed here, or that no longer counts."""
    return page(
        "This link does not work",
        "<p>It may have been cut short by a mail program. Please use the link in the mail itself.</p>",
        status=404,
    )


def ask_unsubscribe(shop: str) -> HTMLResponse:
    whose = f" from {escape(shop)}" if shop else ""
    return page(
        "Unsubscribe?",
        f"<p>You will get no more mails{whose}.</p>"
        '<form method="post"><button type="submit">Unsubscribe</button></form>',
    )


def unsubscribed(shop: str) -> HTMLResponse:
    whose = f" from {escape(shop)}" if shop else ""
    return page("You are unsubscribed", f"<p>You will get no more mails{whose}.</p>")


def preference_form(purposes: Mapping[str, str], wanted: Mapping[str, bool], *, saved: bool) -> HTMLResponse:
    boxes = "".join(
        f'<label><input type="checkbox" name="purpose" value="{escape(name)}"'
        f"{' checked' if wanted.get(name, True) else ''}> {escape(label)}</label>"
        for name, label in purposes.items()
    )
    everything = wanted.get("*", True)
    boxes += (
        '<label><input type="checkbox" name="none" value="yes"'
        f"{'' if everything else ' checked'}> No mail at all</label>"
    )
    note = '<p role="status">Saved.</p>' if saved else ""
    form = f'{note}<form method="post">{boxes}<button type="submit">Save</button></form>'
    return page("Which mails would you like?", form)

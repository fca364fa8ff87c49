"""Writes pages: the Jinja environment, its filters, and what every page is given."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from mailwright import __version__
from mailwright.errors import MailwrightError, SourceError
from preview.because import because
from preview.entry import Entry

HERE = Path(__file__).resolve().parent
FOLDERS = (HERE / "pages",)
"""Where the templates of pages are."""
STATIC = HERE / "static"

SKIP_TEXT = {
    "not_in_audience": "the audience rule does not hold",
    "no_address": "no address",
    "invalid_address": "address cannot be mailed",
    "duplicate_address": "another profile stands for the same address",
    "unsubscribed": "unsubscribed",
    "suppressed": "on the suppression list",
    "no_consent": "no consent for this purpose",
    "no_block": "a slot had no block left",
    "aborted": "the template called abort(…)",
    "render_failed": "the mail could not be made",
    "holdout": "held back, to measure the effect",
    "awaiting_winner": "waits for an experiment's winner",
    "capped": "has had enough mail",
    "stopped": "the campaign was stopped",
}
"""Reasons (``model.message.SkipReason``) as a campaign manager reads them."""


def number(value: float | int) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def percent(part: float, whole: float = 1.0) -> str:
    """A share for reading; what is there is never shown as 0 %, and what is not whole never as 100 %."""
    if not whole:
        return "–"
    share = part / whole
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{share:.0%}".replace("%", " %") if share in (0, 1) else f"{share * 100:.1f} %"


def kilobytes(size: int) -> str:
    return f"{size / 1024:,.1f} KB"


def moment(value: datetime) -> str:
    return f"{value:%-d %b %Y, %H:%M} UTC"


def instant(text: str) -> str:
    """An instant in ISO 8601 as people read it."""
    return moment(datetime.fromisoformat(text).astimezone(UTC))


def skip_text(reason: str) -> str:
    """What a skip reason means; details after a colon are kept."""
    name, colon, detail = reason.partition(":")
    return SKIP_TEXT.get(name, name.replace("_", " ")) + (f": {detail.strip()}" if colon else "")


def value_text(value: Any) -> str:
    """A value of a profile or an operand as the trace shows it."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {value_text(inner)}" for name, inner in value.items() if inner is not None)
    if isinstance(value, (list, tuple)):
        if value and isinstance(value[0], dict):
            return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
        shown = [value_text(inner) for inner in value[:6]]
        return (", ".join(shown) + (f" … ({len(value)})" if len(value) > 6 else "")) or "none"
    return str(value)


class Paper:
    """All pages of the preview, from the templates in ``pages/``."""

    def __init__(self, navigation: tuple[Entry, ...]) -> None:
        self.env = Environment(
            loader=FileSystemLoader(FOLDERS),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.env.filters |= {
            "number": number,
            "percent": percent,
            "kb": kilobytes,
            "moment": moment,
            "instant": instant,
            "skip_text": skip_text,
            "value": value_text,
        }
        self.env.globals |= {"nav": navigation, "version": __version__, "because": because}

    def page(self, request: Request, name: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
        """One page, or a piece of one when its name starts with an underscore."""
        desk = request.app.state.desk
        theme = request.cookies.get("theme")
        given = {
            "request": request,
            "csrf": request.scope["state"]["csrf"],
            "theme": theme if theme in ("light", "dark") else None,
            "masked": desk.settings.mask,
            "watching": desk.settings.watch,
            "workspace_name": request.app.state.workspace_name(),
            "active": None,
            "ground_error": desk.ground_error,
        }
        return HTMLResponse(self.env.get_template(name).render(given | values), status_code=status)

    def error(self, request: Request, error: MailwrightError, status: int) -> HTMLResponse:
        """The page of an error that a person can mend, at its place in the file."""
        where = error.at if isinstance(error, SourceError) else None
        return self.page(request, "error.html", status=status, error=error, where=where)

"""Generated code bound to one run, and one row made into one mail by it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from html import unescape
from types import FunctionType
from typing import Any

from mailwright.model.identity import message_id
from mailwright.model.message import SkipReason
from mailwright.model.tracking import Tagger
from render import escapes
from render.clock import clock_filters
from render.compiled import CompiledCampaign
from render.constants import BUILTINS, COMPUTE
from render.context import RenderContext
from render.filling import Around, Filling, Show
from render.formats import country, dates, decimal, known_locale, money, percent, translator
from render.language import (
    MAX_BYTES,
    MAX_STEPS,
    MAX_WORK,
    WORK,
    AbortError,
    LimitError,
    MissingValueError,
    is_missing,
    joined,
)
from render.links import in_html, in_text, link_maker
from render.mail import FAILURES, Mail, NoBlockError
from render.plaintext import settle
from render.rows import Row
from render.shelf import Shelf


class Program:
    """A compiled campaign bound to a run's catalogue, clock and language tables."""

    def __init__(
        self,
        compiled: CompiledCampaign,
        context: RenderContext,
        *,
        record: bool = False,
        leaf: Callable[..., Any] | None = None,
        around: Around = None,
    ) -> None:
        self.compiled = compiled
        self.context = context
        self.shared = {
            "brand": compiled.settings.brand,
            "theme": compiled.settings.theme.model_dump(),
            "campaign": {"name": compiled.name, "values": compiled.spec.values, "occasion": context.occasion},
            "now": context.now,
        }
        self.names = sorted(compiled.names - set(self.shared) - {"subject", "preheader", "locale"})
        self._date = dates(compiled.settings.timezone)
        self._shelf = Shelf()
        self._clock = clock_filters(compiled.settings.timezone, context.now)
        self._translate = translator(dict(compiled.strings), compiled.settings.locale)
        self._leaf = leaf
        self._codes = {"html": compiled.html, "text": compiled.text, "line": compiled.line}
        if record:
            self._codes["html"] = compiled.recorded
        if leaf is not None:
            self._codes = dict(compiled.holes)
        links = compiled.settings.links.under(compiled.spec.links)
        tagger = Tagger.of(links, compiled.name, context.signer.base_url)
        self._link = link_maker(tagger, context.signer)
        filling = Filling(compiled.compiled_slots, self.explained)
        html, text = self._bind("html", filling.straight), self._bind("text", filling.text)
        line = self._bind("line", {})
        filling.bind(filling.straight, html, around)
        filling.bind(filling.text, text)
        self._html, self._text = html["template"], text["template"]
        self._careful = FunctionType(self._html.__code__, {**html, "show": filling.careful})
        self._slots = [(slot, f"slot:{slot}") for slot in compiled.compiled_slots]
        self._lines = {"subject": line["subject"], "preheader": line["preheader"]}
        self._links = self._link_makers()

    # -- binding -----------------------------------------------------------------------------------------
    def _bind(self, mode: str, show: Show) -> dict[str, Any]:
        code = self._codes[mode]
        names: dict[str, Any] = {
            **COMPUTE,
            **{f"e{name}": escape for name, escape in escapes.encoders(code.mode).items()},
            "f_country": country,
            "f_money": money,
            "f_number": decimal,
            "f_percent": percent,
            "f_date": self._date,
            **{f"f_{name}": function for name, function in self._clock.items()},
            "t": self._translate,
            "item": self.context.catalogue.get,
            "abort": _abort,
            "noted": _noted,
            "leaf": self._leaf,
            "remember": self._shelf.remember,
            "shared": lambda locale: {**self.shared, "locale": locale},
            "href": in_html(self._link) if code.mode == "html" else in_text(self._link),
            "checked_url": _checked_html if code.mode == "html" else escapes.url,
            "show": show,
            "__builtins__": BUILTINS,
        }
        code.run(names)
        return names

    def _link_makers(self) -> dict[str, Callable[[str], str]]:
        signer, campaign, occasion = self.context.signer, self.context.campaign, self.context.occasion
        makers = {
            "preferences_url": lambda profile: f"{signer.base_url}/p/{signer.token('preferences', profile)}",
            "view_url": lambda profile: (
                f"{signer.base_url}/v/{signer.token('view', profile, campaign, occasion)}"
            ),
        }
        return {name: make for name, make in makers.items() if name in self.compiled.names}

    # -- one mail ----------------------------------------------------------------------------------------
    def mail(self, row: Row) -> Mail:
        """Make the mail of one row, whose dict is filled up with what all rows share."""
        context = self.context
        link = context.signer.unsubscribe_url(row["profile_id"], context.campaign, context.occasion)
        self.complete(row, link)
        mail = Mail(row["@id"], unsubscribe_url=link, edition=self.compiled.edition_name)
        uses: list[tuple[int, Any]] = []
        try:
            mail.subject = row["subject"] = escapes.one_line(self.line("subject", row, uses), "subject")
            preheader = escapes.one_line(self.line("preheader", row, uses), "preheader")
            mail.preheader = row["preheader"] = preheader
            mail.uses += [("line", number, shown) for number, shown in uses]
            if not mail.subject:
                raise MissingValueError("the subject is empty")
            mail.html = self.html(row, mail)
            mail.text = self.text(row, mail)
        except AbortError as error:
            mail.skip, mail.detail = SkipReason.ABORTED, str(error)
        except NoBlockError as error:
            mail.skip, mail.detail = SkipReason.NO_BLOCK, str(error)
        except FAILURES as error:
            mail.skip, mail.detail = SkipReason.RENDER_FAILED, self.explained(error)
        return mail

    def complete(self, row: Row, unsubscribe_url: str) -> None:
        """Add to a row what the run and the profile's language give."""
        compiled = self.compiled
        row.update(self.shared)
        wanted = compiled.spec.locale or row.get("locale") or compiled.settings.locale
        row["locale"] = known_locale(wanted, compiled.settings.locale)
        row["unsubscribe_url"] = unsubscribe_url
        row["@id"] = message_id(self.context.campaign, row["profile_id"], self.context.occasion)
        for name, make in self._links.items():
            row[name] = make(row["profile_id"])

    def html(self, row: Row, mail: Mail | None = None) -> bytes:
        """The HTML part of a completed row, ASCII."""
        mail = mail if mail is not None else Mail("")
        row["@mail"] = mail
        uses: list[tuple[int, Any]] = []
        arms: list[int] = []
        WORK.left = MAX_WORK
        try:
            mail.slots = {slot: row[column] for slot, column in self._slots}
            pieces = self._html(row, [], uses, [MAX_STEPS], arms)
        except FAILURES:
            uses, arms = [], []
            WORK.left = MAX_WORK
            pieces = self._careful(row, [], uses, [MAX_STEPS], arms)
        html: bytes = joined(pieces, b"")
        if len(html) > MAX_BYTES:
            raise LimitError(f"the mail has {len(html):,} bytes")
        if uses:
            mail.uses += [("html", number, shown) for number, shown in uses]
        if arms:
            mail.arms = frozenset(arms)
        return html

    def text(self, row: Row, mail: Mail) -> str:
        """The plain text part, with the blocks that the HTML part ended up with."""
        return settle(self.unsettled(row, mail))

    def unsettled(self, row: Row, mail: Mail) -> str:
        """The plain text part before its marks are turned into line breaks."""
        row["@mail"] = mail
        WORK.left = MAX_WORK
        return str(joined(self._text(row, [], [], [MAX_STEPS], []), ""))

    def line(self, what: str, row: Row, uses: list[tuple[int, Any]]) -> str:
        """The subject or preheader as it is written, before it is held to one line."""
        WORK.left = MAX_WORK
        return str(joined(self._lines[what](row, [], uses, [MAX_STEPS], []), ""))

    # -- errors ------------------------------------------------------------------------------------------
    def explained(self, error: BaseException) -> str:
        """What went wrong and where in the workspace's files."""
        place = self.place(error)
        what = str(error) or type(error).__name__
        return f"{place}: {what}" if place else what

    def place(self, error: BaseException) -> str:
        codes = {f"<{mode}>": code for mode, code in self._codes.items()}
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            code = codes.get(frame.filename)
            if code is None or frame.lineno is None:
                continue
            number = code.origins[frame.lineno - 1]
            if 0 <= number < len(self.compiled.places):
                return str(self.compiled.places[number])
        return ""


def program(compiled: CompiledCampaign, context: RenderContext, *, record: bool = False) -> Program:
    """The campaign bound to the run; bound once, then remembered."""
    key = compiled.fingerprint + ("+" if record else "")
    if key not in context.programs:
        context.programs[key] = Program(compiled, context, record=record)
    return context.programs[key]


def _abort(reason: Any) -> str:
    raise AbortError(str(reason))


def _noted(value: Any, instead: Any, uses: list[Any], number: int) -> Any:
    """``fallback``, with its use written down."""
    if is_missing(value):
        uses.append((number, instead))
        return instead
    return value


def _checked_html(link: bytes) -> bytes:
    escapes.url(unescape(link.decode("ascii")))
    return link

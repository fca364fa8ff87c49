"""Dates, money and numbers as people of a locale write them (Babel), each computed once per value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, format_percent

from render.language import MAX_TEXT, LimitError, MissingValueError, kind, number, spend, text

MEMO = 16_384
"""Values that each format remembers."""
MAX_PATTERN = 100
"""Characters that the pattern of a date may have."""


def locale_chain(name: str | None, *further: str | None) -> tuple[str, ...]:
    """``nb_NO`` → (``nb_NO``, ``nb``, then the further ones likewise): where texts are looked for."""
    chain: list[str] = []
    for given in (name, *further):
        parts = (given or "").replace("-", "_").split("_")
        chain += ["_".join(parts[:count]) for count in range(len(parts), 0, -1) if parts[0]]
    for name in [*chain]:
        if name in _ALSO:
            chain.insert(chain.index(name) + 1, _ALSO[name])
    return tuple(dict.fromkeys(chain))


_ALSO = {"nb": "no", "no": "nb"}
"""Two names of one language."""


@lru_cache(512)
def known_locale(name: Any, default: str) -> str:
    """``name`` as BCP 47 writes it (``nb-NO``), or ``default`` when it is no locale."""
    for candidate in locale_chain(name if isinstance(name, str) and len(name) < 40 else None):
        try:
            return str(Locale.parse(candidate)).replace("_", "-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return default


@lru_cache(8)
def zone(name: str) -> tzinfo:
    """The time zone of that IANA name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


@lru_cache(MEMO, typed=True)
def money(value: Any, currency: str | None = None, *, locale: str) -> str:
    """``12.5`` in ``EUR`` → ``€12.50``, by the locale's rules."""
    if currency is None:
        raise MissingValueError("money needs a currency")
    if len(str(currency)) > MAX_PATTERN:
        raise LimitError("this is no currency")
    return str(format_currency(number(value), str(currency), locale=locale.replace("-", "_")))


@lru_cache(MEMO, typed=True)
def decimal(value: Any, digits: int | None = None, *, locale: str) -> str:
    """``12345.6`` → ``12,345.6``; ``digits`` fixes the number of decimals."""
    pattern = None if digits is None else "#,##0" + ("." + "0" * min(12, digits) if digits else "")
    return str(format_decimal(number(value), format=pattern, locale=locale.replace("-", "_")))


@lru_cache(MEMO, typed=True)
def percent(value: Any, digits: int = 0, *, locale: str) -> str:
    """``0.25`` → ``25%``."""
    pattern = "#,##0" + ("." + "0" * min(12, digits) if digits else "") + "%"
    return str(
        format_percent(number(value), format=pattern if digits else None, locale=locale.replace("-", "_"))
    )


@lru_cache(MEMO)
def country(value: Any, *, locale: str) -> str:
    """``NO`` → ``Norway``; what is no ISO 3166 code is shown as it is."""
    if value is None:
        raise MissingValueError("a missing country")
    return str(_territories(locale).get(str(value).upper(), text(value)))


@lru_cache(512)
def _territories(locale: str) -> Any:
    return Locale.parse(locale.replace("-", "_")).territories


def dates(zone_name: str) -> Callable[..., str]:
    """The ``date`` filter for a workspace's time zone."""
    place = zone(zone_name)

    @lru_cache(MEMO, typed=True)
    def shown(value: Any, pattern: str = "medium", *, locale: str) -> str:
        if len(pattern) > MAX_PATTERN:
            raise LimitError(f"a pattern of more than {MAX_PATTERN} characters")
        day = moment(value)
        if isinstance(day, datetime):
            return str(format_datetime(day.astimezone(place), pattern, locale=locale.replace("-", "_")))
        return str(format_date(day, pattern, locale=locale.replace("-", "_")))

    return shown


def moment(value: Any) -> date:
    """A day, or an instant with its zone (UTC where it has none), of a date or of ISO 8601 text."""
    if value is None:
        raise MissingValueError("a missing date")
    if isinstance(value, str) and len(value) < 40:
        try:
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError as error:
            raise TypeError(f"{value!r} is no date") from error
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return value
    raise TypeError(f"{kind(value)} is no date")


def translator(tables: dict[str, dict[str, Any]], default: str) -> Callable[..., str]:
    """The ``t`` function: a text by key, in the locale of the mail or the nearest that has it.

    A text may hold ``{name}``, filled from the call; with ``count`` the plural form is the locale's.
    """

    @lru_cache(MEMO)
    def found(key: str, locale: str) -> tuple[Any, str]:
        for name in locale_chain(locale, default, "en"):
            if key in tables.get(name, {}):
                return tables[name][key], name
        raise MissingValueError(f"no string table has the key {key!r}")

    def translate(key: str, *, locale: str, **values: Any) -> str:
        entry, name = found(key, locale)
        if isinstance(entry, dict):
            form = Locale.parse(name).plural_form(number(values.get("count")))
            entry = entry.get(form, entry.get("other", ""))
        for placeholder, value in values.items():
            if value is None:
                raise MissingValueError(f"{placeholder} is missing")
            shown = decimal(value, locale=locale) if isinstance(value, (int, float)) else str(value)
            place = "{" + placeholder + "}"
            if len(entry) + entry.count(place) * len(shown) > MAX_TEXT:
                raise LimitError(f"a text of more than {MAX_TEXT:,} characters")
            entry = entry.replace(place, shown)
            spend(len(entry))
        return str(entry)

    return translate


LOCAL_FILTERS = frozenset({"countdown", "country", "date", "money", "number", "percent"})
"""Filters whose result depends on the locale of the mail."""

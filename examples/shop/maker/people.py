"""5,000 people: most of them ordinary, some of them as real lists have them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from maker.catalogue import FACTORS, Catalogue
from maker.shelves import CATEGORIES


@dataclass(frozen=True)
class Country:
    """Where people live: how often, in which language, paying in what, by which clock, with which names."""

    code: str
    share: float
    locales: tuple[str, ...]
    currency: str
    timezone: str
    utc_offset: int
    prefix: str
    cities: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]


COUNTRIES = (
    Country(
        "NO", 0.42, ("no", "no", "no", "nb-NO", "en"), "NOK", "Europe/Oslo", 1, "+47 4",
        ("Oslo", "Bergen", "Trondheim", "Tromsø", "Stavanger", "Ålesund", "Bodø", "Lillehammer"),
        ("Kari", "Ola", "Ingrid", "Åse", "Bjørn", "Sigrid", "Håkon", "Solveig", "Lars", "Marit", "Øyvind"),
        ("Hansen", "Johansen", "Nygård", "Bakke", "Lie", "Strand", "Sæther", "Moen", "Haugen", "Øverland"),
    ),
    Country(
        "SE", 0.24, ("sv", "sv-SE", "sv", "en"), "SEK", "Europe/Stockholm", 1, "+46 7",
        ("Stockholm", "Göteborg", "Malmö", "Umeå", "Östersund", "Uppsala"),
        ("Anna", "Björn", "Elsa", "Gustav", "Maja", "Nils", "Åsa", "Oskar", "Linnéa", "Erik", "Ebba"),
        ("Andersson", "Lindström", "Sjöberg", "Nyström", "Ek", "Holm", "Åkesson", "Bergqvist"),
    ),
    Country(
        "DE", 0.18, ("de", "de-DE", "de"), "EUR", "Europe/Berlin", 1, "+49 15",
        ("Berlin", "Hamburg", "München", "Köln", "Leipzig", "Tübingen"),
        ("Anke", "Jürgen", "Lena", "Lukas", "Mia", "Sören", "Ute", "Felix", "Zoë", "Jonas"),
        ("Müller", "Schäfer", "Weiß", "Krüger", "Vogel", "Brandt", "Jäger", "Lorenz"),
    ),
    Country(
        "GB", 0.11, ("en", "en-GB"), "GBP", "Europe/London", 0, "+44 7",
        ("London", "Leeds", "Edinburgh", "Bristol", "Kendal"),
        ("Alice", "Siân", "Owen", "Priya", "George", "Niamh", "Chloé", "Łukasz", "Adaeze"),
        ("Smith", "O'Brien", "Patel", "Walker", "Hughes", "Nowak", "Okafor", "St. John-Smythe"),
    ),
    Country(
        "US", 0.05, ("en", "en-US"), "USD", "America/New_York", -5, "+1 20",
        ("Portland", "Burlington", "Boulder", "Duluth"),
        ("Emma", "Noah", "José", "Mei", "Liam", "Aaliyah"),
        ("Garcia", "Nguyễn", "Miller", "Olsen", "Washington"),
    ),
)  # fmt: skip

_ODD_NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "Robert'); DROP TABLE profiles;--",
    '=HYPERLINK("http://evil.example")',
    "Ольга",
    "小林",
    "مريم",
    "Nguyễn Thị Minh Khai",
    "Anna 🌲",
    "J",
    "Wolfeschlegelsteinhausenbergerdorff" * 3,
)
_BAD_ADDRESSES = (
    "{0}.post.example",
    "{0}@@post.example",
    "{0}@post",
    "{0} {0}@post.example",
    "{0}@post..example",
    ".{0}@post.example",
    "{0}@-post.example",
    "{0},post@nord.example",
    "Ærlig.{0}@post.example",
    "{0}@post.example>",
)
_DOMAINS = (
    "post.example",
    "nord.example",
    "inbox.example",
    "brev.example",
    "mail.fjell.example",
    "blåbær.example",
)


@dataclass(frozen=True)
class People:
    """Rows as the shop's customer list has them, and what only the maker knows of each."""

    rows: list[dict[str, Any]]
    vectors: np.ndarray[Any, np.dtype[np.float64]]
    visits: np.ndarray[Any, np.dtype[np.int64]]
    """How often each comes in a year; 0 for those who never did."""
    since: list[datetime]
    until: list[datetime]
    """When each was last around; most are still."""
    offsets: np.ndarray[Any, np.dtype[np.int64]]
    """Hours from UTC."""


def make_people(
    rng: np.random.Generator, catalogue: Catalogue, now: datetime, *, count: int = 5000
) -> People:
    """Each likes one to three shelves; how often they come is as unequal as in life."""
    shelves = np.array(
        [catalogue.vectors[66 * i : 66 * (i + 1)].mean(axis=0) for i in range(len(CATEGORIES))]
    )
    rows, vectors, since, until, offsets = [], [], [], [], []
    visits = np.ceil(np.minimum(rng.lognormal(0.75, 0.85, count), 60)).astype(np.int64)
    visits[rng.random(count) < 0.08] = 0
    regulars = rng.random(count) < 0.03
    visits[regulars] = rng.integers(60, 130, int(regulars.sum()))
    for number in range(count):
        country = COUNTRIES[int(rng.choice(len(COUNTRIES), p=[c.share for c in COUNTRIES]))]
        liked = rng.choice(len(CATEGORIES), size=int(rng.integers(1, 4)), replace=False)
        vectors.append(shelves[liked].mean(axis=0) * 1.3 + rng.normal(0, 0.35, FACTORS))
        since.append(_joined(rng, now, regular=bool(regulars[number])))
        gone = rng.random() < 0.28 and not regulars[number]
        until.append(max(since[-1], now - timedelta(days=float(rng.uniform(40, 320)))) if gone else now)
        offsets.append(country.utc_offset)
        tags = sorted({CATEGORIES[i].tag for i in liked.tolist()})
        rows.append(_row(rng, number, country, tags, since[-1], int(visits[number])))
    _roughen(rng, rows)
    return People(rows, np.array(vectors), visits, since, until, np.array(offsets))


def _joined(rng: np.random.Generator, now: datetime, *, regular: bool) -> datetime:
    """When the account was opened: three in a hundred did within the week, regulars have long been there."""
    if rng.random() < 0.03 and not regular:
        return now - timedelta(days=float(rng.uniform(0.1, 7)))
    return now - timedelta(days=float(rng.triangular(300 if regular else 8, 420, 1400)))


def _row(
    rng: np.random.Generator, number: int, country: Country, tags: list[str], since: datetime, visits: int
) -> dict[str, Any]:
    first, last = _pick(rng, country.first_names), _pick(rng, country.last_names)
    member = rng.random() < 0.65
    points = int(rng.gamma(1.2, 40 + 45 * visits)) if member else 0
    consent = [p for p, share in (("newsletter", 0.86), ("offers", 0.62)) if rng.random() < share]
    domain = _DOMAINS[min(len(_DOMAINS), int(rng.geometric(0.45))) - 1]
    return {
        "customer_number": f"FF-{10001 + number}",
        "mail": f"{_ascii(first)}.{_ascii(last)}{number + 1}@{domain}",
        "locale": _pick(rng, country.locales),
        "timezone": country.timezone,
        "consent": ";".join(consent),
        "unsubscribed": "true" if rng.random() < 0.04 else "false",
        "first_name": first,
        "last_name": last,
        "phone": f"{country.prefix}{rng.integers(10**6, 10**7)}" if rng.random() < 0.4 else "",
        "birthday": _birthday(rng) if rng.random() < 0.55 else "",
        "city": _pick(rng, country.cities) if rng.random() < 0.8 else "",
        "country": country.code,
        "currency": country.currency,
        "registered_at": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "points": points if member else "",
        "tier": ("gold" if points >= 1000 else "silver" if points >= 300 else "bronze") if member else "",
        "tags": ";".join(tags) if rng.random() < 0.6 else "",
    }


def _roughen(rng: np.random.Generator, rows: list[dict[str, Any]]) -> None:
    """What happens to lists: half-filled forms, typing errors, jokers, two accounts for one mailbox."""
    order = rng.permutation(len(rows))
    takes = iter(order.tolist())
    for _ in range(260):  # signed up in the foot of the page: an address and nothing else
        row = rows[next(takes)]
        for name in row.keys() - {"customer_number", "mail", "unsubscribed", "consent"}:
            row[name] = ""
        row["consent"] = "newsletter"
    for _ in range(420):
        rows[next(takes)]["first_name"] = ""
    for i in range(60):
        row = rows[next(takes)]
        row["mail"] = _BAD_ADDRESSES[i % len(_BAD_ADDRESSES)].format(row["mail"].split("@")[0])
    for _ in range(25):
        rows[next(takes)]["mail"] = ""
    for _ in range(50):  # the same mailbox, written differently
        one, two = rows[next(takes)], rows[next(takes)]
        two["mail"] = f" {one['mail'].upper()}" if rng.random() < 0.5 else one["mail"]
    for name in _ODD_NAMES:
        row = rows[next(takes)]
        row["first_name"], row["unsubscribed"], row["consent"] = name, "false", "newsletter;offers"
    for name, value, times in (
        ("birthday", "1985-02-30", 9),
        ("birthday", "31.12.1999", 14),
        ("points", "1,250", 6),
        ("points", "-40", 4),
        ("timezone", "CEST+1", 5),
        ("country", "Norge", 8),
        ("currency", "kr", 7),
        ("locale", "norsk", 6),
    ):
        for _ in range(times):
            rows[next(takes)][name] = value


def _birthday(rng: np.random.Generator) -> str:
    return (datetime(1945, 1, 1) + timedelta(days=int(rng.integers(0, 365 * 62)))).strftime("%Y-%m-%d")


def _pick(rng: np.random.Generator, values: tuple[str, ...]) -> str:
    return values[int(rng.integers(len(values)))]


def _ascii(name: str) -> str:
    folded = name.replace("ø", "o").replace("Ø", "O").replace("æ", "ae").replace("Æ", "Ae").replace("ß", "ss")
    folded = (
        unicodedata.normalize("NFKD", folded.replace("Ł", "L").replace("ł", "l"))
        .encode("ascii", "ignore")
        .decode()
    )
    return "".join(c for c in folded.lower() if c.isalpha())

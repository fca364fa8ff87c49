"""600 things that an outdoor and cabin shop might sell: words, prices, stock, and hidden taste vectors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from maker.shelves import CATEGORIES, LINES, Category

FACTORS = 8
"""Length of the hidden vectors whose product is how much a person likes a thing."""


GIFT_CARDS = "Gift cards"


@dataclass(frozen=True)
class Catalogue:
    """Items as the shop writes them, and what only the maker knows: vectors, popularity, season."""

    items: list[dict[str, Any]]
    vectors: np.ndarray[Any, np.dtype[np.float64]]
    popularity: np.ndarray[Any, np.dtype[np.float64]]
    season: np.ndarray[Any, np.dtype[np.float64]]
    """How much more each item is wanted in each month, [12, items]."""


def make_catalogue(rng: np.random.Generator, now: datetime, *, items_per_category: int = 66) -> Catalogue:
    """Nine shelves of 66 items and six gift cards."""
    items: list[dict[str, Any]] = []
    vectors, season = [], []
    for category in CATEGORIES:
        shelf = rng.normal(0, 1, FACTORS)
        shelf *= np.sqrt(FACTORS) / np.linalg.norm(shelf)
        months = np.arange(1, 13)
        distance = np.minimum((months - category.peak_month) % 12, (category.peak_month - months) % 12)
        tides = 1.6 * np.exp(-((distance / 2.2) ** 2))
        for number, (product, colour, line) in enumerate(_combinations(rng, category, items_per_category)):
            material = category.materials[int(rng.integers(len(category.materials)))]
            items.append(_item(rng, now, category, number, product, colour, line, material))
            vectors.append(shelf + rng.normal(0, 0.7, FACTORS))
            season.append(tides)
    for value in (25, 50, 75, 100, 150, 200):
        items.append(_gift_card(value, now))
        vectors.append(np.zeros(FACTORS))
        season.append(np.full(12, 0.3))
    popularity = rng.gumbel(0, 0.8, len(items))
    return Catalogue(items, np.array(vectors), popularity, np.array(season).T)


def _combinations(rng: np.random.Generator, category: Category, count: int) -> list[tuple[str, str, str]]:
    """Product, colour and product line: every product in several lines, a line in two or three colours."""
    found: list[tuple[str, str, str]] = []
    products = list(category.products)
    while len(found) < count:
        product = products[len(found) % len(products)]
        line = LINES[int(rng.integers(len(LINES)))]
        colour = category.colours[int(rng.integers(len(category.colours)))]
        if (product, colour, line) not in found:
            found.append((product, colour, line))
    return found


def _item(
    rng: np.random.Generator,
    now: datetime,
    category: Category,
    number: int,
    product: str,
    colour: str,
    line: str,
    material: str,
) -> dict[str, Any]:
    low, high = category.products[product]
    price = _nice_price(low + (high - low) * float(rng.beta(2, 2.5)))
    item_id = f"{category.slug[:3].upper()}-{number + 1:03d}"
    item: dict[str, Any] = {
        "item_id": item_id,
        "title": f"{line} {product}, {colour}",
        "description": f"{product[0].upper()}{product[1:]} in {material}. "
        + category.praise[int(rng.integers(len(category.praise)))],
        "category": category.name,
        "price": price,
        "currency": "EUR",
        "url": f"https://fjordandfield.example/shop/{category.slug}/{item_id.lower()}",
        "image": f"assets/{category.slug}-{colour}.png",
        "in_stock": bool(rng.random() > 0.06),
        "added_at": _iso(now - timedelta(days=int(rng.integers(3, 900)), hours=int(rng.integers(24)))),
        "colour": colour,
        "material": material,
    }
    if rng.random() < 0.18:
        item["was_price"] = _nice_price(price * float(rng.uniform(1.15, 1.5)))
    if rng.random() < 0.9:
        item["rating"] = round(float(np.clip(rng.normal(4.3, 0.4), 1.5, 5)), 1)
    return item


def _gift_card(value: int, now: datetime) -> dict[str, Any]:
    return {
        "item_id": f"GIFT-{value:03d}",
        "title": f"Gift card, {value} €",
        "description": "For whoever knows better than you what they want. By e-mail, at once.",
        "category": GIFT_CARDS,
        "price": float(value),
        "currency": "EUR",
        "url": f"https://fjordandfield.example/gift-cards/{value}",
        "image": "assets/gift-card.png",
        "in_stock": True,
        "added_at": _iso(now - timedelta(days=900)),
    }


def _nice_price(value: float) -> float:
    """Prices end in 9 above 20 euros, in .90 below."""
    return float(round(value / 10) * 10 - 1) if value >= 20 else float(int(value)) + 0.9


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")

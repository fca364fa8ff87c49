"""What stands on the shelves of Fjord & Field: products, materials, colours, prices, praise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """A shelf: what stands on it, of what, in which colours, at which prices (EUR), in which season."""

    name: str
    slug: str
    products: dict[str, tuple[int, int]]
    """Product → lowest and highest price."""
    materials: tuple[str, ...]
    colours: tuple[str, ...]
    praise: tuple[str, ...]
    peak_month: int
    tag: str


CATEGORIES = (
    Category(
        "Jackets",
        "jackets",
        {
            "rain shell": (149, 299),
            "wind jacket": (79, 149),
            "insulated jacket": (159, 329),
            "softshell jacket": (119, 219),
            "parka": (229, 399),
            "field vest": (69, 139),
        },
        ("recycled nylon", "waxed cotton", "three-layer polyester", "organic cotton canvas"),
        ("moss", "ink", "rust", "sand", "slate", "ochre", "spruce", "berry"),
        (
            "Keeps the weather out and breathes on the way up.",
            "Cut long at the back, with a hood that follows your head.",
            "Packs into its own pocket and forgives a wet week.",
        ),
        10,
        "hiking",
    ),
    Category(
        "Knitwear",
        "knitwear",
        {
            "crew sweater": (79, 159),
            "half-zip": (89, 149),
            "cardigan": (89, 169),
            "base layer top": (49, 89),
            "base layer tights": (49, 85),
            "beanie": (19, 39),
        },
        ("merino", "lambswool", "wool and alpaca", "Norwegian wool"),
        ("oat", "ink", "moss", "berry", "slate", "rust", "snow", "ochre"),
        (
            "Warm when wet and fresh for days.",
            "Knitted in one piece, so that nothing chafes under a pack.",
            "Soft enough to sleep in, neat enough for the office.",
        ),
        11,
        "skiing",
    ),
    Category(
        "Footwear",
        "footwear",
        {
            "hiking boot": (139, 259),
            "trail shoe": (89, 159),
            "winter boot": (129, 219),
            "rubber boot": (49, 99),
            "wool slipper": (39, 69),
            "camp sandal": (39, 89),
        },
        ("full-grain leather", "nubuck", "recycled mesh", "felted wool"),
        ("walnut", "slate", "sand", "moss", "ink", "rust", "oat", "spruce"),
        (
            "Grips on wet rock and is kind to narrow heels.",
            "Can be resoled, and should be: the uppers outlive two soles.",
            "Light on the foot and quick to dry.",
        ),
        9,
        "hiking",
    ),
    Category(
        "Packs & bags",
        "packs",
        {
            "daypack 22 L": (59, 109),
            "trekking pack 55 L": (149, 269),
            "duffel 60 L": (79, 149),
            "hip bag": (25, 49),
            "roll-top pack": (69, 129),
            "tote": (19, 45),
        },
        ("recycled nylon", "waxed cotton", "ripstop", "organic cotton canvas"),
        ("spruce", "ochre", "slate", "rust", "ink", "sand", "moss", "berry"),
        (
            "Carries well when it is full and stays flat when it is not.",
            "Pockets where your hands go, none where they do not.",
            "Straps that can be mended at any kitchen table.",
        ),
        6,
        "hiking",
    ),
    Category(
        "Tents & sleeping",
        "tents",
        {
            "two-person tent": (229, 429),
            "tunnel tent": (349, 649),
            "sleeping bag": (119, 329),
            "sleeping mat": (49, 139),
            "hammock": (45, 95),
            "tarp": (59, 129),
        },
        ("ripstop", "recycled polyester", "silicone nylon", "cotton blend"),
        ("moss", "ochre", "rust", "spruce", "slate", "sand", "ink", "berry"),
        (
            "Up in four minutes, even in wind and mittens.",
            "Weighs little and sleeps large.",
            "Stays dry through the kind of night one tells stories about.",
        ),
        6,
        "camping",
    ),
    Category(
        "Camp kitchen",
        "kitchen",
        {
            "mug": (12, 24),
            "coffee kettle": (34, 69),
            "skillet 24 cm": (39, 79),
            "gas stove": (39, 119),
            "thermos 1 L": (29, 55),
            "cutlery set": (14, 32),
        },
        ("enamel", "cast iron", "stainless steel", "anodised aluminium"),
        ("snow", "ink", "moss", "rust", "ochre", "slate", "oat", "spruce"),
        (
            "For the first coffee of the day, wherever that is.",
            "Takes knocks, campfires and dishwashers alike.",
            "Boils fast, pours clean and nests with the rest.",
        ),
        7,
        "cooking",
    ),
    Category(
        "On the water",
        "water",
        {
            "kayak paddle": (89, 229),
            "buoyancy aid": (69, 149),
            "dry bag 20 L": (19, 39),
            "dry top": (129, 259),
            "fishing rod": (59, 179),
            "swim towel": (19, 39),
        },
        ("ash wood", "fibreglass", "neoprene", "recycled polyester"),
        ("ink", "rust", "ochre", "spruce", "snow", "slate", "sand", "berry"),
        (
            "Made for cold fjords and short summers.",
            "Easy to rinse, quick to dry, hard to lose.",
            "Balanced, so that the tenth kilometre is like the first.",
        ),
        6,
        "paddling",
    ),
    Category(
        "Blankets & textiles",
        "textiles",
        {
            "throw": (69, 149),
            "cushion": (29, 59),
            "bed linen set": (89, 169),
            "sheepskin": (79, 139),
            "kitchen towel pair": (15, 29),
            "picnic blanket": (39, 89),
        },
        ("wool", "linen", "organic cotton", "lambswool"),
        ("oat", "moss", "berry", "ink", "slate", "ochre", "snow", "rust"),
        (
            "Woven in a mill that has done little else since 1878.",
            "Softer with every wash, and made to be washed.",
            "Big enough for two and a dog.",
        ),
        12,
        "home",
    ),
    Category(
        "Light & candles",
        "light",
        {
            "lantern": (29, 79),
            "head torch": (35, 89),
            "table lamp": (59, 149),
            "candle trio": (18, 36),
            "string lights": (19, 45),
            "candle holder": (15, 39),
        },
        ("brass", "recycled glass", "powder-coated steel", "beeswax"),
        ("ochre", "ink", "snow", "moss", "rust", "slate", "oat", "berry"),
        (
            "A warm light for the dark half of the year.",
            "Bright enough to read by, dim enough to talk.",
            "Burns or runs for longer than the evening.",
        ),
        12,
        "home",
    ),
)
LINES = (
    "Rondane",
    "Senja",
    "Finse",
    "Røros",
    "Lofoten",
    "Dovre",
    "Hardanger",
    "Femund",
    "Voss",
    "Sunnmøre",
    "Tromsø",
    "Kjerag",
    "Ålesund",
    "Jotun",
    "Saltfjell",
    "Lysefjord",
    "Geilo",
    "Bygdøy",
    "Stetind",
    "Hovden",
    "Rjukan",
    "Valdres",
    "Setesdal",
    "Andøya",
)
"""Names of product lines."""

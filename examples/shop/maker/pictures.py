"""Flat pictures of the catalogue, 300 × 300 pixels, one for every shelf and colour; a few kilobytes each."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from PIL import Image, ImageDraw

SIZE, SCALE = 300, 3
"""Drawn three times as large and made smaller: smooth edges without an antialiasing pen."""

COLOURS = {
    "moss": "#6b7f4f",
    "ink": "#2b3a55",
    "rust": "#b5532c",
    "sand": "#cdb48b",
    "slate": "#66737d",
    "ochre": "#d29a2e",
    "spruce": "#2f5d50",
    "berry": "#8c2f4b",
    "oat": "#dccfb4",
    "snow": "#eef0ee",
    "walnut": "#6e4b33",
}
_PAPER, _HILL, _DARK, _LIGHT, _WOOD, _METAL = "#f1ede2", "#e3ddcc", "#2a2f2c", "#fbf8f0", "#9a7149", "#b9bfc0"


class Pen:
    """Shapes in a square of 300 × 300 units, painted in one colour and its shades."""

    def __init__(self, colour: str) -> None:
        self.image = Image.new("RGB", (SIZE * SCALE, SIZE * SCALE), _PAPER)
        self._draw = ImageDraw.Draw(self.image)
        self.main = COLOURS.get(colour, colour)
        self.shade = _mix(self.main, "#101418", 0.24)
        self.deep = _mix(self.main, "#101418", 0.45)
        self.glow = _mix(self.main, "#ffffff", 0.35)

    def polygon(self, fill: str, *points: tuple[float, float]) -> None:
        self._draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=fill)

    def box(self, fill: str, x0: float, y0: float, x1: float, y1: float, radius: float = 0) -> None:
        self._draw.rounded_rectangle([v * SCALE for v in (x0, y0, x1, y1)], radius=radius * SCALE, fill=fill)

    def oval(self, fill: str, x0: float, y0: float, x1: float, y1: float) -> None:
        self._draw.ellipse([v * SCALE for v in (x0, y0, x1, y1)], fill=fill)

    def line(self, fill: str, width: float, *points: tuple[float, float]) -> None:
        flat = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(flat, fill=fill, width=int(width * SCALE), joint="curve")
        for x, y in (flat[0], flat[-1]):
            r = width * SCALE / 2
            self._draw.ellipse([x - r, y - r, x + r, y + r], fill=fill)

    def arc(
        self, fill: str, width: float, bounds: tuple[float, float, float, float], start: int, end: int
    ) -> None:
        self._draw.arc([v * SCALE for v in bounds], start, end, fill=fill, width=int(width * SCALE))

    def png(self) -> bytes:
        small = self.image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        sink = io.BytesIO()
        small.quantize(48, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            sink, "PNG", optimize=True
        )
        return sink.getvalue()


def draw_pictures(items: list[dict[str, Any]]) -> dict[str, bytes]:
    """File name → PNG, for every picture that an item names (``assets/<shelf>-<colour>.png``)."""
    names = sorted({PurePosixPath(item["image"]).name for item in items})
    return {name: _draw(name.removesuffix(".png")) for name in names}


def _draw(name: str) -> bytes:
    shelf, _, colour = name.partition("-")
    pen = Pen(colour if colour in COLOURS else "rust")
    pen.oval(_HILL, -60, 214, 200, 420)
    pen.oval(_mix(_HILL, _PAPER, 0.35), 110, 226, 380, 420)
    _SHELVES[shelf](pen)
    return pen.png()


def _mix(one: str, two: str, share: float) -> str:
    a, b = ([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (one, two))
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in zip(a, b, strict=True))


def _jacket(p: Pen) -> None:
    p.polygon(p.shade, (103, 92), (62, 132), (44, 222), (74, 232), (104, 158))
    p.polygon(p.shade, (197, 92), (238, 132), (256, 222), (226, 232), (196, 158))
    p.polygon(p.main, (110, 84), (190, 84), (214, 108), (210, 246), (90, 246), (86, 108))
    p.box(p.main, 88, 228, 212, 254, 8)
    p.oval(p.shade, 108, 40, 192, 122)
    p.oval(p.deep, 122, 58, 178, 118)
    p.polygon(p.main, (112, 98), (150, 128), (188, 98), (196, 112), (150, 146), (104, 112))
    p.line(p.deep, 3, (150, 130), (150, 252))
    p.box(_LIGHT, 147, 140, 153, 152, 3)
    p.polygon(p.shade, (104, 182), (136, 174), (136, 184), (104, 192))
    p.polygon(p.shade, (196, 182), (164, 174), (164, 184), (196, 192))
    p.box(p.glow, 168, 142, 190, 149, 3)
    p.box(p.deep, 46, 214, 76, 224, 3)
    p.box(p.deep, 224, 214, 254, 224, 3)


def _knit(p: Pen) -> None:
    p.polygon(p.shade, (102, 84), (64, 122), (48, 226), (80, 232), (106, 150))
    p.polygon(p.shade, (198, 84), (236, 122), (252, 226), (220, 232), (194, 150))
    p.polygon(p.main, (108, 76), (192, 76), (212, 102), (206, 236), (94, 236), (88, 102))
    p.box(p.shade, 92, 226, 208, 250, 6)
    p.oval(p.shade, 112, 58, 188, 98)
    p.oval(p.deep, 122, 64, 178, 90)
    for x in range(92, 208, 16):
        p.polygon(_LIGHT, (x, 132), (x + 8, 116), (x + 16, 132), (x + 8, 124))
        p.polygon(p.deep, (x + 8, 140), (x + 13, 148), (x + 8, 156), (x + 3, 148))
        p.oval(_LIGHT, x + 6, 162, x + 11, 167)
    for x in range(98, 206, 8):
        p.line(p.deep, 1, (x, 230), (x, 246))
    p.box(p.deep, 48, 216, 80, 230, 4)
    p.box(p.deep, 220, 216, 252, 230, 4)


def _boot(p: Pen) -> None:
    p.polygon(
        p.main, (104, 66), (172, 66), (176, 148), (232, 172), (250, 206), (250, 224), (96, 224), (98, 140)
    )
    p.polygon(p.shade, (96, 190), (150, 196), (180, 224), (96, 224))
    p.polygon(p.shade, (214, 166), (240, 182), (250, 206), (250, 224), (222, 224), (208, 190))
    p.box(p.deep, 98, 56, 178, 76, 8)
    p.polygon(p.glow, (146, 76), (172, 76), (176, 148), (196, 158), (182, 172), (150, 150))
    for i in range(5):
        y = 88 + i * 15
        p.line(_LIGHT, 4, (142 + i, y), (172 + i * 2, y + 7))
        p.oval(_DARK, 137 + i, y - 4, 145 + i, y + 4)
    p.box(_DARK, 90, 222, 256, 240, 7)
    for x in range(94, 250, 20):
        p.box(_DARK, x, 232, x + 12, 248, 2)
    p.box(p.deep, 94, 214, 254, 225, 3)
    p.line(p.deep, 3, (112, 150), (150, 158))


def _pack(p: Pen) -> None:
    p.arc(p.deep, 8, (126, 34, 174, 84), 180, 360)
    p.box(p.shade, 74, 128, 104, 226, 12)
    p.box(p.shade, 196, 128, 226, 226, 12)
    p.box(p.main, 88, 60, 212, 246, 34)
    p.box(p.shade, 88, 60, 212, 134, 34)
    p.box(p.glow, 104, 112, 196, 118, 3)
    p.box(p.shade, 104, 166, 196, 234, 14)
    p.line(p.deep, 3, (112, 184), (188, 184))
    p.box(_WOOD, 122, 118, 132, 160, 3)
    p.box(_WOOD, 168, 118, 178, 160, 3)
    p.box(_METAL, 120, 146, 134, 156, 2)
    p.box(_METAL, 166, 146, 180, 156, 2)
    p.box(_LIGHT, 138, 78, 162, 96, 4)
    p.polygon(p.deep, (142, 92), (149, 82), (153, 87), (156, 84), (160, 92))


def _tent(p: Pen) -> None:
    p.oval("#f3d9a4", 206, 42, 250, 86)
    p.polygon("#cfd6cf", (20, 226), (96, 108), (142, 176), (176, 132), (250, 226))
    p.polygon(_LIGHT, (96, 108), (78, 136), (92, 132), (100, 142), (114, 135))
    p.polygon(p.main, (150, 92), (48, 238), (252, 238))
    p.polygon(p.shade, (150, 92), (252, 238), (196, 238))
    p.polygon(p.deep, (150, 128), (112, 238), (188, 238))
    p.polygon("#f6c873", (150, 160), (128, 238), (172, 238))
    p.polygon(p.glow, (150, 128), (112, 238), (100, 238), (142, 132))
    p.line(_DARK, 3, (150, 92), (150, 80))
    p.line(_WOOD, 2, (150, 92), (30, 244))
    p.line(_WOOD, 2, (150, 92), (270, 244))
    p.box(_mix(_HILL, "#101418", 0.15), 26, 238, 274, 244, 3)


def _mug(p: Pen) -> None:
    for x, y in ((128, 58), (152, 50), (176, 58)):
        p.arc("#d2cbbb", 5, (x - 10, y, x + 10, y + 28), 270, 90)
        p.arc("#d2cbbb", 5, (x - 10, y + 24, x + 10, y + 52), 90, 270)
    p.arc(p.shade, 15, (172, 136, 246, 214), 270, 90)
    p.box(p.main, 84, 116, 206, 244, 18)
    p.polygon(p.shade, (180, 120), (206, 120), (206, 232), (194, 244), (176, 244))
    p.oval(p.deep, 84, 104, 206, 136)
    p.oval("#4a3324", 92, 109, 198, 132)
    p.arc(_LIGHT, 4, (84, 104, 206, 136), 0, 360)
    for x, y in (
        (104, 160),
        (126, 204),
        (150, 158),
        (164, 220),
        (112, 228),
        (142, 184),
        (188, 176),
        (96, 192),
    ):
        p.oval(p.glow, x, y, x + 5, y + 5)
    p.polygon(_LIGHT, (112, 204), (132, 172), (141, 186), (148, 178), (164, 204))


def _kayak(p: Pen) -> None:
    p.oval("#f3d9a4", 206, 40, 250, 84)
    p.polygon("#cfd6cf", (110, 166), (176, 84), (206, 122), (228, 98), (284, 166))
    p.box("#a9c3c9", 0, 164, 300, 300)
    p.line(_WOOD, 6, (92, 92), (216, 214))
    p.polygon(_LIGHT, (94, 96), (76, 92), (62, 70), (66, 62), (88, 72), (98, 88))
    p.polygon(p.shade, (212, 210), (230, 214), (246, 236), (240, 244), (220, 232), (208, 216))
    p.polygon(
        p.main, (16, 180), (62, 196), (238, 196), (284, 180), (256, 214), (216, 228), (84, 228), (44, 214)
    )
    p.polygon(p.shade, (30, 204), (270, 204), (256, 214), (216, 228), (84, 228), (44, 214))
    p.oval(p.deep, 116, 184, 184, 202)
    p.line(p.glow, 3, (44, 192), (104, 198))
    for x, y in ((20, 250), (120, 244), (220, 256), (70, 272), (180, 278)):
        p.line("#dcebed", 4, (x, y), (x + 22, y - 4), (x + 44, y))


def _blanket(p: Pen) -> None:
    for x in range(62, 240, 9):
        p.line(p.glow, 2, (x, 240), (x - 2, 254))
    p.box(p.shade, 52, 190, 248, 242, 20)
    p.box(p.main, 52, 142, 248, 200, 22)
    p.box(p.glow, 58, 96, 242, 152, 22)
    p.box(p.main, 52, 190, 248, 222, 14)
    for y, fill in ((160, _LIGHT), (168, p.deep), (176, _LIGHT)):
        p.box(fill, 54, y, 246, y + 4)
    for y, fill in ((112, p.deep), (122, p.main), (132, p.deep)):
        p.box(fill, 62, y, 238, y + 3)
    for x in range(64, 240, 14):
        p.polygon(p.deep, (x, 212), (x + 5, 204), (x + 10, 212), (x + 5, 218))
    p.box(_LIGHT, 196, 148, 222, 168, 2)
    p.line(_WOOD, 2, (202, 155), (216, 155))
    p.line(_WOOD, 2, (202, 161), (212, 161))


def _lantern(p: Pen) -> None:
    for radius, share in ((118, 0.2), (92, 0.45), (66, 0.8)):
        p.oval(_mix(_PAPER, "#fbe3a6", share), 150 - radius, 166 - radius, 150 + radius, 166 + radius)
    p.arc(_DARK, 5, (112, 30, 188, 116), 180, 360)
    p.polygon(p.main, (118, 92), (182, 92), (206, 116), (94, 116))
    p.box(p.shade, 136, 72, 164, 94, 6)
    p.box("#fdf3d4", 102, 114, 198, 222)
    p.box(_LIGHT, 136, 166, 164, 222, 4)
    p.line(_DARK, 2, (150, 166), (150, 158))
    p.polygon("#f2a53a", (150, 122), (138, 148), (142, 160), (158, 160), (162, 148))
    p.polygon("#fdf0b8", (150, 138), (144, 152), (147, 160), (153, 160), (156, 152))
    p.box(p.deep, 98, 114, 104, 224)
    p.box(p.deep, 196, 114, 202, 224)
    p.box(p.main, 88, 220, 212, 240, 6)
    p.box(p.shade, 100, 238, 200, 248, 4)


def _gift(p: Pen) -> None:
    p.box("#d8d1bf", 46, 98, 262, 236, 14)
    p.box("#1f4d43", 40, 90, 256, 228, 14)
    p.polygon("#2f6b5d", (40, 206), (104, 134), (140, 172), (172, 142), (240, 228), (54, 228))
    p.box("#d9692f", 92, 90, 106, 228)
    p.box("#d9692f", 40, 140, 256, 152)
    p.oval("#d9692f", 62, 116, 100, 146)
    p.oval("#d9692f", 98, 116, 136, 146)
    p.oval("#1f4d43", 72, 124, 92, 138)
    p.oval("#1f4d43", 106, 124, 126, 138)
    p.oval("#b5532c", 90, 136, 108, 154)
    p.box(_LIGHT, 178, 108, 240, 116, 4)
    p.box("#9db8ae", 196, 122, 240, 128, 3)


_SHELVES: dict[str, Callable[[Pen], None]] = {
    "jackets": _jacket,
    "knitwear": _knit,
    "footwear": _boot,
    "packs": _pack,
    "tents": _tent,
    "kitchen": _mug,
    "water": _kayak,
    "textiles": _blanket,
    "light": _lantern,
    "gift": _gift,
}

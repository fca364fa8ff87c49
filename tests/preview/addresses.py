"""Every page of the preview, by name."""

from __future__ import annotations

from preview.navigation import entries

PAGES = {
    "campaigns": "/",
    "campaign": "/c/newsletter",
    "sheet": "/c/newsletter/sheet",
    "mail": "/c/newsletter/next",
    "text": "/c/newsletter/next?view=text",
    "beside": "/c/newsletter/segments",
    "find": "/c/newsletter/find?q=an",
    "approval": "/c/newsletter/approval",
    "compare": "/c/newsletter/compare",
    "samples": "/sample?template=newsletter",
    "recommendations": "/recommendations",
    "item": "/recommendations/item?id=KIT-011",
    "sends": "/sends",
    "segments": "/segments",
    "library": "/library",
    "source": "/source?file=blocks/hero/cabin.mjml",
    "error": "/c/no-such-campaign",
    "nobody": "/c/newsletter/next?segment=lapsed",
}
PAGES |= {entry.key: entry.href for entry in entries() if entry.href not in PAGES.values()}

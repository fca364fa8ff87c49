"""``docs/library.md``, written from the shipped files: ``python -m tests.content.library_page`` renews it."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from render.library import Block, load_library

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "library.md"

HEAD = """\
# The shipped library

Every workspace may use these by name. A file of the same name in the workspace's own `blocks/` or
`templates/` takes the place of the shipped one; [templates.md](templates.md) says how they are written.
This page is made of the files themselves (`python -m tests.content.library_page`), and a test holds the two
together.

They ask three things of `mailwright.yaml`: `brand.name`, `brand.address` and `brand.website`. All else under
`brand` (colours, the dark pair, fonts, links) has a value of its own where it is not declared. Their texts
are in `blocks/strings/`, in English, Norwegian, Swedish and German.
"""


def page() -> str:
    library = load_library(ROOT)
    parts = [HEAD, "## Templates\n"]
    for name, source in sorted(library.templates.items()):
        slots = re.findall(r'{% slot "(\w+)"( optional)? %}', source.text)
        shown = ", ".join(f"`{slot}`" + (" (optional)" if optional else "") for slot, optional in slots)
        parts.append(f"- **{name}**: {_comment(source.text)} Slots: {shown}.")
    parts.append(
        "\n## Blocks\n\nBy slot, in the order in which they are tried; the last of each needs nothing."
    )
    blocks = sorted(
        library.blocks.values(), key=lambda block: (block.spec.slot or "", -block.spec.priority, block.name)
    )
    for slot, found in groupby(blocks, key=lambda block: block.spec.slot):
        parts.append(f"\n### {slot}\n")
        parts += [_line(block) for block in found]
    parts.append(
        "\n## Cards\n\n`{% card item %}` shows the card `product`; `{% card item row %}` names another.\n"
    )
    parts += [f"- **{name}**: {card.spec.description}" for name, card in sorted(library.cards.items())]
    parts.append("\n## Partials\n")
    parts += [f"- **{name}**: {_comment(source.text)}" for name, source in sorted(library.partials.items())]
    return "\n".join(parts) + "\n"


def _line(block: Block) -> str:
    spec = block.spec
    conditions = ([f"`{spec.when}`"] if spec.when != "TRUE" else []) + [f"`{need}`" for need in spec.needs]
    asked = f" When {' and '.join(conditions)}." if conditions else ""
    return f"- **{block.name}**: {spec.description}.{asked}"


def _comment(text: str) -> str:
    """The first sentence or two of the comment at the top of a file."""
    match = re.match(r"{#\s*(.*?)\s*#}", text, re.S)
    return " ".join(match[1].split()) if match else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

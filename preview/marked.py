"""A mail with each block between two comments, so that the page can name what is under the pointer.

The marks are written by the same generated code that writes the mail; taking them out gives the bytes of
the mail again, which a test holds.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from mailwright.engine import Plan
from render.batch import row_columns
from render.filling import Write
from render.program import Program
from render.rows import Row, batch_rows

OPEN, CLOSE = b"<!--block:%s|%s-->", b"<!--/block-->"


def _mark(slot: str, block: str, write: Write) -> Write:
    """A block with a comment before and after its HTML."""
    begin = OPEN % (_word(slot), _word(block))

    def marked(row: Row, out: list[Any], uses: list[Any], left: list[int], arms: list[int]) -> None:
        out.append(begin)
        write(row, out, uses, left, arms)
        out.append(CLOSE)

    return marked


def marked_html(plan: Plan, one: pa.Table) -> bytes:
    """The HTML of one row's mail with marks around its blocks; empty when there is no mail."""
    programs = plan.context.programs
    batch = one.combine_chunks().to_batches()[0]
    row = next(batch_rows(batch, row_columns(plan.compiled), plan.context.catalogue))
    edition = plan.compiled.edition(row)
    key = f"{edition.fingerprint}!"
    if key not in programs:
        programs[key] = Program(edition, plan.context, around=_mark)
    return programs[key].mail(row).html


def marked_pieces(html: bytes) -> list[tuple[str, str, bytes]]:
    """Slot, block and HTML of each block in a marked mail, in its order."""
    return [
        (slot.decode(), block.decode(), text)
        for slot, block, text in re.findall(rb"<!--block:([^|]*)\|(.*?)-->(.*?)<!--/block-->", html, re.S)
    ]


def marked_blocks(html: bytes) -> list[str]:
    """The names of the blocks in a marked mail."""
    return [block for _, block, _ in marked_pieces(html)]


def _word(name: str) -> bytes:
    """A name as it may stand in a comment."""
    return name.replace("--", "- -").encode("ascii", "xmlcharrefreplace")

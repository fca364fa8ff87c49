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
from render.program import Program
from render.rows import Row, batch_rows

OPEN, CLOSE = b"<!--block:%s|%s-->", b"<!--/block-->"


class _Marking(Program):
    """The campaign's program, with a comment before and after each block of its HTML."""

    def _fill_html(
        self, slot: str, row: Row, out: list[Any], uses: list[Any], left: list[int], arms: set[int]
    ) -> None:
        place = len(out)
        super()._fill_html(slot, row, out, uses, left, arms)
        block = row["@mail"].slots[slot]
        if block is not None:
            out.insert(place, OPEN % (_word(slot), _word(block)))
            out.append(CLOSE)


def marked_html(plan: Plan, one: pa.Table) -> bytes:
    """The HTML of one row's mail with marks around its blocks; empty when there is no mail."""
    programs = plan.context.programs
    key = f"{plan.compiled.fingerprint}!"
    if key not in programs:
        programs[key] = _Marking(plan.compiled, plan.context)
    batch = one.combine_chunks().to_batches()[0]
    row = next(batch_rows(batch, row_columns(plan.compiled), plan.context.catalogue))
    return programs[key].mail(row).html


def marked_blocks(html: bytes) -> list[str]:
    """The names of the blocks in a marked mail."""
    return [block.decode() for block in re.findall(rb"<!--block:[^|]*\|(.*?)-->", html)]


def _word(name: str) -> bytes:
    """A name as it may stand in a comment."""
    return name.replace("--", "- -").encode("ascii", "xmlcharrefreplace")

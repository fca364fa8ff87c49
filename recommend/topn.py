"""The n largest of each row of a block, exactly, without sorting or copying the block.

Two levels: the maximum of each group of columns, then the n groups with the largest maxima, which together
hold the n largest cells; only these are compared. A third of the time of one ``argpartition`` over the row.
"""

from __future__ import annotations

import numpy as np

from recommend.arrays import F32, I64

GROUP = 8
"""Columns to a group; 8 to 32 measured alike."""


def largest(block: F32, n: int) -> I64:
    """Columns of the ``n`` largest cells of each row, in no order; the block's width is at least ``n``.

    Which of several equal cells are taken depends on the row alone, not on the block around it.
    """
    rows, width = block.shape
    groups = width // GROUP
    if groups <= 2 * n:
        return _partition(block, n)
    # Group g is the columns g, g + groups, g + 2 · groups …: so its maximum is one vector operation after the
    # other over neighbouring groups. What is left over, fewer than GROUP columns, is compared as it is.
    whole = groups * GROUP
    maxima = block[:, :groups].copy()
    for at in range(groups, whole, groups):
        np.maximum(maxima, block[:, at : at + groups], out=maxima)
    leading = _partition(maxima, n)
    columns = (leading[:, :, None] + groups * np.arange(GROUP)).reshape(rows, -1)
    if whole < width:
        rest = np.broadcast_to(np.arange(whole, width), (rows, width - whole))
        columns = np.concatenate([columns, rest], axis=1)
    cells = block[np.arange(rows)[:, None], columns]
    return np.take_along_axis(columns, _partition(cells, n), axis=1)


def _partition(block: F32, n: int) -> I64:
    width = block.shape[1]
    if n >= width:
        return np.broadcast_to(np.arange(width), block.shape).copy()
    return np.argpartition(block, width - n, axis=1)[:, width - n :]

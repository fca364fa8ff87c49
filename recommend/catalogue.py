"""The catalogue as arrays, and which of its items may be recommended to anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audience.order import flat
from mailwright.model.workspace import EmbeddingSpec, RecommendSpec
from recommend.arrays import F64, I64, NEVER, Mask, instants, numbers, texts
from recommend.embedding import VECTORS, item_texts


@dataclass(frozen=True)
class Catalogue:
    """Row-aligned with the table of items."""

    ids: Any
    titles: list[str]
    words: list[str]
    """Title, description and category in one text."""
    embedding: F64 | None
    """float64[items, size], from where the spec says; zeros where an item has none."""
    category: I64
    """Row of ``categories``, -1 where an item has none."""
    categories: tuple[str, ...]
    price: F64
    """NaN where it is not known."""
    previous_price: F64
    """What it cost before, from the workspace's own attribute of that name; NaN where it is not known."""
    added: I64
    """Microseconds since 1970, ``NEVER`` where it is not known."""
    allowed: Mask
    """Which items may be recommended at all."""
    refused: dict[str, int]
    """Why items may not be → how many (the first cause that applies)."""

    @property
    def size(self) -> int:
        return len(self.titles)


def read_catalogue(items: pa.Table, spec: RecommendSpec) -> Catalogue:
    """Items as arrays; out of stock, blocked categories and prices out of range are not allowed.

    An item whose stock or price is unknown is allowed: missing data is no reason to hide it.
    """
    names = np.array(texts(items, "category"), dtype=object)
    categories = tuple(sorted({name for name in names if name}))
    rows = {name: row for row, name in enumerate(categories)}
    price = numbers(items, "price", np.nan)
    causes = {
        "out of stock": ~_in_stock(items),
        "in a blocked category": np.isin(names.astype(str), spec.blocked_categories),
        "out of the price range": (price < (spec.min_price or 0)) | (price > (spec.max_price or np.inf)),
    }
    allowed, refused = np.ones(len(names), bool), {}
    for cause, applies in causes.items():
        if count := int(np.count_nonzero(allowed & applies)):
            refused[cause] = count
        allowed &= ~applies
    return Catalogue(
        ids=flat(items["item_id"]),
        titles=texts(items, "title"),
        words=item_texts(items),
        embedding=_embedding(items, spec.embeddings),
        category=np.array([rows.get(name, -1) for name in names], np.int64),
        categories=categories,
        price=price,
        previous_price=numbers(items, "previous_price", np.nan),
        added=_added(items),
        allowed=allowed,
        refused=refused,
    )


def _embedding(items: pa.Table, spec: EmbeddingSpec | None) -> F64 | None:
    """Rows of one length; one that is missing, of another length, or holds a NULL or no number is zeros."""
    name = None if spec is None else VECTORS if spec.attribute is None else spec.attribute
    if name is None or name not in items.column_names:
        return None
    column = flat(items[name])
    lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    size = int(lengths.max(initial=0))
    found = np.zeros((len(lengths), size))
    whole = np.flatnonzero(lengths == size)
    values = column.take(pa.array(whole)).flatten().cast(pa.float64()).to_numpy(zero_copy_only=False)
    vectors = values.reshape(len(whole), size)
    found[whole] = np.where(np.isfinite(vectors).all(axis=1, keepdims=True), vectors, 0.0)
    return found if size else None


def _in_stock(items: pa.Table) -> Mask:
    if "in_stock" not in items.column_names:
        return np.ones(items.num_rows, bool)
    stock: Mask = flat(items["in_stock"]).fill_null(True).to_numpy(zero_copy_only=False).astype(bool)
    return stock


def _added(items: pa.Table) -> I64:
    if "added_at" not in items.column_names:
        return np.full(items.num_rows, NEVER)
    return instants(items["added_at"])

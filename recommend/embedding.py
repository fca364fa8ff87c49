"""Embeddings of items by a static model (model2vec) that lies in a folder; nothing is ever downloaded.

A model is ``model.safetensors``, ``tokenizer.json`` and ``config.json``. Vectors are kept beside what else
was made of the workspace, under a hash of the texts and of the model's files: a catalogue is embedded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa

from mailwright.errors import ConfigError, Location, MissingExtraError
from mailwright.model.replacing import replacing
from recommend.arrays import F32, texts

VECTORS = "@embedding"
"""The column of items that holds what a model said of them; rules and templates cannot name it."""


def item_texts(items: pa.Table) -> list[str]:
    """Title, description and category of each item in one text."""
    parts = (texts(items, name) for name in ("title", "description", "category"))
    return [" ".join(words) for words in zip(*parts, strict=True)]


def with_embeddings(items: pa.Table, folder: Path, cache: Path, *, at: Location) -> pa.Table:
    """The items with ``VECTORS`` beside them: fixed-size lists of float32, zeros for an item without words.

    Raises MissingExtraError without model2vec, and ConfigError at ``at`` for a folder that holds no model.
    """
    vectors = embed(item_texts(items), folder, cache, at=at)
    width = vectors.shape[1]
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), width)
    return items.append_column(VECTORS, column)


def without_embeddings(items: pa.Table) -> pa.Table:
    """The items as a catalogue has them."""
    return items.drop_columns([VECTORS]) if VECTORS in items.column_names else items


def embed(words: Sequence[str], folder: Path, cache: Path, *, at: Location) -> F32:
    """float32[words, size] of a model, from ``cache`` where these words were asked of it before.

    The cache holds the vectors of one catalogue and one model: what is older goes.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"there is no folder {folder}", at=at, fix="put a model2vec model there; nothing is downloaded"
        )
    kept = cache / f"{_key(words, folder)}.npy"
    found = _read(kept, len(words))
    if found is None:
        found = _embedded(words, folder, at)
        with replacing(kept) as part, part.open("wb") as file:
            np.save(file, found, allow_pickle=False)
        for old in set(cache.glob("*.npy")) - {kept}:
            old.unlink(missing_ok=True)
    return found


def _embedded(words: Sequence[str], folder: Path, at: Location) -> F32:
    try:
        from model2vec import StaticModel
    except ImportError as error:
        raise MissingExtraError(
            "model2vec", extra="embeddings", needed_for="recommend.embeddings.model"
        ) from error
    try:
        model = StaticModel.from_pretrained(folder)
        if not len(words):
            return np.zeros((0, model.dim), np.float32)
        # Several processes gain nothing here: each would read the model first.
        vectors = np.asarray(model.encode(list(words), use_multiprocessing=False), np.float32)
    except Exception as error:  # of safetensors, tokenizers and json, which have no common class
        raise ConfigError(
            f"{folder} holds no model2vec model: {str(error).splitlines()[0] if str(error) else error!r}",
            at=at,
            fix="it needs model.safetensors, tokenizer.json and config.json",
        ) from error
    found: F32 = np.where(np.isfinite(vectors), vectors, 0).astype(np.float32)
    return found


def _read(kept: Path, rows: int) -> F32 | None:
    """What is kept; None where there is nothing, or nothing that can be used."""
    try:
        found = np.load(kept, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    usable = found.ndim == 2 and len(found) == rows and found.dtype == np.float32
    return found if usable else None


def _key(words: Sequence[str], folder: Path) -> str:
    """A model's files are known by name, size and time: to read them all takes longer than to embed."""
    found = sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        stat = path.stat()
        found.update(f"{path.name}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    for text in words:
        found.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()[:32]

"""A real model2vec model that knows four words: two that are nearly the same, and two others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from model2vec import StaticModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

MEANINGS = {"?": (0, 0), "kettle": (1, 0), "teapot": (0.9, 0.1), "saw": (0, 1), "axe": (0.1, 0.9)}
UNKNOWN = "?"


def write_tiny_model(folder: Path) -> Path:
    """The model, in a folder as ``StaticModel.from_pretrained`` reads it."""
    vocabulary = {word: row for row, word in enumerate(MEANINGS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.array(list(MEANINGS.values()), np.float32)
    StaticModel(vectors, tokenizer, normalize=True).save_pretrained(folder)
    return folder

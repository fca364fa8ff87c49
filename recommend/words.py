"""Items as vectors: TF-IDF over title, description and category, and the workspace's own embeddings.

scikit-learn takes seconds to import, so it is where words are first read.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy

from recommend.catalogue import Catalogue

MOST_WORDS = 50_000


def word_vectors(catalogue: Catalogue) -> scipy.sparse.csr_matrix:
    """float64[items, words] of unit length, so that a product of two rows is their cosine.

    Where the workspace names embeddings, half of the cosine is theirs. Zero rows for items that have
    neither; one empty column when no item has any.
    """
    words = _tf_idf(catalogue)
    if catalogue.embedding is None:
        return words
    length = np.linalg.norm(catalogue.embedding, axis=1, keepdims=True)
    meaning = scipy.sparse.csr_matrix(catalogue.embedding / np.where(length > 0, length, 1.0))
    return scipy.sparse.csr_matrix(scipy.sparse.hstack([words, meaning], format="csr") * np.sqrt(0.5))


def _tf_idf(catalogue: Catalogue) -> scipy.sparse.csr_matrix:
    return _of_texts(tuple(catalogue.words))


@lru_cache(maxsize=2)
def _of_texts(texts: tuple[str, ...]) -> scipy.sparse.csr_matrix:
    """Kept, for one triggered mail after another asks for those of the same items."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True, max_features=MOST_WORDS)
    try:
        return scipy.sparse.csr_matrix(vectorizer.fit_transform(texts))
    except ValueError:  # scikit-learn's way to say that no text holds a word
        return scipy.sparse.csr_matrix((len(texts), 1))

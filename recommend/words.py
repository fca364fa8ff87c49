"""Items as vectors of their words: TF-IDF over title, description and category."""

from __future__ import annotations

from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from recommend.catalogue import Catalogue

MOST_WORDS = 50_000


def word_vectors(catalogue: Catalogue) -> sparse.csr_matrix:
    """float64[items, words] of unit length, so that a product of two rows is their cosine.

    Zero rows for items without words; one empty column when no item has any.
    """
    vectorizer = TfidfVectorizer(sublinear_tf=True, max_features=MOST_WORDS)
    try:
        return sparse.csr_matrix(vectorizer.fit_transform(catalogue.words))
    except ValueError:  # scikit-learn's way to say that no text holds a word
        return sparse.csr_matrix((catalogue.size, 1))

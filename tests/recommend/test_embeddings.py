"""Embeddings: from a model in a folder, kept once made, and what they change."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pytest
from model2vec import StaticModel

from mailwright.errors import ConfigError, Location, MissingExtraError
from mailwright.model.workspace import EmbeddingSpec
from recommend import recommend_items, train
from recommend.catalogue import read_catalogue
from recommend.embedding import VECTORS, embed, with_embeddings, without_embeddings
from recommend.history import tell_seed
from recommend.words import word_vectors
from tests.recommend.conftest import interactions_of, profiles_of
from tests.recommend.tiny_model import write_tiny_model

AT = Location("mailwright.yaml", 3)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def items():
    return pa.table({"item_id": ["a", "b", "c", "d", "e"], "title": ["Kettle", "Teapot", "Saw", "Axe", None]})


@pytest.fixture
def unreadable(monkeypatch):
    """From here on whoever would run a model fails."""

    def refuse(*_, **__):
        raise AssertionError("the model was asked again")

    return lambda: monkeypatch.setattr(StaticModel, "from_pretrained", refuse)


def test_a_model_says_what_words_do_not(folder, items, spec, now, tmp_path):
    """Nobody has met any of the others, and no two titles share a word."""
    interactions = interactions_of([("p", "a", "order_completed", 1)])
    model = train(interactions, items, spec, now=now, seed=1)

    def similar(items, **changes):
        changed = spec.model_copy(update=changes)
        found = recommend_items(
            model, profiles_of(["p"]), interactions, items, changed, n=1, now=now, strategy="similar"
        )
        return [(one.item_id, one.reason) for one in found.row(0)]

    assert similar(items) == []
    embedded = with_embeddings(items, folder, tmp_path, at=AT)
    told = similar(embedded, embeddings=EmbeddingSpec(model="tiny"))
    assert told == [("b", "similar to Kettle")]


def test_vectors_are_rows_of_the_catalogue_and_an_item_without_words_has_zeros(folder, items, spec, tmp_path):
    wanted = spec.model_copy(update={"embeddings": EmbeddingSpec(model="tiny")})
    embedded = with_embeddings(items, folder, tmp_path, at=AT)
    vectors = read_catalogue(embedded, wanted).embedding
    assert vectors.shape == (5, 2)
    assert vectors[0] @ vectors[1] > 0.9 > 0.2 > vectors[0] @ vectors[2]
    assert not vectors[4].any()
    assert without_embeddings(embedded).equals(items)
    assert VECTORS in embedded.column_names


def test_the_words_of_the_same_items_are_read_once(items, spec):
    first, again = (word_vectors(read_catalogue(items, spec)) for _ in range(2))
    assert first is again
    fewer = word_vectors(read_catalogue(items.slice(1), spec))
    assert fewer.shape[0] == first.shape[0] - 1


def test_a_catalogue_is_embedded_once(folder, tmp_path, unreadable):
    made = embed(["kettle", "saw"], folder, tmp_path, at=AT)
    unreadable()
    assert np.array_equal(embed(["kettle", "saw"], folder, tmp_path, at=AT), made)
    with pytest.raises(ConfigError, match="asked again"):
        embed(["kettle", "axe"], folder, tmp_path, at=AT)


def test_other_words_and_another_model_are_embedded_anew_and_the_old_ones_go(folder, tmp_path):
    embed(["kettle"], folder, tmp_path / "cache", at=AT)
    embed(["saw"], folder, tmp_path / "cache", at=AT)
    other = tmp_path / "other"
    StaticModel.from_pretrained(folder, dimensionality=1).save_pretrained(other)
    assert embed(["saw"], other, tmp_path / "cache", at=AT).shape == (1, 1)
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_damaged_cache_is_made_anew(folder, tmp_path, content):
    made = embed(["kettle"], folder, tmp_path, at=AT)
    (kept,) = tmp_path.glob("*.npy")
    kept.write_bytes(content)
    assert np.array_equal(embed(["kettle"], folder, tmp_path, at=AT), made)


def test_no_item_is_no_error(folder, items, spec, tmp_path):
    none = with_embeddings(items.slice(0, 0), folder, tmp_path, at=AT)
    assert read_catalogue(none, spec.model_copy(update={"embeddings": EmbeddingSpec(model="tiny")})).size == 0


def test_a_folder_that_is_not_there_is_told_where_it_was_named_and_nothing_is_fetched(tmp_path):
    with pytest.raises(ConfigError, match="nothing is downloaded") as error:
        embed(["kettle"], tmp_path / "some" / "model", tmp_path, at=AT)
    assert error.value.at == AT


def test_a_folder_that_holds_no_model_is_told(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"model\.safetensors") as error:
        embed(["kettle"], tmp_path / "model", tmp_path, at=AT)
    assert error.value.at == AT


def test_without_the_package_the_extra_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "model2vec", None)
    with pytest.raises(MissingExtraError, match=r"mailwright\[embeddings\]"):
        embed(["kettle"], folder, tmp_path, at=AT)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], [True, True]),
        ([[1.0, 0.0], None], [True, False]),
        ([[1.0, 0.0], [1.0]], [True, False]),
        ([[1.0, None], [0.0, 1.0]], [False, True]),
        ([[1.0, float("nan")], [0.0, 1.0]], [False, True]),
        ([[], [0.0, 1.0]], [False, True]),
    ],
)
def test_an_attribute_is_read_and_what_is_no_vector_is_zeros(values, kept, spec):
    items = pa.table(
        {"item_id": ["a", "b"], "title": ["A", "B"], "meaning": pa.array(values, pa.list_(pa.float64()))}
    )
    wanted = spec.model_copy(update={"embeddings": EmbeddingSpec(attribute="meaning")})
    found = read_catalogue(items, wanted).embedding
    assert found.any(axis=1).tolist() == kept


def test_an_attribute_that_no_item_has_a_vector_in_is_none_at_all(spec):
    items = pa.table({"item_id": ["a"], "title": ["A"], "meaning": pa.array([None], pa.list_(pa.float64()))})
    wanted = spec.model_copy(update={"embeddings": EmbeddingSpec(attribute="meaning")})
    assert read_catalogue(items, wanted).embedding is None


def test_an_item_unlike_all_that_was_asked_about_is_told_without_a_name():
    """Vectors may point away from each other, and then nothing of the cart is the reason."""
    assert tell_seed(None, -1, "similar").text == "similar to what you chose"

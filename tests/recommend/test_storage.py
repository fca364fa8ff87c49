"""A saved model is the model, and a damaged one is refused."""

from __future__ import annotations

import hashlib

import numpy as np
import orjson
import pytest

from mailwright.errors import ModelError
from recommend import load_model, recommend_items, save_model, train
from tests.recommend.conftest import interactions_of, items_of


def test_a_loaded_model_recommends_what_the_saved_one_does(model, shop, spec, now, tmp_path):
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    profiles, interactions, items = shop
    before = recommend_items(model, profiles, interactions, items, spec, n=4, now=now)
    after = recommend_items(loaded, profiles, interactions, items, spec, n=4, now=now)
    assert after.column() == before.column()
    assert (loaded.fingerprint, loaded.info, loaded.seconds) == (model.fingerprint, model.info, model.seconds)


def test_arrays_are_mapped_from_the_files_and_cannot_be_written(model, tmp_path):
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded.profile_factors, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded.profile_factors[0, 0] = 1


def test_saving_again_replaces_the_whole_folder(model, tmp_path):
    save_model(model, tmp_path / "model")
    (tmp_path / "model" / "old.npy").write_bytes(b"")
    save_model(model, tmp_path / "model")
    assert not (tmp_path / "model" / "old.npy").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_nothing_is_pickled(model, tmp_path):
    save_model(model, tmp_path / "model")
    for path in (tmp_path / "model").glob("*.npy"):
        np.load(path, allow_pickle=False)


@pytest.mark.parametrize("name", ["item_factors.npy", "neighbour_weight.npy", "profile_ids_utf8.npy"])
def test_a_changed_byte_is_found(model, tmp_path, name):
    save_model(model, tmp_path / "model")
    path = tmp_path / "model" / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="is not the file that was saved"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"format": 1}', b'{"format": 99}'])
def test_a_head_that_is_none_is_refused(model, tmp_path, text):
    save_model(model, tmp_path / "model")
    (tmp_path / "model" / "model.json").write_bytes(text)
    with pytest.raises(ModelError):
        load_model(tmp_path / "model")


def test_a_missing_model_or_file_is_told(model, tmp_path):
    with pytest.raises(ModelError, match="there is no model"):
        load_model(tmp_path / "model")
    save_model(model, tmp_path / "model")
    (tmp_path / "model" / "item_bias.npy").unlink()
    with pytest.raises(ModelError, match=r"item_bias\.npy"):
        load_model(tmp_path / "model")


def test_a_pickle_with_the_right_hash_is_still_refused(model, tmp_path):
    save_model(model, tmp_path / "model")
    path, head = tmp_path / "model" / "item_bias.npy", tmp_path / "model" / "model.json"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    told = orjson.loads(head.read_bytes())
    told["files"]["item_bias.npy"] = hashlib.sha256(path.read_bytes()).hexdigest()
    head.write_bytes(orjson.dumps(told))
    with pytest.raises(ModelError, match="damaged"):
        load_model(tmp_path / "model")


def test_a_model_that_knows_nobody_is_saved_too(spec, now, tmp_path):
    model = train(interactions_of([]), items_of(2), spec, now=now, seed=1)
    save_model(model, tmp_path / "model")
    assert len(load_model(tmp_path / "model").profile_ids) == 0

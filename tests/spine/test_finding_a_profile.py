"""Finding a profile by its id, and what an unknown id may have been meant for."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mailwright import explain
from mailwright.errors import UsageError
from mailwright.explain import row_among

MANY = pa.chunked_array([[f"c-{number:05}" for number in range(3_000)], ["zoe"]])


def test_a_profile_is_found_at_its_row():
    assert row_among(MANY, "c-01234") == 1_234


def test_an_unknown_id_is_told_one_like_it():
    with pytest.raises(UsageError) as refused:
        row_among(MANY, "c-1234")
    assert "c-0" in str(refused.value) or "c-1" in str(refused.value)
    with pytest.raises(UsageError, match="did you mean 'c-02345'"):
        row_among(MANY, "c-02345x")


def test_of_a_large_audience_only_ids_that_begin_alike_are_compared(monkeypatch):
    compared: list[list[str]] = []
    monkeypatch.setattr(explain, "did_you_mean", lambda _, known: compared.append(list(known)))
    for wanted in ("c-02345x", "nobody", "", "c", "zo"):
        with pytest.raises(UsageError):
            row_among(MANY, wanted)
    assert all(0 < len(known) <= explain.NEAR for known in compared)
    assert compared[0] == [f"c-{number:05}" for number in range(2_000, 3_000)]


def test_of_a_small_audience_every_id_is_compared():
    with pytest.raises(UsageError, match="did you mean 'anna'"):
        row_among(pa.chunked_array([["anna", "zoe"]]), "bnna")

"""A refused feed leaves the last good data as it was."""

from __future__ import annotations

import pytest

from audience import Audience, read_audience
from mailwright.errors import DataError
from tests.audience.shop import NOW, workspace


def read(tmp_path, text, rate=0.1):
    (tmp_path / "profiles.csv").write_text(text)
    return read_audience(tmp_path, workspace(max_reject_rate=rate), now=NOW, last_good=tmp_path / "good")


def test_what_was_kept_comes_back_as_it_was(tmp_path):
    kept = read(tmp_path, "profile_id,email,consent\na,x@y.example,newsletter\nb,,\n")
    found = Audience.load(tmp_path / "good")
    assert (found.fingerprint, found.cuts) == (kept.fingerprint, kept.cuts)
    assert found.profiles.equals(kept.profiles)
    assert found.profiles.schema == kept.profiles.schema
    assert found.report.notes == ["the last good data, read at 2026-11-20T09:00:00+00:00"]


def test_a_refused_feed_leaves_yesterdays_data(tmp_path):
    good = read(tmp_path, "profile_id\na\n")
    with pytest.raises(DataError, match=r"cannot be taken.*the last good data is still in .*good"):
        read(tmp_path, "profile_id,email\n,x@y.example\nb,\n")
    assert Audience.load(tmp_path / "good").fingerprint == good.fingerprint
    newer = read(tmp_path, "profile_id\na\nb\n")
    assert Audience.load(tmp_path / "good").fingerprint == newer.fingerprint != good.fingerprint
    assert len(list((tmp_path / "good").glob("*.parquet"))) == 3


def test_nothing_or_damaged_data_is_said(tmp_path):
    with pytest.raises(DataError, match="holds no audience"):
        Audience.load(tmp_path)
    read(tmp_path, "profile_id\na\n")
    other = tmp_path / "other"
    read_audience(tmp_path, workspace(), now=NOW, last_good=other)
    (tmp_path / "profiles.csv").write_text("profile_id\nz\n")
    changed = read_audience(tmp_path, workspace(), now=NOW, last_good=tmp_path / "z")
    victim = next(other.glob("profiles-*"))
    victim.write_bytes((tmp_path / "z" / f"profiles-{changed.fingerprint}.parquet").read_bytes())
    with pytest.raises(DataError, match="damaged"):
        Audience.load(other)

"""A sent mail can be made again, byte for byte, from what was stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailwright.errors import DataError
from render import render_batch
from render.replay import Capturer, compile_kept, keep_sources, replay
from tests.render.kit import CATALOG, ITEMS, chosen, compiled, context, frame, library, recommended
from tests.render.test_mail import BLOCKS, TEMPLATE

PEOPLE = [
    {"first_name": "Ada", "recommendations": recommended("i1", "i2"), "locale": "de"},
    {"segment:vip": True},
]


def test_a_sent_mail_is_made_again(tmp_path: Path) -> None:
    campaign = compiled(tmp_path / "w", TEMPLATE, BLOCKS)
    kept = keep_sources(campaign, library(tmp_path / "w", TEMPLATE, BLOCKS), CATALOG, tmp_path / "kept")
    assert kept.name == campaign.fingerprint
    run = context()
    (batch,) = chosen(campaign, frame(*PEOPLE)).to_batches()
    sent = render_batch(campaign, run, batch).to_pylist()
    capturer = Capturer(campaign, run)
    stored = [capturer.capture(batch, row) for row in range(2)]
    assert all(len(one) < 12_000 for one in stored)
    for captured, mail in zip(stored, sent, strict=True):
        again = replay(
            captured, mail, signer=run.signer, compiled=lambda key: compile_kept(key, tmp_path / "kept")
        )
        assert again.equal, again.differences
        assert again.mail["html"] == mail["html"]
    changed = {**sent[0], "html": sent[0]["html"].replace(b"Ada", b"Ida")}
    found = replay(stored[0], changed, signer=run.signer, compiled=lambda _: campaign)
    assert found.differences == ("html",)


def test_the_catalogue_of_today_does_not_change_the_mail_of_yesterday(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    (batch,) = chosen(campaign, frame(PEOPLE[0])).to_batches()
    captured = Capturer(campaign, context()).capture(batch, 0)
    (sent,) = render_batch(campaign, context(), batch).to_pylist()
    other = context(items=ITEMS.slice(0, 0))
    assert replay(captured, sent, signer=other.signer, compiled=lambda _: campaign).equal


def test_what_is_gone_or_damaged_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not there"):
        compile_kept("0" * 32, tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        replay(b"{}", {}, signer=context().signer, compiled=lambda key: compile_kept(key, tmp_path))

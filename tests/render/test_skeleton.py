"""Mails of one skeleton share a body, and the body with its leaves is the mail byte for byte."""

from __future__ import annotations

from pathlib import Path

from mailwright.model.message import Skeleton
from render.batch import row_columns
from render.rows import batch_rows
from render.skeleton import Splitter
from tests.render.kit import chosen, compiled, context, frame, recommended, render
from tests.render.test_mail import BLOCKS, TEMPLATE

PEOPLE = [
    {"first_name": "Ada & <Bob>", "recommendations": recommended("i1", "i2")},
    {"first_name": "Zoë", "recommendations": recommended("i3", "i4")},
    {"segment:vip": True, "colour": "red"},
    {"segment:vip": True, "colour": None},
    {"first_name": None, "recommendations": recommended("i3", "i4", "i5")},
]


def test_body_and_leaves_are_the_mail(tmp_path: Path) -> None:
    campaign = compiled(
        tmp_path, TEMPLATE, BLOCKS, campaign={"subject": "For {{ first_name | fallback('you') }}"}
    )
    run = context()
    mails = render(campaign, *PEOPLE, run=run)
    (batch,) = chosen(campaign, frame(*PEOPLE)).to_batches()
    splitter = Splitter(campaign, run)
    skeletons = []
    for row, mail in zip(batch_rows(batch, row_columns(campaign), run.catalogue), mails, strict=True):
        found = splitter.split(row, mail)
        assert found is not None
        skeleton, leaves = found
        assert Skeleton.fill(skeleton.html, leaves) == mail["html"].decode()
        assert Skeleton.fill(skeleton.text, leaves) == mail["text"]
        assert Skeleton.fill(skeleton.subject, leaves) == mail["subject"]
        assert {n: Skeleton.fill(h, leaves) for n, h in skeleton.headers.items()} == dict(mail["headers"])
        body = "".join(str(part) for part in (*skeleton.html, *skeleton.text))
        assert not [leaf for leaf in leaves if len(leaf) > 4 and leaf in body]
        skeletons.append(skeleton)
    assert skeletons[0] is skeletons[1]  # another name, other items: the same body
    assert len({skeleton.fingerprint for skeleton in skeletons}) == 4

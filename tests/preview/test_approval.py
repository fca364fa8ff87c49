"""Approvals hold for what was approved and nothing else; test mails go where they may."""

import re
import shutil

import pytest
from starlette.testclient import TestClient

from mailwright.errors import GateError
from mailwright.review import approver_token, require_approval
from preview_server import PreviewSettings, create_app


@pytest.fixture(scope="module")
def token():
    return approver_token()


@pytest.fixture(scope="module")
def review(shop, token, tmp_path_factory):
    """A preview of a copy of the shop in which Kari may approve, and whose mails go to a folder."""
    folder = tmp_path_factory.mktemp("review") / "shop"
    shutil.copytree(shop, folder)
    (folder / "review.yaml").write_text(
        f"test_addresses: [qa@example.com]\napprovers:\n  Kari: {token[1]}\n  Ola: sha256:{'0' * 64}\n"
    )
    config = folder / "mailwright.yaml"
    text = re.sub(r"esp:\n(  .*\n)+", "esp:\n  adapter: folder\n", config.read_text())
    config.write_text(text)
    app = create_app(folder, settings=PreviewSettings(workers=1, watch=False))
    with TestClient(app, base_url="http://127.0.0.1:8787") as made:
        yield made


def fields(review, **more):
    page = review.get("/c/newsletter/approval").text
    found = dict(re.findall(r'name="(csrf|fingerprint)" value="([^"]+)"', page))
    return found | more


def plan(review):
    return review.app.state.desk.view("newsletter").plan


def test_without_the_forms_own_token_nothing_is_taken(review, token):
    given = fields(review, token=token[0])
    for wrong in ({}, {"csrf": "0" * 32}):
        data = {name: value for name, value in given.items() if name != "csrf"} | wrong
        assert review.post("/c/newsletter/approve", data=data).status_code == 403
    elsewhere = {"origin": "http://evil.example"}
    assert review.post("/c/newsletter/approve", data=given, headers=elsewhere).status_code == 403
    with pytest.raises(GateError, match="not approved"):
        require_approval(plan(review))


def test_a_wrong_token_approves_nothing(review):
    answer = review.post("/c/newsletter/approve", data=fields(review, token="guess"))  # noqa: S106
    assert answer.status_code == 422
    assert "nobody who may approve" in answer.text


def test_an_approval_is_of_one_fingerprint_and_any_change_voids_it(review, token):
    answer = review.post("/c/newsletter/approve", data=fields(review, token=token[0]))
    assert "approved by Kari" in answer.text
    assert re.search(r"Kari approved these mails on \d+ \w{3} \d{4}, \d\d:\d\d UTC\.", answer.text)
    assert require_approval(plan(review)).by == "Kari"
    log = (review.app.state.desk.root / ".mailwright" / "approvals.jsonl").read_text()
    assert token[0] not in log
    block = review.app.state.desk.root / "blocks" / "hero" / "cabin.mjml"
    before = block.read_text()
    block.write_text(before.replace("</mj-text>", "!</mj-text>", 1))
    stale = fields(review, token=token[0])
    from preview.watched import Kind

    review.app.state.desk.changed([Kind.LIBRARY])
    with pytest.raises(GateError, match=r"what Kari approved at .* has changed since"):
        require_approval(plan(review))
    answer = review.post("/c/newsletter/approve", data=stale)
    assert "has changed since this page was loaded" in answer.text
    block.write_text(before)
    review.app.state.desk.changed([Kind.LIBRARY])
    assert require_approval(plan(review)).by == "Kari"


def test_nothing_can_be_approved_while_a_file_does_not_work(review):
    from preview.watched import Kind

    assert 'name="token"' in review.get("/c/newsletter/approval").text
    block = review.app.state.desk.root / "blocks" / "hero" / "cabin.mjml"
    before = block.read_text()
    block.write_text(before.replace("</mj-text>", "</mj-tex>", 1))
    review.app.state.desk.changed([Kind.LIBRARY])
    try:
        page = review.get("/c/newsletter/approval").text
    finally:
        block.write_text(before)
        review.app.state.desk.changed([Kind.LIBRARY])
    assert "cabin.mjml" in page
    assert 'name="token"' not in page


def test_a_test_mail_goes_only_to_the_list_and_says_that_it_is_one(review):
    somebody = plan(review).recipients["profile_id"][0].as_py()
    refused = review.post("/c/newsletter/test", data=fields(review, id=somebody, address="x@evil.example"))
    assert refused.status_code == 422
    assert "qa@example.com" in refused.text
    sent = review.post("/c/newsletter/test", data=fields(review, id=somebody, address="qa@example.com"))
    assert "sent to qa@example.com" in sent.text
    state = review.app.state.desk.root / ".mailwright"
    mails = [path for path in state.rglob("*.eml") if b"qa@example.com" in path.read_bytes()]
    assert len(mails) == 1
    assert b"[Test]" in mails[0].read_bytes() or b"=5BTest=5D" in mails[0].read_bytes()

"""Who may talk to the preview, and what its answers may do."""

import pytest
from starlette.testclient import TestClient

from preview.guard import mail_policy
from preview_server import PreviewSettings, create_app

ORIGIN = {"origin": "http://127.0.0.1:8787"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil:8787"])
def test_another_name_for_this_machine_is_refused(client, host):
    assert client.get("/segments", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8787", "localhost:1", "[::1]:8787"])
def test_this_machine_is_served(client, host):
    assert client.get("/segments", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_cannot_embed_or_read_pages(client, site):
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    assert client.get("/segments", headers=headers).status_code == 403
    framed = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    assert client.get("/segments", headers=framed).status_code == 403
    followed = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/segments", headers=followed).status_code == 200


def test_every_answer_forbids_scripts_from_elsewhere_and_framing(client):
    for path in ("/", "/segments", "/nowhere", "/static/base.css"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "'unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_a_mail_may_run_nothing_and_ask_nobody(client):
    profile_id = client.app.state.desk.view("newsletter").plan.recipients["profile_id"][0].as_py()
    policy = client.get("/c/newsletter/frame", params={"id": profile_id}).headers["content-security-policy"]
    assert policy == mail_policy()
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "sandbox allow-same-origin" in policy
    assert "https:" not in policy
    off = client.get("/c/newsletter/frame", params={"id": profile_id, "pictures": "off"})
    assert "img-src 'none'" in off.headers["content-security-policy"]


@pytest.mark.parametrize(
    "file",
    [
        "../../../etc/passwd",
        "/etc/passwd",
        "blocks/../mailwright.yaml/../../x",
        "data/profiles.csv",
        ".mailwright/outbox.db",
        "blocks/%2e%2e/%2e%2e/etc/passwd",
        "",
    ],
)
def test_no_file_but_sources_is_shown(client, file):
    answer = client.get("/source", params={"file": file})
    assert answer.status_code == 404
    assert "root:" not in answer.text


def test_a_link_out_of_the_workspace_is_no_file(client, shop, tmp_path):
    secret = tmp_path / "secret.mjml"
    secret.write_text("a secret")
    link = shop / "blocks" / "hero" / "leak.mjml"
    link.symlink_to(secret)
    try:
        answer = client.get("/source", params={"file": "blocks/hero/leak.mjml"})
        assert answer.status_code == 404
    finally:
        link.unlink()


@pytest.mark.parametrize(
    "name", ["..%2f..%2fmailwright.yaml", "%2e%2e", "mailwright.yaml", "x.png%00", ".part"]
)
def test_pictures_are_only_pictures(client, name):
    assert client.get(f"/assets/{name}").status_code == 404


class TestElsewhere:
    """Bound to another address, the preview asks for its token."""

    @pytest.fixture
    def far(self, shop):
        settings = PreviewSettings(host="192.0.2.7", token="t0ken-of-this-run", watch=False)  # noqa: S106
        return TestClient(
            create_app(shop, settings=settings), base_url="http://192.0.2.7:8787", follow_redirects=False
        )

    def test_without_the_token_nothing_is_shown(self, far):
        for path in ("/", "/segments", "/static/base.css", "/assets/x.png", "/?token=wrong"):
            assert far.get(path).status_code == 401

    def test_the_token_moves_from_the_address_into_a_cookie(self, far):
        first = far.get("/segments?token=t0ken-of-this-run&x=1")
        assert first.status_code == 303
        assert first.headers["location"] == "/segments?x=1"
        assert "httponly" in first.headers["set-cookie"].lower()
        assert "samesite=strict" in first.headers["set-cookie"].lower()
        assert "t0ken" not in first.headers["set-cookie"]
        assert far.get("/segments").status_code == 200

    def test_its_address_carries_the_token(self):
        settings = PreviewSettings(host="192.0.2.7", token="abc")  # noqa: S106
        assert settings.address == "http://192.0.2.7:8787/?token=abc"
        assert PreviewSettings().address == "http://127.0.0.1:8787/"

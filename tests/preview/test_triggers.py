"""The page of triggers: events typed or pasted, and the journey and mails that follow."""

from __future__ import annotations

import json
import re


def post(client, **fields):
    page = client.get("/triggers").text
    csrf = re.search(r'data-csrf="([^"]+)"', page)[1]
    return client.post(
        "/triggers", data={"csrf": csrf, **fields}, headers={"origin": "http://127.0.0.1:8787"}
    )


def profile_of(client):
    return re.search(r'name="id" value="([^"]+)"', client.get("/triggers").text)[1]


def test_a_typed_event_shows_the_journey_and_the_mail(client):
    page = client.get("/triggers").text
    assert "cart-abandoned" in page
    assert "/triggers" in client.get("/").text
    found = post(client, id=profile_of(client), events="product_added KIT-011 5h", trigger="cart-abandoned")
    assert found.status_code == 200
    assert "begins" in found.text
    frames = re.findall(r'src="(/triggers/\d+/[^"]+)"', found.text)
    assert "sends a mail" in found.text or "sends nothing" in found.text
    for frame in frames:
        answer = client.get(frame)
        assert answer.status_code == 200
        assert b"<html" in answer.content
        assert "sandbox" in answer.headers["content-security-policy"]
    assert frames


def test_what_cancels_is_told_and_no_mail_is_shown(client):
    lines = "product_added KIT-011 5h\norder_completed KIT-011 4h"
    found = post(client, id=profile_of(client), events=lines).text
    assert "is cancelled" in found
    assert "order_completed" in found
    assert "data-mail" not in found


def test_pasted_calls_are_taken_and_a_mistake_is_named(client):
    call = {
        "type": "track",
        "userId": "somebody-new",
        "event": "product_added",
        "timestamp": "2026-11-20T07:00:00Z",
        "properties": {"product_id": "KIT-011"},
    }
    found = post(client, id="", events=json.dumps(call))
    assert found.status_code == 200
    assert "somebody-new" in found.text
    for text, words in (
        ("", "there are no events"),
        ("product_aded KIT-011", "did you mean"),
        ("{", "is no JSON"),
        ("product_added KIT-011 KIT-012 KIT-013 2h", "is no event"),
    ):
        answer = post(client, id="x", events=text)
        assert answer.status_code == 422
        assert words in answer.text


def test_a_form_of_another_page_is_refused_and_hostile_text_stays_text(client):
    answer = client.post("/triggers", data={"events": "x"}, headers={"origin": "http://127.0.0.1:8787"})
    assert answer.status_code == 403
    found = post(client, id="<script>alert(1)</script>", events="product_added KIT-011 5h").text
    assert "<script>alert(1)</script>" not in found
    assert client.get("/triggers/999999/nothing").status_code in (400, 404, 422)

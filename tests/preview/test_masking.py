"""With ``--mask`` no page, mail or download shows who somebody is."""

from datetime import date

import pytest
from starlette.testclient import TestClient

from mailwright.model.schema import Attribute
from preview.mail import make_mail
from preview.masking import masked_text, masked_value
from preview_server import PreviewSettings, create_app


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ingrid.moen@post.example", "i-hidden@p-hidden.example"),
        ("a@b", "a-hidden@b-hidden"),
        ("Ingrid Moen", "I•••• M•••"),
        ("Li", "L•"),
        ("", "•"),
    ],
)
def test_text_keeps_its_shape_only(text, shown):
    assert masked_text(text) == shown


def test_values_keep_their_type():
    assert masked_value(date(1990, 5, 17), Attribute(type="date")) == date(1990, 1, 1)
    assert masked_value(None, Attribute(type="string")) is None
    assert masked_value(12, Attribute(type="integer")) == 0


def test_nothing_shows_a_name_or_an_address(shop):
    app = create_app(shop, settings=PreviewSettings(workers=1, watch=False, mask=True))
    with TestClient(app, base_url="http://127.0.0.1:8787") as client:
        rows = app.state.desk.view("newsletter").plan.recipients.to_pylist()
        row = next(
            row for row in rows if row["first_name"] and len(row["last_name"] or "") > 4 and row["birthday"]
        )
        who = {"id": row["profile_id"]}
        pages = [
            client.get("/c/newsletter/mail", params=who),
            client.get("/c/newsletter/mail", params=who | {"view": "text"}),
            client.get("/c/newsletter/mail", params=who | {"view": "source"}),
            client.get("/c/newsletter/mail", params=who | {"view": "headers"}),
            client.get("/c/newsletter/frame", params=who),
            client.get("/c/newsletter/find", params={"q": row["profile_id"]}),
            client.get("/c/newsletter/sheet"),
            client.get("/recommendations", params=who),
        ]
        for page in pages:
            assert page.status_code == 200
            for secret in (row["email"], row["last_name"], row["birthday"].isoformat()):
                assert secret not in page.text, page.url
        changed = client.get("/c/newsletter/mail", params=who | {"set.first_name": "Zaphod"})
        assert "<h1>Zaphod" not in changed.text


def test_the_trace_of_a_masked_mail_says_why_its_blocks_were_really_chosen(client):
    plan = client.app.state.desk.view("newsletter").plan
    rows = plan.recipients.to_pylist()
    row = next(row for row in rows if row["slot:offer"] == "offer/free_delivery" and row["country"] == "NO")
    shown, real = (make_mail(plan, row["profile_id"], mask=mask).trace() for mask in (True, False))
    verdicts = [
        [(one.block, one.verdict) for slot in trace.slots for one in slot.candidates]
        for trace in (shown, real)
    ]
    assert verdicts[0] == verdicts[1]
    offer = next(slot for slot in shown.slots if slot.slot == "offer")
    chosen = next(one for one in offer.candidates if one.verdict == "chosen")
    assert [one.value for one in chosen.outcomes[0].operands if one.expression == "country"] == ["N•"]

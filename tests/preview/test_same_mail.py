"""What the preview shows is what is sent: the same bytes as the stages of a send."""

import email
from datetime import UTC, datetime
from email import policy

import pytest

from mailwright.engine import Request, plan, render_plan
from mailwright.progress import Stages
from mailwright.run import messages_of
from mailwright.workspace import open_workspace
from preview.display import Look, for_display
from preview.mail import make_mail
from preview.marked import CLOSE, marked_html
from send.mime import to_mime


@pytest.fixture(scope="module")
def sent(shop):
    """The campaign as ``send`` plans and renders it, message by profile."""
    workspace = open_workspace(shop)
    request = Request(
        workspace=workspace,
        campaign="newsletter",
        now=datetime(2026, 11, 20, 9, tzinfo=UTC),
        seed=workspace.spec.seed,
        occasion=workspace.campaign("newsletter").value.occasion,
    )
    made = plan(request, Stages())
    messages = {
        message.profile_id: message for batch in render_plan(made) for message in messages_of(request, batch)
    }
    return made, messages


def test_the_plan_on_the_desk_is_that_of_a_send(client, sent):
    view = client.app.state.desk.view("newsletter")
    assert view.plan.fingerprint == sent[0].fingerprint
    assert view.plan.recipients.equals(sent[0].recipients)


def test_every_mail_is_byte_for_byte_the_one_that_is_sent(client, sent):
    messages = sent[1]
    assert len(messages) > 200
    for profile_id, message in messages.items():
        shown = make_mail(client.app.state.desk.view("newsletter").plan, profile_id).message()
        assert (shown.html, shown.text, shown.subject, shown.headers) == (
            message.html,
            message.text,
            message.subject,
            message.headers,
        )


def test_downloads_are_the_bytes_that_are_sent(client, sent):
    _, messages = sent
    for profile_id in list(messages)[:5]:
        mime = client.get("/c/newsletter/mime", params={"id": profile_id}).content
        assert mime == to_mime(messages[profile_id])
        assert client.get("/c/newsletter/raw", params={"id": profile_id}).content == messages[profile_id].html
        parsed = email.message_from_bytes(mime, policy=policy.default)
        assert parsed["subject"] == messages[profile_id].subject


def test_a_row_chosen_alone_gives_the_same_mail_as_the_whole_audience(client, sent):
    messages = sent[1]
    desk_plan = client.app.state.desk.view("newsletter").plan
    for profile_id in list(messages)[:40]:
        assert make_mail(desk_plan, profile_id, settled=False).message().html == messages[profile_id].html


def test_marks_around_blocks_change_nothing_else(client, sent):
    import re

    desk_plan = client.app.state.desk.view("newsletter").plan
    for profile_id in list(sent[1])[:40]:
        made = make_mail(desk_plan, profile_id)
        marked = marked_html(desk_plan, made.row)
        assert marked.count(CLOSE) == 3
        assert re.sub(rb"<!--block:[^>]*?-->|<!--/block-->", b"", marked) == made.made["html"]


def test_the_shown_copy_takes_its_pictures_from_the_preview(client, sent):
    desk_plan = client.app.state.desk.view("newsletter").plan
    made = make_mail(desk_plan, next(iter(sent[1])))
    assets = desk_plan.source.assets
    assert assets.prefix.encode() in made.made["html"]
    shown = for_display(made.made["html"], assets, Look())
    assert assets.prefix.encode() not in shown
    name = shown.partition(b'src="/assets/')[2].partition(b'"')[0].decode()
    answer = client.get(f"/assets/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/")


def test_dark_is_the_mails_own_dark(client):
    from mailwright.workspace import Assets

    rules = b"@media (prefers-color-scheme: dark) {a{}} @media(prefers-color-scheme:light){b{}}"
    html = b"<head><style>" + rules + b"</style></head>"
    assets = Assets(client.app.state.desk.root, client.app.state.desk.root, None)
    dark = for_display(html, assets, Look(dark=True))
    assert b"@media (min-width:0) {a{}} @media(max-width:0){b{}}" in dark
    assert b"@media (max-width:0) {a{}} @media(min-width:0){b{}}" in for_display(html, assets, Look())

"""Plays Braze's ``/messages/send`` and transactional campaigns."""

from __future__ import annotations

from typing import Any

from send.stub.mailbox import Mail
from send.stub.play import Ask, Desk, Play, Reply, mailbox, need, once


def _error(message: str) -> dict[str, Any]:
    return {"message": message, "errors": [message]}


def send(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization", "").startswith("Bearer "), 401, _error("Invalid API Key"))
    body = ask.json()
    mail = body["messages"]["email"]
    (who,) = body["external_user_ids"]
    need("{{" not in mail["body"] and "{%" not in mail["body"], 400, _error("Liquid would be live"))
    for header, value in mail.get("headers", {}).items():
        once(value, header, _error)
    taken = Mail(
        esp="braze",
        esp_id=desk.next_id("bz"),
        to=who,
        message_id=mail["extras"]["mailwright_id"],
        sender=mailbox(mail["from"])[0],
        subject=once(mail["subject"], "subject", _error),
        html=mail["body"],
        text=mail["plaintext_body"],
        headers=mail.get("headers", {}),
    )
    return Reply(201, {"dispatch_id": taken.esp_id, "message": "success"}, [taken])


def transactional(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization", "").startswith("Bearer "), 401, _error("Invalid API Key"))
    body = ask.json()
    key, properties = body["external_send_id"], body["trigger_properties"]
    if key in desk.remembered:
        return Reply(
            201, {"dispatch_id": desk.remembered[key][1].body, "status": "sent", "message": "success"}
        )
    taken = Mail(
        esp="braze",
        esp_id=desk.next_id("bz"),
        to=body["recipient"]["external_user_id"],
        message_id=key,
        subject=properties["subject"],
        html=properties["html"],
    )
    desk.remembered[key] = (b"", Reply(201, taken.esp_id))
    return Reply(201, {"dispatch_id": taken.esp_id, "status": "sent", "message": "success"}, [taken])


PLAY = Play(
    "braze",
    (("POST", "/messages/send", send), ("POST", "/transactional/v1/campaigns/[^/]+/send", transactional)),
)

"""Plays the profile attributes of five platforms, whose paths differ; what they take lies in the mailbox as
``data``, under the platform's name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from send.stub.mailbox import Mail
from send.stub.play import ADDRESS, Ask, Bad, Desk, Play, Reply, need, secret


def _error(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "detail": message}], "message": message}


def _taken(platform: str, who: str, data: Mapping[str, Any], desk: Desk) -> Mail:
    need(bool(who), 400, _error("nobody is named"))
    return Mail(esp=platform, esp_id=desk.next_id("at"), to=who, message_id=None, data=dict(data))


def _scalars(values: Mapping[str, Any], *, lists: bool, null: bool) -> None:
    """Each platform takes plain values; some take lists of texts, and some null."""
    for name, value in values.items():
        plain = isinstance(value, (str, int, float, bool))
        listed = lists and isinstance(value, list) and all(isinstance(one, str) for one in value)
        need(plain or listed or (null and value is None), 400, _error(f"{name} cannot be {value!r}"))


def klaviyo(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization", "").startswith("Klaviyo-API-Key "), 401, _error("no key"))
    need(len(ask.headers.get("revision", "")) == 10, 400, _error("a revision is required"))
    need(ask.headers.get("content-type") == "application/vnd.api+json", 415, _error("media type"))
    need(len(ask.body) <= 5_000_000, 413, _error("over 5 MB"))
    data = ask.json()["data"]
    need(data["type"] == "profile-bulk-import-job", 400, _error("type"))
    rows = data["attributes"]["profiles"]["data"]
    need(1 <= len(rows) <= 10_000, 400, _error("1 to 10,000 profiles"))
    people = []
    for row in rows:
        person = row["attributes"]
        need(row["type"] == "profile" and bool(ADDRESS.fullmatch(person["email"])), 400, _error("profile"))
        need(not set(person) - {"email", "external_id", "properties"}, 400, _error("fields"))
        _scalars(person["properties"], lists=True, null=False)
        need(len(orjson.dumps(row)) <= 100_000, 400, _error("over 100 KB"))
        people.append(_taken("klaviyo", person["email"], person["properties"], desk))
    return Reply(202, {"data": {"type": "profile-bulk-import-job", "id": desk.next_id()}}, people)


def braze(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization", "").startswith("Bearer "), 401, _error("no key"))
    rows = ask.json()["attributes"]
    need(1 <= len(rows) <= 75, 400, _error("1 to 75 objects"))
    people, errors = [], []
    for index, row in enumerate(rows):
        if ask.partial and index == 0:
            errors.append({"type": "'external_id' is blocked", "input_array": "attributes", "index": 0})
            continue
        own = {n: v for n, v in row.items() if n not in ("external_id", "email", "_update_existing_only")}
        _scalars(own, lists=True, null=True)
        people.append(_taken("braze", row["external_id"], own, desk))
    body: dict[str, Any] = {"message": "success", "attributes_processed": len(people)}
    return Reply(201, {**body, "errors": errors} if errors else body, people)


def hubspot(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization", "").startswith("Bearer "), 401, _error("no token"))
    rows = ask.json()["inputs"]
    need(1 <= len(rows) <= 100, 400, _error("1 to 100 inputs"))
    need(len({row["id"] for row in rows}) == len(rows), 400, _error("a contact comes twice"))
    traces = [row.get("objectWriteTraceId") for row in rows]
    need(len(set(traces)) == len(rows), 400, _error("objectWriteTraceId comes twice"))
    people = []
    for row in rows:
        need(row["idProperty"] == "email" and bool(ADDRESS.fullmatch(row["id"])), 400, _error("id"))
        need(all(isinstance(v, str) for v in row["properties"].values()), 400, _error("only strings"))
        people.append(_taken("hubspot", row["id"], row["properties"], desk))
    results = [
        {"id": mail.esp_id, "new": True, "objectWriteTraceId": trace}
        for mail, trace in zip(people, traces, strict=True)
    ]
    if ask.partial:
        error = {"status": "error", "category": "VALIDATION_ERROR", "message": "one was not valid"}
        errors = [{**error, "context": {"objectWriteTraceId": [traces[0]]}}]
        body = {"status": "COMPLETE", "results": results[1:], "numErrors": 1, "errors": errors}
        return Reply(207, body, people[1:])
    return Reply(200, {"status": "COMPLETE", "results": results}, people)


def token(ask: Ask, desk: Desk) -> Reply:
    del desk
    grant = ask.json()
    need(grant["grant_type"] == "client_credentials" and bool(grant["client_secret"]), 401, _error("grant"))
    return Reply(200, {"access_token": secret("attributes"), "token_type": "Bearer", "expires_in": 1079})


def salesforce_mc(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization") == f"Bearer {secret('attributes')}", 401, _error("Not Authorized"))
    rows = ask.json()
    need(1 <= len(rows) <= 50, 400, _error("1 to 50 rows"))
    need(all(len(row["values"]) <= 50 for row in rows), 400, _error("more than 50 columns"))
    people = []
    for row in rows:
        _scalars(row["values"], lists=False, null=False)
        people.append(_taken("salesforce_mc", row["keys"]["SubscriberKey"], row["values"], desk))
    return Reply(200, rows, people)


def mailchimp(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization", "").startswith("Basic "), 401, _error("no key"))
    operations = ask.json()["operations"]
    need(1 <= len(operations) <= 500, 400, _error("1 to 500 operations"))
    people = []
    for one in operations:
        need(one["method"] == "PATCH", 400, _error("only PATCH never subscribes anybody"))
        member = one["path"].rpartition("/")[2]
        need(len(member) == len(hashlib.sha256(b"").hexdigest()) // 2, 400, _error("subscriber hash"))
        fields = orjson.loads(one["body"])["merge_fields"]
        _scalars(fields, lists=False, null=False)
        for name, value in fields.items():
            if len(name) > 10 or len(str(value).encode()) > 255:
                raise Bad(400, _error(f"merge field {name}"))
        people.append(_taken("mailchimp", member, fields, desk))
    return Reply(200, {"id": desk.next_id(), "status": "pending"}, people)


PLAY = Play(
    "attributes",
    (
        ("POST", "/api/profile-bulk-import-jobs", klaviyo),
        ("POST", "/users/track", braze),
        ("POST", "/crm/v3/objects/contacts/batch/upsert", hubspot),
        ("POST", "/v2/token", token),
        ("POST", "/hub/v1/dataevents/key:[^/]+/rowset", salesforce_mc),
        ("POST", "/3.0/batches", mailchimp),
    ),
)

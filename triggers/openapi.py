"""The server's own OpenAPI description."""

from __future__ import annotations

from typing import Any

_CALL: dict[str, Any] = {
    "type": "object",
    "description": "A call of Segment's spec: https://segment.com/docs/connections/spec/",
    "properties": {
        "type": {"type": "string", "enum": ["track", "identify", "page", "screen", "alias"]},
        "userId": {"type": ["string", "integer"], "maxLength": 200},
        "anonymousId": {"type": ["string", "integer"], "maxLength": 200},
        "messageId": {"type": "string", "maxLength": 200},
        "event": {"type": "string"},
        "timestamp": {"type": "string", "format": "date-time"},
        "sentAt": {"type": "string", "format": "date-time"},
        "properties": {"type": "object"},
        "traits": {"type": "object"},
    },
}
_TAKEN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "success": {"type": "boolean"},
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"index": {"type": "integer"}, "reason": {"type": "string"}},
            },
        },
        "notes": {
            "type": "object",
            "description": "What is odd about calls that were taken (an undeclared event, a wrong value), "
            "with how often",
            "additionalProperties": {"type": "integer"},
        },
    },
}


def _answer(text: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"content": {"application/json": {"schema": schema}}} if schema else {}
    return {"description": text, **content}


_ANSWERS = {
    "200": _answer("Stored", _TAKEN),
    "400": _answer("Not JSON, or no call that can be taken"),
    "401": _answer("Wrong write key or signature"),
    "413": _answer("Too large"),
    "429": _answer("Too many wait: come again after Retry-After seconds"),
    "503": _answer("The store does not answer: nothing was taken"),
}


def _post(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    key: list[dict[str, list[str]]] = [{"writeKey": []}, {"header": []}]
    return {"post": {"summary": text, "requestBody": body, "responses": _ANSWERS, "security": key}}


_BATCH = {"type": "object", "required": ["batch"], "properties": {"batch": {"type": "array", "items": _CALL}}}
_SOURCE = [{"name": "source", "in": "path", "required": True, "schema": {"type": "string"}}]

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Mailwright events", "version": "1"},
    "paths": {
        **{
            f"/v1/{kind}": _post(f"One {kind} call", _CALL)
            for kind in ("track", "identify", "page", "screen", "alias")
        },
        "/v1/batch": _post("Many calls", _BATCH),
        "/v1/webhooks/{source}": {
            **_post("Calls of a source that signs them", _BATCH),
            "parameters": _SOURCE,
        },
        "/readyz": {"get": {"responses": {"200": _answer("Ready"), "503": _answer("Not ready")}}},
        "/metrics": {"get": {"responses": {"200": _answer("Prometheus text")}}},
    },
    "components": {
        "securitySchemes": {
            "writeKey": {"type": "http", "scheme": "basic"},
            "header": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
        }
    },
}

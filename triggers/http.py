"""Events over HTTP and WebSocket, and what operators look at: routes beside those of ``send.pages``.

Answers: 200 stored; 400 not JSON, or a single call that cannot be taken; 401 wrong write key or signature;
413 too large; 429 come again after ``Retry-After``; 503 the store does not answer. Never 200 before it is on
disk.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from mailwright.errors import MailwrightError
from triggers.commits import BusyError
from triggers.metrics import exposition
from triggers.openapi import OPENAPI
from triggers.tracing import span
from triggers.worker import Worker

MOST_BYTES = 1_000_000
"""Of one request: 2,000 calls of 500 bytes."""
MOST_CALLS = 2_000


@dataclass(frozen=True)
class EventSettings:
    """Who may send events. ``write_keys`` as Segment's libraries send them (user name of Basic auth, or
    ``X-Write-Key``); ``sources`` has the secret of each webhook source, which signs its bodies (HMAC-SHA256,
    hex, ``X-Signature``)."""

    write_keys: frozenset[str]
    sources: Mapping[str, bytes] = field(default_factory=dict)


class _AnswerError(Exception):
    def __init__(self, status: int, what: str, **headers: str) -> None:
        super().__init__(what)
        self.response = JSONResponse({"success": False, "message": what}, status, headers)


def event_routes(worker: Worker, settings: EventSettings) -> list[BaseRoute]:
    """The routes, to be given to ``send.pages.mail_app`` or put into an application of their own."""
    views = _Views(worker, settings)
    calls = [Route(f"/v1/{kind}", views.call(kind), methods=["POST"]) for kind in _SINGLE]
    return [
        *calls,
        Route("/v1/batch", views.batch, methods=["POST"]),
        Route("/v1/webhooks/{source}", views.webhook, methods=["POST"]),
        WebSocketRoute("/v1/stream", views.stream),
        Route("/readyz", views.readyz, methods=["GET"]),
        Route("/metrics", views.metrics, methods=["GET"]),
        Route("/openapi.json", lambda _: JSONResponse(OPENAPI), methods=["GET"]),
    ]


def event_app(worker: Worker, settings: EventSettings) -> Starlette:
    """An application of these routes alone, and ``/healthz``."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/healthz", healthz, methods=["GET"]), *event_routes(worker, settings)])


_SINGLE = ("track", "identify", "page", "screen", "alias")


class _Views:
    def __init__(self, worker: Worker, settings: EventSettings) -> None:
        self._worker, self._settings = worker, settings

    # ── events ──

    def call(self, kind: str) -> Any:
        async def view(request: Request) -> Response:
            try:
                body = await self._json(request)
                self._authorise(request, body)
                told = {**body, "type": kind} if isinstance(body, dict) else body
                answer = await self._take([told], "http", request)
            except _AnswerError as error:
                return error.response
            return JSONResponse(answer, 400 if answer["refused"] else 200)

        return view

    async def batch(self, request: Request) -> Response:
        try:
            body = await self._json(request)
            self._authorise(request, body)
            return JSONResponse(await self._take(_calls_of(body), "http", request))
        except _AnswerError as error:
            return error.response

    async def webhook(self, request: Request) -> Response:
        source = request.path_params["source"]
        try:
            content = await _content(request)
            secret = self._settings.sources.get(source)
            given = request.headers.get("x-signature", "")
            if secret is None or not _same(hmac.new(secret, content, hashlib.sha256).hexdigest(), given):
                raise _AnswerError(401, "unknown source or wrong signature")
            body = _parse(content)
            calls = _calls_of(body) if isinstance(body, list) or "batch" in body else [body]
            return JSONResponse(await self._take(calls, f"webhook:{source}", request))
        except _AnswerError as error:
            return error.response

    async def stream(self, socket: WebSocket) -> None:
        """Each message is a call or a list of them; each is answered when it is stored."""
        key = _key_of(socket) or socket.query_params.get("writeKey", "")
        if not self._known(key):
            await socket.close(1008)
            return
        await socket.accept()
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                content = message.get("bytes") or (message.get("text") or "").encode()
                try:
                    if len(content) > MOST_BYTES:
                        raise _AnswerError(413, "too large")
                    body = _parse(content)
                    answer = await self._take(body if isinstance(body, list) else [body], "websocket", socket)
                except _AnswerError as error:
                    answer = orjson.loads(error.response.body)
                await socket.send_text(orjson.dumps(answer).decode())
        except WebSocketDisconnect:
            return

    async def _take(self, calls: Sequence[Any], source: str, asked: HTTPConnection) -> dict[str, Any]:
        if len(calls) > MOST_CALLS:
            raise _AnswerError(413, f"more than {MOST_CALLS} calls in one request")
        try:
            with span("events.take", headers=asked.headers, source=source, calls=len(calls)):
                done = await asyncio.wrap_future(self._worker.submit(calls, source))
        except BusyError as error:
            raise _AnswerError(429, error.what, **{"Retry-After": "1"}) from error
        except MailwrightError as error:
            raise _AnswerError(503, "the store does not answer", **{"Retry-After": "5"}) from error
        return {
            "success": not done.refused,
            "accepted": done.accepted,
            "duplicates": done.duplicates,
            "refused": [
                {"index": n, "reason": reason}
                for n, reason in enumerate(done.outcomes)
                if reason not in ("", "duplicate")
            ],
            "notes": done.notes,
        }

    # ── who and what ──

    async def _json(self, request: Request) -> Any:
        return _parse(await _content(request))

    def _authorise(self, request: Request, body: Any) -> None:
        key = _key_of(request)
        if not key and isinstance(body, dict) and isinstance(body.get("writeKey"), str):
            key = body["writeKey"]
        if not self._known(key):
            raise _AnswerError(401, "wrong write key")

    def _known(self, key: str) -> bool:
        return any(_same(known, key) for known in self._settings.write_keys)

    # ── operations ──

    async def readyz(self, _: Request) -> Response:
        if not self._worker.alive:
            return JSONResponse({"status": "the worker does not run"}, 503)
        try:
            waiting = await run_in_threadpool(self._worker.live.store.count_waiting)
        except MailwrightError:
            return JSONResponse({"status": "the store does not answer"}, 503)
        return JSONResponse({"status": "ok", "waiting": waiting, "queued": self._worker.queued})

    async def metrics(self, _: Request) -> Response:
        content, kind = await run_in_threadpool(exposition, self._worker)
        return Response(content, media_type=kind)


async def _content(request: Request) -> bytes:
    """The body, read no further than it may be long."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MOST_BYTES:
        raise _AnswerError(413, f"more than {MOST_BYTES:,} bytes")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise _AnswerError(413, f"more than {MOST_BYTES:,} bytes")
        parts.append(part)
    return b"".join(parts)


def _parse(content: bytes) -> Any:
    try:
        body = orjson.loads(content)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise _AnswerError(400, "the body is not JSON") from error
    if not isinstance(body, dict | list):
        raise _AnswerError(400, "a call is an object")
    return body


def _calls_of(body: Any) -> list[Any]:
    calls = body.get("batch") if isinstance(body, dict) else body
    if not isinstance(calls, list):
        raise _AnswerError(400, 'a batch is {"batch": [call, …]}')
    sent = body.get("sentAt") if isinstance(body, dict) else None
    return [{"sentAt": sent, **call} if sent and isinstance(call, dict) else call for call in calls]


def _key_of(connection: HTTPConnection) -> str:
    if key := connection.headers.get("x-write-key"):
        return key
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode(errors="replace"))

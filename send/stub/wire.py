"""HTTP/1.1 on loopback with every way a connection can go wrong at hand.

On h11 and asyncio streams rather than an ASGI server, because an ASGI application cannot reset a
connection, stop in the middle of an answer or let it drip.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import h11

from send.stub.faults import Fault
from send.stub.play import Ask, Reply

_MAX_BODY = 64_000_000


@dataclass(slots=True)
class Outcome:
    """The answer to give, and what to do wrong while giving it."""

    reply: Reply
    fault: Fault | None = None


Answer = Callable[[Ask], Awaitable[Outcome]]
Beforehand = Callable[[str], Fault | None]


@dataclass(slots=True)
class Wire:
    """One listening socket. ``answer`` is called with each whole request."""

    answer: Answer
    connections: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, port: int) -> tuple[asyncio.Server, int]:
        server = await asyncio.start_server(self._connection, "127.0.0.1", port, limit=1 << 20, backlog=512)
        bound: int = server.sockets[0].getsockname()[1]
        return server, bound

    def reset_all(self) -> None:
        """Cuts every open connection, as a crash of the platform's front would."""
        for writer in list(self.connections):
            _reset(writer)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        try:
            connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
            while await self._exchange(connection, reader, writer):
                connection.start_next_cycle()
        except (
            ConnectionError,
            h11.RemoteProtocolError,
            h11.LocalProtocolError,
            asyncio.IncompleteReadError,
        ):
            _reset(writer)
        finally:
            self.connections.discard(writer)
            with contextlib.suppress(Exception):
                writer.close()

    async def _exchange(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request and its answer; False when the connection is over."""
        request, body = await _read(connection, reader)
        if request is None:
            return False
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
        outcome = await self.answer(
            Ask(request.method.decode(), request.target.decode(), headers, bytes(body))
        )
        kind = outcome.fault.kind if outcome.fault is not None else ""
        if kind == "reset-before":
            _reset(writer)
            return False
        if kind == "timeout-after-accept":
            await asyncio.sleep(outcome.fault.seconds if outcome.fault else 0)
            _reset(writer)
            return False
        reply = outcome.reply
        content = b"\x1f{not json" if kind == "malformed" else reply.content()
        fields = {"Content-Type": "application/json", **reply.headers, "Content-Length": str(len(content))}
        head = connection.send(h11.Response(status_code=reply.status, headers=list(fields.items()))) or b""
        rest = (connection.send(h11.Data(content)) or b"") + (connection.send(h11.EndOfMessage()) or b"")
        if kind == "reset":
            writer.write((head + rest)[: len(head) // 2])
            await writer.drain()
            _reset(writer)
            return False
        if kind == "slow" and outcome.fault is not None:
            await _drip(writer, head + rest, outcome.fault.seconds)
        else:
            writer.write(head + rest)
            await writer.drain()
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader
) -> tuple[h11.Request | None, bytearray]:
    request, body = None, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(1 << 18)
            if not data and connection.their_state is h11.IDLE:
                return None, body
            connection.receive_data(data)
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _MAX_BODY:
                raise ConnectionError("the request is larger than any platform takes")
        elif isinstance(event, h11.EndOfMessage):
            return request, body
        else:
            return None, body


async def _drip(writer: asyncio.StreamWriter, content: bytes, seconds: float) -> None:
    for i in range(len(content)):
        writer.write(content[i : i + 1])
        await writer.drain()
        await asyncio.sleep(seconds)


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST rather than FIN: the peer sees a reset connection, not a polite end."""
    with contextlib.suppress(Exception):
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport = writer.transport
    if transport is not None:
        transport.abort()

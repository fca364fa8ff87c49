"""Brings plays, faults and mailbox together behind one address: ``/<platform>/…`` and ``/_stub/…``."""

from __future__ import annotations

import asyncio
import html
import importlib
import pkgutil
import re
import time
from collections.abc import Callable
from dataclasses import asdict, replace

import orjson

import send.stub.plays
from send.stub.faults import Fault, FaultPlan
from send.stub.mailbox import Mailbox
from send.stub.play import Ask, Bad, Desk, Play, Reply
from send.stub.wire import Outcome

_BEFORE = ("429", "429-retry-after", "500", "502", "503", "reset-before")
"""Faults by which a call is not taken."""


def load_plays() -> dict[str, Play]:
    """Every platform that can be played, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(send.stub.plays.__path__))
    return {name: importlib.import_module(f"send.stub.plays.{name}").PLAY for name in names}


class Stage:
    """The stub's state and its answer to each request."""

    def __init__(self, mailbox: Mailbox, faults: FaultPlan) -> None:
        self.mailbox, self.faults = mailbox, faults
        self.plays = load_plays()
        self.cut: Callable[[], None] = lambda: None
        """Resets every open connection."""
        self._desks = {name: Desk() for name in self.plays}

    async def answer(self, ask: Ask) -> Outcome:
        name, _, rest = ask.path.lstrip("/").partition("/")
        if name == "_stub" or not name:
            return Outcome(self._own(replace(ask, path="/" + rest)))
        play = self.plays.get(name)
        if play is None:
            return Outcome(Reply(404, {"error": f"no platform {name!r}; there are {', '.join(self.plays)}"}))
        return self._platform(play, replace(ask, path="/" + rest))

    def _platform(self, play: Play, ask: Ask) -> Outcome:
        self.mailbox.calls += 1
        self.mailbox.bytes += len(ask.body)
        fault = self.faults.next(play.name)
        if fault is not None and fault.kind in _BEFORE:
            return Outcome(_refusal(fault), fault if fault.kind == "reset-before" else None)
        if fault is not None and fault.kind == "partial":
            ask, fault = replace(ask, partial=True), None
        path = ask.path.partition("?")[0]
        for method, pattern, handler in play.routes:
            if method == ask.method and re.fullmatch(pattern, path):
                try:
                    reply = handler(ask, self._desks[play.name])
                except Bad as error:
                    return Outcome(error.reply)
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    return Outcome(
                        Reply(400, {"error": f"malformed request: {type(error).__name__} {error}"})
                    )
                self.mailbox.take(reply.mails, time.time())
                return Outcome(reply, fault)
        return Outcome(Reply(404, {"error": f"{play.name} has no {ask.method} {path}"}))

    def _own(self, ask: Ask) -> Reply:
        path, _, query = ask.path.partition("?")
        match ask.method, path.strip("/"):
            case "GET", "mails":
                return Reply(200, [mail.as_json() for mail in self.mailbox.mails()])
            case "GET", "counts":
                counts = {
                    "mails": len(self.mailbox),
                    "calls": self.mailbox.calls,
                    "bytes": self.mailbox.bytes,
                }
                return Reply(200, counts)
            case "POST", "faults":
                self.faults.add(Fault(**orjson.loads(ask.body)))
                return Reply(200, {})
            case "POST", "cut":
                asyncio.get_running_loop().call_later(0.005, self.cut)
                return Reply(200, {})
            case "DELETE", "faults":
                self.faults.clear()
                return Reply(200, {})
            case "DELETE", "mails":
                self.mailbox.clear()
                return Reply(200, {})
            case "GET", "":
                return Reply(200, self._list(), headers=_HTML)
            case "GET", "mail":
                index = int(query) if query.isdigit() else -1
                mails = self.mailbox.mails()
                if not 0 <= index < len(mails):
                    return Reply(404, {"error": "no such mail"})
                return Reply(200, mails[index].html.encode(), headers=_HTML)
        return Reply(404, {"error": f"the stub has no {ask.method} {path}"})

    def _list(self) -> bytes:
        """The mailbox as a page: the latest 200 mails, each a link to its HTML."""
        mails = list(enumerate(self.mailbox.mails()))[-200:][::-1]
        rows = "".join(
            f"<tr><td>{html.escape(m.esp)}<td>{html.escape(m.to)}"
            f'<td><a href="/_stub/mail?{i}">{html.escape(m.subject) or "(no subject)"}</a>'
            for i, m in mails
        )
        return (
            '<!doctype html><meta charset="utf-8"><title>Stub ESP</title>'
            f"<h1>{len(self.mailbox)} mails in {self.mailbox.calls} calls</h1>"
            f"<table><tr><th>ESP<th>To<th>Subject{rows}</table>"
        ).encode()


_HTML = {
    "Content-Type": "text/html; charset=utf-8",
    # A mail is somebody else's HTML: it may be looked at, not run.
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:",
}


def _refusal(fault: Fault) -> Reply:
    match fault.kind:
        case "429" | "429-retry-after":
            after = {"Retry-After": str(max(1, round(fault.seconds)))} if fault.kind != "429" else {}
            return Reply(
                429, {"errors": [{"message": "too many requests"}], "message": "slow down"}, (), after
            )
        case "500":
            return Reply(500, {"errors": [{"message": "internal error"}], "message": "internal error"})
        case "502":
            return Reply(502, b"<html>bad gateway</html>", (), {"Content-Type": "text/html"})
        case _:
            return Reply(503, {"errors": [{"message": "unavailable"}], "message": "unavailable"})


def fault_json(fault: Fault) -> bytes:
    return orjson.dumps(asdict(fault))

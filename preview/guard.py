"""Who may talk to the preview, and what its answers may do in a browser.

Every request passes here before any page sees it: the name it calls us by (against DNS rebinding), the site
that it comes from, the token where one is asked for, and for anything that changes something the CSRF token
that only our own pages hold. Every answer leaves with a policy that lets nothing in from other hosts.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from preview.settings import LOOPBACK, PreviewSettings

SESSION = "mailwright_session"
ACCESS = "mailwright_access"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""For our own pages: nothing inline, nothing from anywhere else, never in somebody's frame."""


def mail_policy(*, pictures: bool = True, outside: bool = False) -> str:
    """For a mail in its frame: no scripts, no forms, no requests but for our own copies of its pictures.

    ``outside`` also lets pictures come from https addresses, which tells those hosts that somebody looked.
    """
    sources = ("'self' data:" + (" https:" if outside else "")) if pictures else "'none'"
    return (
        f"default-src 'none'; img-src {sources}; style-src 'unsafe-inline'; form-action 'none'; "
        "base-uri 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
    )


class Guard:
    """ASGI middleware in front of everything; see the module's text."""

    def __init__(self, app: ASGIApp, settings: PreviewSettings) -> None:
        self.app = app
        self.settings = settings
        self._key = secrets.token_bytes(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, self._sealed(send, None))
            return
        session = _cookies(headers).get(SESSION, "")
        fresh = None if _is_session(session) else secrets.token_urlsafe(18)
        scope.setdefault("state", {})["csrf"] = self.csrf_token(fresh or session)
        await self.app(scope, receive, self._sealed(send, fresh))

    def csrf_token(self, session: str) -> str:
        """What a form of this session carries; only pages that we wrote know it."""
        return hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()[:32]

    def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | RedirectResponse | None:
        if not self._knows_host(headers.get("host", "")):
            return PlainTextResponse("this host is not served here", status_code=421)
        if not _same_site(headers):
            return PlainTextResponse("requests from other sites are refused", status_code=403)
        if not self.settings.is_local and (asked := self._ask_token(scope, headers)) is not None:
            return asked
        if scope["method"] not in SAFE and not self._may_change(headers):
            return PlainTextResponse("this form does not come from the preview itself", status_code=403)
        return None

    def _knows_host(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname or ""
        if name in LOOPBACK or name == self.settings.host:
            return True
        if self.settings.host not in ("0.0.0.0", "::"):  # noqa: S104 compared, not bound to
            return False
        return _is_address(name) or name in (socket.gethostname(), socket.getfqdn())

    def _ask_token(self, scope: Scope, headers: Headers) -> PlainTextResponse | RedirectResponse | None:
        """None when the caller holds the token; it moves from the address into a cookie at once."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None and hmac.compare_digest(given.encode(), self.settings.token.encode()):
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), status_code=303)
            answer.set_cookie(ACCESS, self._access(), httponly=True, samesite="strict")
            return answer
        if hmac.compare_digest(_cookies(headers).get(ACCESS, "").encode(), self._access().encode()):
            return None
        return PlainTextResponse(
            "a token is needed: open the address that `mailwright preview` printed", status_code=401
        )

    def _access(self) -> str:
        return hmac.new(self._key, b"access" + self.settings.token.encode(), hashlib.sha256).hexdigest()

    def _may_change(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return False
        return origin is not None or headers.get("sec-fetch-site") in (None, "same-origin")

    def _sealed(self, send: Send, fresh: str | None) -> Send:
        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", PAGE_POLICY)
                headers.setdefault("cache-control", "no-store")
                headers["x-content-type-options"] = "nosniff"
                # Not "no-referrer": forms of our own pages would then come from the origin "null".
                headers["referrer-policy"] = "same-origin"
                headers["cross-origin-opener-policy"] = "same-origin"
                headers["cross-origin-resource-policy"] = "same-origin"
                headers["permissions-policy"] = "camera=(), geolocation=(), microphone=()"
                if fresh is not None:
                    headers.append("set-cookie", f"{SESSION}={fresh}; Path=/; HttpOnly; SameSite=Strict")
            await send(message)

        return sealed


def _same_site(headers: Headers) -> bool:
    """Whether the request comes from our own pages, from the address bar, or from a link somewhere."""
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return True
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        jar = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _is_session(text: str) -> bool:
    return 16 <= len(text) <= 64 and text.replace("-", "").replace("_", "").isalnum()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

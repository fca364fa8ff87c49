"""What a person decides when the preview is started."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts that only this machine reaches, and under which nobody is asked for a token."""


@dataclass(frozen=True)
class PreviewSettings:
    """Where the preview listens, who may see it, and by which clock it shows the mails.

    ``token`` is asked for when ``host`` is not this machine alone; ``mask`` hides what identifies a person
    (``pii`` in the schema); ``now``, ``seed`` and ``secret`` are those of a ``send``, so that the same bytes
    come out; ``workers`` is how many processes render the whole audience; ``watch`` turns live reload on.
    """

    host: str = "127.0.0.1"
    port: int = 8787
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    mask: bool = False
    now: datetime | None = None
    seed: int | None = None
    secret: bytes | None = field(default=None, repr=False)
    workers: int = field(default_factory=lambda: max(1, (os.cpu_count() or 2) - 1))
    watch: bool = True
    open_browser: bool = True

    @property
    def is_local(self) -> bool:
        return self.host in LOOPBACK

    @property
    def address(self) -> str:
        """Where a browser finds it; carries the token where one is asked for."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        address = f"http://{host}:{self.port}/"
        return address if self.is_local else f"{address}?token={self.token}"

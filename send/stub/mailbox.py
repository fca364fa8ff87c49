"""What the stub has taken: each mail as its recipient would see it, after the platform's own merge."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Keep = Literal["all", "digests"]


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail in the mailbox. ``message_id`` is ours, read from wherever the platform carries it."""

    esp: str
    esp_id: str
    to: str
    message_id: str | None
    sender: str = ""
    subject: str = ""
    html: str = ""
    text: str = ""
    to_name: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    """What a platform with templates of its own was given."""
    html_sha256: str = ""
    at: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Mailbox:
    """Thread-safe. ``keep="digests"`` drops bodies and keeps their SHA-256, for very large sends."""

    def __init__(self, keep: Keep = "all") -> None:
        self._keep = keep
        self._mails: list[Mail] = []
        self._lock = threading.Lock()
        self.calls = 0
        self.bytes = 0

    def take(self, mails: Sequence[Mail], now: float) -> None:
        kept = []
        for mail in mails:
            digest = hashlib.sha256(mail.html.encode()).hexdigest()
            mail = replace(mail, html_sha256=digest, at=now)
            kept.append(replace(mail, html="", text="") if self._keep == "digests" else mail)
        with self._lock:
            self._mails += kept

    def mails(self) -> list[Mail]:
        with self._lock:
            return list(self._mails)

    def __len__(self) -> int:
        return len(self._mails)

    def clear(self) -> None:
        with self._lock:
            self._mails.clear()
            self.calls = self.bytes = 0

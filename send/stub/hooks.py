"""Makes the webhooks that platforms would send about mails."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import Hook, Told
from send.stub.stage import load_plays

_AT_ONCE = 200
"""Events in one request, for platforms that send lists."""


def hooks_for(mails: Sequence[Mail], kinds: Sequence[Kind], url: str, now: float) -> list[tuple[str, Hook]]:
    """(platform, request) for each of the mails and kinds, signed for ``url`` + the platform's name."""
    made = []
    for name, play in load_plays().items():
        told = [_told(mail, kind, now) for mail in mails if mail.esp == name for kind in kinds]
        if play.hooks is None:
            continue
        for i in range(0, len(told), _AT_ONCE):
            made += [(name, hook) for hook in play.hooks(told[i : i + _AT_ONCE], url + name, now)]
    return made


def _told(mail: Mail, kind: Kind, now: float) -> Told:
    event_id = hashlib.sha256(f"{mail.esp_id} {mail.to} {kind}".encode()).hexdigest()[:32]
    return Told(mail, kind, event_id, round(now, 3))

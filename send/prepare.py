"""Makes of a message what the outbox keeps: its part of a call, alone or as a member of a group."""

from __future__ import annotations

import orjson

from mailwright.errors import SendError
from mailwright.model.identity import fingerprint
from mailwright.model.message import Message, Skeleton, SkipReason
from send.adapter import Adapter
from send.address import BadAddress
from send.grouping import Bodies, Syntax
from send.outbox.enlist import Entry
from send.policy import DeliveryPolicy

_KEPT = 1_024
"""Bodies remembered at most: one that was forgotten is made again, the same."""


class Preparer:
    """Prepares messages for one adapter, and remembers the bodies that it has already made."""

    def __init__(self, adapter: Adapter, policy: DeliveryPolicy) -> None:
        self._adapter, self._policy = adapter, policy
        self._shared: dict[str, tuple[Bodies, tuple[str, bytes]]] = {}

    def prepare(self, message: Message) -> Entry:
        """The entry; a message that this ESP can never take is refused or skipped with the reason."""
        limits = self._adapter.capabilities
        try:
            if grouped := self._grouped(message):
                return grouped
            part = self._adapter.part(message)
        except BadAddress as error:
            return Entry(message, None, skip=SkipReason.INVALID_ADDRESS, refused=error.what)
        except SendError as error:
            return Entry(message, None, refused=error.what)
        except (UnicodeError, orjson.JSONEncodeError):
            return Entry(message, None, refused="the mail holds text that is not Unicode")
        most = min(limits.max_message_bytes or limits.max_bytes, limits.max_bytes - 512)
        if len(part) > most:
            return Entry(message, None, refused=f"{len(part)} bytes are more than {most}, the most per mail")
        return Entry(message, part)

    def _grouped(self, message: Message) -> Entry | None:
        """The message as a member of a group, when the ESP can and nothing is lost by it."""
        limits = self._adapter.capabilities
        if not (self._policy.group and limits.max_grouped and message.skeleton is not None):
            return None
        if message.headers and not limits.grouped_headers:
            return None
        syntax = limits.syntax
        if syntax is None or syntax.would_stir(message):
            return None
        bodies, body = self._body(message, message.skeleton, syntax)
        if syntax.merge_all(bodies, message) != (message.subject, message.text, message.html.decode("ascii")):
            return None
        member = self._adapter.member(message)
        if limits.max_values_bytes is not None and len(member) > limits.max_values_bytes:
            return None
        return Entry(message, member, body=body)

    def _body(self, message: Message, skeleton: Skeleton, syntax: Syntax) -> tuple[Bodies, tuple[str, bytes]]:
        """What the message shares with others: made once, and named by what is in it."""
        same = fingerprint(
            skeleton.fingerprint,
            message.campaign,
            message.occasion,
            sorted(message.headers),
            [message.sender.email, message.sender.name],
            [message.reply_to.email, message.reply_to.name] if message.reply_to else None,
        )
        if same not in self._shared:
            if len(self._shared) >= _KEPT:
                del self._shared[next(iter(self._shared))]
            content = self._adapter.shared(message)
            body_id = fingerprint("body", self._adapter.name, content)
            self._shared[same] = (syntax.bodies(message), (body_id, content))
        return self._shared[same]

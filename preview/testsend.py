"""One mail to an address on the allow-list, through the workspace's own ESP."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

from mailwright.engine import Request
from mailwright.errors import SendError, UsageError
from mailwright.model.identity import fingerprint
from mailwright.model.message import Address, Message
from mailwright.review import FILE, read_review
from mailwright.sending import open_destination
from mailwright.workspace.assets import LOCAL_SCHEME
from send import deliver, open_outbox


def send_test(request: Request, message: Message, address: str) -> str:
    """Send the message to ``address`` instead of its recipient; what the ESP said.

    The mail is the recipient's, but for the address, a subject that says so, and an id of its own: the
    recipient's mail is not sent by it. Raises UsageError for an address that is not on the list, SendError
    when it cannot be sent.
    """
    allowed = read_review(request.workspace).test_addresses
    if address not in allowed:
        known = ", ".join(allowed) or f"none yet: add test_addresses to {FILE}"
        raise UsageError(f"test mails do not go to {address!r}", fix=f"addresses on the list: {known}")
    if f'"{LOCAL_SCHEME}'.encode() in message.html:
        raise SendError("the mail points at pictures on this machine", fix="set assets_base_url")
    moment = datetime.now(UTC).isoformat(timespec="microseconds")
    test = replace(
        message,
        message_id=fingerprint("test", message.message_id, address, moment),
        occasion=f"test {moment}",
        to=Address(address),
        subject=f"[Test] {message.subject}",
        skeleton=None,
        leaves=(),
    )
    with open_destination(request) as destination, TemporaryDirectory() as folder:
        outbox = open_outbox(f"sqlite:///{folder}/test.db")
        try:
            report = deliver([test], adapter=destination.adapter, outbox=outbox)
        finally:
            outbox.close()
    if report.sent:
        return f"sent to {address}"
    if report.unknown:
        raise SendError("the ESP did not answer: the mail may or may not have been taken")
    raise SendError(f"the ESP did not take the mail for {address}: {report.stopped or 'it was refused'}")

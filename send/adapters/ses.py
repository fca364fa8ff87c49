"""Amazon SES v2, ``POST /v2/email/outbound-emails`` and ``/outbound-bulk-emails``, signed with SigV4.

Limits from the SES API reference: 50 destinations a bulk call, whose inline template makes the request at
most 1 MB (single mails, which may have 40, are held to it as well); 15 headers, values of at most 995
printable ASCII characters. Bulk gives a status per destination. Single sends are not templates, so nothing
is live in them. No idempotency key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import orjson

from mailwright.errors import MissingExtraError, SendError
from mailwright.model.message import Message, Receipt, Status
from send.adapter import MB, REQUIRED, Call, Capabilities, Payload
from send.address import header_value
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.grouping import Syntax
from send.http import HttpAdapter, accepted, checked_headers, rejected
from send.sns import read_notification
from send.verify import made_id, unix

# SES does not escape what stands in two braces (SES developer guide, "personalized email").
_SYNTAX = Syntax("{{", "}}")
_KINDS = {
    "Send": Kind.SENT,
    "Delivery": Kind.DELIVERED,
    "DeliveryDelay": Kind.DEFERRED,
    "Bounce": Kind.BOUNCED,
    "Complaint": Kind.COMPLAINED,
    "Reject": Kind.REJECTED,
    "Rendering Failure": Kind.FAILED,
    "Open": Kind.OPENED,
    "Click": Kind.CLICKED,
    "Subscription": Kind.UNSUBSCRIBED,
}


class Ses(HttpAdapter):
    name = "ses"
    base_url = "https://email.{region}.amazonaws.com"
    credentials: ClassVar = {
        "access_key_id": "an access key allowed to ses:SendEmail and ses:SendBulkEmail",
        "secret_access_key": "the access key's secret",
        "session_token": "the session's token, for temporary credentials",
    }
    webhook_credentials = ("session_token",)
    options: ClassVar = {
        "region": REQUIRED,
        "configuration_set": None,
        "topic_arns": (),
        "sns_certificate": None,
    }
    capabilities = Capabilities(
        shape="B",
        max_bytes=1 * MB,
        max_message_bytes=None,
        max_grouped=50,
        max_values_bytes=262_144,
        syntax=_SYNTAX,
        webhooks="signed",
        gives_up="a grouped call takes 50 recipients and 1 MB; no idempotency key",
    )

    def part(self, message: Message) -> bytes:
        simple = {
            "Subject": _text(message.subject),
            "Body": {"Html": _text(message.html.decode("ascii")), "Text": _text(message.text)},
            "Headers": _headers(message),
        }
        call = {
            **self._common(message),
            "Destination": {"ToAddresses": [header_value(message.to)]},
            "Content": {"Simple": simple},
            "EmailTags": [{"Name": "mailwright_id", "Value": message.message_id}],
        }
        return orjson.dumps(call)

    def shared(self, message: Message) -> bytes:
        bodies = _SYNTAX.bodies(message)
        template = {
            "TemplateContent": {"Subject": bodies.subject, "Html": bodies.html, "Text": bodies.text},
            "TemplateData": "{}",
        }
        return orjson.dumps({**self._common(message), "DefaultContent": {"Template": template}})

    def member(self, message: Message) -> bytes:
        values = orjson.dumps(_SYNTAX.values(message)).decode()
        return orjson.dumps(
            {
                "Destination": {"ToAddresses": [header_value(message.to)]},
                "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": values}},
                "ReplacementHeaders": _headers(message),
                "ReplacementTags": [{"Name": "mailwright_id", "Value": message.message_id}],
            }
        )

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        if shared is None:
            return Payload("/v2/email/outbound-emails", parts[0])
        content = b'{"BulkEmailEntries":[' + b",".join(parts) + b"]," + shared[1:]
        return Payload("/v2/email/outbound-bulk-emails", content)

    def headers(self, call: Call) -> dict[str, str]:
        try:
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
            from botocore.credentials import Credentials
        except ImportError as error:
            raise MissingExtraError("botocore", extra="ses", needed_for="Amazon SES") from error
        secrets = self.settings.secrets
        token = secrets["session_token"].get_secret_value() if "session_token" in secrets else None
        credentials = Credentials(
            self.settings.secret("access_key_id"), self.settings.secret("secret_access_key"), token
        )
        request = AWSRequest(
            "POST",
            self.settings.base_url + call.payload.endpoint,
            headers={"Content-Type": call.payload.content_type},
            data=call.payload.content,
        )
        SigV4Auth(credentials, "ses", self.settings.options["region"]).add_auth(request)
        return {name: value for name, value in request.headers.items() if name != "Content-Type"}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        if "MessageId" in body:
            return [accepted(call.message_ids[0], body["MessageId"])]
        return [
            _receipt(message_id, row)
            for message_id, row in zip(call.message_ids, body["BulkEmailEntryResults"], strict=True)
        ]

    def webhook(self, request: WebhookRequest) -> list[Event]:
        """An SNS notification of a configuration set's events, verified against Amazon's certificate."""
        row, sns_id = read_notification(
            request, self.settings.options["topic_arns"], self.settings.options["sns_certificate"]
        )
        return [] if row is None else [_event(row, sns_id)]

    def _common(self, message: Message) -> dict[str, Any]:
        common: dict[str, Any] = {"FromEmailAddress": header_value(message.sender)}
        if message.reply_to is not None:
            common["ReplyToAddresses"] = [header_value(message.reply_to)]
        if self.settings.options["configuration_set"]:
            common["ConfigurationSetName"] = self.settings.options["configuration_set"]
        return common


def _text(data: str) -> dict[str, str]:
    return {"Data": data, "Charset": "UTF-8"}


def _headers(message: Message) -> list[dict[str, str]]:
    headers = checked_headers(message)
    if len(headers) > 15:
        raise SendError("SES takes 15 headers at most")
    for name, value in headers.items():
        if len(value) > 995 or not (value.isascii() and value.isprintable()):
            raise SendError(f"header {name}: SES takes 995 printable ASCII characters at most")
    return [{"Name": name, "Value": value} for name, value in headers.items()]


def _receipt(message_id: str, row: dict[str, Any]) -> Receipt:
    if row["Status"] == "SUCCESS":
        return accepted(message_id, row["MessageId"])
    why = f"{row['Status']}: {row.get('Error') or ''}"
    if row["Status"] in ("TRANSIENT_FAILURE", "ACCOUNT_THROTTLED", "ACCOUNT_DAILY_QUOTA_EXCEEDED"):
        return Receipt(message_id, Status.PENDING, None, why)
    return rejected(message_id, why)


def _event(row: dict[str, Any], sns_id: str) -> Event:
    name = row.get("eventType") or row.get("notificationType") or ""
    mail = row["mail"]
    own = row.get(name.lower().replace(" ", "")) or row.get("deliveryDelay") or {}
    kind, reason = _KINDS.get(name, Kind.UNKNOWN), None
    if kind is Kind.BOUNCED:
        permanent = own.get("bounceType") == "Permanent"
        reason = RejectReason.BOUNCED if permanent else RejectReason.TIMED_OUT
    tags = mail.get("tags") or {}
    return Event(
        esp="ses",
        event_id=sns_id or made_id(name, mail["messageId"], own.get("timestamp", "")),
        kind=kind,
        at=unix(own.get("timestamp") or mail["timestamp"]),
        message_id=(tags.get("mailwright_id") or [None])[0],
        esp_id=mail["messageId"],
        address=(mail.get("destination") or [None])[0],
        reason=reason,
        detail=str(own.get("bounceSubType") or own.get("reason") or "")[:300],
        url=own.get("link"),
    )


ADAPTER = Ses

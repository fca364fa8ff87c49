"""Mailchimp Marketing, ``POST /3.0/batches`` of ``PATCH /lists/{list}/members/{hash}``.

From Mailchimp's guide to the batch endpoint and its release notes: an operation is a method, a path and a
body as text; 500 batches may be pending, then 429. Merge tags have at most 10 characters
(mailchimp/mc-magento 1140), and a plan limits their number (30 in its issue 957). Second-hand: a member is
the MD5 of its address in lower case, PATCH changes those that are there and never who is subscribed, a text
field holds 255 bytes. 500 operations a batch is our own measure. A batch is worked off later: whom it did
not take is seen on the platform alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from mailwright.errors import SendError
from send.adapter import REQUIRED, Payload
from send.attributes.platform import Platform, Profile, joined
from send.http import basic_auth


class Mailchimp(Platform):
    name = "mailchimp"
    base_url = "https://{data_center}.api.mailchimp.com"
    credentials: ClassVar = {"api_key": "an API key of the Marketing API"}
    options: ClassVar = {"data_center": REQUIRED, "list_id": REQUIRED, "fields": {}}
    """``fields``: attribute → merge tag, for those that are not the attribute's name in capitals."""
    max_profiles = 500

    def part(self, profile: Profile) -> bytes:
        fields = {self._tag(name): self._short(value) for name, value in profile.attributes.items()}
        member = hashlib.md5(profile.email.lower().encode(), usedforsecurity=False).hexdigest()
        path = f"/lists/{self.settings.options['list_id']}/members/{member}"
        body = orjson.dumps({"merge_fields": fields}).decode()
        return orjson.dumps({"method": "PATCH", "path": path, "body": body})

    def assemble(self, parts: Sequence[bytes]) -> Payload:
        return Payload("/3.0/batches", b'{"operations":[' + b",".join(parts) + b"]}")

    def headers(self) -> dict[str, str]:
        return {"Authorization": basic_auth("mailwright", self.settings.secret("api_key"))}

    def _tag(self, name: str) -> str:
        named: Mapping[str, str] = self.settings.options["fields"]
        tag = named.get(name, name.upper())
        if len(tag) > 10:
            raise SendError(
                f"mailchimp: the merge tag {tag} of {name} has more than 10 characters",
                fix="name a shorter one under attributes.options.fields, or take another prefix",
            )
        return tag

    def _short(self, value: Any) -> str | int | float | bool:
        shown = joined(value, ", ")
        if isinstance(shown, str) and len(shown.encode()) > 255:
            return shown.encode()[:255].decode("utf-8", "ignore")
        return shown


PLATFORM = Mailchimp

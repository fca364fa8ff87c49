"""HubSpot, ``POST /crm/v3/objects/contacts/batch/upsert``.

From HubSpot's API reference: 100 contacts a request, known by ``email``; properties are strings, several
choices of one joined by ``;``, the empty string takes one away; they must exist on the platform. 207 names
contacts that were not taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from send.adapter import Payload
from send.attributes.platform import Platform, Profile, joined


class HubSpot(Platform):
    name = "hubspot"
    base_url = "https://api.hubapi.com"
    credentials: ClassVar = {"access_token": "a private app's access token with crm.objects.contacts.write"}
    max_profiles = 100

    def part(self, profile: Profile) -> bytes:
        properties = {name: str(joined(value, ";")) for name, value in profile.attributes.items()}
        return orjson.dumps({"id": profile.email, "idProperty": "email", "properties": properties})

    def assemble(self, parts: Sequence[bytes]) -> Payload:
        return Payload("/crm/v3/objects/contacts/batch/upsert", b'{"inputs":[' + b",".join(parts) + b"]}")

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.secret('access_token')}"}

    def refused(self, body: Any) -> Mapping[int, str]:
        if body.get("errors"):
            # It names addresses and not positions, and not always; none of the request counts as taken.
            why = str(body["errors"][0].get("message", "refused"))[:200]
            return dict.fromkeys(range(self.max_profiles), why)
        return {}


PLATFORM = HubSpot

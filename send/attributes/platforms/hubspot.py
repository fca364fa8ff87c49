"""HubSpot, ``POST /crm/v3/objects/contacts/batch/upsert``.

From HubSpot's API reference ("Upsert a batch of contacts", "Error handling"): contacts known by ``email``;
properties are strings that must exist on the platform, the empty string takes one away. An
``objectWriteTraceId`` of its own for each contact turns 207 on, whose ``errors`` carry it in ``context``;
every field of an error is optional. 100 contacts a request is the advice of that reference's older page of
this call; several choices joined by ``;`` are an example there. An input that is not valid at all makes a
400 of the whole.
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
        known = {"id": profile.email, "idProperty": "email", "objectWriteTraceId": profile.profile_id}
        return orjson.dumps({**known, "properties": properties})

    def assemble(self, parts: Sequence[bytes]) -> Payload:
        return Payload("/crm/v3/objects/contacts/batch/upsert", b'{"inputs":[' + b",".join(parts) + b"]}")

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.secret('access_token')}"}

    def refused(self, body: Any, profiles: Sequence[Profile]) -> Mapping[int, str]:
        errors = body.get("errors") or []
        why: dict[str, str] = {}
        unnamed = ""
        for error in errors:
            message = str(error.get("message", "refused"))[:200]
            named = (error.get("context") or {}).get("objectWriteTraceId") or ()
            why |= dict.fromkeys([named] if isinstance(named, str) else named, message)
            unnamed = unnamed if named else message
        if unnamed:
            # Somebody else was refused as well: whoever has no result is not known to be taken.
            taken = {result.get("objectWriteTraceId") for result in body.get("results") or ()}
            ids = [profile.profile_id for profile in profiles]
            why = {i: unnamed for i in ids if i not in taken} | why
        return {i: why[p.profile_id] for i, p in enumerate(profiles) if p.profile_id in why}


PLATFORM = HubSpot

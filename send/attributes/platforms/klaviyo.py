"""Klaviyo, ``POST /api/profile-bulk-import-jobs``.

From Klaviyo's API reference: 10,000 profiles and 5 MB a job; a profile is known by ``external_id`` and
``email``; what is not in ``properties`` stays, null takes a property away. Subscriptions are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import orjson

from send.adapter import MB, Payload
from send.attributes.platform import Platform, Profile

REVISION = "2025-04-15"


class Klaviyo(Platform):
    name = "klaviyo"
    base_url = "https://a.klaviyo.com"
    credentials: ClassVar = {"api_key": "a private API key with profiles:write"}
    max_profiles = 10_000
    max_bytes = 5 * MB

    def part(self, profile: Profile) -> bytes:
        known = {"email": profile.email, "external_id": profile.profile_id}
        attributes = {**known, "properties": dict(profile.attributes)}
        return orjson.dumps({"type": "profile", "attributes": attributes})

    def assemble(self, parts: Sequence[bytes]) -> Payload:
        head = b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":['
        return Payload("/api/profile-bulk-import-jobs", head + b",".join(parts) + b"]}}}}")

    def headers(self) -> dict[str, str]:
        key = self.settings.secret("api_key")
        return {"Authorization": f"Klaviyo-API-Key {key}", "revision": REVISION}


PLATFORM = Klaviyo

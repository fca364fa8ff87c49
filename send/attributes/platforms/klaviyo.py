"""Klaviyo, ``POST /api/profile-bulk-import-jobs``.

From Klaviyo's OpenAPI file (``bulk_import_profiles``) and its guide to the Bulk Import Profiles API: 10,000
profiles and 5 MB a job, 100 KB a profile, 10 jobs a second and 150 a minute; what is not in ``properties``
stays. **Null takes nothing away here**, so what is to go becomes an empty text, which templates take for
absent. Subscriptions are not touched. A job is worked off later: whom it does not take is seen on the
platform alone.
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
        properties = {name: "" if value is None else value for name, value in profile.attributes.items()}
        attributes = {**known, "properties": properties}
        return orjson.dumps({"type": "profile", "attributes": attributes})

    def assemble(self, parts: Sequence[bytes]) -> Payload:
        head = b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":['
        return Payload("/api/profile-bulk-import-jobs", head + b",".join(parts) + b"]}}}}")

    def headers(self) -> dict[str, str]:
        key = self.settings.secret("api_key")
        kind = {"Content-Type": "application/vnd.api+json"}
        return {**kind, "Authorization": f"Klaviyo-API-Key {key}", "revision": REVISION}


PLATFORM = Klaviyo

"""Braze, ``POST /users/track``.

From Braze's REST reference: 75 attribute objects a request; a user is known by ``external_id``; custom
attributes may be lists, and null takes one away. ``errors`` of a 2xx answer name the objects not taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from send.adapter import REQUIRED, Payload
from send.attributes.platform import Platform, Profile


class Braze(Platform):
    name = "braze"
    base_url = "https://rest.{instance}.braze.com"
    credentials: ClassVar = {"api_key": "a REST API key with users.track"}
    options: ClassVar = {"instance": REQUIRED, "update_existing_only": False}
    max_profiles = 75

    def part(self, profile: Profile) -> bytes:
        known: dict[str, Any] = {"external_id": profile.profile_id, "email": profile.email}
        if self.settings.options["update_existing_only"]:
            known["_update_existing_only"] = True
        return orjson.dumps({**profile.attributes, **known})

    def assemble(self, parts: Sequence[bytes]) -> Payload:
        return Payload("/users/track", b'{"attributes":[' + b",".join(parts) + b"]}")

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.secret('api_key')}"}

    def refused(self, body: Any) -> Mapping[int, str]:
        errors = body.get("errors") or []
        return {int(e["index"]): str(e["type"]) for e in errors if e.get("input_array") == "attributes"}


PLATFORM = Braze

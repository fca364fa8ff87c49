"""Braze, ``POST /users/track``.

From Braze's pages "Track users", "User attributes object", "API limits" and "API errors and responses": 75
objects a request, the API key as a bearer token with ``users.track``; a user is known by ``external_id``
and is made where there is none, unless ``_update_existing_only``; custom attributes may be lists, and null
takes one away. A 2xx answer may hold ``errors`` for objects that were not taken. That page shows them as
texts; an ``index`` and ``input_array`` in each is second-hand, so an error without them counts against the
whole request.
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

    def refused(self, body: Any, profiles: Sequence[Profile]) -> Mapping[int, str]:
        found: dict[int, str] = {}
        for error in body.get("errors") or []:
            if not isinstance(error, dict) or not isinstance(error.get("index"), int):
                return dict.fromkeys(range(len(profiles)), str(error)[:200])
            found[error["index"]] = str(error.get("type", "refused"))[:200]
        return found


PLATFORM = Braze

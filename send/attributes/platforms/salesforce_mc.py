"""Salesforce Marketing Cloud, ``POST /hub/v1/dataevents/key:{key}/rowset``: rows of a data extension.

From the API's reference of that call: rows are put in or changed by their primary key (``SubscriberKey``
here); at most 50 rows and 50 columns at a time are advised; an invalid request is a 400. Second-hand:
columns must exist in the data extension, one that is not named stays, and tokens last 20 minutes. The empty
text takes a value away, so the columns are of the type Text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import orjson

from send.adapter import REQUIRED, Payload
from send.attributes.platform import Platform, Profile, joined


class SalesforceMc(Platform):
    name = "salesforce_mc"
    base_url = "https://{subdomain}.rest.marketingcloudapis.com"
    credentials: ClassVar = {
        "client_id": "the installed package's client id",
        "client_secret": "the installed package's client secret",
    }
    options: ClassVar = {"subdomain": REQUIRED, "data_extension": REQUIRED, "auth_url": None}
    max_profiles = 50

    def part(self, profile: Profile) -> bytes:
        values = {name: joined(value, ",") for name, value in profile.attributes.items()}
        keys = {"SubscriberKey": profile.profile_id}
        return orjson.dumps({"keys": keys, "values": {"EmailAddress": profile.email, **values}})

    def assemble(self, parts: Sequence[bytes]) -> Payload:
        extension = self.settings.options["data_extension"]
        return Payload(f"/hub/v1/dataevents/key:{extension}/rowset", b"[" + b",".join(parts) + b"]")

    def headers(self) -> dict[str, str]:
        return {}

    def token_request(self) -> tuple[str, dict[str, str]]:
        options = self.settings.options
        url = options["auth_url"] or f"https://{options['subdomain']}.auth.marketingcloudapis.com"
        grant = {"grant_type": "client_credentials"}
        grant |= {name: self.settings.secret(name) for name in ("client_id", "client_secret")}
        return f"{url}/v2/token", grant


PLATFORM = SalesforceMc

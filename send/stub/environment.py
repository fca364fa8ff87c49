"""What an adapter is told when it talks to the stub: credentials and the options that it insists on."""

from __future__ import annotations

import importlib
from typing import Any

_OPTIONS: dict[str, dict[str, Any]] = {
    "mailgun": {"domain": "mail.example"},
    "ses": {"region": "eu-west-1"},
    "braze": {"instance": "stub"},
    "hubspot": {"email_id": 1},
    "iterable": {"campaign_id": 1},
    "salesforce_mc": {"subdomain": "stub", "definition_key": "mailwright"},
}


def stub_environ(adapter: str) -> dict[str, str]:
    """Environment variable → value, for every credential of the adapter."""
    kind = importlib.import_module(f"send.adapters.{adapter}").ADAPTER
    try:
        secrets = dict(importlib.import_module(f"send.stub.plays.{adapter}").PLAY.secrets)
    except ModuleNotFoundError:
        secrets = {}
    return {
        f"{adapter}_{credential}".upper(): secrets.get(credential, f"stub-{credential}")
        for credential in kind.credentials
    }


def stub_options(adapter: str, address: str) -> dict[str, Any]:
    """The options that the adapter cannot do without, for the stub at ``address``."""
    options = dict(_OPTIONS.get(adapter, {}))
    if adapter == "salesforce_mc":
        options["auth_url"] = address
    if adapter == "ses":
        options["sns_certificate"] = importlib.import_module("send.stub.plays.ses").certificate()
    return options


def stub_platform_environ(platform: str) -> dict[str, str]:
    """Environment variable → value, for every credential of a platform with attributes."""
    kind = importlib.import_module(f"send.attributes.platforms.{platform}").PLATFORM
    return {f"{platform}_{credential}".upper(): f"stub-{credential}" for credential in kind.credentials}


def stub_platform_options(platform: str, address: str) -> dict[str, Any]:
    """The options that the platform cannot do without, for the stub at ``address``."""
    options: dict[str, dict[str, Any]] = {
        "braze": {"instance": "stub"},
        "mailchimp": {"data_center": "stub", "list_id": "a1", "fields": _Initials()},
        "salesforce_mc": {"subdomain": "stub", "data_extension": "mailwright", "auth_url": address},
    }
    return options.get(platform, {})


class _Initials(dict[str, str]):
    """Short merge tags for any attribute."""

    def get(self, name: str, default: Any = None) -> Any:
        del default
        return "".join(part[:3] for part in name.upper().split("_"))[:10]

"""Finds adapters by name: one module of ``send.adapters`` each, holding one class, ``ADAPTER``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

import send.adapters
from mailwright.errors import ConfigError, Location, SendError, did_you_mean
from mailwright.model.workspace import EspSpec
from send.adapter import REQUIRED, Adapter, Capabilities, Settings

_HERE = Location("mailwright.yaml")


def adapter_names() -> tuple[str, ...]:
    """Every adapter there is, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(send.adapters.__path__)))


def adapter_class(name: str) -> Any:
    """The class of that name. ConfigError: there is none."""
    if name not in adapter_names():
        raise ConfigError(
            f"esp.adapter: there is no adapter {name!r}", at=_HERE, fix=did_you_mean(name, adapter_names())
        )
    return importlib.import_module(f"send.adapters.{name}").ADAPTER


def capabilities_of(name: str) -> Capabilities:
    found: Capabilities = adapter_class(name).capabilities
    return found


def open_adapter(spec: EspSpec, environ: Mapping[str, str], *, root: Path) -> Adapter:
    """The adapter that ``mailwright.yaml`` asks for, with its credentials read from the environment.

    ``spec.credentials`` names the variables; one not named is looked for as ``<ADAPTER>_<CREDENTIAL>``
    (SENDGRID_API_KEY). ``<CREDENTIAL>_FILE`` names a file instead. ConfigError: an unknown adapter, option
    or credential, or an address that is not one; SendError: a credential that is not there.
    """
    kind = adapter_class(spec.adapter)
    adapter: Adapter = kind(settings_of(kind, spec, environ, root=root, where="esp"))
    return adapter


def settings_of(kind: Any, spec: EspSpec, environ: Mapping[str, str], *, root: Path, where: str) -> Settings:
    """What an adapter or a platform is made of. ``where``: the part of ``mailwright.yaml`` that says it."""
    _known(where, "option", spec.options, {**kind.options, "timeout_s": 30.0})
    _known(where, "credential", spec.credentials, kind.credentials)
    secrets: dict[str, SecretStr] = {}
    for credential, what in kind.credentials.items():
        variable = spec.credentials.get(credential, f"{spec.adapter}_{credential}".upper())
        value = _read_secret(variable, environ)
        if value is None and credential not in kind.webhook_credentials:
            raise SendError(
                f"{spec.adapter} needs {what}, and the environment variable {variable} is not set",
                fix=f"export {variable}=…, or name another variable under {where}.credentials.{credential}",
            )
        if value is not None:
            secrets[credential] = SecretStr(value)
    options = {**kind.options, **spec.options}
    for option in (name for name, default in kind.options.items() if default is REQUIRED):
        if options[option] is REQUIRED:
            raise ConfigError(f"{where}.options.{option}: {spec.adapter} needs it", at=_HERE)
    base_url = (spec.base_url or kind.base_url.format(**options)).rstrip("/")
    _check_url(base_url, where)
    return Settings(base_url, secrets, options, root)


def _known(where: str, what: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(
                f"{where}.{what}s: unknown {what} {name!r}", at=_HERE, fix=did_you_mean(name, known)
            )


def _read_secret(variable: str, environ: Mapping[str, str]) -> str | None:
    if value := environ.get(variable):
        return value.strip()
    if path := environ.get(f"{variable}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SendError(f"{variable}_FILE cannot be read: {error.strerror}") from error
    return None


def _check_url(url: str, where: str) -> None:
    """HTTPS, or HTTP to this very machine: credentials do not travel in the clear."""
    parts = urlsplit(url)
    if parts.scheme in ("https", "smtp", "smtps", "local"):
        return
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return
    raise ConfigError(
        f"{where}.base_url: {url!r} would send the credentials in the clear or is no address",
        at=_HERE,
        fix="an https:// address; http:// only for 127.0.0.1 and localhost",
    )

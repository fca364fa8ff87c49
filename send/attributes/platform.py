"""The protocol that every platform with profile attributes keeps."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import send.attributes.platforms
from mailwright.errors import ConfigError, Location, did_you_mean
from mailwright.model.workspace import EspSpec
from send.adapter import MB, Payload, Settings
from send.catalog import settings_of

Value = str | int | float | bool | tuple[str, ...] | None
"""None takes an attribute away."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Some attributes of one profile. ``email`` as it goes over the wire."""

    profile_id: str
    email: str
    attributes: Mapping[str, Value]


class Platform(ABC):
    """One platform: what a request holds, and what its answer means. Every request may be repeated."""

    name: ClassVar[str]
    base_url: ClassVar[str]
    credentials: ClassVar[Mapping[str, str]]
    webhook_credentials: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[Mapping[str, Any]] = {}
    max_profiles: ClassVar[int]
    """Most profiles in one request."""
    max_bytes: ClassVar[int] = 4 * MB

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def part(self, profile: Profile) -> bytes:
        """One profile's part of a request."""

    @abstractmethod
    def assemble(self, parts: Sequence[bytes]) -> Payload:
        """The request."""

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """The credentials as this platform takes them; a Content-Type where it is not application/json."""

    def token_request(self) -> tuple[str, dict[str, str]] | None:
        """Address and JSON of the request for a token; None where the credentials are enough."""
        return None

    def refused(self, body: Any, profiles: Sequence[Profile]) -> Mapping[int, str]:
        """Of an answer that takes the request: position among its profiles → why that one was not taken.

        Raises ValueError, KeyError, TypeError or AttributeError for an answer that cannot be read.
        """
        del body, profiles
        return {}


def platform_names() -> tuple[str, ...]:
    """Every platform there is, sorted."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(send.attributes.platforms.__path__)))


def open_platform(spec: EspSpec, environ: Mapping[str, str], *, root: Path) -> Platform:
    """The platform that ``attributes`` of ``mailwright.yaml`` names; errors as ``open_adapter`` has them."""
    if spec.adapter not in platform_names():
        raise ConfigError(
            f"attributes.adapter: there is no platform {spec.adapter!r}",
            at=Location("mailwright.yaml"),
            fix=did_you_mean(spec.adapter, platform_names()),
        )
    kind = importlib.import_module(f"send.attributes.platforms.{spec.adapter}").PLATFORM
    platform: Platform = kind(settings_of(kind, spec, environ, root=root, where="attributes"))
    return platform


def joined(value: Value, separator: str) -> str | int | float | bool:
    """A value for a platform without lists and without null: the empty string takes it away."""
    if isinstance(value, tuple):
        return separator.join(value)
    return "" if value is None else value

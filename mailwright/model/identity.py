"""Names that are computed: fingerprints, message ids and buckets. All of them are SHA-256, cut short."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson


def fingerprint(*parts: Any) -> str:
    """32 hex digits (128 bits) that change when any part changes.

    Parts are bytes, or anything JSON can carry (keys are sorted); each is hashed with its length, so that
    moving a boundary between two parts changes the result too.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(_measured(part))
    return digest.hexdigest()[:32]


def message_id(campaign: str, profile_id: str, occasion: str) -> str:
    """The id of one mail to one profile on one occasion; also its idempotency key at the ESP.

    Never made of the content: a mail rendered again is the same mail.
    """
    return _message_ids(campaign, occasion)(profile_id)


@lru_cache(64)
def _message_ids(campaign: str, occasion: str) -> Callable[[str], str]:
    """``fingerprint("message", campaign, profile_id, occasion)`` with all but the profile made once: that is
    twice as quick, and every mail needs one."""
    before, after = _measured("message") + _measured(campaign), _measured(occasion)
    return lambda profile_id: hashlib.sha256(before + _measured(profile_id) + after).hexdigest()[:32]


def _measured(part: Any) -> bytes:
    """A part as bytes, its length before it."""
    data = part if isinstance(part, bytes) else orjson.dumps(part, option=_CANONICAL, default=str)
    return len(data).to_bytes(8, "big") + data


def bucket(salt: str, profile_id: str) -> float:
    """A number in [0, 1) that belongs to this profile and salt for ever: 53 bits of SHA-256."""
    digest = hashlib.sha256(f"{salt}\x1f{profile_id}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


SEED = "seed:"
"""What the id of a seed's stand-in begins with."""


def is_seed(profile_id: str) -> bool:
    """Whether it names a seed's stand-in and no profile."""
    return profile_id.startswith(SEED)

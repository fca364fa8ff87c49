"""What the running process tells its operators: lines of JSON without anything about anybody."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from mailwright.errors import MailwrightError

_LOG = logging.getLogger("mailwright.triggers")
_ADDRESS = re.compile(r"\S+@\S+")


def say(what: str, **values: Any) -> None:
    """A line of JSON without anything about anybody."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    _LOG.info(json.dumps({"at": at, "what": what, **values}, default=str))


def safe_words(error: Exception) -> str:
    """Errors of our own name nobody but by an address, which is taken out; what others say is unknown."""
    return safe_text(error.what) if isinstance(error, MailwrightError) else ""


def safe_text(text: str) -> str:
    """The text, addresses in it taken out."""
    return _ADDRESS.sub("(address)", text)

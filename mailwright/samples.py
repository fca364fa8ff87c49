"""Writes mails to a folder, three files a profile."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from mailwright.model.identity import fingerprint
from mailwright.model.replacing import replacing
from mailwright.model.trace import Trace

LONGEST_NAME = 200
"""Bytes; most file systems allow 255, and an ending is to follow."""


def write_mail(folder: Path, row: dict[str, Any], trace: Trace) -> Path:
    """Write ``<profile>.html``, ``.txt`` and ``.json`` of one rendered row; return the HTML file.

    The file's name is the profile's id with all but letters, digits and ``_-.~`` percent-encoded, so no id
    can leave the folder. Each file appears whole or not at all.
    """
    name = file_name(row["profile_id"])
    about = {
        "profile_id": row["profile_id"],
        "message_id": row["message_id"],
        "subject": row["subject"],
        "preheader": row["preheader"],
        "headers": dict(row["headers"]),
        "variant": row["variant"],
        "trace": asdict(trace),
    }
    _write(folder / f"{name}.json", orjson.dumps(about, default=str, option=orjson.OPT_INDENT_2))
    _write(folder / f"{name}.txt", row["text"].encode())
    _write(folder / f"{name}.html", row["html"])
    return folder / f"{name}.html"


def file_name(profile_id: str) -> str:
    """The profile's id as a file name without ending: at most 200 bytes, no two ids alike."""
    name = quote(profile_id, safe="")
    if name.startswith("."):
        name = "%2E" + name[1:]
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 33]}-{fingerprint(profile_id)}"


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as part:
        part.write_bytes(data)

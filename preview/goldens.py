"""Saves a mail as a golden test: a folder of ``tests/`` in the workspace, with the case and the mail."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from mailwright.catalog import profile_schema
from mailwright.errors import RenderError, UsageError
from preview.mail import Mail
from render.golden import Made

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}", re.ASCII)


def save_case(mail: Mail, name: str) -> Path:
    """Write ``tests/<name>/`` of the workspace and return the folder; nothing there is ever overwritten.

    Raises UsageError for a name that is taken or is none, RenderError when there is no mail to save.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a test", fix="small letters, digits and -, at most 60")
    if not mail.is_rendered:
        raise RenderError("there is no mail to save for this profile")
    root = mail.plan.request.workspace.root.resolve()
    folder = root / "tests" / name
    if folder.exists() or not (root / "tests").resolve().is_relative_to(root):
        raise UsageError(
            f"there is a test {name!r} already", fix="take another name, or remove tests/" + name
        )
    files = {"case.yaml": _case(mail)} | Made(mail.made, mail.trace()).files()
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8", newline="\n")
    return folder


def _case(mail: Mail) -> str:
    values = mail.values
    schema = profile_schema(mail.plan.request.workspace.spec)
    member = [name for name in values if name.startswith("segment:") and values[name]]
    case: dict[str, Any] = {
        "campaign": mail.plan.request.campaign,
        "now": mail.plan.request.now,
        "description": "saved from the preview",
        "profile": {
            name: _plain(values[name]) for name in schema if name in values and values[name] is not None
        },
        "segments": [name.removeprefix("segment:") for name in member],
        "recommendations": [found["item_id"] for found in values["recommendations"] or ()],
    }
    return yaml.safe_dump(case, allow_unicode=True, sort_keys=False, width=100)


def _plain(value: Any) -> Any:
    """As YAML holds it; what is missing inside an object is left out."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (str, bool, int, float, date, datetime)) or value is None:
        return value
    return str(value)

"""Saves a mail as a golden test: a folder of ``tests/`` in the workspace, with the case and the mail."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import yaml

from mailwright.cases import Bench, cases_of
from mailwright.catalog import profile_schema
from mailwright.errors import RenderError, UsageError
from preview.mail import Mail
from render.golden import run_cases
from render.replay import Capturer

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}", re.ASCII)


class NameTakenError(UsageError):
    """There is a test of this name."""


def save_case(mail: Mail, name: str, *, overwrite: bool = False) -> Path:
    """Write ``tests/<name>/`` of the workspace; a test there stays unless ``overwrite``. Returns the folder.

    Raises UsageError for a name that is none, NameTakenError for one that is taken, RenderError when there
    is no mail to save.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a test", fix="small letters, digits and -, at most 60")
    if not mail.is_rendered:
        raise RenderError("there is no mail to save for this profile")
    root = mail.plan.request.workspace.root.resolve()
    folder = root / "tests" / name
    if not folder.resolve().is_relative_to(root):
        raise UsageError(f"tests/{name} is outside the workspace", fix="take another name")
    if folder.exists() and not overwrite:
        raise NameTakenError(f"there is a test {name!r} already", fix="take another name, or overwrite it")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "case.yaml").write_text(_case(mail), encoding="utf-8", newline="\n")
    bench = Bench(mail.plan.request.workspace)
    run_cases(cases_of(bench.workspace, [name]), bench.make, update=True)
    return folder


def _case(mail: Mail) -> str:
    values, plan = mail.values, mail.plan
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
        "asked": {ask.text: [found["item_id"] for found in values[ask.column]] for ask in plan.compiled.asks},
        "items": _items(mail),
    }
    if not case["asked"]:
        del case["asked"]
    arms = {name: values.get(f"experiment:{name}") for name in plan.compiled.experiments}
    if any(arms.values()):
        case["arms"] = {name: arm for name, arm in arms.items() if arm}
    blocks = [block for slot in plan.compiled.compiled_slots.values() for block in slot.blocks]
    if any(rule.events for block in blocks for rule in block.rules):
        case["interactions"] = _interactions(mail)
    return yaml.safe_dump(case, allow_unicode=True, sort_keys=False, width=100)


def _items(mail: Mail) -> list[dict[str, Any]]:
    """What the mail shows of the catalogue, and of its recommendations why they are shown."""
    plan = mail.plan
    found = Capturer(plan.compiled, plan.context).items(mail.row.combine_chunks().to_batches()[0]).to_pylist()
    lists = ["recommendations", *(ask.column for ask in plan.compiled.asks)]
    why = {given["item_id"]: given for name in lists for given in mail.values[name] or ()}
    return [_plain(item | why.get(item["item_id"], {})) for item in found]


def _interactions(mail: Mail) -> list[dict[str, Any]]:
    """What the profile did; conditions of the campaign's blocks ask for it."""
    table = mail.plan.source.audience.interactions
    own = table.filter(pc.equal(table["profile_id"], mail.values["profile_id"])).to_pylist()
    return [{name: value for name, value in _plain(row).items() if name != "profile_id"} for row in own]


def _plain(value: Any) -> Any:
    """As YAML holds it; what is missing inside an object is left out."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (str, bool, int, float, date, datetime)) or value is None:
        return value
    return str(value)

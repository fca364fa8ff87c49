"""Blocks, cards, partials, templates and string tables, read from folders; nothing else is ever included."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from mailwright.errors import ConfigError, Location, TemplateError, did_you_mean
from mailwright.model.identity import fingerprint
from mailwright.model.spec import RuleText, Spec
from mailwright.model.yamltext import Located, parse_yaml
from render.source import Source

MAX_FILE_BYTES = 1_000_000
"""A template file larger than this is refused: no mail is made of that much source."""

Strings = dict[str, str | dict[str, str]]
"""Key → text, or plural category (``one``, ``other`` …, CLDR) → text."""


class Arm(Spec):
    """The arm of an experiment in which a block takes part, and in no other.

    Where the campaign declares no experiment of that name, the blocks do: ``experiment.declared_by_blocks``.
    """

    name: str
    arm: str
    share: float | None = Field(default=None, gt=0, lt=1)
    """Of the enrolled profiles, where the blocks declare the experiment."""


class BlockSpec(Spec):
    """The front matter of a block or card. A card has no slot."""

    slot: str | None = None
    when: RuleText = "TRUE"
    priority: int = 0
    needs: tuple[str, ...] = ()
    """Rules, or bare attributes that must be known, without which the block is not eligible."""
    starts: datetime | date | None = None
    ends: datetime | date | None = None
    """A date means all of that day, in the workspace's time zone."""
    locale: tuple[str, ...] = ()
    experiment: Arm | None = None
    defaults: dict[str, Any] = Field(default_factory=dict)
    """Attribute → value shown in this block where the attribute is missing."""
    description: str = ""

    @field_validator("needs", "locale", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


@dataclass(frozen=True)
class Block:
    """One file of ``blocks/``; its name is the path without the ending."""

    name: str
    spec: BlockSpec
    source: Source
    places: Located[BlockSpec]


@dataclass(frozen=True)
class Library:
    """Everything that templates may name. Later folders replace earlier ones by name."""

    blocks: Mapping[str, Block] = field(default_factory=dict)
    cards: Mapping[str, Block] = field(default_factory=dict)
    templates: Mapping[str, Source] = field(default_factory=dict)
    partials: Mapping[str, Source] = field(default_factory=dict)
    strings: Mapping[str, Strings] = field(default_factory=dict)
    """Locale → table."""

    def template(self, name: str, *, at: Location) -> Source:
        if name not in self.templates:
            fix = did_you_mean(name, self.templates)
            raise ConfigError(f"there is no template {name!r}", at=at, fix=fix)
        return self.templates[name]

    def candidates(self, slot: str) -> tuple[Block, ...]:
        """The blocks of a slot, in the order in which they are tried: priority, then name."""
        found = (block for block in self.blocks.values() if block.spec.slot == slot)
        return tuple(sorted(found, key=lambda block: (-block.spec.priority, block.name)))

    @property
    def fingerprint(self) -> str:
        sources = [*self.templates.items(), *self.partials.items()]
        blocks = [*self.blocks.items(), *self.cards.items()]
        texts = [[name, source.text] for name, source in sources]
        return fingerprint(texts, [[name, block.source.text] for name, block in blocks], dict(self.strings))


def load_library(*folders: Path) -> Library:
    """Read ``blocks/`` and ``templates/`` of each folder; a later folder overrides an earlier by name.

    Raises ConfigError for front matter that does not fit, TemplateError for a file that cannot be read.
    """
    blocks: dict[str, Block] = {}
    cards: dict[str, Block] = {}
    templates: dict[str, Source] = {}
    partials: dict[str, Source] = {}
    strings: dict[str, Strings] = {}
    for folder in folders:
        listed = {room: _listed(folder, room) for room in ("blocks", "templates", "strings")}
        for name, source in _files(folder, "blocks", ".mjml", listed["blocks"]):
            if name.startswith("partials/"):
                partials[name + ".mjml"] = source
            elif name.startswith("cards/"):
                cards[name.removeprefix("cards/")] = _block(name, source, card=True)
            else:
                blocks[name] = _block(name, source, card=False)
        for name, source in _files(folder, "templates", ".mjml", listed["templates"]):
            if name.endswith("/template"):
                templates[name.removesuffix("/template")] = source
            elif name != "template":
                partials[name + ".mjml"] = source
        for room, paths in listed.items():
            for name, source in _files(folder, room, ".yaml", paths):
                if room == "strings" or "strings/" in f"{name}":
                    locale = name.rsplit("/", 1)[-1].replace("-", "_")
                    strings[locale] = {**strings.get(locale, {}), **_strings(source)}
    return Library(blocks, cards, templates, partials, strings)


def _listed(folder: Path, room: str) -> list[str]:
    """The files below a room, by their paths in it, in order. Links to folders are not followed."""
    base = str((folder / room).resolve())
    found = [
        f"{place}/{name}".removeprefix(f"{base}/")
        for place, _, names in os.walk(base)
        for name in names
        if name.endswith((".mjml", ".yaml"))
    ]
    return sorted(found, key=lambda path: path.split("/"))


def _files(folder: Path, room: str, ending: str, listed: Iterable[str]) -> list[tuple[str, Source]]:
    """Name and text of the files with an ending, none of which may be a way out of the folder."""
    base, inside = (folder / room).resolve(), folder.resolve()
    outside = not base.is_relative_to(inside)
    found = []
    for name in listed:
        path = base / name
        if not name.endswith(ending) or not path.is_file():
            continue
        shown = f"{room}/{name}"
        if outside or (path.is_symlink() and not path.resolve().is_relative_to(inside)):
            fix = "copy the file into the workspace"
            raise TemplateError("this file is a link out of its folder", at=Location(shown), fix=fix)
        found.append((name.removesuffix(ending), _read(path, shown)))
    return found


def _read(path: Path, shown: str) -> Source:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise TemplateError(f"larger than {MAX_FILE_BYTES:,} bytes", at=Location(shown), fix="split it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TemplateError("this file is not UTF-8", at=Location(shown), fix="save it as UTF-8") from error
    return Source(shown, text.replace("\r\n", "\n").replace("\r", "\n"))


@lru_cache(maxsize=256)
def _strings(source: Source) -> Strings:
    table: Strings = parse_yaml(source.text, Strings, file=source.file).value
    return table


@lru_cache(maxsize=2048)
def _block(name: str, source: Source, *, card: bool) -> Block:
    """Split front matter from MJML; line numbers stay those of the file."""
    text, start = "", 0
    if source.text.startswith("---\n"):
        end = source.text.find("\n---\n", 3)
        if end < 0:
            raise TemplateError(
                "the front matter has no end", at=source.at(0), fix="close it with a line `---`"
            )
        text, start = source.text[4 : end + 1], end + 5
    places: Located[BlockSpec] = parse_yaml(text, BlockSpec, file=source.file, first_line=2)
    if places.value.slot is None and not card:
        fix = "add `slot: …` to its front matter, or move it to blocks/cards/ or blocks/partials/"
        raise ConfigError("this block names no slot", at=Location(source.file, 1), fix=fix)
    return Block(name, places.value, Source(source.file, source.text, start), places)

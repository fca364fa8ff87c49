"""What the author of a template or block wants beside its lines: findings, errors, sizes, clients.

All of it is of a campaign that uses the file, and of real mails: those of its contact sheet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import unescape

from mailwright.errors import MailwrightError, SourceError
from preview.desk import View
from preview.findings import findings_of, proofs_of
from preview.mail import chosen_row
from preview.marked import marked_html, marked_pieces
from render.checks.clients import Support, supported


@dataclass(frozen=True)
class Note:
    """One remark at a line; ``level`` is ``error`` or ``warning``."""

    line: int
    level: str
    what: str
    fix: str


@dataclass(frozen=True)
class Size:
    """What a block (or, without a name, the whole mail) takes of the mails that show it, in bytes of HTML."""

    block: str
    smallest: int
    largest: int


@dataclass(frozen=True)
class Notes:
    """Everything that is known of one file."""

    campaign: str
    notes: tuple[Note, ...] = ()
    sizes: tuple[Size, ...] = ()
    support: tuple[Support, ...] = ()

    def at(self, line: int) -> list[Note]:
        """The remarks at a line, errors first."""
        return [note for note in self.notes if note.line == line]


def reads_file(view: View, file: str) -> bool:
    """Whether the campaign is made of this file, or fails because of it."""
    places = view.plan.compiled.places
    blocks = [block.at.file for slot in view.plan.compiled.compiled_slots.values() for block in slot.blocks]
    return file in blocks or _error_file(view.error) == file or any(place.file == file for place in places)


def failing(campaign: str, error: MailwrightError, file: str) -> Notes | None:
    """What is known of a file because of which a campaign has never worked; None when that is not why."""
    if not isinstance(error, SourceError) or error.at.file != file:
        return None
    return Notes(campaign, (Note(error.at.line or 1, "error", error.what, error.fix or ""),))


def notes_on(view: View, file: str) -> Notes:
    """What the checks, the compiler and the mails say of a file of the campaign."""
    notes = [
        Note(finding.at.line or 1, finding.level, finding.what, finding.fix)
        for finding in dict.fromkeys(findings_of(view))
        if finding.at.file == file
    ]
    error = view.error
    if isinstance(error, SourceError) and error.at.file == file:
        notes.insert(0, Note(error.at.line or 1, "error", error.what, error.fix or ""))
    names = [
        block.name
        for slot in view.plan.compiled.compiled_slots.values()
        for block in slot.blocks
        if block.at.file == file
    ]
    texts = shown_texts(view)
    if names:
        own = {name: texts.get(name, []) for name in names}
    elif file.startswith("templates/"):
        own = {"": texts[""]}
    else:
        own = {}
    sizes = tuple(size for name, found in own.items() if (size := _size(name, found)) is not None)
    html = b"".join(text for found in own.values() for text in found[:1])
    return Notes(
        view.plan.request.campaign,
        tuple(sorted(notes, key=lambda note: (note.line, note.level))),
        sizes,
        tuple(supported(unescape(html.decode("ascii", "replace")))),
    )


def block_sizes(view: View) -> dict[str, Size]:
    """The size of every block that a mail of the contact sheet shows, by its name."""
    sizes = (_size(name, found) for name, found in shown_texts(view).items() if name)
    return {size.block: size for size in sizes if size is not None}


def shown_texts(view: View) -> dict[str, list[bytes]]:
    """Block → its HTML in each mail of the contact sheet that shows it; under '' the whole mails."""
    if "texts" not in view.memo:
        found: dict[str, list[bytes]] = {"": []}
        for frame in proofs_of(view):
            html = marked_html(view.plan, chosen_row(view.plan, frame.profile_id)[0])
            if html:
                found[""].append(html)
                for _, name, text in marked_pieces(html):
                    found.setdefault(name, []).append(text)
        view.memo["texts"] = found
    texts: dict[str, list[bytes]] = view.memo["texts"]
    return texts


def _size(name: str, texts: Iterable[bytes]) -> Size | None:
    sizes = [len(text) for text in texts]
    return Size(name, min(sizes), max(sizes)) if sizes else None


def _error_file(error: MailwrightError | None) -> str:
    return error.at.file if isinstance(error, SourceError) else ""

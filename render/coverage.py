"""The whole audience, not a sample: who gets which block, and what every mail shows.

``choice_coverage`` is columnar and renders nothing: who is given which block is exact, whether the block can
be made is not known yet. ``full_coverage`` renders every mail (in parallel, kept on disk) and is exact in
everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from mailwright.model.identity import fingerprint
from render.choose import Choices
from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.frame import over_batches
from render.seen import merged, see_batch


@dataclass(frozen=True)
class BlockCoverage:
    """One block of one slot, in profiles. ``shown`` is None before the full pass."""

    slot: str
    block: str
    eligible: int
    """Who may get it."""
    chosen: int
    """Whom it was chosen for; exact."""
    shadowed_by: str | None
    """The block that those who may get it get instead, when nobody gets this one."""
    shown: int | None = None
    """Whose mail shows it in the end; exact."""
    failed: int | None = None
    """For whom it was tried and could not be made."""


@dataclass(frozen=True)
class Seen:
    """Something that a mail can show (a fallback's value, an arm of an ``if``), and in how many mails."""

    what: str
    where: str
    mails: int


@dataclass(frozen=True)
class Pick:
    """A real profile for review, and what of the campaign its mail is the first to show."""

    profile_id: str
    shows: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """What a campaign gives its audience.

    ``exact`` says whether every mail was rendered. When not, ``blocks`` are exact in ``eligible`` and
    ``chosen``, ``variants`` are those chosen (what is shown may fall back further), the rest is not known.
    """

    campaign: str
    recipients: int
    exact: bool
    blocks: tuple[BlockCoverage, ...]
    variants: Mapping[str, int]
    rendered: int | None = None
    skipped: Mapping[str, int] | None = None
    """Reason → profiles."""
    fallback_mails: int | None = None
    """Mails in which a slot shows a block that needs nothing though it has others before it."""
    fallbacks: tuple[Seen, ...] = ()
    arms: tuple[Seen, ...] = ()
    largest_bytes: int | None = None
    """Bytes of HTML of the largest mail."""
    largest_profile: str | None = None
    largest_by_variant: Mapping[str, int] | None = None
    review: tuple[Pick, ...] = ()
    """Few real profiles whose mails together show every block, fallback and arm that any mail shows."""

    @property
    def unseen(self) -> tuple[str, ...]:
        """The blocks that nobody gets: ``slot/block``."""
        count = [(b, b.chosen if b.shown is None else b.shown) for b in self.blocks]
        return tuple(f"{block.slot}/{block.block}" for block, mails in count if not mails)


def choice_coverage(compiled: CompiledCampaign, choices: Choices) -> Coverage:
    """Recipients per block and variant, without rendering: a million profiles in seconds."""
    blocks = []
    for slot in compiled.all_slots.values():
        bits = choices.columns[f"eligible:{slot.name}"].to_numpy()
        chosen = choices.columns[f"slot:{slot.name}"].combine_chunks()
        index = np.asarray(chosen.indices.fill_null(-1)) if len(chosen) else np.zeros(0, dtype=np.int64)
        for number, block in enumerate(slot.blocks):
            may = (bits >> number & 1).astype(bool)
            got = int((index == number).sum())
            instead = Counter(index[may].tolist()).most_common(1) if not got and may.any() else []
            shadow = slot.blocks[instead[0][0]].name if instead and instead[0][0] >= 0 else None
            blocks.append(BlockCoverage(slot.name, block.name, int(may.sum()), got, shadow))
    recipients = choices.columns.num_rows if compiled.all_slots else sum(choices.variants.values())
    return Coverage(compiled.name, recipients, False, tuple(blocks), dict(choices.variants))


def full_coverage(
    compiled: CompiledCampaign,
    context: RenderContext,
    frame: pa.Table,
    *,
    workers: int = 1,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Coverage:
    """Render every mail of a frame whose blocks are chosen, and count what they show.

    ``cache`` keeps the result of one run (``context.fingerprint``, clock, occasion and rows).
    """
    rows = fingerprint(frame.num_rows, orjson.dumps(frame["profile_id"].to_pylist()))
    key = fingerprint(
        compiled.fingerprint, context.fingerprint, context.now.isoformat(), context.occasion, rows
    )
    kept = None if cache is None else cache / f"coverage-{key}.json"
    groups = _read(kept) if kept is not None else None
    if groups is None:
        groups = []
        for batch in over_batches(see_batch, compiled, context, frame, workers=workers, progress=progress):
            groups = merged(groups, batch.to_pylist())
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(orjson.dumps(groups))
    names = [name for name in frame.column_names if name.startswith(("slot:", "eligible:"))]
    chosen = choice_coverage(compiled, Choices(frame.select(names), {})) if names else None
    return _counted(compiled, frame.num_rows, groups, chosen.blocks if chosen else ())


def _counted(
    compiled: CompiledCampaign, recipients: int, groups: list[dict[str, Any]], blocks: Iterable[BlockCoverage]
) -> Coverage:
    mails = [group for group in groups if group["reason"] is None]
    shown: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    variants: Counter[str] = Counter()
    for group in groups:
        for what in group["shows"]:
            shown[what] += group["count"]
    for group in mails:
        variants[group["variant"]] += group["count"]
        sizes[group["variant"]] = max(sizes.get(group["variant"], 0), group["largest"])
    skipped: Counter[str] = Counter()
    for group in groups:
        skipped[group["reason"]] += group["count"] if group["reason"] else 0
    largest = max(mails, key=lambda group: group["largest"], default=None)
    counted = tuple(
        BlockCoverage(
            **{**asdict(block), "shown": shown[f"block|{block.block}|{block.slot}"]}
            | {"failed": shown[f"failed|{block.block}|{block.slot}"]}
        )
        for block in blocks
    )
    return Coverage(
        campaign=compiled.name,
        recipients=recipients,
        exact=True,
        blocks=counted,
        variants=dict(sorted(variants.items(), key=lambda pair: (-pair[1], pair[0]))),
        rendered=sum(group["count"] for group in mails),
        skipped={reason: count for reason, count in sorted(skipped.items(), key=str) if reason},
        fallback_mails=sum(group["count"] for group in mails if _rests(group["shows"], compiled)),
        fallbacks=_seen("fallback", shown),
        arms=_seen("arm", shown),
        largest_bytes=largest["largest"] if largest else None,
        largest_profile=largest["largest_profile"] if largest else None,
        largest_by_variant=sizes,
        review=_review(mails),
    )


def _rests(shows: Iterable[str], compiled: CompiledCampaign) -> bool:
    """Whether a slot shows a block that needs nothing though others stand before it."""
    for what in shows:
        kind, name, slot = what.split("|", 2)
        if kind == "block":
            blocks = compiled.all_slots[slot].blocks
            if blocks[0].name != name and compiled.block(slot, name).needs_nothing:
                return True
    return False


def _seen(kind: str, shown: Mapping[str, int]) -> tuple[Seen, ...]:
    found = []
    for key, count in sorted(shown.items()):
        if key.startswith(f"{kind}|"):
            what, where = key.removeprefix(f"{kind}|").rsplit("|", 1)
            found.append(Seen(what, where, count))
    return tuple(found)


def _review(mails: list[dict[str, Any]]) -> tuple[Pick, ...]:
    """Greedy set cover (Chvátal 1979: at most ln(n) + 1 times the fewest); ties go to the smaller id."""
    left = {what for group in mails for what in group["shows"] if not what.startswith("failed|")}
    picks = []
    while left:
        best = max(mails, key=lambda group: (len(left & set(group["shows"])), _reversed(group["profile_id"])))
        new = left & set(best["shows"])
        picks.append(Pick(best["profile_id"], tuple(sorted(new))))
        left -= new
    return tuple(picks)


def _reversed(text: str) -> tuple[int, ...]:
    return tuple(-ord(character) for character in text)


def _read(path: Path) -> list[dict[str, Any]] | None:
    try:
        groups: list[dict[str, Any]] = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return groups

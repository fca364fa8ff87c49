"""The whole trace of one profile: every candidate of every slot, and why it was or was not shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from mailwright.model.recommendation import Ask, Recommendation
from mailwright.model.trace import AskedList, Candidate, FallbackUse, Outcome, SlotTrace, Trace
from render.batch import arms_shown, row_columns, shown_lists
from render.compiled import CompiledBlock, CompiledCampaign, CompiledSlot
from render.context import RenderContext
from render.formats import locale_chain
from render.mail import Mail
from render.program import Program, program
from render.rows import mapping_row
from rules import EventView, RuleContext


def explain_row(compiled: CompiledCampaign, context: RenderContext, row: Mapping[str, Any]) -> Trace:
    """Render one profile's mail and say why it is as it is.

    ``row`` is one row of the frame with its blocks chosen, as ``Table.to_pylist()`` gives it.
    """
    made = mapping_row(row, row_columns(compiled), context.catalogue)
    arms = arms_shown(made, compiled) if compiled.experiments else {}
    compiled = compiled.edition(made)
    bound = program(compiled, context)
    mail = bound.mail(dict(made))
    events = context.events(row["profile_id"]) if context.events else EventView()
    segments = tuple(
        sorted(n.removeprefix("segment:") for n, v in row.items() if n.startswith("segment:") and v)
    )
    rules = RuleContext(now=context.now, segments=frozenset(segments), events=events)
    return Trace(
        message_id=mail.message_id,
        profile_id=row["profile_id"],
        campaign=context.campaign,
        occasion=context.occasion,
        fingerprint=context.fingerprint,
        now=context.now.astimezone(UTC).isoformat(),
        variant=mail.variant,
        segments=segments,
        slots=tuple(_slot(slot, bound, mail, made, row, rules) for slot in compiled.compiled_slots.values()),
        fallbacks=_fallbacks(mail, compiled),
        recommendations=_items(made["recommendations"]),
        asked=tuple(_asked(ask, compiled, mail, made, row) for ask in compiled.asks),
        recommendation_note=row.get("recommendation_note") or "",
        experiments=arms.get("experiments", {}),
        promoted=tuple(arms.get("promoted", ())),
        skip=str(mail.skip) if mail.skip else None,
        skip_detail=mail.detail,
    )


def _items(rows: Sequence[Mapping[str, Any]]) -> tuple[Recommendation, ...]:
    return tuple(
        Recommendation(item["item_id"], item["source"], item["score"], item["reason"] or "") for item in rows
    )


def _asked(
    ask: Ask, compiled: CompiledCampaign, mail: Mail, made: Mapping[str, Any], row: Mapping[str, Any]
) -> AskedList:
    items = _items(made.get(ask.column) or ())
    note = row.get(ask.note) or ""
    if len(items) < ask.n and not note:
        note = f"{len(items)} of {ask.n}: the mail shows the others in another list"
    return AskedList(ask.text, items, note, ask.column in shown_lists(compiled, mail))


def _fallbacks(mail: Mail, compiled: CompiledCampaign) -> tuple[FallbackUse, ...]:
    codes = {"html": compiled.html, "line": compiled.line}
    found: dict[FallbackUse, None] = {}
    for mode, number, shown in mail.uses:
        expression, segment = codes[mode].fallbacks[number]
        where = str(compiled.places[segment]) if segment < len(compiled.places) else ""
        found[FallbackUse(expression, str(shown), where)] = None
    return tuple(found)


def _slot(
    slot: CompiledSlot,
    bound: Program,
    mail: Mail,
    made: Mapping[str, Any],
    row: Mapping[str, Any],
    rules: RuleContext,
) -> SlotTrace:
    shown = mail.slots.get(slot.name)
    failed = {name: why for where, name, why in mail.failed if where == slot.name}
    candidates = []
    reached = True
    for block in slot.blocks:
        if not reached:
            candidates.append(Candidate(block.name, "not_reached", f"{shown} comes before it"))
            continue
        candidate = _candidate(block, bound, made, row, rules, failed.get(block.name), shown)
        candidates.append(candidate)
        reached = candidate.verdict != "chosen"
    reason = next((c.reason for c in candidates if c.verdict == "chosen"), "no block is left")
    if shown is None and slot.optional:
        reason = "no block fits, and the slot is optional"
    return SlotTrace(slot.name, shown, reason, tuple(candidates))


def _candidate(
    block: CompiledBlock,
    bound: Program,
    made: Mapping[str, Any],
    row: Mapping[str, Any],
    rules: RuleContext,
    failure: str | None,
    shown: str | None,
) -> Candidate:
    now = rules.now
    if (block.starts and now < block.starts) or (block.ends and now >= block.ends):
        when = f"shown from {block.starts or 'ever'} until {block.ends or 'ever'}"
        return Candidate(block.name, "dates", when)
    settings = bound.compiled.settings
    locale = bound.compiled.spec.locale or made.get("locale") or settings.locale
    if block.spec.locale and not {n.replace("-", "_") for n in block.spec.locale} & set(locale_chain(locale)):
        return Candidate(
            block.name, "locale", f"for {', '.join(block.spec.locale)}; this mail is in {locale}"
        )
    if (test := block.spec.experiment) is not None and made.get(f"experiment:{test.name}") != test.arm:
        arm = made.get(f"experiment:{test.name}")
        here = f"this profile is in {arm!r}" if arm else "this profile takes no part"
        return Candidate(block.name, "experiment", f"for the arm {test.arm!r} of {test.name!r}; {here}")
    outcomes: list[Outcome] = []
    for verdict, wanted in (("needs", block.needs), ("condition", (block.when,) if block.when else ())):
        for rule in wanted:
            outcome = rule.explain(row, rules)
            outcomes.append(outcome)
            if outcome.holds is not True:
                return Candidate(block.name, verdict, _why(outcome), tuple(outcomes))
    if failure is not None:
        return Candidate(block.name, "failed", failure, tuple(outcomes))
    if block.name != shown:
        return Candidate(block.name, "not_reached", "another block was chosen before it", tuple(outcomes))
    reason = "its condition holds" if outcomes else "it needs nothing"
    return Candidate(block.name, "chosen", reason, tuple(outcomes))


def _why(outcome: Outcome) -> str:
    if outcome.holds is None:
        return f"unknown: {', '.join(outcome.missing) or 'something'} is missing"
    return f"does not hold: {outcome.decided_by or outcome.rule}"

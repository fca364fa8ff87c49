"""Says in one sentence why a slot shows what it shows."""

from __future__ import annotations

from mailwright.model.trace import SlotTrace


def because(slot: SlotTrace) -> str:
    """ "because points >= 500 and tier = 'gold'", or the trace's own reason where no rule decided."""
    for candidate in slot.candidates:
        if candidate.verdict != "chosen":
            continue
        deciding = [outcome.decided_by or outcome.rule for outcome in candidate.outcomes if outcome.holds]
        if deciding:
            return "because " + " and ".join(deciding)
    return slot.reason

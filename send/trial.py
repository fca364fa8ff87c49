"""Test sends and seeds: the same mail to people who check it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from mailwright.model.identity import message_id
from mailwright.model.message import Address, Message

MARK = "[Test] "


def trial_sends(messages: Iterable[Message], to: Sequence[Address], *, occasion: str) -> Iterator[Message]:
    """Each message to each of the named addresses, marked in subject and headers as a test.

    They are mails of an occasion of their own, so that no recipient is thereby counted as served, and they
    carry no List-Unsubscribe: it would unsubscribe the profile whose mail is looked at.
    """
    for message in messages:
        kept = {n: v for n, v in message.headers.items() if not n.lower().startswith("list-unsubscribe")}
        for address in to:
            profile = f"test:{address.email}:{message.profile_id}"
            yield replace(
                message,
                message_id=message_id(message.campaign, profile, occasion),
                profile_id=profile,
                occasion=occasion,
                to=address,
                subject=MARK + message.subject,
                headers={**kept, "X-Mailwright-Test": "yes"},
                skeleton=None,
                leaves=(),
            )


def seeded(messages: Iterable[Message], seeds: Sequence[Address]) -> Iterator[Message]:
    """The messages, and a copy of the first for each seed address: what arrives there, arrives everywhere."""
    for i, message in enumerate(messages):
        if i == 0:
            for seed in seeds:
                profile = f"seed:{seed.email}"
                yield replace(
                    message,
                    message_id=message_id(message.campaign, profile, message.occasion),
                    profile_id=profile,
                    to=seed,
                )
        yield message

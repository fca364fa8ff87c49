"""What a workspace says of its people's data: who is the same person, how long it is kept, what must hold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mailwright.model.spec import Spec

Survivorship = Literal[
    "survivor",
    "first",
    "last",
    "longest",
    "most_frequent",
    "highest",
    "lowest",
    "union",
    "common",
    "any",
    "all",
]
"""Which value of several stays: the survivor's own (else the next known), that of the first or last row, the
longest text, the most frequent, the highest or lowest, all elements of the lists or only the common ones,
or for booleans whether any or all hold."""


class FuzzySpec(Spec):
    """Profiles that look alike. They are listed, and merged only where ``merge_at`` says from which score."""

    fields: tuple[str, ...] = Field(min_length=1)
    """Texts that are compared, put together; word order, case and accents do not count."""
    block: tuple[str, ...] = Field(min_length=1)
    """Attributes that must be equal for two profiles to be compared at all."""
    list_at: float = Field(default=90, gt=0, le=100)
    """Score (rapidfuzz's token_sort_ratio, 0 to 100) from which a pair is listed."""
    merge_at: float | None = Field(default=None, gt=0, le=100)


class IdentitySpec(Spec):
    """When two profiles are one person, and what stays of both."""

    keys: tuple[str, ...] = ()
    """Attributes; profiles with the same value in any of them are one. ``email`` is compared as a mailbox,
    ``phone`` by its digits, all others as text without case."""
    max_shared: int = Field(default=10, ge=2)
    """A value that more profiles share than this identifies nobody: a placeholder, a switchboard."""
    survivor: Literal["first", "last", "most_complete"] = "last"
    """Whose ``profile_id`` stays: by row, or by ``newest_by``; or whoever has most values."""
    newest_by: str | None = None
    """The timestamp or date that orders first and last; None: the order of the rows."""
    fields: dict[str, Survivorship] = Field(default_factory=dict)
    """Rules of single attributes. Others follow ``survivor``; but ``unsubscribed`` holds when ``any`` of them
    holds, and of ``consent`` only what is ``common`` to all that say something stays."""
    fuzzy: FuzzySpec | None = None


class RetentionSpec(Spec):
    """Days after which data is left out when read, and erased where Mailwright keeps it. None: for ever."""

    interactions_days: int | None = Field(default=None, ge=1, le=36_500)
    """Interactions older than this are not read."""
    inactive_profiles_days: int | None = Field(default=None, ge=1, le=36_500)
    """Profiles without any interaction for this long are not read."""
    registered: str | None = None
    """The attribute that says since when a profile is known; it counts like an interaction."""
    messages_days: int | None = Field(default=None, ge=1, le=36_500)
    """Stored mails and their replay data."""
    memberships_days: int | None = Field(default=None, ge=1, le=36_500)
    """Who was in which segment at earlier runs."""


class Expectation(Spec):
    """Something that must hold of one attribute over a whole source, checked after every read.

    Exactly one of the checks; ``at_least`` is the share of rows for which it must hold.
    """

    source: Literal["profiles", "items", "interactions"] = "profiles"
    attribute: str
    not_null: bool = False
    unique: bool = False
    matches: str | None = None
    """A regular expression (RE2) for the whole text."""
    between: tuple[float, float] | None = None
    among: tuple[str, ...] | None = None
    at_least: float = Field(default=1.0, ge=0, le=1)
    gate: bool = False
    """Whether a run is refused when it does not hold; otherwise it is reported."""

    @model_validator(mode="after")
    def _one_check(self) -> Expectation:
        given = [self.not_null, self.unique, self.matches is not None, self.between is not None]
        if sum([*given, self.among is not None]) != 1:
            raise ValueError("one of not_null, unique, matches, between, among")
        return self

"""Who of all profiles gets a campaign's mail, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audience.order import times_there
from mailwright.model.message import SkipReason

Mask = npt.NDArray[np.bool_]

_WORDS = ("", *(str(reason) for reason in SkipReason))


@dataclass(frozen=True)
class Admission:
    """Who gets the mail, and why the others do not."""

    codes: npt.NDArray[np.int8]
    """Of each profile 0 for a recipient, else the place of the reason in ``SkipReason``, from 1."""

    @cached_property
    def admitted(self) -> Mask:
        """Who gets the mail."""
        here: Mask = self.codes == 0
        return here

    @cached_property
    def reasons(self) -> npt.NDArray[np.str_]:
        """Why each profile gets no mail; the empty string for a recipient."""
        return np.array(_WORDS)[self.codes]

    @property
    def skipped(self) -> Mapping[str, int]:
        """Reason → number of profiles, in the order in which the reasons are looked at."""
        counts = np.bincount(self.codes, minlength=len(_WORDS)).tolist()
        return {word: count for word, count in zip(_WORDS[1:], counts[1:], strict=True) if count}


def admit(
    profiles: pa.Table,
    in_audience: pa.ChunkedArray,
    *,
    purpose: str | None,
    held_out: Mask | None = None,
    awaiting: Mask | None = None,
) -> Admission:
    """Decide for each profile whether it gets the mail; the first reason of ``SkipReason`` that applies wins.

    ``in_audience`` is the audience rule's nullable column: unknown does not hold. ``held_out`` are those
    whom an experiment keeps back, ``awaiting`` those who wait for its winner. Of several profiles with one
    address the one that was seen last gets the mail (then the smaller id), and whether it is held out is
    decided for the whole mailbox: the mail that a person at a held-out address got by another of its profiles
    would make the effect look smaller than it is.
    """
    codes = np.zeros(profiles.num_rows, dtype=np.int8)

    def skip(reason: SkipReason, where: Mask) -> None:
        codes[where & (codes == 0)] = _WORDS.index(reason)

    skip(SkipReason.NOT_IN_AUDIENCE, ~_mask(in_audience))
    no_email = _mask(pc.is_null(profiles["email"]))
    skip(SkipReason.NO_ADDRESS, no_email & _mask(pc.equal(profiles["email_problem"], "no_address")))
    skip(SkipReason.INVALID_ADDRESS, no_email)
    skip(SkipReason.UNSUBSCRIBED, _mask(profiles["unsubscribed"]))
    if purpose is not None:
        skip(SkipReason.NO_CONSENT, ~_agreed(profiles["consent"], purpose))
    skip(SkipReason.DUPLICATE_ADDRESS, _duplicates(profiles, codes == 0))
    if held_out is not None:
        skip(SkipReason.HOLDOUT, held_out)
    if awaiting is not None and len(awaiting):
        skip(SkipReason.AWAITING_WINNER, awaiting)
    return Admission(codes)


def _mask(column: pa.ChunkedArray) -> Mask:
    mask: Mask = pc.fill_null(column, False).to_numpy().astype(bool)
    return mask


def _agreed(consent: pa.ChunkedArray, purpose: str) -> Mask:
    """Whether the list of each row holds the purpose."""
    agreed = np.zeros(len(consent), dtype=bool)
    consent = consent.combine_chunks()
    hits = pc.equal(pc.list_flatten(consent), purpose)
    agreed[pc.list_parent_indices(consent).filter(pc.fill_null(hits, False)).to_numpy()] = True
    return agreed


def _duplicates(profiles: pa.Table, candidates: Mask) -> Mask:
    """The candidates whose address another candidate has too, but for the one that keeps it."""
    rows = np.flatnonzero(candidates)
    keys = profiles["email_key"].filter(pa.array(candidates))
    rows = rows[times_there(keys) > 1]
    frame = profiles.select(["profile_id", "email_key", "last_seen_at"]).take(rows).to_pandas()
    frame["row"] = rows
    ordered = frame.sort_values(["last_seen_at", "profile_id"], ascending=[False, True], na_position="last")
    extra = np.zeros(profiles.num_rows, dtype=bool)
    extra[ordered.loc[ordered.duplicated("email_key"), "row"].to_numpy()] = True
    return extra

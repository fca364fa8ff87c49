"""What every tier reads: the model, the catalogue and the histories, their rows brought together once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import scipy

from audience.order import flat
from mailwright.errors import DataError
from mailwright.model.workspace import RecommendSpec
from recommend.arrays import F64, I64, rows_of
from recommend.catalogue import Catalogue, read_catalogue
from recommend.exclusions import Exclusions, bought_before, gather_exclusions
from recommend.foldin import Fold, Folding, fold_met, fold_rated
from recommend.model import Model
from recommend.ratings import Events, Pairs, asked_about, faded, gather_pairs, read_events, take_profiles
from recommend.training import last_event
from recommend.words import word_vectors


@dataclass(frozen=True)
class Context:
    """One call's world. *Rows* are rows of ``profiles``, *items* rows of the catalogue, *columns* rows of
    ``candidates``: the items that anybody may be recommended, which are all that is ever scored."""

    model: Model
    spec: RecommendSpec
    now: datetime
    profiles: pa.Table
    segments: pa.Table | None
    catalogue: Catalogue
    events: Events
    everyone: Pairs
    """Of all profiles that have events, in the order of ``events.profile_ids``."""
    pairs: Pairs
    """Of ``profiles``, row for row."""
    event_row: I64
    """Of each row its row of ``events.profile_ids``, -1 where it has no event."""
    candidates: I64
    last_shown: pa.Table | None = None
    """``profile_id``, ``item_id`` of what the last mail showed."""
    asked: Pairs | None = None
    """What each row asks about, where a strategy is asked about something."""

    @cached_property
    def column(self) -> I64:
        """Of each item its column, -1 where it is not a candidate."""
        columns = np.full(self.catalogue.size, -1, np.int64)
        columns[self.candidates] = np.arange(len(self.candidates))
        return columns

    @cached_property
    def model_item(self) -> I64:
        """Of each item its row in the model, -1 where the model does not know it."""
        return rows_of(self.catalogue.ids, self.model.item_ids)

    @cached_property
    def popularity(self) -> F64:
        """Of each item how much it is wanted now: weight of each profile's interest, halved with age."""
        fade = np.exp2(-self.everyone.age / self.spec.popularity_half_life_days)
        return np.bincount(
            self.everyone.item, self.everyone.weight * fade, minlength=self.catalogue.size
        ).astype(np.float64)

    @cached_property
    def popular(self) -> F64:
        """Of each column its log popularity, standardised over the candidates."""
        wanted = np.log1p(self.popularity[self.candidates])
        spread = wanted.std() if len(wanted) else 0.0
        standard: F64 = (wanted - wanted.mean()) / spread if spread > 0 else np.zeros(len(wanted))
        return standard

    @cached_property
    def history(self) -> scipy.sparse.csr_matrix:
        """Rows × items: how strongly each profile is drawn to what it met.

        Without the quantity: how many were bought says how sure a liking is, not what else is liked.
        """
        return self.matrix(self.pairs, self.pairs.weight * faded(self.pairs.age, self.spec))

    @cached_property
    def neighbours(self) -> scipy.sparse.csr_matrix:
        """Items × items of the catalogue: the model's similarity, rows and columns put where they are now."""
        place = scipy.sparse.csr_matrix(
            (np.ones(int((self.model_item >= 0).sum())), _known(self.model_item)),
            shape=(self.catalogue.size, len(self.model.item_ids)),
        )
        return scipy.sparse.csr_matrix(place @ self.model.neighbours @ place.T)

    @cached_property
    def words(self) -> scipy.sparse.csr_matrix:
        """Items × words, rows of unit length."""
        return word_vectors(self.catalogue)

    @cached_property
    def model_row(self) -> I64:
        """Of each row its row in the model, -1 where it is new or has changed since training."""
        model, known = self.model, rows_of(self.profiles["profile_id"], self.model.profile_ids)
        same = np.flatnonzero((known >= 0) & (self.event_row >= 0))
        event, trained = self.event_row[same], known[same]
        count = np.bincount(self.events.profile, minlength=len(self.events.profile_ids))
        unchanged = model.seen_events[trained] == count[event]
        unchanged &= model.seen_last[trained] == last_event(self.events)[event]
        found = np.full(len(known), -1, np.int64)
        found[same[unchanged]] = trained[unchanged]
        return found

    def factors(self, rows: I64) -> F64:
        """float64[len(rows), factors]: the trained ones, or folded in where ``model_row`` has none."""
        model, trained = self.model, self.model_row[rows]
        found = np.zeros((len(rows), model.item_factors.shape[1]))
        known = trained >= 0
        found[known] = model.profile_factors[trained[known]]
        if not known.all():
            found[~known] = self._fold(rows[~known])
        return found

    @cached_property
    def _fold(self) -> Fold:
        model, spec = self.model, self.spec
        crowd = np.asarray(model.crowd)
        to = Folding(np.asarray(model.item_factors), self.model_item, spec.half_life_days, crowd)
        if spec.rating is not None:
            return fold_rated(self.pairs, to, np.asarray(model.item_bias), model.info.mean)
        return fold_met(self.pairs, to, model.info.typical_weight)

    @cached_property
    def exclusions(self) -> Exclusions:
        """What each row must not be shown."""
        found = [("bought before", *bought_before(self.pairs, self.catalogue, self.spec))]
        if self.last_shown is not None:
            row = rows_of(self.last_shown["profile_id"], self.profiles["profile_id"])
            item = rows_of(self.last_shown["item_id"], self.catalogue.ids)
            found.append(("shown in the last mail", row[item >= 0], item[item >= 0]))
        if self.asked is not None:
            found.append(("asked about", self.asked.profile, self.asked.item))
        return gather_exclusions(self.profiles.num_rows, self.column, found)

    @property
    def seeds(self) -> Pairs:
        """The items that a strategy starts from: those asked about, else those met."""
        return self.pairs if self.asked is None else self.asked

    def asking(self, asked: Pairs | None) -> Context:
        """The same world asked about other items; what was computed of it is kept."""
        other = replace(self, asked=asked)
        kept = {name: value for name, value in self.__dict__.items() if name != "exclusions"}
        other.__dict__.update({**kept, "asked": asked})
        return other

    def matrix(self, pairs: Pairs, values: F64) -> scipy.sparse.csr_matrix:
        """Rows × items of some pairs."""
        shape = (self.profiles.num_rows, self.catalogue.size)
        return scipy.sparse.csr_matrix((values, pairs.item, pairs.start), shape=shape)


def _known(rows: I64) -> tuple[I64, I64]:
    known = np.flatnonzero(rows >= 0)
    return known, rows[known]


def read_context(
    model: Model,
    profiles: pa.Table,
    interactions: pa.Table,
    items: pa.Table,
    spec: RecommendSpec,
    now: datetime,
    *,
    segments: pa.Table | None = None,
    last_shown: pa.Table | None = None,
    to: Sequence[Sequence[str]] | pa.ListArray | None = None,
) -> Context:
    """The tables of one call as arrays that fit each other.

    Raises DataError when ``segments`` or ``to`` do not have a row for each profile.
    """
    for name, rows in (("segments", segments), ("to", to)):
        if rows is not None and len(rows) != profiles.num_rows:
            raise DataError(
                f"{name} has {len(rows)} rows for {profiles.num_rows} profiles",
                fix=f"give {name} row for row with the profiles",
            )
    catalogue = read_catalogue(items, spec)
    events = read_events(interactions, items["item_id"], spec, now)
    everyone = gather_pairs(events, catalogue.size)
    event_row = rows_of(flat(profiles["profile_id"]), events.profile_ids)
    return Context(
        model=model,
        spec=spec,
        now=now,
        profiles=profiles,
        segments=segments,
        catalogue=catalogue,
        events=events,
        everyone=everyone,
        pairs=take_profiles(everyone, event_row),
        event_row=event_row,
        candidates=np.flatnonzero(catalogue.allowed),
        last_shown=last_shown,
        asked=None if to is None else asked_about(to, catalogue.ids),
    )

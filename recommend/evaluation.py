"""How well the chain recommends, judged on what happened next: trained up to a day, tried on those after.

Judged are profiles with something to find in the window: purchases of items not bought before (all purchases
where repeats are recommended), or any event that says something of taste in a shop without purchases. Stock
is taken as full, since what was out of stock then is not known; segments group the results and nothing else,
since they are as of now and would tell the chain the future.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy

from audience.order import flat
from mailwright.errors import DataError
from mailwright.model.workspace import RecommendSpec
from recommend.arrays import F64, Mask, rows_of
from recommend.chain import fill
from recommend.context import Context, read_context
from recommend.metrics import Judged, Metrics, judge, summarise
from recommend.model import Model
from recommend.ratings import gather_pairs, read_events
from recommend.recommendations import Recommendations
from recommend.tiers import open_tiers, popular
from recommend.training import train

WINDOW_DAYS = 28
RESAMPLES = 1_000
"""Bootstrap samples behind an interval."""


@dataclass(frozen=True)
class Verdict:
    """Whether one evaluation beats another, both over the same window."""

    promote: bool
    difference: float
    """Mean nDCG difference over the profiles that both judge."""
    low: float
    high: float
    """95 % interval of the difference: paired bootstrap over profiles."""
    why: str


@dataclass(frozen=True)
class Evaluation:
    """Figures at ``n`` items over the window ``cut`` to ``end``, each beside popularity's."""

    n: int
    cut: str
    end: str
    fingerprint: str
    """Of the model that was judged."""
    overall: Metrics
    popularity: Metrics
    cold: Metrics
    """Profiles with fewer items than ``min_interactions`` at the cut."""
    cold_popularity: Metrics
    segments: dict[str, tuple[Metrics, Metrics]]
    """By segment: the chain's and popularity's."""
    sources: dict[str, int]
    """Items shown by source."""
    profile_ids: tuple[str, ...]
    """The judged profiles, and row for row their nDCG."""
    ndcg: F64

    def verdict(self, in_place: Evaluation | None, *, same_recipe: bool = False, seed: int = 0) -> Verdict:
        """Whether the model judged here may replace the one judged there.

        It may when it ranks better than the one in place and no worse than popularity. One of the
        ``same_recipe`` is that model brought up to date with newer data: it has only itself to compare with.
        Raises DataError for different windows.
        """
        if in_place is None:
            better = self.overall.ndcg >= self.popularity.ndcg
            why = (
                f"nDCG@{self.n} {self.overall.ndcg:.4f}, popularity {self.popularity.ndcg:.4f}, none in place"
            )
            return Verdict(better, 0.0, 0.0, 0.0, why)
        if (self.cut, self.end, self.n) != (in_place.cut, in_place.end, in_place.n):
            raise DataError("two models can only be compared over the same window and number of items")
        theirs = dict(zip(in_place.profile_ids, in_place.ndcg.tolist(), strict=True))
        shared = [row for row, one in enumerate(self.profile_ids) if one in theirs]
        gain = np.array([self.ndcg[row] - theirs[self.profile_ids[row]] for row in shared])
        low, high = _interval(gain, seed)
        difference = float(gain.mean()) if len(gain) else 0.0
        why = (
            f"nDCG@{self.n} {self.overall.ndcg:.4f} against {in_place.overall.ndcg:.4f} in place "
            f"({difference:+.4f}, 95 % {low:+.4f} to {high:+.4f}), popularity {self.popularity.ndcg:.4f}"
        )
        better = (difference > 0 or same_recipe) and self.overall.ndcg >= self.popularity.ndcg
        return Verdict(better, difference, low, high, why)


def evaluate(
    profiles: pa.Table,
    interactions: pa.Table,
    items: pa.Table,
    spec: RecommendSpec,
    *,
    now: datetime,
    seed: int,
    n: int = 10,
    window_days: int = WINDOW_DAYS,
    model: Model | None = None,
    segments: pa.Table | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Train up to ``window_days`` before ``now`` and judge on what came after.

    ``model`` is judged in place of a newly trained one; it must not have seen the window. Raises DataError
    when it has, or when nothing happened in the window.
    """
    cut = now - timedelta(days=window_days)
    if model is not None and datetime.fromisoformat(model.info.trained_at) > cut:
        raise DataError(
            f"the model was trained at {model.info.trained_at}, inside the window that it would be judged on",
            fix="judge its recipe instead: train with the same parameters up to the cut",
        )
    items = all_in_stock(items)
    past = before(interactions, cut)
    if model is None:
        model = train(past, items, spec, now=cut, seed=seed, progress=progress)
    context = read_context(model, profiles, past, items, spec, cut)
    relevant = wanted(context, interactions, items, now)
    chain = fill(context, open_tiers(context), n=n)
    plain = fill(context, (popular.open_tier(context),), n=n)
    share = np.bincount(context.everyone.item, minlength=items.num_rows) / max(len(context.event_row), 1)
    return _evaluation(context, model, relevant, chain, plain, share, segments, n, now)


def wanted(
    context: Context, interactions: pa.Table, items: pa.Table, now: datetime
) -> scipy.sparse.csr_matrix:
    """Profiles × items: what each profile went for after the context's time, and could be shown."""
    later = interactions.filter(pc.greater(flat(interactions["at"]), pa.scalar(context.now)))
    events = read_events(later, items["item_id"], context.spec, now)
    pairs = gather_pairs(events, items.num_rows)
    row = rows_of(events.profile_ids, context.profiles["profile_id"])[pairs.profile]
    keep: Mask = (row >= 0) & (pairs.bought if pairs.bought.any() else np.ones(len(row), bool))
    shape = (context.profiles.num_rows, items.num_rows)
    found = scipy.sparse.csr_matrix((np.ones(int(keep.sum())), (row[keep], pairs.item[keep])), shape=shape)
    start, column = context.exclusions.start, context.exclusions.column
    barred = scipy.sparse.csr_matrix((np.ones(len(column)), context.candidates[column], start), shape=shape)
    found = scipy.sparse.csr_matrix(found - found.multiply(barred))
    found.eliminate_zeros()
    if not found.nnz:
        raise DataError(
            f"nothing happened between {context.now:%Y-%m-%d} and {now:%Y-%m-%d} to judge by",
            fix="take a longer window",
        )
    return found


def before(interactions: pa.Table, cut: datetime) -> pa.Table:
    """The interactions up to a time."""
    return interactions.filter(pc.less_equal(flat(interactions["at"]), pa.scalar(cut)))


def all_in_stock(items: pa.Table) -> pa.Table:
    """The catalogue with everything in stock."""
    return items.drop_columns(["in_stock"]) if "in_stock" in items.column_names else items


def _evaluation(
    context: Context,
    model: Model,
    relevant: scipy.sparse.csr_matrix,
    chain: Recommendations,
    plain: Recommendations,
    share: F64,
    segments: pa.Table | None,
    n: int,
    now: datetime,
) -> Evaluation:
    judged = (judge(chain.items, relevant), judge(plain.items, relevant))

    def both(inside: Mask) -> tuple[Metrics, Metrics]:
        ours, theirs = (
            summarise(_among(one, inside), found.items[inside], share)
            for one, found in zip(judged, (chain, plain), strict=True)
        )
        return ours, theirs

    everybody = np.ones(context.profiles.num_rows, bool)
    overall, cold = both(everybody), both(context.pairs.count < context.spec.min_interactions)
    ids = flat(context.profiles["profile_id"]).take(pa.array(judged[0].rows)).to_pylist()
    return Evaluation(
        n=n,
        cut=context.now.isoformat(),
        end=now.isoformat(),
        fingerprint=model.fingerprint,
        overall=overall[0],
        popularity=overall[1],
        cold=cold[0],
        cold_popularity=cold[1],
        segments={name: both(inside) for name, inside in _groups(segments).items()},
        sources=chain.source_counts(),
        profile_ids=tuple(ids),
        ndcg=judged[0].ndcg,
    )


def _groups(segments: pa.Table | None) -> dict[str, Mask]:
    if segments is None:
        return {}
    return {
        name.removeprefix("segment:"): flat(segments[name])
        .fill_null(False)
        .to_numpy(zero_copy_only=False)
        .astype(bool)
        for name in segments.column_names
        if name.startswith("segment:")
    }


def _among(judged: Judged, inside: Mask) -> Judged:
    keep = inside[judged.rows]
    return Judged(
        judged.rows[keep], judged.ndcg[keep], judged.recall[keep], judged.precision[keep], judged.hit[keep]
    )


def _interval(gain: F64, seed: int) -> tuple[float, float]:
    if not len(gain):
        return 0.0, 0.0
    draws = np.random.default_rng(seed).integers(len(gain), size=(RESAMPLES, len(gain)))
    low, high = np.quantile(gain[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)

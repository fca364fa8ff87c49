"""Training: interactions to ratings, ratings to a fitted Surprise algorithm, that to plain arrays."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from audience.order import flat
from mailwright.errors import DataError
from mailwright.model.workspace import RecommendSpec
from recommend.arrays import F64, I64, NEVER, rows_of
from recommend.model import Model, ModelInfo
from recommend.neighbours import find_neighbours
from recommend.ratings import Events, Pairs, gather_pairs, read_events
from recommend.storage import model_arrays, model_fingerprint
from recommend.svd import Start

if TYPE_CHECKING:
    from recommend.algorithms import Fitted

Progress = Callable[[int, int], None]
"""``progress(done, total)``."""


def train(
    interactions: pa.Table,
    items: pa.Table,
    spec: RecommendSpec,
    *,
    now: datetime,
    seed: int,
    tuning: dict[str, Any] | None = None,
    start: Model | None = None,
    progress: Progress | None = None,
) -> Model:
    """A model of who likes what, learned from the interactions up to ``now``.

    The same interactions, items, spec, now and seed give the same model, to the last bit, in any process.
    Interactions that cannot be used are dropped and counted in ``Model.info.dropped``. With no usable
    interaction at all the model knows nobody, and recommendations come from the tiers below it. Raises
    DataError when the catalogue is empty. ``tuning`` is written down with the model (``Tuning.summary``).

    ``start`` is a model to go on from (yesterday's): a third of the epochs are enough then. Raises DataError
    when it cannot be gone on from.
    """
    from recommend.algorithms import fit_algorithm, mean_weight  # bring Surprise, which only training needs

    began = time.perf_counter()
    if not items.num_rows:
        raise DataError("the catalogue is empty: there is nothing to recommend", fix="check the items file")
    events = read_events(interactions, items["item_id"], spec, now)
    pairs = gather_pairs(events, items.num_rows)
    warm = None if start is None else _start(start, events, flat(items["item_id"]), spec)
    fitted = fit_algorithm(pairs, items.num_rows, spec, seed=seed, start=warm, progress=progress)
    info = ModelInfo(
        trained_at=now.isoformat(),
        algorithm=spec.algorithm,
        parameters=_parameters(spec),
        seed=seed,
        profiles=len(events.profile_ids),
        items=items.num_rows,
        pairs=len(pairs.item),
        dropped=events.dropped,
        typical_weight=mean_weight(pairs),
        mean=fitted.mean,
        tuning=tuning,
        started_from=None if start is None else start.fingerprint,
    )
    model = _model(events, pairs, fitted, info, flat(items["item_id"]))
    print_ = model_fingerprint(model_arrays(model), info)
    return replace(model, fingerprint=print_, seconds=time.perf_counter() - began)


def _model(events: Events, pairs: Pairs, fitted: Fitted, info: ModelInfo, item_ids: Any) -> Model:
    near = fitted.neighbours
    if near is None:
        near = find_neighbours(pairs, len(item_ids), weights=pairs.weight)
    return Model(
        profile_ids=events.profile_ids,
        item_ids=item_ids,
        profile_factors=fitted.profile_factors,
        item_factors=fitted.item_factors,
        profile_bias=fitted.profile_bias,
        item_bias=fitted.item_bias,
        crowd=np.zeros(fitted.item_factors.shape[1]) if fitted.crowd is None else fitted.crowd,
        seen_events=np.bincount(events.profile, minlength=len(events.profile_ids)).astype(np.int64),
        seen_last=last_event(events),
        neighbour_start=near.indptr.astype(np.int64),
        neighbour_item=near.indices.astype(np.int64),
        neighbour_weight=near.data.astype(np.float64),
        info=info,
        fingerprint="",
        seconds=0.0,
    )


def _start(model: Model, events: Events, item_ids: Any, spec: RecommendSpec) -> Start:
    """The factors of a model in the rows of these profiles and items, NaN where it does not know one."""
    width = model.item_factors.shape[1]
    if spec.algorithm != "svd" or spec.rating is not None or model.info.algorithm != "svd":
        raise DataError(
            "only svd without explicit ratings goes on from a model", fix="train without a warm start"
        )
    if width != spec.factors:
        fix = f"set recommend.factors: {width}, or train without a warm start"
        raise DataError(f"the model to go on from has {width} factors, not {spec.factors}", fix=fix)

    def known(rows: I64, factors: F64) -> F64:
        found = np.full((len(rows), width), np.nan)
        found[rows >= 0] = factors[rows[rows >= 0]]
        return found

    return Start(
        known(rows_of(events.profile_ids, model.profile_ids), model.profile_factors),
        known(rows_of(item_ids, model.item_ids), model.item_factors),
    )


def last_event(events: Events) -> I64:
    """When each profile's last usable event was, in microseconds since 1970."""
    last = np.full(len(events.profile_ids), NEVER)
    np.maximum.at(last, events.profile, events.at)
    return last


def _parameters(spec: RecommendSpec) -> dict[str, Any]:
    names = ("algorithm", "factors", "epochs", "negatives", "weights", "half_life_days", "rating")
    return {name: value for name, value in spec.model_dump(mode="json").items() if name in names}

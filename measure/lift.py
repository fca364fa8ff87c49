"""What the mail did: those who got it against those who were held back, and not only arm against arm."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from measure.rates import Sample, mean_difference, rate_difference


@dataclass(frozen=True, slots=True)
class Lift:
    """Profiles that got the mail (``mailed``) against profiles held out: who ordered in the window, and for
    how much. Orders count whoever has their credit; intervals are at 95 %, looked at once."""

    mailed: int
    held_out: int
    mailed_buyers: int
    held_out_buyers: int
    rate_difference: float
    rate_low: float
    rate_high: float
    rate_p: float
    mailed_revenue: float
    held_out_revenue: float
    revenue_difference: float
    """Money per profile."""
    revenue_low: float
    revenue_high: float
    revenue_p: float

    @property
    def extra_buyers(self) -> float:
        """Profiles that ordered because of the mail."""
        return self.rate_difference * self.mailed

    @property
    def extra_revenue(self) -> float:
        return self.revenue_difference * self.mailed


def lift_of(connection: duckdb.DuckDBPyConnection, alpha: float = 0.05) -> Lift | None:
    """Compare the scope's mailed profiles with its held-out ones; None when nobody was held out.

    Mailed are all to whom the mail was to go, also where it bounced: of those held out nobody knows who
    would have. A profile that was mailed once and held out another time is left out.
    """
    rows = connection.sql("""
        SELECT held_out, count(*), count(*) FILTER (bought), sum(spent) / 1e4, sum(spent * spent) / 1e8
        FROM (SELECT profile_id, bool_or(held_out) AS held_out, bool_or(bought) AS bought, sum(spent) AS spent
              FROM facts GROUP BY profile_id HAVING bool_or(held_out) = bool_and(held_out))
        GROUP BY held_out
    """).fetchall()
    by = {bool(row[0]): row[1:] for row in rows}
    if True not in by:
        return None
    mailed, held = by.get(False, (0, 0, 0.0, 0.0)), by[True]
    rates = rate_difference(held[1], held[0], mailed[1], mailed[0], alpha)
    money = mean_difference(
        Sample.of(held[0], held[2], held[3]), Sample.of(mailed[0], mailed[2], mailed[3]), alpha
    )
    return Lift(
        mailed=mailed[0],
        held_out=held[0],
        mailed_buyers=mailed[1],
        held_out_buyers=held[1],
        **{f"rate_{key}": float(getattr(rates, key)) for key in ("low", "high", "p")},
        rate_difference=float(rates.value),
        mailed_revenue=float(mailed[2]),
        held_out_revenue=float(held[2]),
        revenue_difference=float(money.value),
        **{f"revenue_{key}": float(getattr(money, key)) for key in ("low", "high", "p")},
    )

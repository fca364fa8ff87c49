"""What became of each message: webhooks and orders joined to the mails, in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from typing import Literal

import duckdb
import pyarrow as pa

from mailwright.errors import DataError, UsageError
from mailwright.model.schema import PURCHASED
from measure.schema import (
    ITEMS_TABLE,
    MESSAGES_TABLE,
    ORDERS_TABLE,
    OUTCOMES_TABLE,
    SENT,
    Frame,
    register,
)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Which mail an order counts for: by default the last one sent to its profile in the week before."""

    window: timedelta = timedelta(days=7)
    """From the touch; an order at its very end is outside."""
    credit: Literal["last_touch", "first_touch"] = "last_touch"
    touch: Literal["sent", "opened", "clicked"] = "sent"
    """From when on a mail may claim an order. ``opened`` includes clicks; machine opens never count."""
    events: tuple[str, ...] = (PURCHASED,)
    """The interactions that are orders."""
    machine_seconds: float = 2.0
    """An open or click sooner after delivery than a person can read is a machine's, whoever reported it."""
    clock_tolerance: timedelta = timedelta(minutes=5)
    """How much earlier than its send an event may seem to be because two clocks differ."""


@dataclass(frozen=True)
class Question:
    """The tables, the part of them that is asked about, and the rule. ``None``: all campaigns, all occasions.

    Messages of other campaigns belong in the table too: an order after a later mail is that mail's.
    """

    messages: Frame
    outcomes: Frame | None
    orders: Frame | None
    now: datetime
    campaign: str | None = None
    occasion: str | None = None
    items: Frame | None = None
    attribution: Attribution = Attribution()


@contextmanager
def facts_of(question: Question) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which ``facts`` holds one row a message of the question's scope.

    Raises DataError when the tables are not what ``measure.schema`` says.
    """
    if question.now.tzinfo is None:
        raise UsageError("`now` has no time zone", fix="pass an aware datetime in UTC")
    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")  # it would stand on stdout, beside the JSON
        for frame, spec in (
            (question.messages, MESSAGES_TABLE),
            (question.outcomes, OUTCOMES_TABLE),
            (question.orders, ORDERS_TABLE),
            (question.items, ITEMS_TABLE),
        ):
            register(connection, frame, spec)
        _set_variables(connection, question)
        # The planner would hash the messages, lists and all, because they are fewer than the webhooks.
        connection.execute("SET disabled_optimizers = 'build_side_probe_side'")
        connection.execute(_sql("facts.sql"))
        connection.execute("SET disabled_optimizers = ''")
        _one_row_a_message(connection)
        reports = "SELECT count(*) > 0 FROM evidence WHERE delivered_at IS NOT NULL"
        connection.execute(f"SET VARIABLE reports_delivery = ({reports})")
        connection.execute(_sql("orders.sql"))
        yield connection
    except duckdb.Error as error:
        raise DataError(f"the messages or their outcomes cannot be measured: {error}") from error
    finally:
        connection.close()


def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The single number that a query comes to; 0 for none."""
    rows = connection.execute(query).fetchall()  # all of them: an unfinished result blocks the connection
    return int(rows[0][0] or 0)


def _set_variables(connection: duckdb.DuckDBPyConnection, question: Question) -> None:
    rule = question.attribution
    values: dict[str, object] = {
        "now_at": round(question.now.timestamp() * 1_000_000),
        "tolerance_us": _microseconds(rule.clock_tolerance),
        "machine_us": round(rule.machine_seconds * 1_000_000),
        "window_us": _microseconds(rule.window),
        "touch": rule.touch,
        "credit": rule.credit,
        "campaign": question.campaign,
        "occasion": question.occasion,
    }
    for name, value in values.items():
        connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
    connection.register("sent_states", pa.table({"status": list(SENT)}))
    connection.register("order_events", pa.table({"event": pa.array(rule.events, pa.string())}))


def _one_row_a_message(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep the latest row of a message that stands in the table twice; the others are counted as repeats."""
    repeats = count(connection, "SELECT count(*) - count(DISTINCT message_id) FROM mails")
    connection.execute(f"CREATE TEMP TABLE repeats AS SELECT {repeats} AS rows")
    if repeats:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE mails AS SELECT * FROM mails"
            ' QUALIFY row_number() OVER (PARTITION BY message_id ORDER BY "at" DESC) = 1'
        )


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _sql(name: str) -> str:
    return resources.files("measure").joinpath(name).read_text(encoding="utf-8")

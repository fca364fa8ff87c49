"""``mailwright results``: what came of a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailwright.cli.console import (
    CampaignArgument,
    JsonOption,
    NowOption,
    Session,
    WorkspaceOption,
    clock,
)
from mailwright.results import campaign_results
from mailwright.workspace import open_workspace
from measure import export_results
from measure.export import as_json

SHOWN = ("segment", "source")
"""Dimensions of the table; --json and --out have them all."""

OVER_TIME = {"all": "everyone", "segment": "segment", "block": "block"}
"""Dimensions of the table by periods, and how it calls them."""
COLUMNS = 8
"""Periods shown, the last ones."""
LINES = 10
"""Rows shown of a dimension there."""

FIGURES = ("sent", "delivered", "opened", "clicked", "converted")


def register(app: typer.Typer) -> None:
    app.command("results")(results)


def results(
    campaign: CampaignArgument,
    occasion: Annotated[str | None, typer.Option("--occasion", help="Only this occasion.")] = None,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Of what --stub-esp took.")] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Make up opens, clicks and orders, and say so.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write Parquet, CSV and JSON there.")
    ] = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Draw pictures (PNG) there.")
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(
            "--every", metavar="DAYS", min=1, help="Days of a period; else days or weeks, as suits."
        ),
    ] = None,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """What was delivered, opened, clicked and bought: per segment, block, source, link, arm, over time."""
    with Session(json) as session:
        space = open_workspace(workspace)
        with session.stages("measure"):
            found = campaign_results(
                space,
                campaign,
                now=clock(now, space.spec),
                occasion=occasion,
                rehearsal=rehearsal,
                simulate=simulate,
                days=every,
            )
        data = as_json(found)
        files = export_results(found, out) if out is not None else ()
        if plots is not None:
            from measure.plots import plot_results  # brings matplotlib, for who wants pictures

            with session.stages("draw"):
                files += plot_results(found, plots)
        if files:
            data["files"] = [str(path) for path in files]
        session.finish(data, lambda console: _show(console, data))


def _show(console: Console, data: dict[str, Any]) -> None:
    title = f"Results of {data['campaign']}" + (" (SIMULATED)" if data["simulated"] else "")
    table = Table("", *FIGURES, "revenue", title=title, title_justify="left")
    _row(table, "everyone", data["totals"])
    for dimension in SHOWN:
        table.add_section()
        for row in data["breakdown"].get(dimension, ()):
            _row(table, row["value"].replace("_", " "), row)
    console.print(table)
    if (periods := _periods(data["over_time"])) is not None:
        console.print(periods)
    for experiment in data["experiments"]:
        _experiment(console, experiment, data["simulated"])
    if data["lift"] is not None:
        console.print(_lift(data["lift"]), markup=False)
    for note in data["notes"]:
        console.print(f"note: {note}", markup=False)


def _periods(over_time: dict[str, Any]) -> Table | None:
    """The click rate of everyone, segments and blocks by day or week of sending; None for a single one."""
    found = sorted({row["period"] for row in over_time["rows"].get("all", ())})
    shown = found[-COLUMNS:]
    if len(found) < 2:
        return None
    days = over_time["days"]
    name = {1: "day", 7: "week"}.get(days, f"{days} days")
    table = Table("", *shown, title=f"Clicked, of the delivered, by {name} of sending", title_justify="left")
    for dimension, label in OVER_TIME.items():
        table.add_section()
        rates: dict[str, dict[str, float | None]] = {}
        for row in over_time["rows"].get(dimension, ()):
            parts = [part for part in (row["name"], row["value"]) if part]
            rates.setdefault(" ".join(parts) or label, {})[row["period"]] = row["clicked_rate"]
        for named, by in list(rates.items())[:LINES]:
            cells = ("–" if (rate := by.get(period)) is None else f"{rate:.2%}" for period in shown)
            table.add_row(escape(named.replace("_", " ")), *cells)
    return table


def _experiment(console: Console, data: dict[str, Any], simulated: bool) -> None:
    """The arms of an experiment, and what may be concluded."""
    metric = data["metric"]
    title = f"Experiment {data['name']}, judged by {metric}" + (" (SIMULATED)" if simulated else "")
    table = Table("arm", "profiles", metric, "between", "against it", title=title, title_justify="left")
    form = ",.2f" if metric == "revenue" else ".2%"
    against = {one["arm"]: one for one in data["comparisons"]}
    for arm in data["arms"]:
        one = against.get(arm["name"])
        gap = f"{one['difference']:+{form}}" if one and one["difference"] is not None else ""
        known = arm["value"] is not None
        between = f"{arm['low']:{form}} to {arm['high']:{form}}" if known else "–"
        value = f"{arm['value']:{form}}" if known else "–"
        table.add_row(escape(arm["name"]), f"{arm['profiles']:,}", value, between, gap)
    console.print(table)
    console.print(data["verdict"]["text"], markup=False)


def _lift(lift: dict[str, Any]) -> str:
    """The holdout in one sentence."""
    shares = [lift[f"{who}_buyers"] / lift[who] if lift[who] else None for who in ("mailed", "held_out")]
    if None in shares or lift["rate_low"] is None:
        return f"Lift: {lift['held_out']:,} were held out; not enough is known to compare."
    return (
        f"Lift: {shares[0]:.2%} of the mailed ordered and {shares[1]:.2%} of the {lift['held_out']:,} held "
        f"out; the difference is between {lift['rate_low']:+.2%} and {lift['rate_high']:+.2%}."
    )


def _row(table: Table, name: str, row: dict[str, Any]) -> None:
    counts = (f"{row[figure]:,}" if row[figure] is not None else "–" for figure in FIGURES)
    revenue = "–" if row["revenue"] is None else f"{row['revenue']:,.0f}"
    table.add_row(escape(name), *counts, revenue)

"""``gisops simulate``: days or years of a city by a seed, on paper or in the sample city's own database."""

from __future__ import annotations

import shlex
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from api.console import database, err, out, read_settings
from gisops import city as cities
from gisops.cluster import Urls
from gisops.db.pool import connect
from gisops.errors import Conflict, InvalidInput
from gisops.simulation import books, days, ground
from gisops.simulation.cast import cast
from gisops.simulation.days import Broken, Days, Tally, Weather
from gisops.simulation.paper import Paper
from gisops.simulation.town import Town

# A run on paper is the same on every day it is made.
_PAPER_ENDS = datetime(2026, 12, 31, 16, tzinfo=UTC)
# Months of the history are made a quarter ahead.
_MOST_DAYS_AHEAD = 60
_BITE = 2_000


def simulate(
    seed: Annotated[int, typer.Option(help="Another seed is another life; the same is the same.", min=0)] = 1,
    length: Annotated[float, typer.Option("--days", help="How many days.", min=0.1, max=3660)] = 30.0,
    a_day: Annotated[float, typer.Option("--cases-a-day", help="Reports a day.", min=1, max=5000)] = 40.0,
    steps: Annotated[int | None, typer.Option(help="Stop after so many steps.", min=1)] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            help="Where it ends (UTC); on paper 2026-12-31, in a database its days from now.",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],
        ),
    ] = None,
    in_database: Annotated[
        bool, typer.Option("--in-database", help="In the sample city's database, by its own acts; it keeps the cases.")
    ] = False,
    trouble: Annotated[float, typer.Option(help="How much goes wrong: 0 nothing, 1 as usual.", min=0, max=10)] = 1.0,
) -> None:
    """模拟一座城市的日子 / Simulate a city: reports, dispatch, handling, checks, faults; nobody sleeps."""
    command = shlex.join(["gisops", *sys.argv[1:]])
    if in_database:
        with database(read_settings()) as urls:
            _in_database(urls, seed, length, a_day, steps, until, trouble, command)
        return
    ends = until.replace(tzinfo=UTC) if until is not None else _PAPER_ENDS
    start = ends - timedelta(days=length)
    city = ground.city_on_paper()
    weather = days.weather(seed, start, length, a_day, trouble)
    _run(Days(Paper(city), seed, start, length, ground.ZONE, weather, command), steps)


def _in_database(
    urls: Urls,
    seed: int,
    length: float,
    a_day: float,
    steps: int | None,
    until: datetime | None,
    trouble: float,
    command: str,
) -> None:
    with connect(urls.owner) as owner:
        city = cities.load(owner)
        if "sample" not in city.settings:
            raise Conflict(
                "This database holds a real city; what is simulated stays, so it is done in a sample city only.",
                do="gisops sample   (in a database of its own)",
            )
        row = owner.execute("SELECT app_now() AS now").fetchone()
        assert row is not None  # noqa: S101
        now: datetime = row["now"]
        start = now if until is None else until.replace(tzinfo=UTC) - timedelta(days=length)
        if not now <= start <= now + timedelta(days=1) or length > _MOST_DAYS_AHEAD:
            raise InvalidInput(
                f"In a database a simulation begins now and lasts {_MOST_DAYS_AHEAD} days at most: what was recorded"
                " is not to be overtaken, and the months of the history are made a quarter ahead.",
                field="days",
            )
        who = cast(owner, city)
        owner.commit()
    # no deadlock with itself, no impatience: one connection
    with connect(urls.app) as conn:
        world = Town(conn, city, who, seed)
        weather = days.weather(seed, start, length, a_day, trouble)
        try:
            _run(Days(world, seed, start, length, city.timezone, weather, command), steps)
        finally:
            world.end()
        findings = books.broken(conn)
    for one in findings:
        err.print(f"[red]✗[/] {one.case_no}: {one.problem}")
    if findings:
        raise typer.Exit(1)
    out.print("[green]✓[/] 账目相符 / the books balance")


def _run(run: Days, steps: int | None) -> None:
    began = time.monotonic()
    try:
        with out.status("…") as status:
            while steps is None or run.tally.steps < steps:
                before = run.tally.steps
                run.run(_BITE if steps is None else min(_BITE, steps - before))
                status.update(f"{run.now:%Y-%m-%d} · {run.tally.steps:,}")
                if run.tally.steps - before < min(_BITE, _BITE if steps is None else steps - before):
                    break
    except Broken as broken:
        err.print(f"[bold red]✗[/] {broken}", markup=True)
        raise typer.Exit(1) from broken
    _show(run.tally, run.weather, time.monotonic() - began)


def _show(tally: Tally, weather: Weather, took_s: float) -> None:
    table = Table(title=f"{tally.steps:,} steps · {took_s:.1f} s · {tally.steps / max(took_s, 1e-6):,.0f}/s")
    for head in ("", "", ""):
        table.add_column(head)
    table.add_row("上报 / reports", f"{tally.reports:,}", f"{weather.a_day:g} 每天 / a day")
    table.add_row("到期 / times something was due", f"{tally.timers:,}", "")
    for title, counted in (
        ("动作 / moves", tally.made), ("拒绝 / refused", tally.refused), ("故障 / faults", tally.faults)
    ):  # fmt: skip
        told = ", ".join(f"{name} {number:,}" for name, number in counted.most_common())
        table.add_row(title, f"{sum(counted.values()):,}", told)
    out.print(table)

"""The way of a sample city into an empty database: reference data, the drawn rows, its extent, its sign-ins, its past.

What a city is made of is written in one transaction: all of it or nothing. Its year of past cases is told after that,
some thousands at a time, and `tell` goes on where it was cut off: the cases still open and the last weeks first, which
is all a server waits for before it opens its door.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher
from psycopg import sql

from gisops import founding, partitions, reference
from gisops.access import scopes
from gisops.access.roles import EVERYWHERE_ROLES
from gisops.db import queries
from gisops.db.copying import copy_rows
from gisops.db.pool import Connection, connect
from gisops.founding import CityIsThere
from gisops.sample.city.people import sign_ins
from gisops.sample.city.sheets import Counts, counts, lay, sheets
from gisops.sample.city.things import things
from gisops.sample.district import people as district_people
from gisops.sample.district.sheets import draw as draw_district
from gisops.sample.sheet import Row, Sheet
from gisops.sample.sign_ins import SignIn
from gisops.sample.town import Town
from gisops.settings import SampleSize, Settings

_SQL = queries.load("gisops.sample", "loading.sql")

__all__ = ["SIZES", "CityIsThere", "Report", "load", "tell"]

SCHEME = "GB/T 30428.2-2013"
# What happens, how much of it is done, and of how much (None: nobody knows).
Show = Callable[[str, int, int | None], None]

# Batches told before a server opens: some four weeks of the drawn city.
LATELY = 2
_OF_THE_PAST = ("cases", "reports", "case_history", "dispatch_decisions", "case_recipients")


class Amounts(NamedTuple):
    """How much is laid over a town of a size."""

    cells: int
    staff: int
    parts: int
    places: int
    cases: int


SIZES: dict[str, Amounts] = {
    "city": Amounts(cells=20_000, staff=4_000, parts=60_000, places=10_047, cases=50_000),
    "full": Amounts(cells=60_000, staff=4_000, parts=780_000, places=10_047, cases=1_000_000),
}
REFERENCE_TABLES = ("categories", "filing_conditions", "time_limits", "part_scopes")
# Layers that change by loading only; live ones (cases, officers, sensors, vehicles) have no version.
STATIC_LAYERS = (
    "party_building",
    "flood_control",
    "rivers",
    "poverty_relief",
    "buildings",
    "fixtures",
    "grid_cells",
    "zones",
    "admin_areas",
    "places",
    "roads",
    "pipes",
    "green_areas",
    "cameras",
    "camera_views",
)
# Put into the order of their geometry after loading: what lies together on the ground then lies together on disk.
_CLUSTERED = ("zones", "parts", "places", "buildings", "roads", "pipes")


@dataclass(frozen=True)
class Report:
    """What was loaded: rows per table, how many past cases, and the sign-ins as (login, role, password)."""

    seed: int
    until: datetime
    rows: dict[str, int]
    cases: int
    accounts: list[tuple[str, str, str]] = field(repr=False)


@dataclass(frozen=True)
class _Drawn:
    """A city on its way: its rows, its sign-ins, and how many cases its past has."""

    sheets: Iterable[Sheet]
    sign_ins: tuple[SignIn, ...]
    organisation_ids: dict[str, int]
    cases: int


def load(
    owner_url: str,
    settings: Settings,
    *,
    seed: int = 1,
    until: datetime | None = None,
    size: SampleSize = "city",
    source: Path | None = None,
    whole_past: bool = True,
    show: Show = lambda *_: None,
) -> Report:
    """Load a sample city as the database's owner.

    ``size`` is the small drawn district, a drawn city, or that city in full; with ``source`` (an OpenStreetMap extract)
    the ground is a real town's and the size is what the town is worth. ``until`` (default: this minute) is the sample's
    "now". The accounts' password is the settings' ``sample_password``, else one made here. Without ``whole_past`` the
    older part of the past is left for `tell`. Raises ``CityIsThere`` where the database holds a city,
    ``UnreadableExtract`` for a source that cannot be read.
    """
    until = (until or datetime.now(UTC)).replace(second=0, microsecond=0)
    password = settings.sample_password.get_secret_value() if settings.sample_password else secrets.token_urlsafe(9)
    with connect(owner_url, unhurried=True) as conn:
        with conn.transaction():
            # Before the drawing, which may take a minute: nobody waits that long to hear that it was for nothing.
            founding.first_come(conn)
            reference.load(conn)
            drawn = _draw(seed, until, size, source, show)
            rows = {sheet.table: _write(conn, sheet, show) for sheet in _with_categories(conn, drawn.sheets)}
            conn.execute(_SQL["go_on_counting"])
            founding.keep_in_city(conn)
            for layer in STATIC_LAYERS:
                conn.execute(_SQL["new_version"], {"layer": layer})
            _add_accounts(conn, password, drawn)
            show("scopes", 0, None)
            conn.execute(_SQL["know_the_ground"])
            scopes.settle(conn)
            conn.execute(_SQL["grant_scopes"])
            scopes.expand(conn)
            conn.execute(_SQL["still_to_tell"], {"cases": drawn.cases})
        _settle(conn, rows, show)
    told = tell(owner_url, show, whole=whole_past)
    return Report(seed, until, rows, told, [(one.login, one.role, password) for one in drawn.sign_ins])


def tell(owner_url: str, show: Show = lambda *_: None, *, whole: bool = True, processes: int = 2) -> int:
    """Tell what is not told yet of the sample city's past; how much that is, the city remembers. Returns how many.

    ``whole=False``: only the cases that are still open and the last weeks. A city that is no sample, or whose past is
    told, is left alone.
    """
    with connect(owner_url, unhurried=True) as conn:
        row = conn.execute(_SQL["untold"]).fetchone()
        if row is None:
            return 0
        until = datetime.fromisoformat(row["until"])
        partitions.ensure(conn, until - timedelta(days=366), until, "case_history")
        conn.commit()
        done = 0

        def more(told: int) -> None:
            nonlocal done
            done += told
            show("cases", done, row["cases"])

        from gisops.sample.year import tell_year

        show("cases", 0, row["cases"])
        summary = tell_year(
            owner_url,
            seed=row["seed"],
            until=until,
            count=row["cases"],
            processes=processes,
            lately=None if whole else LATELY,
            progress=more,
        )
        for table in _OF_THE_PAST:
            conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
        if whole:
            conn.execute(_SQL["all_told"])
    return summary.told


def _draw(seed: int, until: datetime, size: SampleSize, source: Path | None, show: Show) -> _Drawn:
    if source is None and size == "district":
        return _drawn_district(seed, until)
    show("ground", 0, None)
    if source is not None:
        from gisops.sample import osm

        town = osm.read(source, seed)
        amounts = _worth(town)
    else:
        from gisops.sample import made

        town = made.draw(seed, "full" if size == "full" else "city")
        amounts = SIZES[size]
    show("zones", 0, None)
    laid = lay(town, seed, until, cells=amounts.cells, staff=amounts.staff)

    def all_sheets() -> Iterator[Sheet]:
        yield from sheets(laid, seed, until)
        yield from things(laid, seed, until, parts=amounts.parts, places=amounts.places)

    accounts = sign_ins(laid.staff, until, ZoneInfo(town.profile.timezone))
    return _Drawn(all_sheets(), accounts, laid.organisation_ids, amounts.cases)


def _drawn_district(seed: int, until: datetime) -> _Drawn:
    staff = district_people.draw_staff()
    accounts = district_people.draw_sign_ins(staff, until)
    return _Drawn(draw_district(seed, until), accounts, dict(district_people.ORGANISATION_ID), 0)


def _worth(town: Town) -> Amounts:
    """What a real town is worth, by how much of it is built up: the drawn city is the measure."""
    most = SIZES["city"]
    cells, staff = counts(town, Counts(most.cells, most.staff))
    share = min(1.0, staff / most.staff)
    return Amounts(
        cells,
        staff,
        parts=max(1_500, min(most.parts, round(most.parts * share * 4))),
        places=max(200, min(most.places, round(most.places * share * 4))),
        cases=max(2_000, min(most.cases, round(most.cases * share * 3))),
    )


def _with_categories(conn: Connection, drawn: Iterable[Sheet]) -> Iterator[Sheet]:
    """Put the categories' keys, which the database gives, in place of their codes."""
    keys = {row["code"]: row["category_id"] for row in conn.execute(_SQL["categories_of_scheme"], {"scheme": SCHEME})}
    for sheet in drawn:
        if "category_id" in sheet.columns:
            at = sheet.columns.index("category_id")
            yield Sheet(sheet.table, sheet.columns, _with_keys(sheet.rows, at, keys), sheet.count)
        else:
            yield sheet


def _with_keys(rows: Iterable[Row], at: int, keys: dict[str, int]) -> Iterator[Row]:
    for row in rows:
        yield (*row[:at], keys[row[at]], *row[at + 1 :])


def _write(conn: Connection, sheet: Sheet, show: Show) -> int:
    def shown() -> Iterator[Row]:
        for written, row in enumerate(sheet.rows):
            if written % 2_000 == 0:
                show(sheet.table, written, sheet.count)
            yield row

    written = copy_rows(conn, sheet.table, sheet.columns, shown())
    show(sheet.table, written, written)
    return written


def _settle(conn: Connection, rows: dict[str, int], show: Show) -> None:
    """Order and statistics: without them the first plans would be guesses, and autovacuum comes a minute too late."""
    for n, table in enumerate(_CLUSTERED):
        show("order", n, len(_CLUSTERED))
        if rows.get(table, 0) > 5_000:
            index = sql.Identifier(f"{table}_geom")
            conn.execute(sql.SQL("CLUSTER {} USING {}").format(sql.Identifier(table), index))
    # An SP-GiST cannot order its table, but one built from all rows at once is better than one that grew row by row.
    conn.execute("REINDEX INDEX grid_cells_geom")
    tables = [sql.Identifier(table) for table in (*rows, *REFERENCE_TABLES)]
    conn.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(tables)))
    conn.commit()


def _add_accounts(conn: Connection, password: str, drawn: _Drawn) -> None:
    # One hash for all: it gives away that their passwords are the same, which everybody is told anyway.
    password_hash = PasswordHasher().hash(password)
    for one in drawn.sign_ins:
        conn.execute(
            _SQL["add_account"],
            {
                "login": one.login,
                "password_hash": password_hash,
                "role": one.role,
                "staff_id": one.staff_id,
                "organisation_id": drawn.organisation_ids[one.organisation] if one.organisation else None,
                "everywhere": one.role in EVERYWHERE_ROLES,
            },
        )

"""The way of the sample district into an empty database: reference data, the drawn rows, its extent, its sign-ins."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from argon2 import PasswordHasher
from psycopg import sql

from gisops import founding, reference
from gisops.db import queries
from gisops.db.pool import Connection, connect
from gisops.founding import CityIsThere
from gisops.sample.district.people import ACCOUNTS, ORGANISATION_ID, account_person, draw_staff
from gisops.sample.district.sheets import draw
from gisops.sample.district.zones import SCHEME
from gisops.sample.sheet import Row, Sheet
from gisops.settings import Settings

_SQL = queries.load("gisops.sample", "loading.sql")

__all__ = ["CityIsThere", "Report", "load"]

REFERENCE_TABLES = ("categories", "filing_conditions", "time_limits", "part_scopes")
# Layers that change by loading only; live ones (cases, officers) have no version.
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
)


@dataclass(frozen=True)
class Report:
    """What was loaded: rows per table, and the sign-ins as (login, role, password)."""

    seed: int
    until: datetime
    rows: dict[str, int]
    accounts: list[tuple[str, str, str]] = field(repr=False)


def load(owner_url: str, settings: Settings, *, seed: int = 1, until: datetime | None = None) -> Report:
    """Load the sample city as the database's owner, all of it or nothing.

    ``until`` (default: this minute) is the sample's "now", see `gisops.sample.district.sheets.draw`. The accounts'
    password is the settings' ``sample_password``, else one made here. Raises ``CityIsThere`` where the database
    holds a city.
    """
    until = (until or datetime.now(UTC)).replace(second=0, microsecond=0)
    password = settings.sample_password.get_secret_value() if settings.sample_password else secrets.token_urlsafe(9)
    with connect(owner_url, unhurried=True) as conn:
        with conn.transaction():
            founding.first_come(conn)
            reference.load(conn)
            sheets = draw(seed, until)
            rows = {sheet.table: _write(conn, sheet) for sheet in _with_categories(conn, sheets)}
            conn.execute(_SQL["go_on_counting"])
            founding.keep_in_city(conn)
            for layer in STATIC_LAYERS:
                conn.execute(_SQL["new_version"], {"layer": layer})
            _add_accounts(conn, password, until)
        # Without statistics the first plans would be guesses, and autovacuum comes a minute too late.
        conn.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(map(sql.Identifier, [*rows, *REFERENCE_TABLES]))))
    return Report(seed, until, rows, [(login, role, password) for login, role, *_ in ACCOUNTS])


def _with_categories(conn: Connection, sheets: tuple[Sheet, ...]) -> tuple[Sheet, ...]:
    """Put the categories' keys, which the database gives, in place of their codes."""
    keys = {row["code"]: row["category_id"] for row in conn.execute(_SQL["categories_of_scheme"], {"scheme": SCHEME})}
    found = []
    for sheet in sheets:
        if "category_id" in sheet.columns:
            at = sheet.columns.index("category_id")
            sheet = Sheet(sheet.table, sheet.columns, _with_keys(sheet.rows, at, keys), sheet.count)
        found.append(sheet)
    return tuple(found)


def _with_keys(rows: Iterable[Row], at: int, keys: dict[str, int]) -> Iterator[Row]:
    for row in rows:
        yield (*row[:at], keys[row[at]], *row[at + 1 :])


def _write(conn: Connection, sheet: Sheet) -> int:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(sheet.table), sql.SQL(", ").join(map(sql.Identifier, sheet.columns))
    )
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        written = 0
        for row in sheet.rows:
            copy.write_row(row)
            written += 1
    return written


def _add_accounts(conn: Connection, password: str, until: datetime) -> None:
    staff = draw_staff()
    # One hash for all: it gives away that their passwords are the same, which everybody is told anyway.
    password_hash = PasswordHasher().hash(password)
    for login, role, organisation, roles in ACCOUNTS:
        person = account_person(staff, organisation, roles, until)
        home = person.organisation if person else organisation
        conn.execute(
            _SQL["add_account"],
            {
                "login": login,
                "password_hash": password_hash,
                "role": role,
                "staff_id": person.staff_id if person else None,
                "organisation_id": ORGANISATION_ID[home] if home else None,
            },
        )

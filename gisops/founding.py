"""What every city's beginning has in common, a sample's and a real one's: there is one, and its points stay in it."""

from __future__ import annotations

from typing import Any, cast

from psycopg import sql

from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import Conflict

_SQL = queries.load("gisops", "founding.sql")

# Tables of points that come in through some door, each with a name for its constraint.
IN_CITY = (
    "parts",
    "places",
    "last_positions",
    "cases",
    "reports",
    "party_sites",
    "flood_points",
    "relief_households",
    "cameras",
    "sensors",
    "vehicles",
)


class CityIsThere(Conflict):
    """The database holds a city already."""

    code = "city_is_there"


def first_come(conn: Connection) -> None:
    """Keep others from founding a city until this transaction ends. Raises `CityIsThere` where one was quicker."""
    conn.execute(_SQL["hold_city"])
    there = cast(dict[str, Any], conn.execute(_SQL["city_is_there"]).fetchone())
    if there["name"]:
        raise CityIsThere(
            f"This database holds a city already ({there['name']}); a new one needs one without. "
            "`gisops reset` empties the private one.",
            do="gisops reset   (deletes it)",
        )


def keep_in_city(conn: Connection) -> None:
    """Bind the tables of points to the box of the city, which is written already."""
    box = cast(dict[str, Any], conn.execute(_SQL["extent"]).fetchone())
    limits = {side: sql.Literal(value) for side, value in box.items()}
    for table in IN_CITY:
        # DDL takes no parameters: the numbers are written into the statement as literals.
        statement = sql.SQL(cast(Any, _SQL["keep_in_city"])).format(
            table=sql.Identifier(table), constraint=sql.Identifier(f"{table}_in_city"), **limits
        )
        conn.execute(statement)

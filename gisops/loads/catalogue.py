"""What the database says of the tables that are loaded into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import shapely
from psycopg import sql

from gisops.db import queries
from gisops.db.pool import Connection
from gisops.loads.targets import Target

_SQL = queries.load("gisops.loads", "catalogue.sql")


def types(conn: Connection, target: Target) -> Mapping[str, str]:
    """Column -> type, of those that can be written, in the table's order."""
    rows = conn.execute(_SQL["columns"], {"table": target.table})
    return {row["name"]: row["type"] for row in rows}


def primary_key(conn: Connection, table: str) -> list[str]:
    """The columns of its primary key."""
    return [row["name"] for row in conn.execute(_SQL["primary_key"], {"table": table})]


def outline(conn: Connection) -> Any:
    """The city's outline as a shapely geometry, degrees."""
    row = cast(dict[str, Any], conn.execute(_SQL["outline"]).fetchone())
    return shapely.from_wkb(bytes(row["shape"]))


def has_rows(conn: Connection, table: str) -> bool:
    """Whether a table holds anything."""
    composed = sql.SQL(cast(Any, _SQL["has_rows"])).format(table=sql.Identifier(table))
    return bool(cast(dict[str, Any], conn.execute(composed).fetchone())["there"])


def staged(conn: Connection, stage: str) -> list[str]:
    """The columns of a table of the staging schema."""
    return [row["name"] for row in conn.execute(_SQL["staged"], {"stage": f"staging.{stage}"})]

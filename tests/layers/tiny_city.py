"""A city of a few rows, one or more in every layer, near 110.35 E 20.03 N; and canaries in whatever is not public.

Whoever finds a canary where nobody is signed in has found a leak.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from gisops.access.roles import EVERYWHERE_ROLES, ROLES
from gisops.access.scopes import look_as
from gisops.db.pool import Connection, connect

# Its inspector looks after a part of the city: of those that read what is personal he alone is held to units.
EVERYWHERE = EVERYWHERE_ROLES - {"inspector"}
CITY = (110.30, 20.00, 110.40, 20.06)
CANARY = "CANARY"
# Numbers nobody would mistake for a real count.
CANARY_NUMBERS = range(98_760_001, 98_760_100)

# One key of each layer that is there.
KEYS = {
    "admin_areas": "460199001",
    "green_areas": "G-01",
    "rivers": "W-01",
    "roads": "R-01",
    "buildings": "B-01",
    "grid_cells": "460199001001001",
    "zones": "Z-01",
    "pipes": "P-01",
    "fixtures": "4601990101000001",
    "places": "PL-01",
    "flood_control": "F-01",
    "party_building": "PB-01",
    "poverty_relief": "H-01",
    "sensors": "SE-01",
    "camera_views": "C-01",
    "cameras": "C-01",
    "vehicles": "V-01",
    "officers": "S-01",
    "cases": "460199-2026-000001",
}


@dataclass(frozen=True)
class Canaries:
    """What was planted: ``table.column``s, and what could not be (a CHECK or a key forbids it)."""

    planted: frozenset[str]
    refused: frozenset[str]


def build(owner: Connection) -> None:
    """Write the rows; the caller commits or rolls back. There is an account for each role, by its name: those whose
    work is about the city see all of it, the others nothing that is not their own.
    """
    owner.execute(Path(__file__).with_suffix(".sql").read_bytes())
    for role in ROLES:
        owner.execute(
            "INSERT INTO accounts (login, password_hash, role, everywhere) VALUES (%s, 'x', %s, %s)",
            (role, role, role in EVERYWHERE),
        )


@contextmanager
def seeing(app_url: str, login: str | None) -> Iterator[Connection]:
    """A connection as a request of somebody has it, for one transaction."""
    with connect(app_url) as conn:
        row = conn.execute("SELECT account_id FROM accounts WHERE login = %s", (login,)).fetchone()
        look_as(conn, row["account_id"] if row else None)
        yield conn


def plant_canaries(owner: Connection) -> Canaries:
    """Overwrite every text and whole-number column whose comment says it is not public with a canary."""
    columns = owner.execute(
        """
        SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
        FROM pg_description AS d
        JOIN pg_class AS c ON c.oid = d.objoid AND c.relkind = 'r' AND d.classoid = 'pg_class'::regclass
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
        WHERE c.relnamespace = 'public'::regnamespace AND a.attgenerated = ''
          AND d.description ~ '^(work|personal|secret):' AND format_type(a.atttypid, a.atttypmod) IN ('text', 'integer')
        ORDER BY 1, 2
        """
    ).fetchall()
    planted, refused, number = set(), set(), iter(CANARY_NUMBERS)
    for each in columns:
        where = f"{each['table']}.{each['column']}"
        if re.search(r"(_id|_seq)$|^seq$", each["column"]):
            continue
        one = sql.SQL("UPDATE {} SET {} = {}").format(
            sql.Identifier(each["table"]),
            sql.Identifier(each["column"]),
            sql.SQL("{} || left(md5(ctid::text), 6)").format(sql.Literal(f"{CANARY}-{where}-"))
            if each["type"] == "text"
            else sql.Literal(next(number)),
        )
        try:
            with owner.transaction():
                owner.execute(one)
        except psycopg.IntegrityError:
            refused.add(where)
        else:
            planted.add(where)
    return Canaries(frozenset(planted), frozenset(refused))

"""Many rows into a table at once, by COPY."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql

_GUARDED = "SELECT FROM pg_class WHERE oid = %s::regclass AND relforcerowsecurity"


def copy_rows(conn: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write rows into a table within the caller's transaction, as the owner; returns how many.

    PostgreSQL refuses COPY into a table with row-level security, also to those whom its policies let through; there it
    goes into a table of its own first.
    """
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    into, guarded = sql.Identifier(table), conn.execute(_GUARDED, [table]).rowcount > 0
    if guarded:
        into = sql.Identifier("pg_temp", f"incoming_{table}")
        conn.execute(
            sql.SQL("CREATE TEMP TABLE {} AS SELECT {} FROM {} LIMIT 0").format(
                sql.Identifier(f"incoming_{table}"), named, sql.Identifier(table)
            )
        )
    written = 0
    with conn.cursor() as cursor, cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(into, named)) as copy:
        for one in rows:
            copy.write_row(one)
            written += 1
    if guarded:
        told = {"table": sql.Identifier(table), "named": named, "into": into}
        conn.execute(sql.SQL("INSERT INTO {table} ({named}) SELECT {named} FROM {into}").format(**told))
        conn.execute(sql.SQL("DROP TABLE {}").format(into))
    return written

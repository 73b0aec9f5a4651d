"""The shipped reference data (``data/reference/*.csv``) on its way into the database. Loading again changes nothing
a city has set for itself.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import psycopg
from psycopg import sql

from gisops.db.queries import load as load_queries
from gisops.reference_files import data

_SQL = load_queries("gisops", "reference.sql")

# File (without .csv) -> the statement that takes it in; in the order of their references.
_STEPS = {
    "category_majors": "upsert_category_majors",
    "categories": "upsert_categories",
    "filing_conditions": "upsert_filing_conditions",
    "time_limits": "upsert_time_limits",
    "seasons": "upsert_seasons",
    "stage_limits": "upsert_stage_limits",
    "escalations": "upsert_escalations",
    "handbook": "upsert_handbook",
    "part_scopes": "upsert_part_scopes",
    "category_map": "upsert_category_map",
    "duplicate_rules": "upsert_duplicate_rules",
    "auto_rules": "upsert_auto_rules",
    "work_calendar": "upsert_calendar_days",
    "work_windows": "upsert_work_windows",
}


def load(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Bring the reference tables up to date within the caller's transaction, as their owner.

    Returns rows written per file (0 where all was there already and stays as it is). Raises ``FileNotFoundError``
    where a file is missing and ``psycopg.DataError`` where one does not fit its table.
    """
    written = {}
    for name, statement in _STEPS.items():
        shipped = _copy(conn, name)
        written[name] = conn.execute(_SQL[statement]).rowcount
        conn.execute(sql.SQL("DROP TABLE pg_temp.{}").format(shipped))
    return written


def _copy(conn: psycopg.Connection[Any], name: str) -> sql.Identifier:
    """Copy one file, as text, into a table of its own named ``shipped_<name>``; columns are those of its first line."""
    content = data("reference", f"{name}.csv").read_text("utf-8")
    columns = [sql.Identifier(column) for column in next(csv.reader(io.StringIO(content)))]
    table = sql.Identifier(f"shipped_{name}")
    listed = sql.SQL(", ").join(columns)
    texts = sql.SQL(", ").join(sql.SQL("{} text").format(column) for column in columns)
    conn.execute(sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP").format(table, texts))
    # An empty field is an empty text, not NULL: our CSVs have no other way to say it, and no need to say NULL.
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, HEADER true, FORCE_NOT_NULL ({}))").format(
        table, listed, listed
    )
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(content)
    return table

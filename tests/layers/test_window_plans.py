"""Whoever looks, and whatever is scoped: a tile, a box, a count and the nearest are found by the geometry's index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import layers
from gisops.access.roles import ROLES
from gisops.access.scopes import look_as
from gisops.db.pool import Connection, connect
from layers.catalog import Layer, load_catalog
from layers.viewer import viewer_of
from tests.conftest import Database
from tests.layers import tiny_city
from tests.plans import nodes, written_down

WINDOWED = [layer for layer in load_catalog() if layer.windowed]
SIDE = 100
# A screenful in the middle of the rows: three by three of their places.
DEGREES = "ST_MakeEnvelope(110.3495, 20.0295, 110.3510, 20.0310, 4326)"
TILES = f"ST_Transform({DEGREES}, 3857)"
POINT = "ST_Point(110.35, 20.03, 4326)"
ASKED = {
    "a tile": ("SELECT * FROM {tile}(" + TILES + ", 8001)", "geom_3857"),
    "a box": ("SELECT * FROM {see}(" + DEGREES + ")", "geom"),
    "a page of a box": ("SELECT * FROM {see}(" + DEGREES + ", NULL, NULL, 100)", "geom"),
    "a count": ("SELECT count(*) FROM {dots}(" + TILES + ")", "geom_3857"),
    "the nearest": ("SELECT * FROM {near}(" + POINT + ", 5)", "geom"),
}


def table_of(layer: Layer) -> str:
    view = (Path(layers.__file__).parent / "themes" / layer.id / "view.sql").read_text("utf-8")
    (table,) = re.findall(r"\bFROM ([a-z_]+) AS ", view)
    return str(table)


def multiply(owner: Connection, table: str) -> None:
    """Copy a table's first row to 10,000 places, each with keys of its own."""
    columns = owner.execute(
        """
        SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attidentity <> '' AS counted
        FROM pg_attribute a
        WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        """,
        [table],
    ).fetchall()
    columns = [column for column in columns if not column["counted"]]

    def value(column: dict[str, Any]) -> sql.Composable:
        name = sql.Identifier(column["name"])
        if column["type"] == "geometry":
            # From where it is to the grid's place.
            there = sql.SQL("110.3 + (n %% {side}) * 0.001 - ST_X(p), 19.98 + (n / {side}) * 0.001 - ST_Y(p)")
            return sql.SQL("ST_Translate(r.{}, {})").format(name, there.format(side=sql.Literal(SIDE)))
        if column["name"] in ("code", "case_no"):
            return sql.SQL("r.{} || '-' || n").format(name)
        if column["name"] == "staff_id":
            return sql.SQL("1000 + n")
        if column["type"] == "uuid" and column["name"] != "part_id":
            return sql.SQL("CASE WHEN r.{} IS NOT NULL THEN gen_random_uuid() END").format(name)
        return sql.SQL("r.{}").format(name)

    owner.execute(
        sql.SQL(
            "INSERT INTO {table} ({names}) SELECT {values} FROM (SELECT * FROM {table} WHERE geom IS NOT NULL LIMIT 1)"
            " AS r, ST_PointOnSurface(r.geom) AS p, generate_series(1, %(count)s) AS n"
        ).format(
            table=sql.Identifier(table),
            names=sql.SQL(", ").join(sql.Identifier(column["name"]) for column in columns),
            values=sql.SQL(", ").join(map(value, columns)),
        ),
        {"count": SIDE * SIDE},
    )


@pytest.fixture(scope="module", autouse=True)
def large(database: Database) -> None:
    with connect(database.owner_url, unhurried=True) as owner:
        tiny_city.build(owner)
        owner.execute(
            "INSERT INTO staff (staff_id, code, name, organisation_id, post_zh, post_en, role)"
            " SELECT 1000 + n, 'N-' || n, 'x', 1, 'x', 'x', 'officer' FROM generate_series(1, %s) AS n",
            [SIDE * SIDE],
        )
        for table in sorted({table_of(layer) for layer in WINDOWED}):
            multiply(owner, table)
        # Cells enough that the scope of one account is not the whole table of them.
        owner.execute("INSERT INTO scope_units (level, code) SELECT 5, 'U' || n FROM generate_series(1, 2000) AS n")
        owner.execute(
            "INSERT INTO account_units SELECT account_id, unit_id FROM accounts CROSS JOIN scope_units"
            " WHERE level = 5 AND NOT everywhere"
        )
    with connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ANALYZE")


@pytest.fixture
def watched(database: Database) -> Iterator[tuple[psycopg.Connection[Any], list[Any]]]:
    """A connection that writes down the plan of every statement, those inside the windows too."""
    with psycopg.connect(database.admin_url) as conn:
        yield conn, written_down(conn)
        conn.rollback()


def read(conn: psycopg.Connection[Any], layer: Layer, account: int | None, asked: str) -> int:
    with conn.transaction(force_rollback=True):
        look_as(conn, account)
        windows = {kind: sql.Identifier(f"{kind}_{layer.id}") for kind in ("tile", "see", "dots", "near")}
        return len(conn.execute(sql.SQL(asked).format(**windows)).fetchall())


@pytest.mark.parametrize("layer", WINDOWED, ids=lambda layer: layer.id)
def test_every_hot_question_of_every_role_goes_by_the_geometrys_index(
    database: Database, watched: tuple[psycopg.Connection[Any], list[Any]], layer: Layer
) -> None:
    conn, plans = watched
    with connect(database.owner_url) as owner:
        accounts = {row["role"]: row["account_id"] for row in owner.execute("SELECT role, account_id FROM accounts")}
    table = table_of(layer)
    asked_at_all = 0
    for role in (None, *ROLES):
        if not viewer_of(role).may_see(layer):
            continue
        for what, (asked, column) in ASKED.items():
            plans.clear()
            found = read(conn, layer, accounts.get(role), asked)
            if role is None or role in tiny_city.EVERYWHERE or layer.public or layer.scope != "unit":
                assert 1 <= found <= 100, (role, what)
            ran = [node for node in nodes(plans) if node.get("Actual Loops", 1) > 0]
            walked = {node["Index Name"] for node in ran if "Index Name" in node}
            whole = {node["Relation Name"] for node in ran if node["Node Type"] == "Seq Scan"}
            # What a camera sees is another column of its table; open cases have an index of their own.
            sector = column.replace("geom", "sector") if layer.id == "camera_views" else column
            assert {f"{table}_{sector}", f"{table}_open_{sector}"} & walked, (role, what, walked)
            assert not whole & {table, "account_units"}, (role, what)
            asked_at_all += 1
    assert asked_at_all >= len(ASKED) * 3


def test_a_scope_is_asked_of_the_rows_that_were_found_and_of_no_others(
    database: Database, watched: tuple[psycopg.Connection[Any], list[Any]]
) -> None:
    """2,000 units of an account cost a box of nine rows nine looks into an index, and not a list of 2,000."""
    conn, plans = watched
    relief = load_catalog()["poverty_relief"]
    with connect(database.owner_url) as owner:
        accounts = {row["role"]: row["account_id"] for row in owner.execute("SELECT role, account_id FROM accounts")}

    def looks(role: str) -> int:
        plans.clear()
        read(conn, relief, accounts[role], ASKED["a tile"][0])
        return sum(node["Actual Loops"] for node in nodes(plans) if node.get("Relation Name") == "account_units")

    assert 0 < looks("inspector") <= 16


def test_a_plan_without_its_index_would_be_noticed(
    database: Database, watched: tuple[psycopg.Connection[Any], list[Any]]
) -> None:
    conn, plans = watched
    with connect(database.owner_url) as owner:
        row = owner.execute("SELECT account_id FROM accounts WHERE role = 'leader'").fetchone()
    assert row is not None
    conn.execute("DROP INDEX relief_households_geom_3857")
    plans.clear()
    read(conn, load_catalog()["poverty_relief"], row["account_id"], ASKED["a tile"][0])
    assert "relief_households" in {n["Relation Name"] for n in nodes(plans) if n["Node Type"] == "Seq Scan"}

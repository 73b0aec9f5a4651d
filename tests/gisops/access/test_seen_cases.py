"""The list of cases as it is found: among 200,000, whoever sees few of them walks through few."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from gisops import city as cities
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases import cases
from gisops.db.pool import connect
from tests.plans import nodes, written_down

MANY = """
INSERT INTO scope_units (level, code, parent_id)
SELECT 5, 'Y' || n, (SELECT unit_id FROM scope_units WHERE level = 1) FROM generate_series(0, 9999) AS n;

CREATE TEMP TABLE cells AS
SELECT u.unit_id, n,
       ST_SetSRID(ST_MakePoint(ST_XMin(geom) + (n % 100 + 0.5) / 100 * (ST_XMax(geom) - ST_XMin(geom)),
                               ST_YMin(geom) + (n / 100 + 0.5) / 100 * (ST_YMax(geom) - ST_YMin(geom))), 4326) AS p
FROM scope_units u, city, LATERAL (SELECT substr(u.code, 2)::int AS n) AS s
WHERE u.code LIKE 'Y%';

CREATE TEMP TABLE people AS
SELECT (SELECT category_id FROM categories LIMIT 1) AS category_id,
       (SELECT organisation_id FROM organisations WHERE is_duty_desk) AS desk_id,
       (SELECT organisation_id FROM accounts WHERE login = 'department') AS bureau_id,
       (SELECT staff_id FROM accounts WHERE login = 'handler') AS handler_id,
       (SELECT staff_id FROM accounts WHERE login = 'supervisor') AS supervisor_id;

INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, unit_id,
                   organisation_id, handler_id, superior_id, reported_at)
SELECT '469901', (lpad(to_hex(1700000000000 + i * 1000), 12, '0') || '70008000000000000000')::uuid, 'Y-' || i,
       category_id,
       CASE WHEN i % 4 > 0 THEN 'closed' ELSE 'handling' END, CASE WHEN i % 4 > 0 THEN 7 ELSE 4 END, 'normal',
       p, unit_id,
       CASE WHEN i % 5000 = 3 THEN bureau_id ELSE desk_id END, CASE WHEN i % 4000 = 7 THEN handler_id END,
       CASE WHEN i % 9000 = 11 THEN supervisor_id END, to_timestamp(1700000000 + i)
FROM generate_series(0, 199999) AS i
JOIN cells ON n = i::bigint * 7919 % 10000, people;
"""


@pytest.fixture(scope="module")
def many(fresh_database: Callable[..., Any]) -> Any:
    """The sample city with 200,000 cases in 10,000 made-up cells."""
    made = fresh_database("sample_template")
    with connect(made.owner_url, autocommit=True, unhurried=True) as conn:
        for statement in MANY.strip().split(";\n\n"):
            conn.execute(statement.encode())
        conn.execute("VACUUM (ANALYZE) cases")
    return made


@pytest.fixture
def asked(many: Any) -> Iterator[Callable[..., tuple[int, list[str], int]]]:
    """A function that lists cases as an account of so many units: rows read, by which indexes, how many it got."""
    with connect(many.admin_url) as conn:
        city = cities.load(conn)
        plans = written_down(conn)

        def ask(login: str, units: int, box: Sequence[float] | None = None) -> tuple[int, list[str], int]:
            row = conn.execute("SELECT account_id, role FROM accounts WHERE login = %s", [login]).fetchone()
            assert row is not None
            account_id = row["account_id"]
            conn.execute("DELETE FROM account_units WHERE account_id = %s", [account_id])
            conn.execute(
                "INSERT INTO account_units (account_id, unit_id) SELECT %s, unit_id FROM scope_units"
                " WHERE code LIKE 'Y%%' ORDER BY md5(code) LIMIT %s",
                [account_id, units],
            )
            conn.execute("ANALYZE account_units")
            scopes.look_as(conn, account_id)
            conn.execute("SET LOCAL client_min_messages = log")
            plans.clear()
            got = cases.find(conn, city, bbox=box, to=Actor(account_id, login, row["role"], None, None))["cases"]
            conn.execute("RESET client_min_messages")
            conn.execute("RESET ROLE")
            steps = [node for node in nodes(plans) if node.get("Relation Name") == "cases"]
            read = sum(
                step["Actual Loops"] * (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) for step in steps
            )
            return read, sorted({step.get("Index Name") or step["Node Type"] for step in steps}), len(got)

        yield ask
        conn.rollback()


@pytest.mark.parametrize(
    ("login", "units", "most_read"),
    [
        ("handler", 0, 300),
        ("department", 0, 300),
        ("supervisor", 0, 300),
        ("officer", 1, 300),
        ("officer", 25, 2_600),
        ("officer", 625, 2_400),
        ("officer", 10_000, 2_400),
        ("admin", 0, 300),
    ],
)
def test_who_sees_few_cases_walks_through_few(asked: Any, login: str, units: int, most_read: int) -> None:
    read, found_by, got = asked(login, units)
    print(login, units, read, found_by, got)
    assert got
    assert read <= most_read, (read, found_by)
    assert "Seq Scan" not in found_by


# Of the city's width and height: a box of 7 × 7 cells, which holds 980 cases, and one that holds them all.
BOXES = {"small": (0.465, 0.535), "whole": (-0.1, 1.1)}


@pytest.mark.parametrize(
    ("login", "units", "box", "most_read"),
    [
        ("handler", 0, "small", 300),
        ("handler", 0, "whole", 300),
        ("officer", 1, "small", 300),
        ("officer", 25, "small", 1_500),
        ("officer", 25, "whole", 1_500),
        ("officer", 625, "small", 4_000),
        ("officer", 10_000, "small", 4_000),
        ("officer", 10_000, "whole", 4_000),
        ("admin", 0, "small", 4_000),
        ("admin", 0, "whole", 4_000),
    ],
)
def test_a_box_costs_what_it_holds_or_what_the_scope_does(
    many: Any, asked: Any, login: str, units: int, box: str, most_read: int
) -> None:
    low, high = BOXES[box]
    with connect(many.owner_url) as conn:
        west, south, east, north = cities.load(conn).extent
    width, height = east - west, north - south
    inside = (west + low * width, south + low * height, west + high * width, south + high * height)
    read, found_by, _ = asked(login, units, inside)
    print(login, units, read, found_by)
    assert read <= most_read, (read, found_by)
    assert "Seq Scan" not in found_by

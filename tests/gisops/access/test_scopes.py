"""Who looks where: the tree of units, grants spelled out as rows, and what a transaction reads for somebody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from shapely.geometry import box

from gisops import city as cities
from gisops import operations, positions
from gisops.access import people, scopes
from gisops.access.roles import EVERYWHERE_ROLES, ROLES
from gisops.access.scopes import NOBODY, NoSuchScope, Scope, UnknownUnit
from gisops.cases.reports import NewReport
from gisops.db.pool import Connection, connect
from gisops.errors import NotFound
from layers.classes import STAFF_ROLES
from tests.conftest import Database

GUARDED = (
    "accounts", "case_history", "case_recipients", "cases", "dispatch_decisions", "last_positions", "positions",
    "relief_households", "reports",
)  # fmt: skip


@pytest.fixture
def owner(sample_database: Database) -> Iterator[Connection]:
    """The sample city as its owner; rolled back."""
    with connect(sample_database.owner_url) as conn:
        yield conn
        conn.rollback()


def one(conn: Connection, statement: str, *values: Any) -> Any:
    """The first value of the first row."""
    row = conn.execute(statement.encode(), values).fetchone()
    assert row is not None
    return next(iter(row.values()))


def account(conn: Connection, login: str) -> int:
    return int(one(conn, "SELECT account_id FROM accounts WHERE login = %s", login))


def scope(conn: Connection, login: str) -> Scope:
    return scopes.scope_of(conn, account(conn, login))


def codes(conn: Connection, login: str) -> set[tuple[int, str]]:
    """The units of an account as (level, code)."""
    asked = "SELECT level, code FROM account_units JOIN scope_units USING (unit_id) WHERE account_id = %s"
    return {(row["level"], row["code"]) for row in conn.execute(asked, [account(conn, login)])}


def new_account(conn: Connection, login: str, role: str, staff_id: int | None = None) -> int:
    return int(
        one(
            conn,
            "INSERT INTO accounts (login, password_hash, role, staff_id) VALUES (%s, '-', %s, %s) RETURNING account_id",
            login,
            role,
            staff_id,
        )
    )


def new_officer(conn: Connection) -> int:
    """An officer without zones, whose login is `walker`; the person's key."""
    asked = """INSERT INTO staff (code, name, organisation_id, post_zh, post_en, role)
        SELECT 'W99', '样例网格员99', min(organisation_id), '样例', 'Sample', 'officer' FROM organisations
        RETURNING staff_id"""
    staff_id = int(one(conn, asked))
    new_account(conn, "walker", "officer", staff_id)
    return staff_id


# ---- the tree ------------------------------------------------------------------------------------------------------


def test_the_tree_holds_every_area_and_cell_under_the_one_it_lies_in(owner: Connection) -> None:
    counted = owner.execute("SELECT level, count(*) AS n, count(parent_id) AS below FROM scope_units GROUP BY 1")
    rows = {row["level"]: (row["n"], row["below"]) for row in counted}
    assert rows[1] == (1, 0)
    assert all(n == below > 0 for level, (n, below) in rows.items() if level > 1)
    assert one(owner, "SELECT count(DISTINCT code) FROM grid_cells") == rows[5][0]
    apart = """SELECT count(*) AS n FROM grid_cells g
        JOIN scope_units u ON u.level = 5 AND u.code = g.code
        JOIN scope_units p ON p.unit_id = u.parent_id
        WHERE p.level <> 4 OR p.code <> g.community_code"""
    assert one(owner, apart) == 0
    assert scopes.settle(owner) == 0, "the sample is settled"


def test_a_point_lies_in_its_cell_else_in_the_smallest_area_else_in_the_city_else_nowhere(owner: Connection) -> None:
    cell = owner.execute(
        "SELECT code, community_code, ST_X(p) AS lon, ST_Y(p) AS lat FROM grid_cells,"
        " ST_PointOnSurface(geom) AS p ORDER BY code LIMIT 1"
    ).fetchone()
    assert cell is not None

    def holds(lon: float, lat: float) -> tuple[int, str] | None:
        row = owner.execute(
            "SELECT level, code FROM scope_units WHERE unit_id = unit_at(ST_SetSRID(ST_MakePoint(%s, %s), 4326))",
            [lon, lat],
        ).fetchone()
        return None if row is None else (row["level"], row["code"])

    place = (cell["lon"], cell["lat"])
    assert holds(*place) == (5, cell["code"])
    owner.execute("UPDATE grid_cells SET valid = tstzrange(lower(valid), now()) WHERE code = %s", [cell["code"]])
    assert holds(*place) == (4, cell["community_code"])
    owner.execute("UPDATE admin_areas SET valid = tstzrange(lower(valid), now()) WHERE level > 1")
    assert holds(*place) == (1, one(owner, "SELECT code FROM city"))
    assert holds(0.0, 0.0) is None


def test_a_cell_that_began_and_one_that_ended_by_their_date_take_and_give_rows(owner: Connection) -> None:
    """As the worker sees it: nothing happens when they are written, and all of it on the day."""
    place = owner.execute("SELECT code, unit_id, geom FROM places WHERE unit_id IS NOT NULL LIMIT 1").fetchone()
    assert place is not None
    old = one(owner, "SELECT code FROM scope_units WHERE unit_id = %s", place["unit_id"])
    tomorrow = one(owner, "SELECT now() + interval '1 day'")
    owner.execute("UPDATE grid_cells SET valid = tstzrange(lower(valid), %s) WHERE code = %s", [tomorrow, old])
    owner.execute(
        "INSERT INTO grid_cells (code, code_scheme, district, street_code, community_code, geom, valid)"
        " SELECT '999999999999999', code_scheme, district, street_code, community_code, geom, tstzrange(%s, NULL)"
        " FROM grid_cells WHERE code = %s",
        [tomorrow, old],
    )
    street = one(owner, "SELECT street_code FROM grid_cells WHERE code = %s", old)
    scopes.grant(owner, "handler", "area", street)
    seen = "SELECT u.code FROM scope_units u JOIN places p USING (unit_id) WHERE p.code = %s"
    scopes.settle_due(owner)
    scopes.settle(owner)
    assert one(owner, seen, place["code"]) == old
    owner.execute("SET LOCAL gisops.clock_offset = '2 days'")
    scopes.settle_due(owner)
    assert one(owner, seen, place["code"]) == "999999999999999"
    assert (5, "999999999999999") in codes(owner, "handler")
    assert scopes.unsettled(owner) == {}
    assert scopes.settle_due(owner) == 0


def test_check_finds_a_row_that_lies_elsewhere(owner: Connection) -> None:
    assert scopes.unsettled(owner) == {}
    owner.execute("UPDATE places SET unit_id = NULL WHERE code = (SELECT min(code) FROM places)")
    assert scopes.unsettled(owner) == {"places": (1, one(owner, "SELECT count(*) FROM places"))}


# ---- grants --------------------------------------------------------------------------------------------------------


def test_an_area_is_granted_with_all_below_it_and_taken_back(owner: Connection) -> None:
    street = one(owner, "SELECT street_code FROM grid_cells ORDER BY 1 DESC LIMIT 1")
    expected = {(3, street)} | {
        (row["level"], row["code"])
        for row in owner.execute(
            "SELECT 5 AS level, code FROM grid_cells WHERE street_code = %(s)s"
            " UNION SELECT 4, community_code FROM grid_cells WHERE street_code = %(s)s",
            {"s": street},
        )
    }
    before = scope(owner, "handler")
    assert (before.everywhere, before.units) == (False, frozenset())
    assert scopes.grant(owner, "handler", "area", street)
    assert codes(owner, "handler") == expected
    assert scope(owner, "handler").version == before.version + 1
    assert not scopes.grant(owner, "handler", "area", street), "a second time it is nothing new"
    assert scope(owner, "handler").version == before.version + 1
    cell = next(code for level, code in expected if level == 5)
    scopes.grant(owner, "handler", "cell", cell)
    assert scope(owner, "handler").version == before.version + 1, "it lay in the street already"
    assert scopes.revoke(owner, "handler", "area", street)
    assert codes(owner, "handler") == {(5, cell)}
    assert scopes.revoke(owner, "handler", "cell", cell)
    assert not scopes.revoke(owner, "handler", "cell", cell)
    assert scope(owner, "handler").units == frozenset()


def test_only_what_changed_is_written(owner: Connection) -> None:
    city = one(owner, "SELECT code FROM city")
    scopes.grant(owner, "handler", "area", city)
    everything = scope(owner, "handler").units
    assert len(everything) == one(owner, "SELECT count(*) FROM scope_units")
    written = "SELECT max(xmin::text::bigint) FROM account_units"
    held = one(owner, written)
    others = {login: scope(owner, login).version for login in ("officer", "supervisor", "dispatcher")}
    assert scopes.expand(owner) == 0
    assert one(owner, written) == held
    gone = min(everything - {one(owner, "SELECT unit_id FROM scope_units WHERE level = 1")})
    owner.execute("DELETE FROM account_units WHERE account_id = %s AND unit_id = %s", [account(owner, "handler"), gone])
    assert scopes.expand(owner) == 1
    assert scope(owner, "handler").units == everything
    assert {login: scope(owner, login).version for login in others} == others


@pytest.mark.parametrize(
    ("login", "kind", "code", "error"),
    [
        ("nobody_such", "area", "1", NotFound),
        ("handler", "area", "no such code", UnknownUnit),
        ("handler", "cell", "", UnknownUnit),
        ("admin", "own_zones", "", NoSuchScope),
    ],
)
def test_a_grant_that_cannot_be(owner: Connection, login: str, kind: Any, code: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        scopes.grant(owner, login, kind, code)


def test_a_street_is_no_cell_and_a_cell_is_no_area(owner: Connection) -> None:
    row = owner.execute("SELECT code, street_code FROM grid_cells LIMIT 1").fetchone()
    assert row is not None
    for kind, code in (("cell", row["street_code"]), ("area", row["code"])):
        with pytest.raises(UnknownUnit):
            scopes.grant(owner, "handler", kind, code)  # type: ignore[arg-type]


# ---- the whole city ------------------------------------------------------------------------------------------------


def test_roles_are_the_same_everywhere(owner: Connection) -> None:
    assert set(ROLES) == STAFF_ROLES
    assert set(ROLES) > EVERYWHERE_ROLES
    for table, name in (("accounts", "accounts_role_check"), ("accounts", "accounts_everywhere")):
        told = one(
            owner,
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s",
            table,
            name,
        )
        # a supervisor who had the whole city before the role's name was made right keeps it, and nobody new gets it
        held = set(ROLES) if name.endswith("check") else EVERYWHERE_ROLES | {"supervisor"}
        assert {role for role in ROLES if f"'{role}'" in told} == held


def test_the_whole_city_is_for_those_whose_work_it_is(owner: Connection) -> None:
    for role in ROLES:
        new_account(owner, f"new_{role}", role)
        assert scope(owner, f"new_{role}").everywhere is False, "denied unless said otherwise"
        if role in EVERYWHERE_ROLES:
            assert scopes.set_everywhere(owner, f"new_{role}", True)
            assert not scopes.set_everywhere(owner, f"new_{role}", True)
            assert (scope(owner, f"new_{role}").everywhere, scope(owner, f"new_{role}").version) == (True, 2)
        else:
            with pytest.raises(NoSuchScope):
                scopes.set_everywhere(owner, f"new_{role}", True)
            if role == "supervisor":
                continue
            with pytest.raises(psycopg.errors.CheckViolation), owner.transaction():
                owner.execute("UPDATE accounts SET everywhere = true WHERE login = %s", [f"new_{role}"])


def test_an_account_of_the_whole_city_has_no_rows_until_it_has_it_no_longer(owner: Connection) -> None:
    street = one(owner, "SELECT street_code FROM grid_cells LIMIT 1")
    scopes.grant(owner, "planner", "area", street)
    assert codes(owner, "planner") == set()
    assert scopes.granted(owner, "planner")[0]
    scopes.set_everywhere(owner, "planner", False)
    assert (3, street) in codes(owner, "planner")
    everywhere, granted = scopes.granted(owner, "planner")
    assert (everywhere, [(one.kind, one.code) for one in granted]) == (False, [("area", street)])


# ---- zones of one's own --------------------------------------------------------------------------------------------


def test_an_officer_looks_into_the_cells_that_share_ground_with_his_zones(owner: Connection) -> None:
    staff = one(owner, "SELECT staff_id FROM accounts WHERE login = 'officer'")
    asked = """SELECT DISTINCT g.code FROM zone_staff w
        JOIN zones z ON z.zone_id = w.zone_id AND z.valid @> now()
        JOIN zone_sets t ON t.zone_set_id = z.zone_set_id AND t.valid @> now()
        JOIN grid_cells g ON g.valid @> now() AND ST_Area(ST_Intersection(g.geom, z.geom)) > 1e-10
        WHERE w.staff_id = %s AND w.valid @> now()"""
    expected = {(5, row["code"]) for row in owner.execute(asked, [staff])}
    assert 0 < len(expected) < one(owner, "SELECT count(*) FROM grid_cells")
    assert codes(owner, "officer") == expected


@pytest.mark.parametrize("what", ["assignment", "zone", "set"])
def test_an_assignment_holds_by_its_dates(owner: Connection, what: str) -> None:
    """A zone from tomorrow on, until the day after: not yet, then, and no longer."""
    now: datetime = one(owner, "SELECT now()")
    span = psycopg.types.range.TimestamptzRange(now + timedelta(days=1), now + timedelta(days=2))
    always = psycopg.types.range.TimestamptzRange(now - timedelta(days=9), None)
    spans = {name: span if name == what else always for name in ("assignment", "zone", "set")}
    cell = owner.execute("SELECT code, ST_Multi(geom) AS geom FROM grid_cells ORDER BY code DESC LIMIT 1").fetchone()
    staff = new_officer(owner)
    organisation = one(owner, "SELECT min(organisation_id) FROM organisations")
    assert cell is not None
    in_set = one(
        owner,
        "INSERT INTO zone_sets (code, name_zh, name_en, purpose, status, valid)"
        " VALUES ('S', '样例', 'Sample', 'test', 'published', %s) RETURNING zone_set_id",
        spans["set"],
    )
    zone = one(
        owner,
        "INSERT INTO zones (zone_set_id, code, name_zh, name_en, kind, organisation_id, priority, geom, valid)"
        " VALUES (%s, 'Z', '样例', 'Sample', 'duty', %s, 50, %s, %s) RETURNING zone_id",
        in_set,
        organisation,
        cell["geom"],
        spans["zone"],
    )
    owner.execute("INSERT INTO zone_staff VALUES (%s, %s, 'primary', %s)", [zone, staff, spans["assignment"]])
    scopes.grant(owner, "walker", "own_zones")
    seen = []
    for day in range(4):
        owner.execute(f"SET LOCAL gisops.clock_offset = '{day * 20 + 1} hours'".encode())
        changed = scopes.settle_due(owner)
        seen.append((changed, codes(owner, "walker")))
    mine = {(5, cell["code"])}
    assert seen == [(0, set()), (0, set()), (1, mine), (1, set())], seen


def test_a_zone_that_only_touches_gives_nobody_a_neighbours_cell(owner: Connection) -> None:
    """By a hair (some centimetres, as rounding leaves them), and by a metre."""
    row = owner.execute(
        "SELECT ST_XMin(e) AS west, ST_YMin(e) AS south, ST_XMax(e) AS east, ST_YMax(e) AS north"
        " FROM (SELECT ST_Extent(geom) AS e FROM grid_cells) x"
    ).fetchone()
    assert row is not None
    west, south, _, north = row.values()
    staff = new_officer(owner)
    organisation = one(owner, "SELECT min(organisation_id) FROM organisations")
    in_set = one(
        owner,
        "INSERT INTO zone_sets (code, name_zh, name_en, purpose, status, valid)"
        " VALUES ('S', '样例', 'Sample', 'test', 'published', tstzrange(now(), NULL)) RETURNING zone_set_id",
    )
    found = []
    for n, hair in enumerate((-1e-9, 2e-5)):
        beside = box(west - 0.01, south, west + hair, north)
        zone = one(
            owner,
            "INSERT INTO zones (zone_set_id, code, name_zh, name_en, kind, organisation_id, priority, geom)"
            " VALUES (%s, %s, '样例', 'Sample', 'duty', %s, 50, ST_Multi(ST_GeomFromText(%s, 4326))) RETURNING zone_id",
            in_set,
            f"Z{n}",
            organisation,
            beside.wkt,
        )
        owner.execute("INSERT INTO zone_staff (zone_id, staff_id, role) VALUES (%s, %s, 'primary')", [zone, staff])
        scopes.grant(owner, "walker", "own_zones")
        found.append(len(codes(owner, "walker")))
    assert found[0] == 0
    assert found[1] > 0


# ---- who is looking ------------------------------------------------------------------------------------------------


def test_a_scope_sees_its_units_and_what_is_its_own() -> None:
    officer = Scope(7, "officer", False, frozenset({1, 2}), 70, None, 1)
    assert officer.sees(1)
    assert not officer.sees(3)
    assert not officer.sees(None)
    assert officer.sees(3, (None, 70))
    assert not officer.sees(3, (None, 71), 5)
    department = Scope(8, "department", False, frozenset(), None, 5, 1)
    assert department.sees(None, (), 5)
    assert not department.sees(1, (70, None), 6)
    assert not NOBODY.sees(None, (None,), None)
    assert Scope(9, "leader", True, frozenset(), None, None, 1).sees(None)


def test_the_viewer_is_the_account_that_was_told_if_it_is_active(owner: Connection) -> None:
    asked = "SELECT * FROM viewer()"
    nothing = dict.fromkeys(("account_id", "role", "everywhere", "staff_id", "organisation_id"))
    assert owner.execute(asked).fetchall() == [nothing]
    for login in ("officer", "department", "leader"):
        expected = scope(owner, login)
        with owner.transaction():
            scopes.look_as(owner, expected.account_id)
            (row,) = owner.execute(asked)
            units = frozenset(row["my_units"] for row in owner.execute("SELECT my_units()"))
        assert row == {name: getattr(expected, name) for name in nothing}
        assert units == expected.units
        owner.execute("RESET ROLE")
    assert scope(owner, "department").organisation_id is not None
    assert scope(owner, "officer").organisation_id is None
    owner.execute("UPDATE accounts SET active = false WHERE login = 'officer'")
    assert scope(owner, "officer") == NOBODY
    scopes.look_as(owner, one(owner, "SELECT account_id FROM accounts WHERE login = 'officer'"))
    assert owner.execute(asked).fetchall() == [nothing]
    assert owner.execute("SELECT my_units()").fetchall() == []


def test_nothing_of_it_outlives_the_transaction(sample_database: Database) -> None:
    with connect(sample_database.app_url) as conn:
        leader = account(conn, "leader")
        conn.commit()
        asked = "SELECT current_user AS role, coalesce(current_setting('gisops.account', true), '') AS account"
        for end in (conn.commit, conn.rollback):
            scopes.look_as(conn, leader)
            assert conn.execute(asked).fetchone() == {"role": "gisops_reader", "account": str(leader)}
            end()
            assert conn.execute(asked).fetchone() == {"role": "gisops_app", "account": ""}
            conn.commit()


# ---- the net -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def worked(sample_database: Database) -> Database:
    """The sample with a case in every cell, each with all that belongs to a case; every third without a handler."""
    with connect(sample_database.owner_url) as conn:
        conn.execute((Path(__file__).parent / "worked_city.sql").read_bytes())
        assert scopes.unsettled(conn) == {}
    return sample_database


# What the viewer should see of each table, said anew in Python over the plain rows.
_OF_A_CASE = "c.case_no AS key, c.unit_id, ARRAY[c.handler_id, c.superior_id] AS staff, c.organisation_id"
_OF_A_PERSON = "staff_id AS key, unit_id, ARRAY[staff_id] AS staff, NULL AS organisation_id"
ROWS = {
    "cases": f"SELECT {_OF_A_CASE} FROM cases c",
    "relief_households": "SELECT code AS key, unit_id, '{}'::int[] AS staff, NULL AS organisation_id"
    " FROM relief_households",
    "last_positions": f"SELECT {_OF_A_PERSON} FROM last_positions",
    "positions": f"SELECT {_OF_A_PERSON.replace('unit_id', 'NULL::int AS unit_id')} FROM positions",
    **{
        table: f"SELECT {_OF_A_CASE} FROM {table} JOIN cases c USING (district_code, case_id)"
        for table in ("reports", "case_history", "dispatch_decisions", "case_recipients")
    },
}
VIEWERS = ("officer", "supervisor", "handler", "department", "leader", "planner", None)


def seen_of(conn: Connection, table: str, who: Scope) -> list[Any]:
    """What should be seen, by the plain rule."""
    organisation = who.organisation_id if table not in ("relief_households", "last_positions", "positions") else None
    allowed = Scope(who.account_id, who.role, who.everywhere, who.units, who.staff_id, organisation, who.version)
    rows = conn.execute(ROWS[table].encode())
    return sorted(row["key"] for row in rows if allowed.sees(row["unit_id"], row["staff"], row["organisation_id"]))


@pytest.mark.parametrize("table", ROWS)
def test_a_forgotten_predicate_leaks_nothing(worked: Database, table: str) -> None:
    """As the readers' role, with every column there is granted for the moment: the rows are those of the scope."""
    with connect(worked.owner_url) as conn:
        conn.execute(sql.SQL("GRANT SELECT ON {} TO gisops_reader").format(sql.Identifier(table)))
        counts = {}
        for login in VIEWERS:
            who = scope(conn, login) if login else NOBODY
            expected = seen_of(conn, table, who)
            scopes.look_as(conn, who.account_id)
            found = sorted(row["key"] for row in conn.execute(ROWS[table].encode()))
            conn.execute("SET LOCAL ROLE NONE")
            conn.execute("SET LOCAL gisops.account = ''")
            assert found == expected, login
            counts[login] = len(found)
        conn.rollback()
    everything = counts["leader"]
    assert counts[None] == 0
    assert everything == counts["planner"] > 0
    if table in ("cases", "reports"):
        assert 0 < counts["officer"] < everything
        assert 0 < counts["supervisor"] < everything
        assert 0 < counts["handler"] < everything
        assert 0 < counts["department"] < everything


@pytest.mark.parametrize("told", [None, "", "0", "999999999"])
def test_without_an_account_there_is_nothing(worked: Database, told: str | None) -> None:
    with connect(worked.app_url) as conn:
        conn.execute("SET LOCAL ROLE gisops_reader")
        if told is not None:
            conn.execute(sql.SQL("SET LOCAL gisops.account = {}").format(sql.Literal(told)))
        for table in ("cases", "case_history", "dispatch_decisions", "case_recipients", "last_positions"):
            assert one(conn, f"SELECT count(*) FROM {table}") == 0, table
        assert one(conn, "SELECT count(*) FROM accounts") == 0


def test_one_sees_ones_own_account_and_no_other(worked: Database) -> None:
    with connect(worked.app_url) as conn:
        for login in ("admin", "officer"):
            scopes.look_as(conn, account(conn, login))
            assert [row["login"] for row in conn.execute("SELECT login FROM accounts")] == [login]
            conn.rollback()


def test_row_level_security_is_forced_where_it_is_wanted(owner: Connection) -> None:
    forced = owner.execute(
        "SELECT relname AS name FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
        " AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    assert {row["name"] for row in forced} >= set(GUARDED)
    half = "SELECT count(*) FROM pg_class WHERE relrowsecurity <> relforcerowsecurity"
    assert one(owner, half) == 0
    # Of the other tables with a unit every row is shown, and of some fields nothing: that is the windows' work.
    with_unit = owner.execute("SELECT table_name AS name FROM information_schema.columns WHERE column_name = 'unit_id'")
    assert {row["name"] for row in with_unit} <= {
        *GUARDED, "scope_units", "zone_units", "account_units", "party_sites", "places", "buildings", "outbox",
    }  # fmt: skip


def test_the_system_reads_by_the_geometrys_index_as_before(worked: Database) -> None:
    """A policy that is always true must cost nothing: neither a filter nor the index."""
    with connect(worked.app_url) as conn:
        conn.execute("SET LOCAL enable_seqscan = off")
        plan = conn.execute(
            "EXPLAIN SELECT case_no FROM cases WHERE geom && ST_MakeEnvelope(0, 0, 180, 80, 4326)"
        ).fetchall()
    told = "\n".join(row["QUERY PLAN"] for row in plan)
    assert "cases_geom" in told, told
    assert "viewer" not in told
    assert "SubPlan" not in told
    assert "InitPlan" not in told


# ---- what writes rows ----------------------------------------------------------------------------------------------


def test_a_report_lies_in_the_unit_of_its_point_wherever_it_is(worked: Database) -> None:
    """By way of the intake's own statement: in a cell, in one that ended, where there is none."""
    with connect(worked.owner_url) as conn:
        cell = conn.execute("SELECT code, ST_AsText(ST_PointOnSurface(geom)) AS p FROM grid_cells LIMIT 1").fetchone()
        assert cell is not None
        city = cities.load(conn)
        lon, lat = (float(part) for part in cell["p"][6:-1].split())
        found = []
        for ended in (False, True):
            if ended:
                conn.execute("DELETE FROM grid_cells WHERE code = %s", [cell["code"]])
                scopes.settle(conn)
            report = NewReport(
                client_uid=uuid4(), channel="citizen", category="E04-05", x=lon, y=lat, crs="WGS84", accuracy_m=5.0
            )
            operations.receive_report(conn, city, report, None)
            level = (
                "SELECT level FROM scope_units JOIN cases USING (unit_id)"
                " JOIN reports r USING (district_code, case_id) WHERE r.client_uid = %s"
            )
            found.append(one(conn, level, report.client_uid))
        assert found == [5, 4]
        assert scopes.unsettled(conn) == {}
        conn.rollback()


def test_a_position_lies_in_the_unit_of_its_point(worked: Database) -> None:
    with connect(worked.owner_url) as conn:
        found = people.account(conn, "officer")
        assert found is not None
        cells = conn.execute(
            "SELECT code, ST_X(p) AS lon, ST_Y(p) AS lat FROM grid_cells, ST_PointOnSurface(geom) AS p"
            " ORDER BY code LIMIT 2"
        ).fetchall()
        lies = "SELECT u.code FROM last_positions JOIN scope_units u USING (unit_id) WHERE staff_id = %s"
        for minutes, cell in enumerate(cells):
            at = one(conn, "SELECT now() + make_interval(secs => %s)", minutes)
            sent = positions.Sent(cell["lon"], cell["lat"], "WGS84", 5.0, at)
            assert positions.keep(conn, cities.load(conn), found.actor, [sent]).fresh == 1
            assert one(conn, lies, found.actor.staff_id) == cell["code"]
        conn.rollback()

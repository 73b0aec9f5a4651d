"""Months: made ahead and for the past, pruned by, dropped; and the history that was there before them is the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from gisops import city as cities
from gisops import operations, partitions, worker
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases import acts, cases
from gisops.cases.facts import Sent
from gisops.cases.reports import NewReport
from gisops.db.migrate import migrate
from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput
from gisops.keys import new_key
from layers.catalog import view_sql

NOW = datetime.now(UTC)


def this_month(table: str, moment: datetime = NOW) -> str:
    return f"{table}_{moment:%Y_%m}"


def key_of(moment: datetime) -> UUID:
    """A UUIDv7 made at that moment."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | uuid4().int & ((1 << 76) - 1) & ~(3 << 62) | 2 << 62)


def names(conn: Connection, table: str) -> list[str]:
    return [part.name for part in partitions.months(conn) if part.of_table == table]


def where(conn: Connection, table: str, column: str) -> dict[str, int]:
    """How many rows lie in which part."""
    asked = f"SELECT tableoid::regclass::text AS part, count({column}) AS n FROM {table} GROUP BY 1"
    return {row["part"]: row["n"] for row in conn.execute(asked.encode())}


def report(conn: Connection, count: int = 3) -> None:
    city = cities.load(conn)
    west, south, east, north = city.extent
    for n in range(count):
        lon, lat = west + (east - west) * (0.4 + 0.05 * n), (south + north) / 2
        operations.receive_report(conn, city, NewReport(uuid4(), "citizen", "E04-05", lon, lat, "WGS84", 5.0), None)


def tell(conn: Connection, moment: datetime, entries: int = 2) -> UUID:
    """A case of the past with a history that is chained as it should be: written by SQL alone."""
    case_id = key_of(moment)
    said = {"case_id": case_id, "at": moment, "case_no": f"469901-{moment:%Y}-{case_id.int % 10**9:09d}", "n": entries}
    conn.execute(
        """INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom,
                              organisation_id, reported_at, version)
           SELECT '469901', %(case_id)s, %(case_no)s, k.category_id, 'filed', 2, 'normal', ST_PointOnSurface(c.geom),
                  o.organisation_id, %(at)s, %(n)s
           FROM city c, LATERAL (SELECT category_id FROM categories LIMIT 1) k, organisations o
           WHERE o.is_duty_desk""",
        said,
    )
    conn.execute(
        """WITH RECURSIVE told AS (
             SELECT 1 AS seq, NULL::bytea AS prev_hash,
                    history_hash(NULL, '469901', %(case_id)s, 1, 'report', NULL, 'reported', %(at)s, NULL, 'public',
                                 NULL, '{}') AS hash
             UNION ALL
             SELECT seq + 1, hash, history_hash(hash, '469901', %(case_id)s, seq + 1, 'file', 'reported', 'filed',
                                                %(at)s, NULL, 'public', NULL, '{}')
             FROM told WHERE seq < %(n)s)
           INSERT INTO case_history (district_code, case_id, seq, action, from_state, to_state, at, role, prev_hash,
                                     hash)
           SELECT '469901', %(case_id)s, seq, CASE seq WHEN 1 THEN 'report' ELSE 'file' END,
                  CASE seq WHEN 1 THEN NULL ELSE 'reported' END, CASE seq WHEN 1 THEN 'reported' ELSE 'filed' END,
                  %(at)s, 'public', prev_hash, hash FROM told""",
        said,
    )
    return case_id


def broken(conn: Connection) -> list[Any]:
    return conn.execute("SELECT * FROM broken_history()").fetchall()


@pytest.fixture
def owner(sample_database: Any) -> Iterator[Connection]:
    with connect(sample_database.owner_url) as conn:
        yield conn
        conn.rollback()


# ---- where rows go -------------------------------------------------------------------------------------------------


def test_a_fresh_database_has_this_month_three_to_come_and_a_rest(owner: Connection) -> None:
    for table in ("case_history", "positions"):
        there = names(owner, table)
        assert f"{table}_rest" in there
        assert this_month(table) in there
        assert len(there) == 5


def test_a_whole_history_lies_in_the_month_its_case_came_in(owner: Connection) -> None:
    report(owner)
    assert set(where(owner, "case_history", "seq")) == {this_month("case_history")}
    assert broken(owner) == []


def test_first_key_is_where_the_keys_of_a_moment_begin(owner: Connection) -> None:
    before, key, after = datetime.now(UTC) - timedelta(seconds=1), new_key(), datetime.now(UTC) + timedelta(seconds=1)
    row = owner.execute("SELECT first_key(%s) < %s AND %s < first_key(%s) AS so", [before, key, key, after]).fetchone()
    assert row == {"so": True}
    month = datetime(2026, 3, 1, tzinfo=UTC)
    held = owner.execute("SELECT first_key(%s) <= %s AS so", [month, key_of(month)]).fetchone()
    assert held == {"so": True}


def test_what_no_month_holds_lies_in_the_rest_and_moves_when_its_month_is_made(owner: Connection) -> None:
    then = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)
    told = [tell(owner, then), tell(owner, then + timedelta(seconds=2))]
    before = owner.execute("SELECT md5(string_agg(h::text, '|' ORDER BY case_id, seq)) AS md5 FROM case_history h")
    was = before.fetchone()
    assert where(owner, "case_history", "seq") == {"case_history_rest": 4}
    made = partitions.ensure(owner, then, then)
    assert made == ["case_history_2024_02", "positions_2024_02"]
    assert where(owner, "case_history", "seq") == {"case_history_2024_02": 2, "case_history_rest": 2}
    partitions.ensure(owner, then, then + timedelta(days=1))
    assert where(owner, "case_history", "seq") == {"case_history_2024_02": 2, "case_history_2024_03": 2}
    after = owner.execute("SELECT md5(string_agg(h::text, '|' ORDER BY case_id, seq)) AS md5 FROM case_history h")
    assert after.fetchone() == was
    assert broken(owner) == []
    # The month's rows still belong to a case that is there.
    with pytest.raises(errors.ForeignKeyViolation), owner.transaction():
        owner.execute("DELETE FROM cases WHERE case_id = %s", [told[0]])
    with pytest.raises(errors.ForeignKeyViolation), owner.transaction():
        owner.execute(
            "INSERT INTO case_history (district_code, case_id, seq, action, to_state, at, hash)"
            " VALUES ('469901', %s, 1, 'report', 'reported', %s, '')",
            [key_of(then), then],
        )


def test_months_are_made_once_and_a_year_of_the_past_at_once(owner: Connection) -> None:
    first, last = datetime(2023, 11, 30, tzinfo=UTC), datetime(2024, 11, 1, tzinfo=UTC)
    made = partitions.ensure(owner, first, last)
    assert len(made) == 26
    assert partitions.ensure(owner, first, last) == []
    assert {"case_history_2023_11", "case_history_2024_11"} < set(names(owner, "case_history"))


def test_months_do_not_depend_on_the_session_s_time_zone(owner: Connection) -> None:
    owner.execute("SET LOCAL timezone = 'Pacific/Auckland'")
    owner.execute("SET LOCAL datestyle = 'German'")
    moment = datetime(2024, 5, 31, 23, 0, tzinfo=UTC)
    assert partitions.ensure(owner, moment, moment) == ["case_history_2024_05", "positions_2024_05"]
    tell(owner, moment)
    assert where(owner, "case_history", "seq") == {"case_history_2024_05": 2}


def test_a_part_is_like_its_table_and_closed_to_the_doors(owner: Connection) -> None:
    moment = datetime(2022, 1, 1, tzinfo=UTC)
    partitions.ensure(owner, moment, moment)
    asked = """SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        col_description(a.attrelid, a.attnum)
        FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 ORDER BY a.attnum"""
    keys = """SELECT contype, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = %s::regclass ORDER BY 1, 2"""
    for table in ("case_history", "positions"):
        parent, part, rest = (
            [owner.execute(asked.encode(), [name]).fetchall(), owner.execute(keys.encode(), [name]).fetchall()]
            for name in (table, f"{table}_2022_01", f"{table}_rest")
        )
        assert parent == part == rest
        rights = owner.execute(
            "SELECT has_table_privilege('gisops_app', %s, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') AS any",
            [f"{table}_2022_01"],
        ).fetchone()
        assert rights == {"any": False}


def test_odd_spans_are_refused(owner: Connection) -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    for first, last in (
        (moment.replace(tzinfo=None), moment),
        (moment, moment - timedelta(days=1)),
        (moment.replace(year=1999), moment),
    ):
        with pytest.raises(InvalidInput):
            partitions.ensure(owner, first, last)
    with pytest.raises(errors.InvalidParameterValue), owner.transaction():
        partitions.ensure(owner, moment, NOW + timedelta(days=1000))


# ---- the worker's part ---------------------------------------------------------------------------------------------


def test_the_doors_may_have_months_made_ahead_but_choose_no_others(sample_database: Any) -> None:
    with connect(sample_database.app_url) as conn:
        made = partitions.ensure_ahead(conn, 5)
        assert len(made) == 6
        assert partitions.ensure_ahead(conn, 5) == []
        report(conn, 1)
        for months in (-1, 25):
            with pytest.raises(errors.InvalidParameterValue), conn.transaction():
                partitions.ensure_ahead(conn, months)
        conn.rollback()


def test_the_worker_turns_the_months_and_leaves_them_for_tomorrow_where_it_cannot(
    sample_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(sample_database.app_url, autocommit=True) as conn, connect(sample_database.owner_url) as busy:
        monkeypatch.setattr(partitions.ensure_ahead, "__defaults__", (6,))
        busy.execute("SELECT * FROM positions_rest")
        worker.turn_months(conn)
        assert len(names(conn, "positions")) == 5
        busy.rollback()
        worker.turn_months(conn)
        assert len(names(conn, "positions")) == 8
        made = names(conn, "positions")[-4:-1]
        busy.execute(
            "".join(
                f"DROP TABLE {name};" for name in made + [n.replace("positions", "case_history") for n in made]
            ).encode()
        )
        busy.commit()


def test_who_waits_for_a_lock_too_long_gives_up_and_nothing_is_half_made(sample_database: Any) -> None:
    with connect(sample_database.owner_url) as busy, connect(sample_database.app_url) as conn:
        busy.execute("SELECT * FROM case_history_rest")
        with pytest.raises(errors.LockNotAvailable):
            partitions.ensure_ahead(conn, 12)
        conn.rollback()
        busy.rollback()
        assert len(names(conn, "case_history")) == 5


def test_tracks_are_dropped_when_the_city_s_time_for_them_is_over(owner: Connection) -> None:
    old, young = NOW - timedelta(days=31 * 5), NOW - timedelta(days=40)
    partitions.ensure(owner, old, NOW)
    for moment in (old, young, NOW, datetime(2020, 1, 1, tzinfo=UTC)):
        owner.execute(
            "INSERT INTO positions SELECT '469901', min(staff_id), %s, 5, ST_SetSRID(ST_MakePoint(110, 20), 4326)"
            " FROM staff",
            [moment],
        )
    assert partitions.forget_positions(owner) == []  # six months where the city does not say
    assert sum(where(owner, "positions", "staff_id").values()) == 3, "what lay in the rest is older than that"
    owner.execute("""UPDATE city SET settings = settings || '{"positions_keep_months": 3}'""")
    dropped = partitions.forget_positions(owner)
    assert this_month("positions", old) in dropped
    assert where(owner, "positions", "staff_id") == {this_month("positions", young): 1, this_month("positions"): 1}
    assert this_month("case_history", old) in names(owner, "case_history"), "history has no such time"


# ---- plans ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def years(fresh_database: Callable[..., Any]) -> Any:
    """Two years of months, a hundred cases in each."""
    made = fresh_database("sample_template")
    with connect(made.owner_url) as conn:
        first = NOW - timedelta(days=730)
        partitions.ensure(conn, first, NOW)
        for n in range(24):
            for _ in range(20):
                tell(conn, first + timedelta(days=30 * n))
        conn.execute("ANALYZE case_history, cases")
    return made


def read_parts(plan: Any) -> set[str]:
    """The parts of the history that a plan really went into to read."""
    found: set[str] = set()
    if isinstance(plan, dict):
        name = plan.get("Relation Name", "")
        if name.startswith("case_history") and plan["Node Type"] != "ModifyTable" and plan["Actual Loops"] > 0:
            found.add(name)
        plan = list(plan.values())
    if isinstance(plan, list):
        for value in plan:
            found |= read_parts(value)
    return found


@pytest.fixture
def watched(years: Any) -> Iterator[tuple[Connection, list[Any]]]:
    """A connection that writes down the plan of every statement that ran; rolled back."""
    plans: list[Any] = []

    def write_down(said: psycopg.errors.Diagnostic) -> None:
        head, _, plan = (said.message_primary or "").partition("plan:\n")
        if head.startswith("duration"):
            plans.append(json.loads(plan))

    with connect(years.admin_url) as conn:
        conn.execute("LOAD 'auto_explain'")
        for name, value in {"log_min_duration": "0", "log_analyze": "on", "log_format": "json"}.items():
            conn.execute(f"SET LOCAL auto_explain.{name} = {value}".encode())
        # what the windows ask is asked inside of functions
        conn.execute("SET LOCAL auto_explain.log_nested_statements = on")
        conn.execute("SET LOCAL client_min_messages = log")
        conn.add_notice_handler(write_down)
        yield conn, plans
        conn.rollback()


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("act", ["read", "follow", "dispatch"])
def test_what_is_asked_of_one_case_goes_into_one_month(
    watched: tuple[Connection, list[Any]], act: str, mode: str
) -> None:
    conn, plans = watched
    city = cities.load(conn)
    conn.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())
    row = conn.execute(
        "SELECT case_no, case_id, reported_at, o.code AS bureau, account_id FROM cases c, organisations o, accounts"
        " WHERE NOT is_duty_desk ORDER BY case_id LIMIT 1"
    ).fetchone()
    assert row is not None
    desk = Actor(row["account_id"], "desk", "acceptor", None, None)
    uid = uuid4()
    conn.execute("INSERT INTO intake_keys VALUES (%s, '', '469901', %s, '', now())", [uid, row["case_id"]])
    plans.clear()
    conn.prepare_threshold = 0
    if act == "read":
        scopes.look_as(conn, desk.account_id)
        cases.read(conn, city, row["case_no"], desk)
    elif act == "follow":
        operations.follow_report(conn, city, uid)
    else:
        # what is written goes to the case's month too, whatever month it is now
        sent = Sent(2, "样例 / sample", values={"organisation": row["bureau"]})
        acts.act(conn, city, row["case_no"], "dispatch", sent, desk)
    conn.execute("SELECT 1")  # only then is a prepared statement done with, and its plan told
    assert read_parts(plans) == {this_month("case_history", row["reported_at"])}


def test_a_plan_that_reads_every_month_would_be_noticed(watched: tuple[Connection, list[Any]]) -> None:
    conn, plans = watched
    conn.execute("SELECT count(*) FROM case_history")
    assert len(read_parts(plans)) > 20


# ---- databases made before there were months -----------------------------------------------------------------------


def test_a_history_that_was_there_before_is_the_same_afterwards(
    fresh_database: Callable[..., Any], tmp_path: Any
) -> None:
    """Steps 1 to 4 alone, two cases of different months and one with a key that is no moment; then the rest of them."""
    made = fresh_database("empty_template")
    earlier = tmp_path / "earlier"
    (earlier / "migrations").mkdir(parents=True)
    (earlier / "functions").mkdir()
    for kind in ("migrations", "functions"):
        for file in files("gisops.db").joinpath(kind).iterdir():
            wanted = file.name < "0005" if kind == "migrations" else file.name < "50"
            if file.name.endswith(".sql") and wanted and not file.name.startswith("60"):
                (earlier / kind / file.name).write_text(file.read_text("utf-8"), "utf-8")
    migrate(made.owner_url, folder=earlier)
    with connect(made.owner_url) as conn:
        # of then it took no arguments, and step 5 takes that one away
        conn.execute("DROP FUNCTION broken_history(uuid, uuid)")
    summed = "SELECT count(*) AS n, md5(string_agg(h::text, '|' ORDER BY case_id, seq)) AS md5 FROM case_history h"
    with connect(made.owner_url) as conn:
        conn.execute(
            """INSERT INTO organisations (code, name_zh, name_en, kind, is_duty_desk)
               VALUES ('desk', '样例值班台', 'Sample desk', 'centre', true)"""
        )
        conn.execute(
            """INSERT INTO categories (scheme, kind, major, minor, name_zh, name_en, certainty)
               VALUES ('sample', 'E', '01', '01', '样例', 'Sample', 'I')"""
        )
        conn.execute(
            """INSERT INTO city (code, name_zh, name_en, geom, metric_srid, category_scheme, grid_code_scheme)
               VALUES ('469901', '样例', 'Sample', ST_Multi(ST_MakeEnvelope(110, 20, 110.1, 20.1, 4326)), 4547,
                       'sample', 'sample')"""
        )
        tell(conn, datetime(2025, 3, 31, 23, 59, 59, tzinfo=UTC))
        tell(conn, datetime(2025, 4, 1, tzinfo=UTC))
        odd = tell(conn, NOW)
        conn.execute("ALTER TABLE case_history DROP CONSTRAINT case_history_district_code_case_id_fkey")
        random = uuid4()
        conn.execute("UPDATE cases SET case_id = %s WHERE case_id = %s", [random, odd])
        conn.execute("UPDATE case_history SET case_id = %s WHERE case_id = %s", [random, odd])
        before = conn.execute(summed.encode()).fetchone()
    migrate(made.owner_url, view_sql())
    with connect(made.owner_url) as conn:
        assert conn.execute(summed.encode()).fetchone() == before
        assert where(conn, "case_history", "seq") == {
            "case_history_2025_03": 2,
            "case_history_2025_04": 2,
            "case_history_rest": 2,
        }
        assert len(broken(conn)) == 2, "the case that was given another key, and no other"
    with psycopg.connect(made.app_url) as doors:
        assert doors.execute("SELECT count(*) FROM case_history").fetchone() == (6,)

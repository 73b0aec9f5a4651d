"""What was said and done stays: rows are added and never changed, and whoever goes round the rules is found out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql

from gisops import city as cities
from gisops import operations
from gisops.cases.reports import NewReport
from gisops.db.pool import Connection, connect

KEPT = ("case_history", "dispatch_decisions", "reports", "intake_keys", "bulletins")


@pytest.fixture
def reported(sample_database: Any) -> Iterator[Connection]:
    """The owner's connection after three reports; rolled back."""
    with connect(sample_database.owner_url) as conn:
        city = cities.load(conn)
        west, south, east, north = city.extent
        for n in range(3):
            lon, lat = west + (east - west) * (0.4 + 0.1 * n), (south + north) / 2
            operations.receive_report(conn, city, NewReport(uuid4(), "citizen", "E04-05", lon, lat, "WGS84", 5.0), None)
        yield conn
        conn.rollback()


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("act", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_doors_cannot_change_what_is_kept(sample_database: Any, table: str, act: str) -> None:
    column = "period" if table == "bulletins" else "district_code"
    with connect(sample_database.app_url) as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute(sql.SQL(act).format(sql.Identifier(table), sql.Identifier(column)))


@pytest.mark.parametrize("table", KEPT)
def test_not_a_single_column_of_it_either(sample_database: Any, table: str) -> None:
    asked = """SELECT attname AS name FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0
          AND has_column_privilege(current_user, attrelid, attnum, 'UPDATE')"""
    with connect(sample_database.app_url) as conn:
        assert conn.execute(asked, [table]).fetchall() == []
        insert = conn.execute("SELECT has_table_privilege(%s, 'INSERT') AS may", [table]).fetchone()
        assert insert == {"may": True}


def test_nor_give_itself_the_right_or_become_the_owner(sample_database: Any) -> None:
    with connect(sample_database.app_url) as conn:
        before = conn.execute("SELECT relacl FROM pg_class WHERE oid = 'case_history'::regclass").fetchone()
        conn.add_notice_handler(lambda said: None)
        conn.execute("GRANT UPDATE ON case_history TO gisops_app")  # PostgreSQL warns, and grants nothing
        assert conn.execute("SELECT relacl FROM pg_class WHERE oid = 'case_history'::regclass").fetchone() == before
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute("SET ROLE gisops_owner")


@pytest.mark.parametrize("act", ["ALTER TABLE case_history ADD x int", "DROP TABLE case_history"])
def test_nor_change_the_table_itself(sample_database: Any, act: str) -> None:
    with connect(sample_database.app_url) as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute(act.encode())


# ---- the chain -----------------------------------------------------------------------------------------------------


def broken(conn: Connection) -> list[tuple[int, str]]:
    rows = conn.execute("SELECT seq, problem FROM broken_history() ORDER BY case_id, seq").fetchall()
    return [(row["seq"], row["problem"]) for row in rows]


def test_honest_history_is_whole(reported: Connection) -> None:
    counted = reported.execute("SELECT count(*) AS n, max(seq) AS longest FROM case_history").fetchone()
    assert counted is not None
    assert counted["n"] >= 6
    assert counted["longest"] >= 2
    assert broken(reported) == []


# One case that has three entries: what is done to it as the owner, and what must come to light.
ONE = "district_code || case_id = (SELECT min(district_code || case_id) FROM case_history WHERE seq = 3)"
# With the right hash for its new words, an entry is only found out by the one that follows it.
REHASHED = """hash = history_hash(prev_hash, district_code, case_id, seq, action, from_state, to_state, at,
  account_id, role, organisation_id, '{"forged": true}')"""
TAMPERED: dict[str, tuple[str, list[tuple[int, str]]]] = {
    "a payload is rewritten": (f"""SET payload = '{{"forged": true}}' WHERE seq = 2 AND {ONE}""", [(2, "altered")]),
    "a moment is moved": (f"SET at = at + interval '1 microsecond' WHERE seq = 1 AND {ONE}", [(1, "altered")]),
    "another role": (f"SET role = 'admin' WHERE seq = 3 AND {ONE}", [(3, "altered")]),
    "another organisation": (f"SET organisation_id = NULL WHERE seq = 2 AND {ONE}", [(2, "altered")]),
    "another state": (f"SET to_state = 'closed' WHERE seq = 3 AND {ONE}", [(3, "altered")]),
    "rewritten, with its own hash put right": (
        f"""SET payload = '{{"forged": true}}', {REHASHED} WHERE seq = 2 AND {ONE}""",
        [(3, "not linked")],
    ),
    "re-linked to nothing": (f"SET prev_hash = NULL WHERE seq = 2 AND {ONE}", [(2, "not linked")]),
    "the last two in the other order": (f"SET seq = seq + 10 WHERE seq = 2 AND {ONE}", [(3, "gap"), (12, "gap")]),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_an_altered_entry_is_found(reported: Connection, name: str) -> None:
    done, found = TAMPERED[name]
    assert reported.execute(f"UPDATE case_history {done}".encode()).rowcount == 1
    assert broken(reported) == found


@pytest.mark.parametrize(("seq", "found"), [(1, [(2, "gap"), (3, "gap")]), (2, [(3, "gap")])])
def test_a_removed_entry_is_found(reported: Connection, seq: int, found: list[tuple[int, str]]) -> None:
    assert reported.execute(f"DELETE FROM case_history WHERE seq = {seq} AND {ONE}".encode()).rowcount == 1
    assert broken(reported) == found


def test_a_removed_last_entry_shows_in_the_case_s_version(reported: Connection) -> None:
    """A chain cannot know how long it was; the case can."""
    asked = """SELECT c.version, count(h.seq) AS entries
        FROM cases c LEFT JOIN case_history h USING (district_code, case_id)
        GROUP BY c.district_code, c.case_id, c.version HAVING count(h.seq) <> c.version"""
    assert reported.execute(asked.encode()).fetchall() == []
    reported.execute(f"DELETE FROM case_history WHERE seq = 3 AND {ONE}".encode())
    assert reported.execute(asked.encode()).fetchall() == [{"version": 3, "entries": 2}]


def test_erasing_what_somebody_wrote_leaves_the_chain_whole(reported: Connection) -> None:
    reported.execute("UPDATE reports SET text = '', text_salt = ''")
    assert broken(reported) == []


@pytest.mark.parametrize(
    "session", ["SET timezone = 'Asia/Shanghai'", "SET datestyle = 'German'", "SET bytea_output = 'escape'"]
)
def test_the_hash_does_not_depend_on_who_asks(reported: Connection, session: str) -> None:
    reported.execute(session.encode())
    assert broken(reported) == []


def test_the_doors_may_check_the_chain(sample_database: Any) -> None:
    with psycopg.connect(sample_database.app_url) as conn:
        assert conn.execute("SELECT count(*) FROM broken_history()").fetchone() == (0,)

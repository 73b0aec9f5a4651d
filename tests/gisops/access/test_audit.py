"""The audit: who may write and read it, what an entry may hold, and that whatever is done to it afterwards is found."""

from __future__ import annotations

import json
import stat
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import errors
from typer.testing import CliRunner

from gisops import worker
from gisops.access import audit, scopes, sealing
from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput, NotAllowed


def account(conn: Connection, role: str) -> int:
    row = conn.execute("SELECT account_id FROM accounts WHERE role = %s ORDER BY 1 LIMIT 1", [role]).fetchone()
    assert row is not None, f"the sample has no {role}"
    return int(row["account_id"])


@pytest.fixture
def doors(sample_database: Any) -> Iterator[Connection]:
    """The doors' role in a transaction that is rolled back."""
    with connect(sample_database.app_url) as conn:
        yield conn
        conn.rollback()


@pytest.fixture
def owner(sample_database: Any) -> Iterator[Connection]:
    """The owner in a transaction that is rolled back."""
    with connect(sample_database.owner_url) as conn:
        yield conn
        conn.rollback()


# ---- writing -------------------------------------------------------------------------------------------------------


def test_a_look_is_written_down_by_the_transaction_that_shows_it(sample_database: Any) -> None:
    with connect(sample_database.app_url) as conn:
        who = account(conn, "leader")
        scopes.look_as(conn, who)
        audit.looked(conn, "poverty_relief", "16/54321/26789", 7)
        audit.looked(conn, "poverty_relief", "16/54321/26790", 0)  # nothing was shown
    with connect(sample_database.owner_url) as conn:
        rows = conn.execute("SELECT * FROM audit WHERE subject = 'poverty_relief'").fetchall()
        assert len(rows) == 1
        (row,) = rows
        assert (row["account_id"], row["role"], row["act"], row["rows"]) == (who, "leader", "look", 7)
        assert row["place"] == "16/54321/26789"
        assert abs((row["at"] - datetime.now(UTC)).total_seconds()) < 60
        # A UUIDv7 of the same moment, so that it lies in its month.
        assert int(row["entry_id"].hex[:12], 16) == int(row["at"].timestamp() * 1e6) // 1000
        assert (row["entry_id"].version, row["seal_no"], row["pos"]) == (7, None, None)


def test_whoever_looks_cannot_write_it_down_as_somebody_else(doors: Connection) -> None:
    leader, officer = account(doors, "leader"), account(doors, "officer")
    scopes.look_as(doors, officer)
    with pytest.raises(errors.InsufficientPrivilege), doors.transaction():
        audit.add(doors, "look", "officers", account_id=leader)


def test_without_a_viewer_the_door_says_whose_act_it_was(doors: Connection) -> None:
    audit.add(doors, "sign_in", "accounts", account_id=account(doors, "officer"))
    audit.add(doors, "sign_in_failed", "accounts", facts={"reason": "wrong_password"})
    with pytest.raises(errors.ForeignKeyViolation), doors.transaction():
        audit.add(doors, "sign_in", "accounts", account_id=2**31 - 1)


def test_a_session_cannot_move_the_moment_of_an_entry(sample_database: Any) -> None:
    with connect(sample_database.app_url) as conn:
        conn.execute("SET LOCAL gisops.clock_offset = '-3 days'")
        entry = audit.add(conn, "load", "parts", rows=3)
    with connect(sample_database.owner_url) as conn:
        row = conn.execute("SELECT at > now() - interval '1 minute' AS now FROM audit WHERE entry_id = %s", [entry])
        assert row.fetchone() == {"now": True}


@pytest.mark.parametrize("fact", ["张三", "Zhang San", "13812345678", "a" * 65, ["fine", "不"], "case 5"])
def test_a_fact_is_a_number_or_a_word_of_ours(doors: Connection, fact: Any) -> None:
    with pytest.raises(ValueError, match="a word of ours"):
        audit.add(doors, "account", "accounts", facts={"what": fact})
    audit.add(doors, "account", "accounts", facts={"what": "role", "active": True, "fields": ["name", "phone"]})


def test_an_unknown_act_is_a_mistake_of_ours(doors: Connection) -> None:
    with pytest.raises(ValueError, match="no act 'peek'"):
        audit.add(doors, "peek", "officers")


@pytest.mark.parametrize(
    "done",
    ["INSERT INTO audit SELECT * FROM audit", "UPDATE audit SET rows = 0", "DELETE FROM audit", "TRUNCATE audit",
     "SELECT rows FROM audit", "DELETE FROM audit_seals", "UPDATE audit_seals SET rows = 1"],
)  # fmt: skip
@pytest.mark.parametrize("reader", [False, True])
def test_nobody_at_the_doors_has_a_right_on_an_entry(doors: Connection, done: str, reader: bool) -> None:
    if reader:
        scopes.look_as(doors, account(doors, "admin"))
    with pytest.raises(errors.InsufficientPrivilege):
        doors.execute(done.encode())


def test_every_act_has_words_in_both_languages() -> None:
    for act, (zh, en) in audit.ACTS.items():
        assert act.isidentifier()
        assert zh
        assert not zh.isascii()
        assert en.isascii()


# ---- reading -------------------------------------------------------------------------------------------------------


def test_it_is_read_by_those_who_may_and_that_is_an_entry_too(doors: Connection) -> None:
    officer, admin = account(doors, "officer"), account(doors, "admin")
    for n in range(5):
        audit.add(doors, "report", "cases", object=f"sample-{n}", rows=1, account_id=officer)
    scopes.look_as(doors, admin)
    first = audit.page(doors, act="report", limit=3)
    assert [entry.object for entry in first] == sorted((entry.object for entry in first), reverse=True)
    assert len(first) == 3
    rest = audit.page(doors, act="report", after=first[-1].entry_id)
    assert not {entry.entry_id for entry in rest} & {entry.entry_id for entry in first}
    login = first[0].login
    assert {entry.account_id for entry in audit.page(doors, login=login, act="report")} == {officer}
    assert audit.page(doors, login="nobody.at.all") == []
    assert audit.page(doors, until_at=datetime.now(UTC) - timedelta(days=1)) == []
    looks = audit.page(doors, act="look", subject="audit")
    assert len(looks) == 5
    assert {(entry.account_id, entry.role) for entry in looks} == {(admin, "admin")}
    assert [entry.rows for entry in looks][-1] == 3


@pytest.mark.parametrize("role", ["officer", "planner", "leader", "dispatcher", None])
def test_nobody_else_reads_it_whatever_the_route_forgets(doors: Connection, role: str | None) -> None:
    scopes.look_as(doors, account(doors, role) if role else None)
    with pytest.raises(NotAllowed):
        audit.page(doors)


def test_what_is_asked_must_be_right(doors: Connection) -> None:
    with pytest.raises(InvalidInput):
        audit.page(doors, from_at=datetime(2026, 1, 1))
    with pytest.raises(InvalidInput):
        audit.page(doors, act="peek")


# ---- sealing and what is found ------------------------------------------------------------------------------------


def write(conn: Connection, count: int, district: str | None = None) -> None:
    conn.execute(
        "SELECT audit_add('report', 'cases', 'sample-' || n, rows => 1, district => %s) FROM generate_series(1, %s) n",
        [district, count],
    )


@pytest.fixture
def sealed(owner: Connection, tmp_path: Path) -> tuple[Connection, Path]:
    """Two chains, of five seals of twenty entries each and of one, with the heads written outside after the third."""
    owner.execute("DELETE FROM audit_seals")
    owner.execute("DELETE FROM audit")
    outside = tmp_path / "heads.log"
    for n in range(5):
        write(owner, 20)
        sealing.seal(owner)
        if n == 2:
            sealing.Heads(outside).keep(owner)
    write(owner, 20, "999999")
    sealing.seal(owner)
    sealing.Heads(outside).keep(owner)
    write(owner, 3)
    return owner, outside


def faults(conn: Connection, outside: Path) -> set[tuple[int | None, int | None, str]]:
    return {(one.seal_no, one.pos, one.problem) for one in sealing.check(conn, outside).faults}


CHAIN = "district_code <> '999999'"


def test_an_honest_audit_is_whole(sealed: tuple[Connection, Path]) -> None:
    conn, outside = sealed
    seen = sealing.check(conn, outside)
    assert seen.faults == ()
    assert (seen.entries, seen.seals, seen.waiting) == (123, 6, 3)
    assert (seen.heads, seen.of, seen.left_behind) == (3, 3, 0)
    assert sealing.seal(conn) == 3
    assert sealing.seal(conn) == 0
    told = conn.execute(f"SELECT pos FROM audit WHERE {CHAIN} ORDER BY pos".encode())
    assert [row["pos"] for row in told] == list(range(1, 104))
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600


def test_a_seal_holds_at_most_so_many_and_the_next_goes_on(owner: Connection, tmp_path: Path) -> None:
    owner.execute("DELETE FROM audit_seals")
    owner.execute("DELETE FROM audit")
    write(owner, 25)
    assert [sealing.seal(owner, 10) for _ in range(4)] == [10, 10, 5, 0]
    heads = sealing.Heads(tmp_path / "heads.log")
    assert heads.keep(owner) == 1
    assert heads.keep(owner, now=True) == 0
    assert sealing.check(owner, tmp_path / "heads.log").faults == ()


# What the owner of the tables does to them, and what must be said of it: (seal, number, what).
SWAP = f"""UPDATE audit a SET pos = b.pos FROM audit b
  WHERE a.{CHAIN} AND b.{CHAIN} AND (a.pos, b.pos) IN ((45, 52), (52, 45))"""
REHASH = """hash = audit_hash(district_code, entry_id, at, account_id, key_id, role, act, subject, object, purpose,
  place, rows, facts)"""
COPIED = (
    "district_code, gen_random_uuid(), at, account_id, key_id, role, act, subject, object, purpose, place, rows, facts"
)
TAMPERED: dict[str, tuple[list[str], set[tuple[int | None, int | None, str]]]] = {
    "the object is changed": ([f"UPDATE audit SET object = 'x' WHERE pos = 33 AND {CHAIN}"], {(2, 33, "altered")}),
    "the moment is moved": (
        [f"UPDATE audit SET at = at + interval '1 microsecond' WHERE pos = 1 AND {CHAIN}"], {(1, 1, "altered")},
    ),
    "another account": ([f"UPDATE audit SET account_id = 1 WHERE pos = 100 AND {CHAIN}"], {(5, 100, "altered")}),
    "absent becomes empty": ([f"UPDATE audit SET purpose = '' WHERE pos = 7 AND {CHAIN}"], {(1, 7, "altered")}),
    "changed before its seal": (["UPDATE audit SET rows = 9 WHERE pos IS NULL"], {(None, None, "altered")}),
    "changed with its hash": (
        [f"UPDATE audit SET object = 'x' WHERE pos = 33 AND {CHAIN}",
         f"UPDATE audit SET {REHASH} WHERE pos = 33 AND {CHAIN}"],
        {(2, 21, "rewritten with its hash")},
    ),
    "one is deleted": ([f"DELETE FROM audit WHERE pos = 33 AND {CHAIN}"], {(2, 33, "missing")}),
    "one loses its number": (
        [f"UPDATE audit SET pos = NULL, seal_no = NULL WHERE pos = 33 AND {CHAIN}"], {(2, 33, "missing")},
    ),
    "all under one seal are deleted": (
        [f"DELETE FROM audit WHERE seal_no = 4 AND {CHAIN}"], {(4, pos, "missing") for pos in range(61, 81)},
    ),
    "one is inserted beside another": (
        [f"INSERT INTO audit SELECT {COPIED}, '', seal_no, pos FROM audit WHERE pos = 50 AND {CHAIN}",
         f"UPDATE audit SET {REHASH} WHERE hash = ''"],
        {(3, 50, "inserted")},
    ),
    "one is inserted under no seal": (
        [f"INSERT INTO audit SELECT {COPIED}, '', 9, 500 FROM audit WHERE pos = 50 AND {CHAIN}",
         f"UPDATE audit SET {REHASH} WHERE hash = ''"],
        {(9, None, "entries under no seal")},
    ),
    "two change places": ([SWAP], {(3, 46, "reordered"), (3, 52, "reordered")}),
    "a seal is removed": (
        [f"DELETE FROM audit_seals WHERE seal_no = 2 AND {CHAIN}"],
        {(3, 41, "seal missing"), (2, None, "entries under no seal")},
    ),
    "a seal and all under it are removed": (
        [f"DELETE FROM audit_seals WHERE seal_no = 2 AND {CHAIN}", f"DELETE FROM audit WHERE seal_no = 2 AND {CHAIN}"],
        {(3, 41, "seal missing")},
    ),
    "a seal is dated back": (
        [f"UPDATE audit_seals SET sealed_at = sealed_at - interval '1 day' WHERE seal_no = 2 AND {CHAIN}"],
        {(2, 21, "seal altered")},
    ),
    "a seal is linked to nothing": (
        [f"UPDATE audit_seals SET prev_digest = '' WHERE seal_no = 2 AND {CHAIN}"], {(2, 21, "seal not linked")},
    ),
    "entries are called forgotten": (
        [f"UPDATE audit_seals SET forgotten_at = now() WHERE seal_no = 1 AND {CHAIN}",
         f"DELETE FROM audit WHERE seal_no = 1 AND {CHAIN}"],
        {(1, 1, "forgotten too soon")},
    ),
    "the end is cut off": (
        [f"DELETE FROM audit WHERE seal_no = 5 AND {CHAIN}", f"DELETE FROM audit_seals WHERE seal_no = 5 AND {CHAIN}"],
        {(5, None, "chain cut short")},
    ),
    "everything is gone": (
        ["DELETE FROM audit", "DELETE FROM audit_seals"],
        {(3, None, "chain cut short"), (5, None, "chain cut short"), (1, None, "chain cut short")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_done_to_it_is_found_and_where(sealed: tuple[Connection, Path], name: str) -> None:
    conn, outside = sealed
    done, found = TAMPERED[name]
    for one in done:
        assert conn.execute(one.encode()).rowcount > 0
    assert faults(conn, outside) == found


def test_sealed_anew_from_the_first_change_on_it_is_still_found_outside(sealed: tuple[Connection, Path]) -> None:
    """The whole chain after the change is made again, as only somebody with the owner's rights and our code can."""
    conn, outside = sealed
    conn.execute(f"DELETE FROM audit WHERE pos = 33 AND {CHAIN}".encode())
    conn.execute(f"DELETE FROM audit_seals WHERE seal_no >= 2 AND {CHAIN}".encode())
    conn.execute(f"UPDATE audit SET pos = NULL, seal_no = NULL WHERE seal_no >= 2 AND {CHAIN}".encode())
    while sealing.seal(conn, 20):
        pass
    assert faults(conn, outside) == {(3, None, "chain made anew"), (5, None, "chain made anew")}
    # and without the file nothing would say so, but that there is no file
    outside.unlink()
    assert faults(conn, outside) == {(None, None, "no digests outside")}


def test_a_restore_leaves_digests_behind_and_says_so(sealed: tuple[Connection, Path]) -> None:
    conn, outside = sealed
    conn.execute(f"DELETE FROM audit WHERE seal_no >= 4 AND {CHAIN}".encode())
    conn.execute(f"DELETE FROM audit_seals WHERE seal_no >= 4 AND {CHAIN}".encode())
    conn.execute("UPDATE relay_state SET epoch = epoch + 1")
    seen = sealing.check(conn, outside)
    assert (seen.faults, seen.heads, seen.left_behind) == ((), 2, 1)


def test_a_file_outside_that_was_scribbled_in_is_told_of(sealed: tuple[Connection, Path]) -> None:
    conn, outside = sealed
    lines = outside.read_bytes().splitlines()
    told = json.loads(lines[0])
    outside.write_bytes(b"\n".join([json.dumps(told | {"digest": "00" * 32}).encode(), b"{", *lines[1:]]))
    assert faults(conn, outside) == {(3, None, "chain made anew"), (None, None, "unreadable digest outside")}


def test_the_digests_of_a_database_that_is_no_more_are_kept_beside(tmp_path: Path) -> None:
    file = tmp_path / "audit-seals.log"
    assert sealing.set_aside(file) is None
    file.write_text("{}\n")
    aside = sealing.set_aside(file)
    assert aside is not None
    assert (file.exists(), aside.read_text(), aside.parent) == (False, "{}\n", tmp_path)


# ---- kept long enough ----------------------------------------------------------------------------------------------


def test_what_is_old_enough_is_forgotten_and_the_chain_still_holds(owner: Connection, tmp_path: Path) -> None:
    owner.execute("DELETE FROM audit_seals")
    owner.execute("DELETE FROM audit")
    outside = tmp_path / "heads.log"
    for _ in range(3):
        write(owner, 10)
        sealing.seal(owner)
    sealing.Heads(outside).keep(owner)
    # Two of the seals were laid a year ago: the digests of all are made to fit, as only a test may.
    owner.execute("UPDATE audit_seals SET sealed_at = sealed_at - interval '1 year' WHERE seal_no <= 2")
    for n in (1, 2, 3):
        owner.execute(
            """UPDATE audit_seals s SET prev_digest = coalesce(b.digest, ''),
                 digest = audit_digest(coalesce(b.digest, ''), s.district_code, s.seal_no, s.first_pos, s.last_pos,
                                       s.rows, s.body, s.sealed_at)
               FROM audit_seals t LEFT JOIN audit_seals b ON b.seal_no = t.seal_no - 1
               WHERE s.seal_no = %s AND t.seal_no = s.seal_no""",
            [n],
        )
    outside.unlink()
    sealing.Heads(outside).keep(owner)
    with pytest.raises(InvalidInput):
        audit.forget(owner, datetime.now(UTC) - timedelta(days=90))
    with pytest.raises(errors.InvalidParameterValue), owner.transaction():
        owner.execute("SELECT * FROM audit_forget(now())")
    (done,) = audit.forget(owner, datetime.now(UTC) - timedelta(days=200))
    assert (done["seals"], done["entries"]) == (2, 20)
    sealing.seal(owner)
    seen = sealing.check(owner, outside)
    assert seen.faults == ()
    assert (seen.entries, seen.seals) == (11, 4)
    kept = owner.execute("SELECT act, rows FROM audit WHERE act = 'forget'").fetchall()
    assert kept == [{"act": "forget", "rows": 20}]
    owner.execute("DELETE FROM audit WHERE pos = 21")
    assert faults(owner, outside) == {(3, 21, "missing")}


# ---- as it runs ----------------------------------------------------------------------------------------------------


def test_the_doors_may_seal_and_two_sealers_do_not_cross(fresh_database: Any, tmp_path: Path) -> None:
    made = fresh_database("sample_template")
    with connect(made.app_url) as busy, connect(made.app_url, autocommit=True) as free:
        write(busy, 5)
        write(free, 5)
        assert sealing.seal(free) == 5  # what is not committed is not there yet
        busy.commit()
        assert sealing.seal(busy) == 5
        write(free, 5)
        assert sealing.seal(free) == 0  # the other is at it
        busy.commit()
        assert sealing.seal(free) == 5
        sealing.Heads(tmp_path / "heads.log").keep(free)
    with connect(made.owner_url) as conn:
        seen = sealing.check(conn, tmp_path / "heads.log")
    assert (seen.entries, seen.seals, seen.faults) == (15, 3, ())


def test_the_worker_seals_at_once_and_again_when_it_stops(fresh_database: Any, tmp_path: Path) -> None:
    made, outside = fresh_database("sample_template"), tmp_path / "heads.log"
    settings = made.settings(tmp_path).model_copy(update={"audit_seals": outside})
    stop = threading.Event()
    working = threading.Thread(target=worker.run, args=(settings, stop))
    with connect(made.app_url, autocommit=True) as conn:
        write(conn, 5)
        working.start()
        try:
            give_up = time.monotonic() + 20
            while not outside.exists() and time.monotonic() < give_up:
                time.sleep(0.02)
            assert outside.exists()
            write(conn, 5)
        finally:
            stop.set()
            working.join(20)
    with connect(made.owner_url) as conn:
        seen = sealing.check(conn, outside)
    assert (seen.entries, seen.waiting, seen.seals, seen.heads, seen.faults) == (10, 0, 2, 2, ())


def test_gisops_check_audit(fresh_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.cli import app

    made, outside = fresh_database("sample_template"), tmp_path / "elsewhere" / "heads.log"
    monkeypatch.setenv("GISOPS_DATABASE_URL", made.app_url)
    monkeypatch.setenv("GISOPS_MIGRATE_URL", made.owner_url)
    monkeypatch.setenv("GISOPS_AUDIT_SEALS", str(outside))
    with connect(made.app_url, autocommit=True) as conn:
        write(conn, 50)
        sealing.seal(conn)
        sealing.Heads(outside).keep(conn)
    good = CliRunner().invoke(app, ["check", "audit"])
    assert good.exit_code == 0, good.output
    assert "50 条 / entries, 1 次封存 / seals" in good.output
    assert "审计完整 / the audit is whole" in good.output
    with connect(made.owner_url) as conn:
        conn.execute("UPDATE audit SET rows = 2 WHERE pos = 17")
    bad = CliRunner().invoke(app, ["check", "audit"])
    assert bad.exit_code == 1
    (line,) = (line for line in bad.output.splitlines() if "was changed" in line)
    assert "封存 / seal 1, 序号 / number 17, " in line
    assert CliRunner().invoke(app, ["check", "nothing"]).exit_code == 1
    assert CliRunner().invoke(app, ["check"]).exit_code == 0


def many(fresh_database: Any, tmp_path: Path, count: int) -> sealing.Checked:
    """So many entries of two chains under seals of 2,000, one of them changed in the middle."""
    made, outside = fresh_database(), tmp_path / "heads.log"
    with connect(made.owner_url, autocommit=True, unhurried=True) as conn:
        for district in ("469901", "469902"):
            conn.execute(
                "SELECT count(audit_add('look', 'officers', place => '16/54321/' || n, rows => n %% 50,"
                ' facts => \'{"fields": ["name", "phone"]}\', district => %s)) FROM generate_series(1, %s) n',
                [district, count // 2],
            )
        while sealing.seal(conn):
            pass
        sealing.Heads(outside).keep(conn)
        conn.execute("ANALYZE audit")
        whole = sealing.check(conn, outside)
        assert (whole.entries, whole.faults) == (count, ())
        conn.execute("UPDATE audit SET rows = rows + 1 WHERE district_code = '469902' AND pos = %s", [count // 4])
        (fault,) = sealing.check(conn, outside).faults
        assert (fault.chain, fault.pos, fault.problem) == ("469902", count // 4, "altered")
    return whole


def test_many_entries_are_checked(fresh_database: Any, tmp_path: Path) -> None:
    seen = many(fresh_database, tmp_path, 20_000)
    assert seen.seals == 10
    assert seen.took_s < 10


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_million_entries_are_checked_within_a_minute(fresh_database: Any, tmp_path: Path) -> None:
    began = time.monotonic()
    seen = many(fresh_database, tmp_path, 1_000_000)
    print(f"checked in {seen.took_s:.1f} s; all of it {time.monotonic() - began:.0f} s")
    assert seen.took_s <= 60

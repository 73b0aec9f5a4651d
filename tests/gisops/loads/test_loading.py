"""From a file into force and back: what is refused, what is replaced, what a kill in the middle leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gisops import city as cities
from gisops import operations
from gisops.cases.reports import NewReport
from gisops.db.pool import Connection
from gisops.loads import publishing, records
from gisops.loads.mapping import InvalidMapping
from gisops.loads.publishing import NotPublishable, NotUndoable
from tests.gisops.loads.small_city import found, shapes, square, table
from tests.walk import real_city
from tests.walk.real_city import codes, load


@pytest.fixture
def conn(database: Any, tmp_path: Path) -> Iterator[Connection]:
    """The owner, in a city of its own that goes with the test: what a load commits is committed within the test's
    transaction only.
    """
    with real_city.owner(database) as opened, opened.transaction(force_rollback=True):
        found(opened, tmp_path)
        yield opened


def one(conn: Connection, query: str, *params: Any) -> Any:
    row = conn.execute(query.encode(), params).fetchone()
    assert row is not None
    (value,) = row.values()
    return value


def undo(conn: Connection, done: records.Load) -> records.Load:
    with conn.transaction():
        return publishing.undo(conn, done.load_id)


def offices(folder: Path) -> Path:
    return table(
        folder,
        "offices",
        "code,name_zh,kind,parent,phone",
        "A,甲局,bureau,,100",
        "B,乙街道,street,A,",
        "C,丙社区,community,B,",
    )


# ---- plain tables --------------------------------------------------------------------------------------------------


def test_rows_are_added_changed_and_left_and_undoing_brings_back_what_was(conn: Connection, tmp_path: Path) -> None:
    first = load(conn, "organisations", offices(tmp_path))
    assert first.outcome["added"] == 3
    above = (
        "SELECT p.code FROM organisations o JOIN organisations p ON p.organisation_id = o.parent_id WHERE o.code = %s"
    )
    assert (one(conn, above, "B"), one(conn, above, "C")) == ("A", "B")
    again = load(conn, "organisations", offices(tmp_path))
    assert [again.outcome[k] for k in ("added", "changed", "unchanged")] == [0, 0, 3]
    moved = table(tmp_path, "moved", "code,name_zh,parent", "B,乙镇,", "C,丙社区,A", "D,丁公司,A")
    second = load(conn, "organisations", moved, sets=["kind=street"])
    assert [second.outcome[k] for k in ("added", "changed", "unchanged")] == [1, 2, 0]
    assert one(conn, "SELECT phone FROM organisations WHERE code = 'A'") == "100"
    assert one(conn, above, "C") == "A"
    undo(conn, second)
    told = "SELECT act, subject, rows FROM audit WHERE object = %s ORDER BY entry_id"
    acts = conn.execute(told, [str(second.load_id)])
    assert [tuple(row.values()) for row in acts] == [("load", "organisations", 3), ("undo", "organisations", 3)]
    assert one(conn, "SELECT count(*) FROM organisations WHERE code = 'D'") == 0
    assert one(conn, "SELECT name_zh FROM organisations WHERE code = 'B'") == "乙街道"
    assert one(conn, above, "C") == "B"
    left = one(conn, "SELECT count(*) FROM pg_class WHERE relnamespace = 'staging'::regnamespace AND relname LIKE %s",
               f"%\\_{second.load_id}%")  # fmt: skip
    assert left == 0


def test_a_load_others_stand_on_is_not_undone(conn: Connection, tmp_path: Path) -> None:
    done = load(conn, "organisations", offices(tmp_path))
    staff = table(tmp_path, "staff", "code,name,organisation,post_zh,role,leads", "S1,样例员工1,A,科长,leader,是")
    people = load(conn, "staff", staff)
    assert one(conn, "SELECT s.code FROM organisations o JOIN staff s ON s.staff_id = o.lead_staff_id") == "S1"
    with pytest.raises(NotUndoable, match=r"refers to rows"), conn.transaction():
        publishing.undo(conn, done.load_id)
    undo(conn, people)
    assert one(conn, "SELECT count(*) FROM organisations WHERE lead_staff_id IS NOT NULL") == 0
    assert undo(conn, done).state == "undone"
    with pytest.raises(NotUndoable, match="is undone"), conn.transaction():
        publishing.undo(conn, done.load_id)


def test_what_is_wrong_is_refused_row_by_row_with_words_and_stops_publishing(conn: Connection, tmp_path: Path) -> None:
    load(conn, "organisations", offices(tmp_path))
    bad = table(
        tmp_path,
        "bad",
        "code,name,organisation,post_zh,role,max_open,active",
        "S1,样例员工1,甲局,科长,leader,5,是",
        "S2,样例员工2,NOBODY,科长,leader,5,是",
        "S3,样例员工3,A,科长,king,5,是",
        "S4,样例员工4,A,科长,leader,five,是",
        "S5,样例员工5,A,科长,leader,5,maybe",
        "S1,样例员工6,A,科长,leader,5,是",
        ",样例员工7,A,科长,leader,5,是",
        "S8,样例员工8,A,科长,leader,0,是",
    )
    staged = load(conn, "staff", bad, publish=False)
    assert (staged.rows_read, staged.taken, staged.refused) == (8, 1, 7)
    assert codes(conn, staged.load_id) == {
        "unknown_code": 1,
        "not_one_of": 1,
        "not_a_number": 1,
        "not_a_boolean": 1,
        "duplicate_code": 1,
        "missing_value": 1,
        "out_of_range": 1,
    }
    by_row = {f["row_no"]: f for f in records.findings(conn, staged.load_id)}
    assert set(by_row) == {2, 3, 4, 5, 6, 7, 8}
    assert by_row[6]["now"] == "1"
    assert "officer" in by_row[3]["words_en"]
    with pytest.raises(NotPublishable, match="7 of 8"), conn.transaction():
        publishing.publish(conn, staged.load_id, allow_refused=6)
    assert one(conn, "SELECT count(*) FROM staff") == 0
    with conn.transaction():
        publishing.publish(conn, staged.load_id, allow_refused=7)
    assert one(conn, "SELECT array_agg(code) FROM staff") == ["S1"]


def test_a_mapping_that_does_not_fit_says_what_is_there(conn: Connection, tmp_path: Path) -> None:
    file = table(tmp_path, "x", "nr,titel", "1,Eins")
    with pytest.raises(InvalidMapping, match=r"Nothing fills code .*nr, titel"):
        load(conn, "organisations", file)
    mapping = tmp_path / "m.toml"
    mapping.write_text('[columns]\ncode = "number"\n', "utf-8")
    with pytest.raises(InvalidMapping, match=r"no column number; it has nr, titel"):
        load(conn, "organisations", file, mapping)
    mapping.write_text('[columns]\ncolour = "nr"\n', "utf-8")
    with pytest.raises(InvalidMapping, match=r"no column colour; there are code"):
        load(conn, "organisations", file, mapping)
    mapping.write_text('[columns]\ncode = { column = "nr", constant = "1" }\n', "utf-8")
    with pytest.raises(InvalidMapping, match="exactly one"):
        load(conn, "organisations", file, mapping)


def test_a_city_s_own_categories_with_conditions_limits_and_scopes(conn: Connection, tmp_path: Path) -> None:
    own = table(
        tmp_path, "own", "code,name_zh,severity,auto_file", "E97-01,样例事件,urgent,是", "P97-02,样例部件,normal,否"
    )
    load(conn, "categories", own)
    load(conn, "filing_conditions", table(tmp_path, "f", "category,text_zh,is_default", "E97-01,有样例情形,true"))
    load(conn, "time_limits", table(tmp_path, "t", "category,unit,value", "E97-01,urgent_hour,3"))
    load(conn, "part_scopes", table(tmp_path, "s", "category,part_category,rank", "E97-01,P97-02,1"))
    category = cities.load(conn).category("E97-01")
    assert category.limit is not None
    assert (category.severity, category.limit.unit, category.limit.value) == ("urgent", "urgent_hour", 3.0)
    assert one(conn, "SELECT city_code FROM categories WHERE code = 'E97-01' AND major = '97'") == "990100"
    assert one(conn, "SELECT rank FROM part_scopes JOIN categories c USING (category_id) WHERE c.code = 'E97-01'") == 1


def test_rosters_are_made_of_days_and_shifts_and_never_overlap(conn: Connection, tmp_path: Path) -> None:
    load(conn, "organisations", offices(tmp_path))
    load(conn, "staff", table(tmp_path, "st", "code,name,organisation,post_zh,role", "S1,样例员工1,A,网格员,officer"))
    load(conn, "shifts", table(tmp_path, "sh", "code,starts,ends", "night,22:00,6:00", "late,14:00,23:00"))
    turns = table(
        tmp_path, "r", "staff,shift,day", "S1,night,2026-03-28", "S1,late,2026年3月29日", "S1,night,2026/3/29"
    )
    done = load(conn, "rosters", turns, how={"allow_refused": 1})
    assert codes(conn, done.load_id)["overlapping_turns"] == 1
    rows = conn.execute("SELECT lower(on_duty) AS a, upper(on_duty) - lower(on_duty) AS long FROM rosters ORDER BY 1")
    # the night in which the clocks go forward has seven hours
    assert [(r["a"].astimezone(UTC).hour, r["long"]) for r in rows] == [
        (21, timedelta(hours=7)),
        (12, timedelta(hours=9)),
    ]


# ---- areas, cells, parts: what is in force ends, and the next begins ------------------------------------------------


def cells(folder: Path, name: str, *numbers: int, shift: float = 0.0) -> Path:
    rows = [
        (square(10.0 + 0.02 * n + shift, 50.0), {"code": f"990108001001{n:03d}"})
        for n in numbers
    ]  # fmt: skip
    return shapes(folder, name, *rows)


def test_cells_that_change_end_and_those_that_stay_are_left(conn: Connection, tmp_path: Path) -> None:
    first = load(conn, "grid_cells", cells(tmp_path, "first", 1, 2, 3))
    assert first.outcome["from"].startswith("2000-01-01")
    assert one(conn, "SELECT DISTINCT community_code FROM grid_cells") == "990108001001"
    changed = shapes(
        tmp_path,
        "second",
        (square(10.02, 50.0), {"code": "990108001001001"}),
        (square(10.04, 50.0, 0.019), {"code": "990108001001002"}),
        (square(10.08, 50.0), {"code": "990108001001004"}),
    )
    second = load(conn, "grid_cells", changed, how={"complete": True})
    told = [second.outcome[k] for k in ("added", "changed", "closed", "unchanged")]
    assert told == [1, 1, 1, 1]
    at = "SELECT array_agg(code ORDER BY code) FROM (SELECT right(code, 1) AS code FROM grid_cells WHERE valid @> %s) c"
    now = datetime.now(UTC)
    assert one(conn, at, now) == ["1", "2", "4"]
    assert one(conn, at, now - timedelta(days=1)) == ["1", "2", "3"]
    undo(conn, second)
    assert one(conn, at, now) == ["1", "2", "3"]
    assert one(conn, "SELECT count(*) FROM grid_cells") == 3


def test_an_audit_finds_the_gap_the_overlap_and_the_seam(conn: Connection, tmp_path: Path) -> None:
    file = shapes(
        tmp_path,
        "cells",
        (square(10.00, 50.0), {"code": "990108001001001"}),
        # meets the first along an edge on which it has a vertex more
        (square(10.02, 50.0, 0.02, more=((10.02, 50.01),)), {"code": "990108001001002"}),
        (square(10.039, 50.005), {"code": "990108001001003"}),
    )
    staged = load(conn, "grid_cells", file, publish=False)
    audit = staged.audit["tiling"]["grid_cells"]
    assert audit["counts"] == {"overlaps": 1, "overlap_slivers": 0, "gaps": 1, "gap_slivers": 0, "seams": 1}
    assert audit["overlaps"][0]["of"] == ["990108001001002", "990108001001003"]
    # 0.001 x 0.015 degrees at 50 north
    assert audit["overlaps"][0]["area_m2"] == pytest.approx(71.7 * 1668.4, rel=0.01)
    seam = audit["seams"][0]
    assert (seam["edge_of"], seam["vertex_of"], seam["lon"], seam["lat"]) == (
        "990108001001001", "990108001001002", 10.02, 50.01,
    )  # fmt: skip


def parts(folder: Path, *lines: str) -> Path:
    return table(folder, "parts", "code,x,y,maintainer_organisation", *lines)


XY = {"x": "x", "y": "y", "crs": "WGS84"}


def test_a_part_that_changes_hands_is_a_new_record_and_keeps_what_the_file_leaves_out(
    conn: Connection, tmp_path: Path
) -> None:
    load(conn, "organisations", offices(tmp_path))
    load(conn, "grid_cells", cells(tmp_path, "cells", 1))
    first = parts(tmp_path, "9901080101000001,10.03,50.01,A", "9901080102000002,10.03,50.011,A")
    load(conn, "parts", first, sets=["source=普查"], **XY)
    assert one(conn, "SELECT array_agg(DISTINCT grid_cell_code) FROM parts") == ["990108001001001"]
    assert one(conn, "SELECT array_agg(name_zh ORDER BY code) FROM parts") == ["上水井盖", "污水井盖"]
    second = parts(tmp_path, "9901080101000001,10.03,50.01,B", "9901080102000002,10.03,50.011,A")
    done = load(conn, "parts", second, sets=["source=普查"], **XY)
    assert [done.outcome[k] for k in ("added", "changed", "unchanged")] == [0, 1, 1]
    rows = conn.execute(
        """SELECT o.code, upper_inf(p.valid) AS now FROM parts p
           JOIN organisations o ON o.organisation_id = p.maintainer_organisation_id
           WHERE p.code = '9901080101000001' ORDER BY lower(p.valid)"""
    ).fetchall()
    assert [(r["code"], r["now"]) for r in rows] == [("A", False), ("B", True)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("9901080101000001,11.5,50.01,A", "outside_city"),
        ("99010801010001,10.03,50.01,A", "invalid_code"),
        ("9901090101000001,10.03,50.01,A", "unknown_district"),
        ("9901088888000001,10.03,50.01,A", "unknown_code"),
    ],
)
def test_parts_that_cannot_be_right(conn: Connection, tmp_path: Path, line: str, code: str) -> None:
    load(conn, "organisations", offices(tmp_path))
    staged = load(conn, "parts", parts(tmp_path, line), publish=False, **XY)
    assert (staged.state, staged.refused) == ("refused", 1)
    assert code in codes(conn, staged.load_id)


# ---- zones ---------------------------------------------------------------------------------------------------------


def zones(folder: Path, name: str, organisation: str) -> Path:
    told = {"code": "Z1", "organisation": organisation, "primary": "S1", "scope": "E01;E04-05"}
    return shapes(folder, name, (square(10.0, 50.0, 0.05), told))


def test_a_set_replaces_the_one_of_its_purpose_at_one_moment_and_gives_way_again(
    conn: Connection, tmp_path: Path
) -> None:
    load(conn, "organisations", offices(tmp_path))
    load(conn, "staff", table(tmp_path, "st", "code,name,organisation,post_zh,role", "S1,样例员工1,A,网格员,officer"))
    first = load(conn, "zones", zones(tmp_path, "one", "A"), sets=["zone_set=ONE"])
    assert one(conn, "SELECT scope FROM zones") == ["GB/T 30428.2-2013:E01", "GB/T 30428.2-2013:E04-05"]
    assert one(conn, "SELECT role FROM zone_staff") == "primary"
    second = load(conn, "zones", zones(tmp_path, "two", "B"), sets=["zone_set=TWO"])
    sets = conn.execute(
        "SELECT code, status, lower(valid) AS a, upper(valid) AS b FROM zone_sets ORDER BY code"
    ).fetchall()
    assert [(s["code"], s["status"]) for s in sets] == [("ONE", "closed"), ("TWO", "published")]
    assert sets[0]["b"] == sets[1]["a"]
    with pytest.raises(NotPublishable, match="ONE already"), conn.transaction():
        load(conn, "zones", zones(tmp_path, "three", "B"), sets=["zone_set=ONE"])
    with pytest.raises(NotUndoable, match="Later loads"), conn.transaction():
        publishing.undo(conn, first.load_id)
    undo(conn, second)
    sets = conn.execute("SELECT code, status, upper_inf(valid) AS open FROM zone_sets").fetchall()
    assert sets == [{"code": "ONE", "status": "published", "open": True}]


def test_a_set_somebody_was_dispatched_by_stays(conn: Connection, tmp_path: Path) -> None:
    load(conn, "organisations", offices(tmp_path))
    done = load(conn, "zones", zones(tmp_path, "one", "A"), sets=["primary="])
    city = cities.load(conn)
    receipt = operations.receive_report(
        conn, city, NewReport(uuid4(), "citizen", "E04-05", 10.02, 50.02, "WGS84", 5.0), None
    )
    assert b'"organisation":{"code":"A"' in receipt.answer
    with pytest.raises(NotUndoable, match="1 cases were dispatched"), conn.transaction():
        publishing.undo(conn, done.load_id)


def test_the_past_is_not_changed_by_a_set_that_says_so(conn: Connection, tmp_path: Path) -> None:
    load(conn, "organisations", offices(tmp_path))
    load(conn, "zones", zones(tmp_path, "one", "A"), sets=["primary="])
    past = {"valid_from": datetime(2020, 1, 1, tzinfo=UTC)}
    with pytest.raises(NotPublishable, match="is past"), conn.transaction():
        load(conn, "zones", zones(tmp_path, "two", "B"), sets=["primary="], how=past)
    coming = {"valid_from": datetime.now(UTC) + timedelta(days=3)}
    done = load(conn, "zones", zones(tmp_path, "two", "B"), sets=["primary="], how=coming)
    at = "SELECT count(*) FROM zone_sets WHERE valid @> app_now() AND code <> %s"
    assert one(conn, at, done.outcome["zone_set"]) == 1


# ---- everything or nothing -------------------------------------------------------------------------------------------

_PUBLISH = """
import sys
from pathlib import Path
from tests.walk import real_city
from gisops.db.pool import connect
with connect(sys.argv[1], autocommit=True, unhurried=True) as conn:
    print("begin", flush=True)
    real_city.load(conn, "organisations", Path(sys.argv[2]))
    print("done", flush=True)
"""


@pytest.mark.faults
def test_a_kill_in_the_middle_leaves_all_or_nothing(fresh_database: Any, tmp_path: Path) -> None:
    """Killed at many moments of reading and of publishing: each time there are either no rows or all of them."""
    made = fresh_database()
    count = 4_000
    file = table(tmp_path, "many", "code,name_zh", *(f"O{n:05d},样例单位{n}" for n in range(count)))
    with real_city.owner(made) as conn:
        found(conn, tmp_path)
        seen = set()
        for wait in (0.03, 0.1, 0.2, 0.35, None):
            process = subprocess.Popen(
                [sys.executable, "-c", _PUBLISH, made.owner_url, str(file)],
                stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3],
            )  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline() == "begin\n"
            if wait is None:
                assert process.stdout.readline() == "done\n"
            else:
                time.sleep(wait)
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            _until_gone(conn)
            rows = one(conn, "SELECT count(*) FROM organisations WHERE NOT is_duty_desk")
            states = {row["state"] for row in conn.execute("SELECT state FROM loads")}
            assert rows in (0, count)
            assert ("published" in states) == (rows == count)
            for load_id in [row["load_id"] for row in conn.execute("SELECT load_id FROM loads WHERE state = 'staged'")]:
                assert one(conn, f"SELECT count(*) FROM staging.load_{load_id}") == count
            seen.add(rows)
            if rows:
                break
    assert seen == {0, count}


def _until_gone(conn: Connection) -> None:
    """Wait for the server to notice that its client is no more."""
    for _ in range(200):
        others = one(
            conn,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'",
        )
        if not others:
            return
        time.sleep(0.05)
    raise AssertionError("a killed client's transaction goes on")


def test_rows_that_a_crash_of_the_server_swept_away_are_not_taken_for_an_empty_file(
    conn: Connection, tmp_path: Path
) -> None:
    staged = load(conn, "organisations", offices(tmp_path), publish=False)
    # what PostgreSQL does to an unlogged table after a crash
    conn.execute(f"TRUNCATE staging.load_{staged.load_id}".encode())
    with pytest.raises(NotPublishable, match="are gone"), conn.transaction():
        publishing.publish(conn, staged.load_id)

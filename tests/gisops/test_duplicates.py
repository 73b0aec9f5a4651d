"""Reports and cases are n to 1: what joins by itself, what is proposed, what is new; and what is told of it to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from gisops import acts, operations
from gisops import city as cities
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import GisopsError
from gisops.people import Actor
from gisops.reports import NewReport

M = 1 / 111_000  # a metre north, degrees, nearly


@pytest.fixture
def owner(sample_database: Any) -> Iterator[Connection]:
    with connect(sample_database.owner_url) as conn:
        yield conn
        conn.rollback()


@pytest.fixture
def city(owner: Connection) -> City:
    return cities.load(owner)


@pytest.fixture
def part(owner: Connection) -> dict[str, Any]:
    """A part of the sample with a category of its own and nothing else about it."""
    row = owner.execute("""
        SELECT p.code, p.part_id, k.code AS category, ST_X(p.geom) AS lon, ST_Y(p.geom) AS lat
        FROM parts p JOIN categories k USING (category_id) JOIN city c ON c.category_scheme = k.scheme
        WHERE k.enabled AND k.major = '01' AND GeometryType(p.geom) = 'POINT'
          AND NOT EXISTS (SELECT FROM cases q WHERE ST_DWithin(q.geom, p.geom, 0.003))
        ORDER BY p.code LIMIT 1""").fetchone()
    assert row is not None
    return row


@pytest.fixture
def quiet(owner: Connection) -> tuple[float, float]:
    """A place in the city where no case is near."""
    row = owner.execute("""
        SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM grid_cells g, LATERAL ST_PointOnSurface(g.geom) p
        WHERE NOT EXISTS (SELECT FROM cases q WHERE ST_DWithin(q.geom, p, 0.005)) ORDER BY g.code LIMIT 1""").fetchone()
    assert row is not None
    return row["lon"], row["lat"]


def sent(lon: float, lat: float, category: str = "E01-13", channel: str = "citizen", **more: Any) -> NewReport:
    return NewReport(uuid4(), channel, category, lon, lat, "WGS84", more.pop("accuracy_m", 5.0), **more)


def told(conn: Connection, city: City, *reports: NewReport, by: Any = None) -> list[dict[str, Any]]:
    answers = []
    for one in operations.receive_batch(conn, city, reports, by):
        if isinstance(one, GisopsError):
            raise one
        answers.append(json.loads(one.answer))
    return answers


def case(conn: Connection, case_no: str) -> dict[str, Any]:
    row = conn.execute("SELECT * FROM cases WHERE case_no = %s", [case_no]).fetchone()
    assert row is not None
    return row


def numbers(answers: list[dict[str, Any]]) -> list[str]:
    return [answer["case"]["case_no"] for answer in answers]


def close(conn: Connection, case_no: str, ago: str = "0") -> None:
    """Close a case by the owner's hand, so long ago."""
    conn.execute(
        "UPDATE cases SET state = 'closed', stage = 7, closed_at = app_now() - %s::interval WHERE case_no = %s",
        [ago, case_no],
    )


def test_two_reports_that_name_one_part_are_one_case(owner: Connection, city: City, part: dict[str, Any]) -> None:
    at = part["lon"], part["lat"]
    first, second = (told(owner, city, sent(*at, part["category"], part_code=part["code"]))[0] for _ in range(2))
    assert first["case"]["case_no"] == second["case"]["case_no"]
    assert "joined" not in first
    assert second["joined"]["code"] == "same_part"
    assert second["dispatch"]["organisation"] == first["dispatch"]["organisation"]
    one = case(owner, first["case"]["case_no"])
    assert (one["report_count"], one["priority"], one["version"]) == (2, 0, len(history(owner, one)))
    links = owner.execute("SELECT kind, until, seq FROM report_links WHERE case_id = %s", [one["case_id"]]).fetchall()
    assert links == [{"kind": "same_part", "until": None, "seq": 1}]


def history(conn: Connection, one: dict[str, Any]) -> list[dict[str, Any]]:
    return conn.execute("SELECT * FROM case_history WHERE case_id = %s ORDER BY seq", [one["case_id"]]).fetchall()


DESK = """
    SELECT a.account_id, a.login, a.role, a.staff_id, a.organisation_id FROM accounts a
    WHERE a.role = %s AND a.everywhere AND a.active ORDER BY a.account_id LIMIT 1"""


def person(conn: Connection, role: str) -> Actor:
    row = conn.execute(DESK, [role]).fetchone()
    assert row is not None
    return Actor(**row)


def act(conn: Connection, city: City, case_no: str, action: str, by: Actor | None, **values: Any) -> acts.Done:
    version = case(conn, case_no)["version"] if by else None
    return acts.act(conn, city, case_no, action, acts.Sent(version, values=values), by)


def told_reporters(conn: Connection, action: str) -> int:
    row = conn.execute(
        "SELECT count(DISTINCT report_id) AS n FROM notices WHERE kind = 'progress' AND facts ->> 'action' = %s",
        [action],
    ).fetchone()
    assert row is not None
    return int(row["n"])


def test_scenario_12(owner: Connection, city: City, quiet: tuple[float, float]) -> None:
    """25 reports of one pothole: one case, 25 told; one taken out; closed, all told; five days later: again."""
    lon, lat = quiet
    first = told(owner, city, sent(lon, lat, text="路面有坑，车辆颠簸"))[0]
    master = first["case"]["case_no"]
    for n in range(12):  # who is told that it is known says so
        seen = told(owner, city, sent(lon, lat + n % 5 * M, text="路上有个大坑"))[0]
        assert master in [one["case_no"] for one in seen["suggested"]]
        again = told(owner, city, sent(lon, lat + n % 5 * M, joins=master))[0]
        assert again["case"]["case_no"] == master
        assert again["joined"]["code"] == "joined"
        acceptor = person(owner, "acceptor")
        act(owner, city, seen["case"]["case_no"], "link", acceptor, to=master)
    one = case(owner, master)
    assert (one["report_count"], one["priority"]) == (25, 3)
    assert told_reporters(owner, "link") == 12

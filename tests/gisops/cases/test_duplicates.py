"""Reports and cases are n to 1: what joins by itself, what is proposed, what is new; and what is told of it to whom."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from gisops import city as cities
from gisops import operations
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases import acts, cases, duplicates, links, proposals
from gisops.cases.facts import GuardFailed
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import GisopsError, InvalidInput, NotFound, StaleVersion

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
        CROSS JOIN city
        WHERE NOT EXISTS (SELECT FROM cases q WHERE ST_DWithin(q.geom, p, 0.002))
          AND ST_Contains(city.geom, ST_Expand(p, 0.0005)) AND ST_Contains(city.geom, ST_Translate(p, 0, 0.0065))
        ORDER BY g.code LIMIT 1""").fetchone()
    assert row is not None
    return row["lon"], row["lat"]


def sent(lon: float, lat: float, category: str = "E01-13", channel: str = "citizen", **more: Any) -> NewReport:
    return NewReport(uuid4(), channel, category, lon, lat, "WGS84", more.pop("accuracy_m", 5.0), **more)


def told(conn: Connection, city: City, *reports: NewReport, by: Any = None) -> list[dict[str, Any]]:
    answers = []
    for one in operations.receive_batch(conn, city, reports, by):
        if isinstance(one, GisopsError):
            raise one
        answer = json.loads(one.answer)
        if by is None and "joined" in answer:
            # a stranger is not told another's number
            assert answer["case"]["case_no"] is None
            answer["case"]["case_no"] = number_of(conn, answer["report"]["client_uid"])
        answers.append(answer)
    return answers


def number_of(conn: Connection, key: str) -> str:
    """The number of the case that a report is in."""
    row = conn.execute(
        "SELECT c.case_no FROM intake_keys k LEFT JOIN reports r USING (district_code, report_id)"
        " JOIN cases c ON c.district_code = k.district_code AND c.case_id = coalesce(r.case_id, k.case_id)"
        " WHERE k.client_uid = %s",
        [key],
    ).fetchone()
    assert row is not None
    return str(row["case_no"])


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
    # what is wrong with a cover is urgent, however few report it
    assert (one["severity"], one["report_count"], one["priority"]) == ("urgent", 2, 2)
    assert one["version"] == len(history(owner, one))
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
        "SELECT count(DISTINCT reporter_id) AS n FROM notices WHERE kind = 'progress' AND facts ->> 'action' = %s",
        [action],
    ).fetchone()
    assert row is not None
    return int(row["n"])


def followed(conn: Connection, city: City, key: str) -> dict[str, Any]:
    return operations.follow_report(conn, city, UUID(key))


def test_scenario_12(owner: Connection, city: City, quiet: tuple[float, float]) -> None:
    """25 reports of one pothole: one case, 25 told; one taken out; closed, all told; five days later: again.

    Who was signed in is told by a notice, once however often he reported it; who was not, by his report's key.
    """
    lon, lat = quiet
    leader = person(owner, "leader")
    first = told(owner, city, sent(lon, lat, text="路面有坑，车辆颠簸"))[0]
    master = first["case"]["case_no"]
    keys = [first["report"]["client_uid"]]
    for n in range(12):  # who is told that it is known says so
        seen = told(owner, city, sent(lon, lat + n % 5 * M, text="路上有个大坑"))[0]
        assert seen["near"]
        again = told(owner, city, sent(lon, lat + n % 5 * M, joins=master), by=leader if n % 4 == 0 else None)[0]
        keys += [seen["report"]["client_uid"], again["report"]["client_uid"]]
        assert again["case"]["case_no"] == master
        assert again["joined"]["code"] == "joined"
        acceptor = person(owner, "acceptor")
        act(owner, city, seen["case"]["case_no"], "link", acceptor, to=master)
    one = case(owner, master)
    assert (one["report_count"], one["priority"], one["version"]) == (25, 3, len(history(owner, one)))
    assert {number_of(owner, key) for key in keys} == {master}
    # the first of them follows his case; who came to it is told how far it is, by the number that he had, if he had one
    assert followed(owner, city, keys[0])["case"]["case_no"] == master
    mine = followed(owner, city, seen["report"]["client_uid"])
    assert (mine["case"]["case_no"], mine["organisation"], mine["post"]) == (seen["case"]["case_no"], None, None)
    assert (mine["case"]["deadline"], mine["history"]) == (None, [])
    # that others joined is no news for who reported it, and nobody has a row that he cannot read
    assert told_reporters(owner, "link") == 0
    linked = case(owner, seen["case"]["case_no"])
    assert (linked["state"], linked["report_count"], linked["duplicate_of"]) == ("duplicate", 0, one["case_id"])
    assert number_of(owner, seen["report"]["client_uid"]) == master

    # one of them turns out to be something else
    act(owner, city, linked["case_no"], "unlink", person(owner, "acceptor"))
    one, linked = case(owner, master), case(owner, linked["case_no"])
    assert (one["report_count"], linked["report_count"], linked["state"]) == (24, 1, "reported")
    assert (linked["duplicate_of"], linked["organisation_id"], linked["filed_at"]) == (None, city.desk_id, None)
    assert [entry["action"] for entry in history(owner, linked)][-2:] == ["link", "unlink"]
    assert [entry["action"] for entry in history(owner, one)][-2:] == ["take_in", "give_up"]
    assert followed(owner, city, seen["report"]["client_uid"])["case"]["case_no"] == linked["case_no"]
    assert owner.execute("SELECT * FROM broken_history()").fetchall() == []

    # the case runs to its end, and everybody who reported it hears of it
    owner.execute("UPDATE cases SET state = 'to_close', stage = 6 WHERE case_no = %s", [master])
    act(owner, city, master, "close", person(owner, "shift_leader"), closing_condition=1)
    keys.remove(seen["report"]["client_uid"])
    assert len(keys) == 24
    assert followed(owner, city, keys[0])["history"][-1]["action"] == "close"
    ended = [followed(owner, city, key)["case"] for key in keys]
    assert {(one["step"], one["state"]) for one in ended} == {(4, "closed")}
    assert None not in {one["closed_at"] for one in ended}
    rows = owner.execute(
        "SELECT reporter_id FROM notices WHERE case_id = %s AND seq = %s AND kind = 'progress'",
        [one["case_id"], case(owner, master)["version"]],
    ).fetchall()
    assert rows == [{"reporter_id": leader.account_id}]

    # five days later it is there again
    owner.execute("SET LOCAL gisops.clock_offset = '5 days'")
    again = told(owner, city, sent(lon, lat, text="又坏了"))[0]
    new = case(owner, again["case"]["case_no"])
    assert (new["recurrence_of"], new["is_rework"]) == (one["case_id"], True)
    assert new["case_no"] != master
    heard = owner.execute("SELECT count(*) AS n FROM notices WHERE kind = 'recurrence'").fetchone()
    assert heard == {"n": 1}


@pytest.mark.parametrize(("days", "recurs", "rework"), [(6, True, True), (8, True, False), (31, False, False)])
def test_what_comes_again_is_marked(
    owner: Connection, city: City, quiet: tuple[float, float], days: int, recurs: bool, rework: bool
) -> None:
    old = told(owner, city, sent(*quiet))[0]["case"]["case_no"]
    close(owner, old, f"{days} days")
    new = case(owner, told(owner, city, sent(*quiet))[0]["case"]["case_no"])
    assert new["recurrence_of"] == (case(owner, old)["case_id"] if recurs else None)
    assert new["is_rework"] is rework


def test_scenario_13(owner: Connection, city: City, quiet: tuple[float, float]) -> None:
    """40 detections of one camera, one by one and in batches, are one case; another camera and another kind are not."""
    lon, lat = quiet
    eye = {"channel": "video", "source_ref": "CAM-样例-1", "text": "样例"}
    first = numbers([told(owner, city, sent(lon, lat, "E04-01", **eye))[0] for _ in range(3)])
    batch = numbers(told(owner, city, *(sent(lon, lat + n * M, "E04-01", **eye) for n in range(37))))
    assert len({*first, *batch}) == 1
    one = case(owner, first[0])
    assert (one["report_count"], one["priority"]) == (40, 3)
    others = told(
        owner,
        city,
        sent(lon, lat, "E04-01", "video", source_ref="CAM-样例-2"),
        sent(lon, lat, "E04-10", "video", source_ref="CAM-样例-1"),
        sent(lon, lat + 700 * M, "E04-01", "video", source_ref="CAM-样例-1"),  # it was turned, or it is on a car
    )
    assert not {*numbers(others)} & {first[0]}
    heard = owner.execute(
        "SELECT facts ->> 'reports' AS n FROM notices WHERE kind = 'pressing' AND case_id = %s", [one["case_id"]]
    )
    assert sorted(int(row["n"]) for row in heard) == [3, 40]  # at the third, and once for the whole batch
    close(owner, first[0])
    assert numbers(told(owner, city, sent(lon, lat, "E04-01", **eye)))[0] != first[0]


def test_a_batch_opens_one_case_for_what_is_certainly_one(
    owner: Connection, city: City, quiet: tuple[float, float]
) -> None:
    lon, lat = quiet
    eye = {"channel": "sensor", "source_ref": "S-1"}
    bad = sent(lon, lat, joins="469901-2026-999999")
    reports = [bad, *(sent(lon, lat + n % 3 * M, **eye) for n in range(4)), sent(lon, lat)]
    answers = operations.receive_batch(owner, city, reports, None)
    assert isinstance(answers[0], duplicates.NotJoinable)
    told_numbers = [
        json.loads(one.answer)["case"]["case_no"] for one in answers[1:] if not isinstance(one, GisopsError)
    ]
    assert len(told_numbers) == 5
    assert len(set(told_numbers[:4])) == 1
    assert told_numbers[4] != told_numbers[0]
    assert case(owner, told_numbers[0])["report_count"] == 4
    # the same again is answered the same, and counted once
    again = operations.receive_batch(owner, city, reports[1:], None)
    assert [one.answer for one in again] == [one.answer for one in answers[1:]]  # type: ignore[union-attr]
    assert case(owner, told_numbers[0])["report_count"] == 4


def test_only_what_is_named_by_both_is_certain(owner: Connection, city: City, part: dict[str, Any]) -> None:
    """A part that was only the nearest may be its neighbour; another problem of the same part is another case."""
    at, named = (part["lon"], part["lat"]), {"part_code": part["code"]}
    guessed = told(owner, city, sent(*at, part["category"]))[0]
    assert case(owner, guessed["case"]["case_no"])["part_id"] is not None
    scanned = told(owner, city, sent(*at, part["category"], **named), by=person(owner, "leader"))[0]
    assert scanned["case"]["case_no"] != guessed["case"]["case_no"]
    assert [one["case_no"] for one in scanned["suggested"]] == [guessed["case"]["case_no"]]
    third = told(owner, city, sent(*at, part["category"], **named))[0]
    assert third["case"]["case_no"] == scanned["case"]["case_no"]
    other = told(owner, city, sent(*at, "E02-01", **named))[0]
    assert other["case"]["case_no"] not in (scanned["case"]["case_no"], guessed["case"]["case_no"])


def test_what_is_told_of_a_case_that_may_be_the_same(owner: Connection, city: City, quiet: tuple[float, float]) -> None:
    lon, lat = quiet
    secret = "张三的电话"
    first = told(owner, city, sent(lon, lat, text=secret, photos=()))[0]
    leader = person(owner, "leader")
    second = told(owner, city, sent(lon, lat + 3 * M), by=leader)[0]
    assert second["suggested"] == [
        {
            "case_no": first["case"]["case_no"],
            **{name: first["case"][name] for name in ("state", "state_zh", "state_en", "stage")},
            "report_count": 1,
            "distance_m": 3,
        }
    ]
    assert secret not in json.dumps(second, ensure_ascii=False)
    # of a category the public is not told of there is no word, and no way in
    owner.execute("UPDATE categories SET public = false WHERE code = 'E01-13'")
    assert not {"suggested", "near"} & set(told(owner, city, sent(lon, lat))[0])
    with pytest.raises(duplicates.NotJoinable):
        told(owner, city, sent(lon, lat, joins=first["case"]["case_no"]))


@pytest.mark.parametrize("wrong", ["far", "over", "not there", "no number"])
def test_a_case_that_cannot_be_joined_is_told_in_the_same_words(
    owner: Connection, city: City, quiet: tuple[float, float], wrong: str
) -> None:
    lon, lat = quiet
    number = told(owner, city, sent(lon, lat))[0]["case"]["case_no"]
    at = (lon, lat + (60 if wrong == "far" else 0) * M)
    if wrong == "over":
        close(owner, number)
    asked = {"not there": number[:-6] + "999999", "no number": "样例"}.get(wrong, number)
    with pytest.raises(duplicates.NotJoinable, match=r"There is no open case .* near this point"):
        told(owner, city, sent(*at, joins=asked))
    assert case(owner, number)["report_count"] == 1


def test_a_device_is_named_by_what_sees_by_itself(owner: Connection, city: City, quiet: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput, match="names a device"):
        told(owner, city, sent(*quiet, source_ref="CAM-1"))


def test_a_report_of_before_keeps_its_hash() -> None:
    """What was added to reports later changes no key's body."""
    uid = UUID(int=7)
    plain = NewReport(uid, "citizen", "E01-13", 110.0, 20.0, "WGS84", 5.0, "样例")
    old = ["citizen", "E01-13", 110.0, 20.0, "WGS84", 5.0, "样例", None, None, (), None, "refuse"]
    assert plain.body_hash() == hashlib.sha256(orjson.dumps(old)).digest()
    assert replace(plain, joins="1").body_hash() != replace(plain, source_ref="1").body_hash() != plain.body_hash()


# ---- links ---------------------------------------------------------------------------------------------------------


def homes(conn: Connection) -> None:
    """A report is where its first case is, or in what that is a duplicate of; chains are short, counts are right."""
    astray = conn.execute("""
        SELECT r.report_id FROM reports r
        JOIN LATERAL (SELECT l.case_id FROM report_links l
                      WHERE l.report_id = r.report_id AND l.kind NOT IN ('linked', 'unlinked')
                      ORDER BY l.seq DESC LIMIT 1) home ON true
        JOIN cases h ON h.case_id = home.case_id
        WHERE r.case_id <> coalesce(h.duplicate_of, h.case_id)""").fetchall()
    chained = conn.execute(
        "SELECT a.case_no FROM cases a JOIN cases b ON b.case_id = a.duplicate_of WHERE b.duplicate_of IS NOT NULL"
    )
    open_links = conn.execute("""
        SELECT l.report_id FROM report_links l JOIN reports r USING (district_code, report_id)
        WHERE l.until IS NULL AND l.case_id <> r.case_id""").fetchall()
    miscounted = conn.execute("""
        SELECT c.case_no, c.report_count FROM cases c
        WHERE c.report_count <> (SELECT count(*) FROM reports r WHERE r.case_id = c.case_id)
           OR c.priority <> case_priority(c.severity, c.report_count, c.urged_count,
                                         c.recurrence_of IS NOT NULL, c.hotline)
           OR c.version <> (SELECT count(*) FROM case_history h WHERE h.case_id = c.case_id)""").fetchall()
    behind = conn.execute("""
        SELECT c.case_no FROM cases c JOIN case_clocks k USING (district_code, case_id)
        WHERE k.stopped_at IS NULL AND k.step <> 'subtask' AND k.priority <> c.priority""").fetchall()
    assert (astray, chained.fetchall(), open_links, miscounted, behind) == ([], [], [], [], [])
    assert conn.execute("SELECT * FROM broken_history()").fetchall() == []


def test_chains_are_flattened_and_taken_apart(owner: Connection, city: City, quiet: tuple[float, float]) -> None:
    lon, lat = quiet
    acceptor = person(owner, "acceptor")
    a, b, c = numbers(told(owner, city, *(sent(lon, lat + n * M) for n in range(3))))
    act(owner, city, a, "link", acceptor, to=b)
    act(owner, city, b, "link", acceptor, to=c)
    homes(owner)
    assert case(owner, a)["duplicate_of"] == case(owner, b)["duplicate_of"] == case(owner, c)["case_id"]
    assert case(owner, c)["report_count"] == 3
    with pytest.raises(GuardFailed, match="itself"):  # a duplicate stands for what it is of
        act(owner, city, c, "link", acceptor, to=a)
    act(owner, city, b, "unlink", acceptor)
    homes(owner)
    assert [case(owner, one)["report_count"] for one in (a, b, c)] == [0, 1, 2]
    act(owner, city, a, "unlink", acceptor)
    homes(owner)
    assert [case(owner, one)["report_count"] for one in (a, b, c)] == [1, 1, 1]


@pytest.mark.parametrize("guard", ["other_case", "same_district", "open", "near"])
def test_what_cannot_be_linked(owner: Connection, city: City, quiet: tuple[float, float], guard: str) -> None:
    lon, lat = quiet
    acceptor = person(owner, "acceptor")
    far = 700 if guard == "near" else 1
    a, b = numbers(told(owner, city, sent(lon, lat), sent(lon, lat + far * M)))
    if guard == "open":
        close(owner, b)
    if guard == "same_district":
        told_alike = "category_id, state, stage, severity, geom, organisation_id, reported_at"
        owner.execute(
            f"""INSERT INTO cases (district_code, case_id, case_no, report_count, version, {told_alike})
            SELECT '469999', gen_random_uuid(), '469999-2026-000001', 0, 0, {told_alike}
            FROM cases WHERE case_no = %s""",
            [b],
        )
        b = "469999-2026-000001"
    with pytest.raises(GuardFailed) as refused:
        act(owner, city, a, "link", acceptor, to=a if guard == "other_case" else b)
    assert refused.value.facts["guard"] == guard
    homes(owner)


def test_nobody_links_with_what_he_does_not_see(owner: Connection, city: City, quiet: tuple[float, float]) -> None:
    acceptor = person(owner, "acceptor")
    a, b = numbers(told(owner, city, sent(*quiet), sent(*quiet)))
    owner.execute("UPDATE accounts SET everywhere = false WHERE account_id = %s", [acceptor.account_id])
    unit = case(owner, a)["unit_id"]
    owner.execute("DELETE FROM account_units WHERE account_id = %s", [acceptor.account_id])
    owner.execute("INSERT INTO account_units VALUES (%s, %s)", [acceptor.account_id, unit])
    owner.execute(
        "UPDATE cases SET unit_id = (SELECT max(unit_id) FROM scope_units WHERE unit_id <> %s) WHERE case_no = %s",
        [unit, b],
    )
    hidden, none = b, b[:-6] + "999999"
    for to in (hidden, none):
        with pytest.raises(NotFound) as refused:
            act(owner, city, a, "link", acceptor, to=to)
        assert str(refused.value) == f"There is no case {to}."
    # a duplicate stands for what it is of only to who sees both
    owner.execute("UPDATE accounts SET everywhere = true WHERE account_id = %s", [acceptor.account_id])
    of_a, of_b = numbers(told(owner, city, sent(*quiet), sent(*quiet)))
    act(owner, city, of_a, "link", acceptor, to=a)
    act(owner, city, of_b, "link", acceptor, to=b)
    owner.execute("UPDATE accounts SET everywhere = false WHERE account_id = %s", [acceptor.account_id])
    owner.execute("UPDATE cases SET unit_id = %s WHERE case_no = %s", [case(owner, b)["unit_id"], of_a])
    mine = numbers(told(owner, city, sent(*quiet)))[0]
    for to in (of_a, of_b):
        with pytest.raises(NotFound) as refused:
            act(owner, city, mine, "link", acceptor, to=to)
        assert str(refused.value) == f"There is no case {to}."
    with pytest.raises(NotFound) as refused:
        links.take_out(owner, city, of_a, uuid4(), "样例", case(owner, of_a)["version"], acceptor)
    assert str(refused.value) == f"There is no case {of_a}."
    with pytest.raises(GuardFailed, match="duplicate") as kept:
        links.take_out(owner, city, of_b, uuid4(), "样例", case(owner, of_b)["version"], acceptor)
    assert kept.value.facts.get("of") is None, "of what, he may not see"
    # he takes nothing out of what he does not see, and a history does not tell its number
    with pytest.raises(GuardFailed) as kept:
        act(owner, city, of_b, "unlink", acceptor)
    assert (kept.value.facts["guard"], b in str(kept.value.facts)) == ("seen", False)
    assert history(owner, case(owner, of_b))[-1]["payload"]["to"] == b
    scopes.look_as(owner, acceptor.account_id)
    payload = cases.read(owner, city, of_b, acceptor)["history"][-1]["payload"]
    owner.execute("RESET ROLE")
    assert not {"to", "distance_m"} & set(payload)
    for one in (mine, of_a, of_b):
        close(owner, one, "60 days")
    # nor is he told of it when he reports the same himself
    seen = told(owner, city, sent(*quiet), by=acceptor)[0]["suggested"]
    assert [one["case_no"] for one in seen] == [a]


def test_a_report_is_taken_out_into_a_case_of_its_own(
    owner: Connection, city: City, quiet: tuple[float, float]
) -> None:
    lon, lat = quiet
    acceptor = person(owner, "acceptor")
    master = numbers(told(owner, city, sent(lon, lat, text="坑")))[0]
    joined = told(owner, city, sent(lon, lat, text="灯不亮", joins=master))[0]
    report = UUID(joined["report"]["report_id"])
    version = case(owner, master)["version"]
    for wrong, error in (
        ((master, uuid4(), "样例", version), NotFound),
        ((master, report, "样例", version + 1), StaleVersion),
        ((master, report, " ", version), InvalidInput),
        (("469901-2026-999999", report, "样例", version), NotFound),
    ):
        with pytest.raises(error):
            links.take_out(owner, city, *wrong, acceptor)
    out = links.take_out(owner, city, master, report, "另一问题 / another problem", version, acceptor)
    one, new = case(owner, master), case(owner, out["case_no"])
    assert (one["report_count"], new["report_count"], new["state"]) == (1, 1, "reported")
    homes(owner)
    assert (
        operations.follow_report(owner, city, UUID(joined["report"]["client_uid"]))["case"]["case_no"] == out["case_no"]
    )
    clock = owner.execute("SELECT step FROM case_clocks WHERE case_id = %s AND stopped_at IS NULL", [new["case_id"]])
    assert [row["step"] for row in clock] == ["accept"]
    said = history(owner, new)[0]["payload"]
    kept = owner.execute("SELECT text_salt, text FROM reports WHERE report_id = %s", [report]).fetchone()
    assert kept is not None
    assert said["text_commitment"] == hashlib.sha256(kept["text_salt"] + kept["text"].encode()).hexdigest()
    with pytest.raises(GuardFailed, match="only report"):
        links.take_out(owner, city, master, first_report(owner, master), "样例", one["version"], acceptor)


def first_report(conn: Connection, case_no: str) -> UUID:
    row = conn.execute(
        "SELECT r.report_id FROM reports r JOIN cases c USING (case_id) WHERE c.case_no = %s", [case_no]
    ).fetchone()
    assert row is not None
    found: UUID = row["report_id"]
    return found


def test_the_desk_sees_the_parts_of_a_score(
    sample_database: Any, owner: Connection, city: City, quiet: tuple[float, float]
) -> None:
    lon, lat = quiet
    text = "路面有坑"
    a, b = numbers(told(owner, city, sent(lon, lat, text=text), sent(lon, lat + 15 * M, text=text)))
    acceptor, planner = person(owner, "acceptor"), person(owner, "planner")
    scopes.look_as(owner, acceptor.account_id)
    found = proposals.of_case(owner, city, b, acceptor)["duplicates"]
    assert [one["case_no"] for one in found] == [a]
    assert found[0]["text"] == text
    # 15 m off, 5 of them no more than what the position does not know, 20 is the radius: half of it
    assert found[0]["score"] == pytest.approx(0.5 * 0.5 + 0.3 + 0.2, abs=0.005)
    assert found[0]["parts"] | {"distance_m": 0} == {
        "same_part": False, "same_device": False, "distance_m": 0, "closeness": 1.0, "likeness": 1.0,
    }  # fmt: skip
    owner.execute("RESET ROLE")
    scopes.look_as(owner, planner.account_id)
    blind = proposals.of_case(owner, city, b, planner)["duplicates"][0]
    assert not {"text", "photos"} & set(blind)
    assert "likeness" not in blind["parts"]
    owner.execute("RESET ROLE")
    scopes.look_as(owner, None)
    with pytest.raises(NotFound):
        proposals.of_case(owner, city, b, planner)


# ---- at the same instant -------------------------------------------------------------------------------------------


def test_twins_in_the_same_instant_are_one_case(sample_database: Any, city: City, part: dict[str, Any]) -> None:
    """Eight phones scan one broken cover at once, each over its own connection; two are the same phone twice."""
    same = sent(part["lon"], part["lat"], part["category"], part_code=part["code"])
    reports = [same, same, *(replace(same, client_uid=uuid4()) for _ in range(6))]
    start = threading.Barrier(len(reports))

    def send(report: NewReport) -> dict[str, Any]:
        with connect(sample_database.app_url) as conn:
            start.wait(20)
            receipt = operations.receive_report(conn, city, report, None)
            conn.commit()
        return dict(json.loads(receipt.answer))

    with ThreadPoolExecutor(len(reports)) as pool:
        answers = list(pool.map(send, reports))
    opened = [number for number in numbers(answers) if number is not None]
    assert opened, "somebody opened it"
    assert answers[0] == answers[1]
    with connect(sample_database.owner_url) as conn:
        assert {number_of(conn, answer["report"]["client_uid"]) for answer in answers} == set(opened)
        assert case(conn, opened[0])["report_count"] == 7
        homes(conn)

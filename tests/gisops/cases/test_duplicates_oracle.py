"""The search for duplicates against the same rules written plainly in Python, on random worlds; and its plans on a city
that is large enough for a plan to matter.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from gisops import city as cities
from gisops.cases import twins
from gisops.cases.twins import Asked
from gisops.city import Category, City
from gisops.db.pool import Connection, connect
from tests.plans import nodes, written_down

CJ, GB = "CJ/T 214-2007", "GB/T 30428.2-2013"
# Two of one major class, one that is the same in the other scheme, one in another class, one of a wide radius, parts.
CODES = [(GB, "E01-12"), (GB, "E01-13"), (CJ, "E01-04"), (GB, "E02-01"), (GB, "E01-28"), (GB, "P01-02"), (GB, "P01-03")]
WORDS = ["路面有坑", "路面 有坑", "路上有个大坑", "垃圾无人清理", "Pothole in the road", "POTHOLE", "坑", ""]
INSERT_CASE = """
INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, part_id, organisation_id,
                   reported_at, closed_at)
SELECT '469901', %(case_id)s, 'W' || %(n)s, %(category_id)s, %(state)s, CASE WHEN %(open)s THEN 3 ELSE 7 END, 'normal',
       ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(part_id)s, organisation_id, app_now(),
       app_now() - %(ago)s::interval
FROM organisations WHERE is_duty_desk"""
INSERT_REPORT = """
INSERT INTO reports (district_code, report_id, client_uid, case_id, channel, category_id, text, text_salt, geom, raw_x,
                     raw_y, raw_crs, accuracy_m, accuracy_is_default, part_code, source_ref, received_at)
SELECT '469901', %(report_id)s, gen_random_uuid(), case_id, 'citizen', %(category_id)s, %(text)s, '', geom, 0, 0,
       'WGS84', 5, false, %(part_code)s, %(source_ref)s, reported_at
FROM cases WHERE case_id = %(case_id)s"""


@dataclass(frozen=True)
class Told:
    """A report of a case in the world."""

    category: Category
    text: str
    part_code: str | None
    source_ref: str | None


@dataclass(frozen=True)
class There:
    """A case in the world."""

    case_id: UUID
    state: str
    category: Category
    lon: float
    lat: float
    part: tuple[UUID, str] | None
    closed_ago: timedelta | None
    reports: tuple[Told, ...]

    @property
    def is_open(self) -> bool:
        return self.state == "filed"


# ---- the same rules, plainly ---------------------------------------------------------------------------------------


def pairs(text: str) -> set[str]:
    word = "".join(text.split()).lower()
    return {word[n : n + 2] for n in range(len(word) - 1)}


def alike(one: str, other: str) -> float:
    a, b = pairs(one), pairs(other)
    return len(a & b) / len(a | b) if a and b else 0.0


def closeness(one: Category, other: Category, same: set[frozenset[tuple[str, str]]]) -> float:
    if one == other or frozenset({(one.scheme, one.code), (other.scheme, other.code)}) in same:
        return 1.0
    return 0.5 if one.scheme == other.scheme and one.code.split("-")[0] == other.code.split("-")[0] else 0.0


def metres(asked: Asked, there: There) -> float:
    e2, lat = 0.006694379990141316, math.radians(asked.lat)
    w = 1 - e2 * math.sin(lat) ** 2
    east = (there.lon - asked.lon) * math.pi / 180 * 6378137.0 * math.cos(lat) / math.sqrt(w)
    north = (there.lat - asked.lat) * math.pi / 180 * 6378137.0 * (1 - e2) / w**1.5
    return math.hypot(east, north)


@dataclass(frozen=True)
class Expected:
    there: There
    score: float
    distance_m: float
    closeness: float
    same_part: bool
    certain: str | None
    in_hours: bool


def expected(asked: Asked, world: list[There], same: set[frozenset[tuple[str, str]]]) -> dict[UUID, Expected]:
    radius, hours = asked.category.twin_radius_m, timedelta(hours=asked.category.twin_hours)
    reach = radius + min(asked.accuracy_m, 100)
    back = max(hours, timedelta(days=30))
    found: dict[UUID, Expected] = {}
    groups: dict[str, list[tuple[Any, Expected]]] = {"part": [], "open": [], "closed": []}
    for there in world:
        if not there.is_open and (there.state != "closed" or there.closed_ago is None or there.closed_ago >= back):
            continue
        near, apart = closeness(asked.category, there.category, same), metres(asked, there)
        in_hours = there.is_open or (there.closed_ago is not None and there.closed_ago < hours)
        if asked.part_id is not None and there.part is not None and there.part[0] == asked.part_id:
            named = asked.part_code is not None and any(one.part_code == asked.part_code for one in there.reports)
            certain = "same_part" if there.is_open and named and near > 0 else None
            one = Expected(there, 1.0, apart, near, True, certain, in_hours)
            ago = timedelta(0) if there.is_open else there.closed_ago or timedelta(0)
            groups["part"].append(((not there.is_open, ago, there.case_id), one))
        if near > 0 and apart <= reach:
            kernel = max(0.0, min(1.0, (reach - apart) / radius))
            score = 0.5 * kernel + 0.3 * near
            # where the texts cannot lift it to be proposed they are not looked at
            if in_hours and score >= 0.3:
                score += 0.2 * alike(asked.text, there.reports[0].text)
            device = (
                there.is_open
                and asked.source_ref is not None
                and any(r.source_ref == asked.source_ref and r.category == asked.category for r in there.reports)
            )
            one = Expected(there, score, apart, near, False, "same_device" if device else None, in_hours)
            key = (not device, round(apart, 3), there.case_id)
            groups["open" if there.is_open else "closed"].append((key, one))
    for name in ("part", "open", "closed"):
        for _, one in sorted(groups[name], key=lambda item: item[0])[:10]:
            found.setdefault(one.there.case_id, one)
    return found


# ---- worlds --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ground(
    sample_database: Any,
) -> Iterator[tuple[Connection, City, list[dict[str, Any]], set[frozenset[tuple[str, str]]]]]:
    with connect(sample_database.owner_url) as conn:
        city = cities.load(conn)
        parts = conn.execute(
            "SELECT part_id, code, ST_X(ST_PointOnSurface(geom)) AS lon, ST_Y(ST_PointOnSurface(geom)) AS lat"
            " FROM parts WHERE district_code = '469901' ORDER BY code LIMIT 4"
        ).fetchall()
        same = {
            frozenset({(r["from_scheme"], r["from_code"]), (r["to_scheme"], r["to_code"])})
            for r in conn.execute("SELECT * FROM category_map")
        }
        yield conn, city, parts, same
        conn.rollback()


def draw(dice: random.Random, city: City, parts: list[dict[str, Any]], middle: tuple[float, float]) -> list[There]:
    world = []
    for _ in range(70):
        category = city.categories[dice.choice(CODES)]
        part = dice.choice(parts) if dice.random() < 0.25 else None
        told = tuple(
            Told(
                category if dice.random() < 0.8 else city.categories[dice.choice(CODES)],
                dice.choice(WORDS),
                part["code"] if part is not None and dice.random() < 0.6 else None,
                dice.choice(["CAM-1", "CAM-2"]) if dice.random() < 0.3 else None,
            )
            for _ in range(dice.choice([1, 1, 2, 4]))
        )
        state = dice.choice(["filed", "filed", "closed", "closed", "voided"])
        ago = timedelta(hours=dice.uniform(0.1, 1000)) if state != "filed" else None
        world.append(
            There(
                UUID(int=dice.getrandbits(128)),
                state,
                category,
                middle[0] + dice.gauss(0, 0.0003),
                middle[1] + dice.gauss(0, 0.0003),
                (part["part_id"], part["code"]) if part is not None else None,
                ago,
                told,
            )
        )
    return world


def write(conn: Connection, world: list[There], dice: random.Random) -> None:
    n = 0
    for there in world:
        at = {
            "lon": there.lon,
            "lat": there.lat,
            "part_id": there.part[0] if there.part else None,
            "ago": there.closed_ago,
        }
        what = {"case_id": there.case_id, "n": str(there.case_id), "category_id": there.category.category_id}
        conn.execute(INSERT_CASE, {**at, **what, "state": there.state, "open": there.is_open})
        for told in there.reports:
            n += 1
            row = {"report_id": UUID(int=n << 64 | dice.getrandbits(64)), "case_id": there.case_id, "text": told.text}
            row |= {
                "category_id": told.category.category_id,
                "part_code": told.part_code,
                "source_ref": told.source_ref,
            }
            conn.execute(INSERT_REPORT, row)


@pytest.mark.parametrize("seed", range(8))
def test_the_search_finds_and_scores_as_the_plain_rules_do(ground: Any, seed: int) -> None:
    conn, city, parts, same = ground
    dice = random.Random(seed)
    west, south, east, north = city.extent
    middle = west + dice.uniform(0.2, 0.8) * (east - west), south + dice.uniform(0.2, 0.8) * (north - south)
    world = draw(dice, city, parts, middle)
    asked = []
    for _ in range(40):
        part = dice.choice(parts) if dice.random() < 0.4 else None
        asked.append(
            Asked(
                middle[0] + dice.gauss(0, 0.0003),
                middle[1] + dice.gauss(0, 0.0003),
                dice.choice([0.0, 5.0, 30.0, 4000.0]),
                city.categories[dice.choice(CODES)],
                part["part_id"] if part else None,
                part["code"] if part and dice.random() < 0.7 else None,
                dice.choice([None, None, "CAM-1", "CAM-2"]),
                dice.choice(WORDS),
            )
        )
    with conn.transaction(force_rollback=True):
        conn.execute("DELETE FROM report_links")
        # what the sample has of its own lies aside
        conn.execute("UPDATE cases SET geom = ST_Translate(geom, 0, 0), stage = 7, state = 'voided', part_id = NULL")
        write(conn, world, dice)
        found = twins.near(conn, asked)
        now = conn.execute("SELECT app_now() AS now").fetchone()
    assert now is not None
    certain = recurred = 0
    for one, candidates in zip(asked, found, strict=True):
        wanted = expected(one, world, same)
        assert {c.case_id for c in candidates} == set(wanted)
        for c in candidates:
            w = wanted[c.case_id]
            assert c.score == pytest.approx(w.score, abs=2e-4), (one, w)
            assert c.distance_m == pytest.approx(w.distance_m, abs=2e-3)
            assert (c.closeness, c.same_part, c.certain, c.in_hours) == (
                w.closeness,
                w.same_part,
                w.certain,
                w.in_hours,
            )
        choice = twins.choose(candidates, now["now"])
        check_choice(choice, list(wanted.values()), now["now"])
        certain += choice.certain is not None
        recurred += choice.recurrence is not None
    assert certain
    assert recurred


def check_choice(choice: twins.Choice, wanted: list[Expected], now: datetime) -> None:
    sure = [one for one in wanted if one.certain is not None]
    assert (choice.certain is not None) == bool(sure)
    if choice.certain is not None:
        best = max(one.score for one in sure)
        assert choice.certain.score == pytest.approx(best, abs=2e-4)
    # at the very edge a rounded score may fall to either side
    clearly = {one.there.case_id for one in wanted if one.in_hours and one.score >= twins.PROPOSED_FROM + 2e-4}
    perhaps = {one.there.case_id for one in wanted if one.in_hours and one.score >= twins.PROPOSED_FROM - 2e-4}
    joined = set() if choice.certain is None else {choice.certain.case_id}
    assert clearly - joined <= {one.case_id for one in choice.proposed} <= perhaps - joined
    again = [
        one
        for one in wanted
        if not one.there.is_open
        and one.there.closed_ago is not None
        and one.there.closed_ago < timedelta(days=30)
        and (one.closeness == 1 or (one.same_part and one.closeness > 0))
    ]
    assert (choice.recurrence is not None) == bool(again)
    if choice.recurrence is not None:
        latest = min(again, key=lambda one: one.there.closed_ago or timedelta(0))
        assert choice.recurrence.case_id == latest.there.case_id
        assert choice.recurrence.closed_at is not None
        assert now - choice.recurrence.closed_at == latest.there.closed_ago


# ---- plans ---------------------------------------------------------------------------------------------------------

MANY_CASES = """
INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, part_id, organisation_id,
                   reported_at, closed_at)
SELECT '469901', gen_random_uuid(), 'Y' || n, k.category_id, CASE WHEN n % 3 = 0 THEN 'filed' ELSE 'closed' END,
       CASE WHEN n % 3 = 0 THEN 3 ELSE 7 END, 'normal',
       ST_SetSRID(ST_MakePoint(b.x + (n % 173) * b.w / 173, b.y + (n / 173) * b.h / 174), 4326), p.part_id,
       o.organisation_id, now(), CASE WHEN n % 3 > 0 THEN now() - n * interval '1 minute' END
FROM generate_series(0, 29999) AS n
JOIN (SELECT part_id, row_number() OVER () - 1 AS m FROM parts WHERE district_code = '469901') p ON p.m = n % 100,
     (SELECT ST_XMin(geom) AS x, ST_YMin(geom) AS y, ST_XMax(geom) - ST_XMin(geom) AS w,
             ST_YMax(geom) - ST_YMin(geom) AS h FROM city) AS b,
     (SELECT organisation_id FROM organisations WHERE is_duty_desk) AS o,
     (SELECT category_id FROM categories JOIN city ON scheme = category_scheme WHERE categories.code = 'E01-13') AS k
"""
MANY_REPORTS = """
INSERT INTO reports (district_code, report_id, client_uid, case_id, channel, category_id, text, text_salt, geom, raw_x,
                     raw_y, raw_crs, accuracy_m, accuracy_is_default, received_at)
SELECT district_code, gen_random_uuid(), gen_random_uuid(), case_id, 'citizen', category_id, '路面有坑', '', geom, 0, 0,
       'WGS84', 5, false, now()
FROM cases WHERE case_no LIKE 'Y%'
"""


@pytest.fixture(scope="module")
def large(fresh_database: Callable[..., Any]) -> Any:
    made = fresh_database("sample_template")
    with psycopg.connect(made.owner_url) as conn:
        for statement in (MANY_CASES, MANY_REPORTS, "ANALYZE cases", "ANALYZE reports", "ANALYZE parts"):
            conn.execute(statement.encode())
    return made


def searched(large: Any, count: int, without: str | None = None) -> tuple[int, set[str], set[str], float]:
    """How many candidates a search for so many reports found, the indexes it went by, the tables it read whole, and the
    blocks it touched for each report.
    """
    with connect(large.admin_url) as conn:
        city = cities.load(conn)
        west, south, east, north = city.extent
        part = conn.execute("SELECT part_id, code FROM parts WHERE district_code = '469901' LIMIT 1").fetchone()
        assert part is not None
        category = city.category("E01-13")
        asked = [
            Asked(
                west + (east - west) * (n % 37 + 0.5) / 37,
                south + (north - south) * (n % 31 + 0.5) / 31,
                30.0,
                category,
                part["part_id"],
                part["code"],
                "CAM-1",
                "路面有坑",
            )
            for n in range(count)
        ]
        plans = written_down(conn)
        conn.execute("SET auto_explain.log_buffers = on")
        if without is not None:
            conn.execute(f"DROP INDEX {without}".encode())
        plans.clear()
        found = twins.near(conn, asked)
        conn.rollback()
    ran = [node for node in nodes(plans) if node.get("Actual Loops", 1) > 0]
    walked = {node["Index Name"] for node in ran if "Index Name" in node}
    whole = {node["Relation Name"] for node in ran if node["Node Type"] == "Seq Scan"} & {"cases", "reports", "parts"}
    blocks = max(node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0) for node in ran)
    return sum(map(len, found)), walked, whole, blocks / count


WANTED = {"cases_open_geom", "cases_closed_near", "cases_part", "reports_of_case"}


@pytest.mark.parametrize("count", [1, 500])
def test_the_search_goes_by_its_indexes(large: Any, count: int) -> None:
    found, walked, whole, blocks = searched(large, count)
    assert found >= count
    assert (WANTED - walked, whole) == (set(), set())
    assert blocks < 3_000  # the table has 30,000 rows; some hundred of them are of the one part that is asked about


@pytest.mark.parametrize("index", ["cases_open_geom", "cases_closed_near"])
def test_a_search_without_its_index_would_be_noticed(large: Any, index: str) -> None:
    _, walked, _, _ = searched(large, 20, without=index)
    assert index not in walked
    assert WANTED - walked

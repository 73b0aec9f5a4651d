"""Random lives are counted twice, by the database and by plain Python beside it: every indicator, by everything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from gisops import city as cities
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.indicators import counting, outcomes
from gisops.indicators.definitions import Indicator, definitions
from gisops.indicators.periods import SPANS, Period, slices
from gisops.indicators.scores import Value
from tests.gisops import indicator_oracle as oracle
from tests.gisops import random_lives
from tests.gisops.random_lives import ZONE, Case, Ground, Patrol, Place

SEED = int(os.environ.get("GISOPS_TEST_SEED", "7"))
SPRING = Period(datetime(2025, 3, 1, tzinfo=ZONE), datetime(2025, 5, 25, tzinfo=ZONE))
APRIL = Period(datetime(2025, 4, 1, tzinfo=ZONE), datetime(2025, 5, 1, tzinfo=ZONE))
ODD = Period(datetime(2025, 4, 17, 10, 17, tzinfo=ZONE), datetime(2025, 4, 28, 15, 3, 20, tzinfo=ZONE))
FAR, LONG_AGO = datetime(2100, 1, 1, tzinfo=ZONE), datetime(2000, 1, 1, tzinfo=ZONE)
CHOSEN = tuple(code for code in oracle.RULES if "/" in code)


@dataclass(frozen=True)
class Ready:
    conn: Connection
    city: City
    known: oracle.City
    cases: list[Case]


def _ready(database: Any, many: int, seed: int) -> Iterator[Ready]:
    with connect(database.owner_url) as conn:
        city = cities.load(conn)
        ground = _ground(conn, city)
        cases = random_lives.lives(city, ground, many, Random(seed))
        random_lives.write(conn, cases)
        # the outcomes of some are gathered, of some they are of another version, of the rest there are none
        outcomes.gather(conn, APRIL.since)
        conn.execute(
            "UPDATE case_outcomes SET version = 0, last_state = 'voided' WHERE get_byte(uuid_send(case_id), 15) % 4 = 0"
        )
        known = _known(conn, city, ground)
        conn.commit()
    with connect(database.app_url) as conn:
        yield Ready(conn, city, known, cases)
        conn.rollback()


@pytest.fixture(scope="module")
def spring(sample_database: Any) -> Iterator[Ready]:
    """Lives in a corner of the sample's map where nothing else is, long before its own."""
    yield from _ready(sample_database, 450, SEED)


def _ground(conn: Connection, city: City) -> Ground:
    west, south = city.extent[0] - 0.02, city.extent[1] - 0.02
    staff = tuple(r["staff_id"] for r in conn.execute("SELECT staff_id FROM staff ORDER BY staff_id LIMIT 5"))
    accounts = {}
    for n, one in enumerate((*staff, staff[0])):
        row = conn.execute(
            "INSERT INTO accounts (login, password_hash, role, staff_id) VALUES (%s, 'x', 'dispatcher', %s)"
            " RETURNING account_id",
            (f"random_{n}", one),
        ).fetchone()
        assert row is not None
        accounts[row["account_id"]] = one
    zones = tuple(
        r["zone_id"] for r in conn.execute("SELECT min(zone_id) AS zone_id FROM zones GROUP BY code ORDER BY 1 LIMIT 4")
    )
    # Two named roads that cross, and one without a name: 0.0001 degrees are 10 m or 11.
    for code, name, line in (
        ("RANDOM-EW", "横路", ((-0.01, 0), (0.01, 0))),
        ("RANDOM-NS", "纵路", ((0, -0.01), (0, 0.01))),
        ("RANDOM-NN", "", ((-0.01, 0.0006), (0.01, 0.0006))),
    ):
        points = ", ".join(f"{west + x} {south + y}" for x, y in line)
        conn.execute(
            "INSERT INTO roads (code, name_zh, class, geom) VALUES (%s, %s, 'tertiary', ST_GeomFromText(%s, 4326))",
            (code, name, f"MULTILINESTRING(({points}))"),
        )
    drawn = (
        (0.0005, 0.0001, "RANDOM-EW"), (0.0001, 0.0004, "RANDOM-NS"), (0.0005, 0.0005, None),
        (-0.0002, 0.0001, "RANDOM-EW"), (-0.0001, -0.0008, "RANDOM-NS"), (-0.0009, 0.0007, None),
        # 18 m to the north of one road and 19.7 m to the east of the other, which is fewer degrees
        (0.000188, 0.000180, "RANDOM-NS"),
    )  # fmt: skip
    places = tuple(
        Place(west + x, south + y, f"CELL{n % 4}" if n % 5 else None, f"COMM{n % 3}", f"STREET{n % 2}", road)
        for n, (x, y, road) in enumerate(drawn)
    )
    return Ground(accounts, staff, zones, places, _patrols(conn, city, west, south, staff))


def _patrols(conn: Connection, city: City, west: float, south: float, staff: tuple[int, ...]) -> tuple[Patrol, ...]:
    scheme = next(iter(city.categories.values())).scheme
    april = APRIL.since
    zones = (
        # all of the east; and in it, of equal rank, a smaller one, only for events, and one that ends in April
        Patrol("R-1", (west, south - 0.005, west + 0.005, south + 0.005), 20, (), LONG_AGO, FAR, staff[2:4]),
        Patrol("R-2", (west, south, west + 0.0003, south + 0.005), 20, (f"{scheme}:E",), LONG_AGO, FAR, staff[:1]),
        Patrol("R-3", (west, south, west + 0.0006, south + 0.0003), 30, (), LONG_AGO, april, (staff[1],), (staff[0],)),
    )
    row = conn.execute(
        "INSERT INTO zone_sets (code, name_zh, name_en, purpose, status, valid)"
        " VALUES ('RANDOM', '巡查（测试）', 'Patrols of a test', 'random', 'published', tstzrange(%s, NULL))"
        " RETURNING zone_set_id",
        (LONG_AGO,),
    ).fetchone()
    holder = conn.execute("SELECT min(organisation_id) AS id FROM organisations").fetchone()
    assert row is not None
    assert holder is not None
    for zone in zones:
        made = conn.execute(
            "INSERT INTO zones (zone_set_id, code, name_zh, name_en, kind, organisation_id, priority, scope, geom,"
            " valid) VALUES (%s, %s, '巡查区', 'A patrol', 'duty', %s, %s, %s,"
            " ST_Multi(ST_MakeEnvelope(%s, %s, %s, %s, 4326)), tstzrange(%s, %s)) RETURNING zone_id",
            (row["zone_set_id"], zone.code, holder["id"], zone.priority, list(zone.scope), *zone.box, zone.since,
             zone.until),
        ).fetchone()  # fmt: skip
        assert made is not None
        for role, people in (("primary", zone.staff), ("backup", zone.backups)):
            for one in people:
                conn.execute(
                    "INSERT INTO zone_staff (zone_id, staff_id, role) VALUES (%s, %s, %s)", (made["zone_id"], one, role)
                )
    return zones


def _known(conn: Connection, city: City, ground: Ground) -> oracle.City:
    def codes(query: str) -> dict[int, Any]:
        return {row["id"]: row["code"] for row in conn.execute(query)}

    patterns = conn.execute("SELECT category_id, kind, pattern_major, pattern_minor FROM categories").fetchall()
    return oracle.City(
        {row["category_id"]: (row["kind"], row["pattern_major"], row["pattern_minor"]) for row in patterns},
        {row["category_id"]: row["kind"] for row in patterns},
        codes("SELECT zone_id AS id, code FROM zones"),
        codes("SELECT organisation_id AS id, code FROM organisations"),
        codes("SELECT staff_id AS id, code FROM staff"),
        city.calendar,
        ground,
    )


def _indicators() -> list[Indicator]:
    return list(definitions().indicators.values())


def _same(code: str, found: Value | None, told: oracle.Number | None) -> str | None:
    """What differs; None where nothing does."""
    told = told or oracle.Number()
    if found is None:
        return None if not told.n and not told.values else f"not there, wanted {told}"
    if found.form == "duration":
        values = told.values or []
        if found.n != len(values):
            return f"of {found.n}, wanted {len(values)}"
        if not values:
            return None
        wanted = (oracle.mean(values), oracle.share(values, 0.5), oracle.share(values, 0.9))
        got = (found.mean, found.median, found.p90)
        return None if got == pytest.approx(wanted, rel=1e-9, abs=1e-5) else f"{got}, wanted {wanted}"
    wanted_of = (told.k, told.n) if found.form == "rate" else (None, told.n)
    got_of = (found.k, found.n)
    return None if got_of == wanted_of else f"{got_of}, wanted {wanted_of}"


def _differences(found: Mapping[str | None, Mapping[str, Value]], told: Mapping[str | None, Any]) -> list[str]:
    return [
        f"{key} {code}: {wrong}"
        for key in {*found, *told}
        for code in definitions().indicators
        if (wrong := _same(code, found.get(key, {}).get(code), told.get(key, {}).get(code)))
    ]


def _compare(ready: Ready, period: Period, by: str | None, where: Mapping[str, str] | None = None) -> list[str]:
    found = counting.count(ready.conn, ready.city, period, _indicators(), by, where)
    codes = definitions().indicators
    told_where = {name: key or None for name, key in (where or {}).items()}
    whole = oracle.count(ready.known, ready.cases, codes, period.since, period.until, where=told_where, by=None)
    if by in ("organisation", "staff"):
        # by them, the whole goes by their own clocks too
        parts = oracle.count(ready.known, ready.cases, codes, period.since, period.until, by, told_where)
        wrong = _differences({row.subject.key: row.values for row in found.rows}, parts)
        return wrong
    wrong = _differences({None: found.total}, whole)
    if by in SPANS:
        parts = {}
        for name, since, until in slices(period, by, ready.city.timezone):
            parts |= {name: oracle.count(ready.known, ready.cases, codes, since, until, where=told_where)[None]}
    elif by is None:
        return wrong
    else:
        parts = oracle.count(ready.known, ready.cases, codes, period.since, period.until, by, told_where)
    return wrong + _differences({row.subject.key: row.values for row in found.rows}, parts)


def test_the_oracle_knows_every_indicator_and_every_choice() -> None:
    told = definitions().indicators
    assert {code for code in oracle.RULES if "/" not in code} == set(told)
    assert set(CHOSEN) == {f"{one.code}/{name}" for one in told.values() for name in one.choices}


def test_the_lives_hold_all_that_can_happen(spring: Ready) -> None:
    actions = {entry.action for case in spring.cases for entry in case.history}
    assert actions >= random_lives.ACTIONS_LIVED
    total = oracle.count(spring.known, spring.cases, definitions().indicators, SPRING.since, SPRING.until)[None]
    idle = [code for code, n in total.items() if not (n.values or (n.n and (n.k or oracle.RULES[code][2] is None)))]
    assert idle == []


def test_what_was_over_is_still_due_by_its_organisations_own_clock(spring: Ready) -> None:
    """It ended, and was due, before the period; its organisation's clock, which began later, runs out in it."""
    found = 0
    for case in spring.cases:
        ended = max(case.paper.closed_at or FAR, case.paper.deadline or LONG_AGO)
        own = max((clock.deadline for clock in case.clocks if clock.step == "handle" and clock.deadline), default=ended)
        if own <= ended or case.paper.state != "closed":
            continue
        period = Period(ended + timedelta(microseconds=1), own + timedelta(microseconds=1))
        facts = oracle.case_facts(spring.known, [case], period.since, period.until, True)
        if any(fact.true["to_handle"] and fact.true["to_answer"] for fact in facts):
            assert _compare(spring, period, "organisation") == []
            found += 1
        if found == 2:
            return
    pytest.fail("no such life")


@pytest.mark.parametrize("period", [SPRING, APRIL, ODD], ids=["spring", "april", "odd"])
def test_everything_together_is_what_plain_python_counts(spring: Ready, period: Period) -> None:
    assert _compare(spring, period, None) == []


@pytest.mark.parametrize("by", [*counting.DIMENSIONS, *SPANS])
def test_by_everything_it_is_what_plain_python_counts(spring: Ready, by: str) -> None:
    assert _compare(spring, {"month": SPRING, "day": ODD}.get(by, APRIL), by) == []


@pytest.mark.parametrize(
    "where", [{"street": "STREET1"}, {"road": ""}, {"channel": "citizen"}, {"organisation": "?", "kind": "E"},
              {"staff": "?"}],
    ids=lambda where: "-".join(where),
)  # fmt: skip
def test_kept_to_a_part_it_is_what_plain_python_counts(spring: Ready, where: dict[str, str]) -> None:
    held = [case for case in spring.cases if case.handler]
    first = {
        "organisation": spring.known.organisations[spring.cases[0].paper.organisation_id],
        "staff": spring.known.staff[held[0].handler or 0],
    }
    assert _compare(spring, ODD, None, {name: first[name] if key == "?" else key for name, key in where.items()}) == []


@pytest.mark.parametrize("code", CHOSEN)
def test_other_ways_of_counting_are_what_plain_python_counts(spring: Ready, code: str) -> None:
    one = definitions().indicator(code.partition("/")[0]).chosen(code.partition("/")[2])
    found = counting.count(spring.conn, spring.city, APRIL, [one]).total[one.code]
    told = oracle.count(spring.known, spring.cases, [code], APRIL.since, APRIL.until)[None][code]
    assert (found.k, found.n) == (told.k, told.n)


@pytest.mark.parametrize(
    "code", ["on_time_handling_rate", "missed_report_rate", "check_on_time_rate", "accurate_dispatch_rate",
             "valid_report_count", "satisfaction_rate"],
)  # fmt: skip
def test_behind_a_number_are_the_cases_that_plain_python_counts(spring: Ready, code: str) -> None:
    found = counting.behind(spring.conn, spring.city, APRIL, definitions().indicator(code), most=500)
    assert {row["case_no"] for row in found} == oracle.behind(
        spring.known, spring.cases, code, APRIL.since, APRIL.until
    )


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_other_lives_are_counted_alike(fresh_database: Any, seed: int) -> None:
    for ready in _ready(fresh_database("sample_template"), 1500, SEED * 1000 + seed):
        rng = Random(seed)
        for by in (None, *counting.DIMENSIONS, *SPANS):
            since = SPRING.since + timedelta(seconds=rng.randrange(50 * 86_400))
            period = Period(since, since + timedelta(seconds=rng.randrange(86_400, 40 * 86_400)))
            assert _compare(ready, period, by) == [], (by, period)

"""Organisations, staff and rosters of a laid city: plainly samples, nobody on duty twice, no hour without anybody."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gisops.sample.city import people, rosters
from gisops.sample.city.laid import Laid, Person
from gisops.sample.sheet import Sheet
from tests.gisops.sample.cities import STAFF, UNTIL, little_city

CHINA = ZoneInfo("Asia/Shanghai")
# Every code that what is laid later may ask for.
CODES = {
    *("GOV", "CENTRE", "URBAN", "ROADS", "DRAINAGE", "PARKS", "LIGHTING", "SANITATION", "TRAFFIC", "HOUSING", "CIVIL"),
    *("EMERGENCY", "RIVER", "POWER", "GAS", "WATERWORKS", "TELECOM-A", "TELECOM-B", "TELECOM-C", "CLEAN-1"),
    *("STREET-01", "STREET-02", "SQUAD-01", "SQUAD-02", "COMMUNITY-001", "COMMUNITY-002"),
}


def turns(sheet: Sheet) -> dict[int, list[tuple[datetime, datetime, str]]]:
    """Each person's turns of duty in order of time."""
    found: dict[int, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    for _, staff_id, text, shift in sheet.rows:
        begin, end = (datetime.fromisoformat(t) for t in text.strip("[)").split(","))
        found[staff_id].append((begin, end, shift))
    for own in found.values():
        own.sort()
    return found


@pytest.fixture(scope="module")
def laid() -> Laid:
    return little_city()


def test_there_are_the_organisations_of_a_city(laid: Laid) -> None:
    by_code = {o.code: o for o in laid.organisations}
    assert set(by_code) >= CODES
    assert len(by_code) == len(laid.organisations)
    assert laid.organisation_ids == {o.code: o.organisation_id for o in laid.organisations}
    assert [o.organisation_id for o in laid.organisations] == list(range(1, len(by_code) + 1))
    assert {o.kind for o in laid.organisations} == {
        *("government", "centre", "bureau", "enterprise", "contractor", "street", "community")
    }
    for area in (*laid.streets, *laid.communities):
        assert by_code[area.organisation].kind in ("street", "community")
    for n, area in enumerate(laid.communities):
        assert by_code[area.organisation].parent == laid.streets[laid.community_street[n]].organisation
    assert all(o.parent is None or o.parent in by_code for o in laid.organisations)
    # One company has neither parent nor lead: dispatch must answer all the same.
    assert [o.code for o in laid.organisations if not o.lead] == ["TELECOM-C"]


def test_staff_are_as_many_as_asked_for_and_plainly_samples(laid: Laid) -> None:
    assert abs(len(laid.staff) - STAFF) <= 2
    assert [p.staff_id for p in laid.staff] == list(range(1, len(laid.staff) + 1))
    assert len({p.code for p in laid.staff}) == len({p.phone for p in laid.staff}) == len(laid.staff)
    assert all(p.name.startswith("样例") and p.phone.startswith("000-") for p in laid.staff)
    assert {p.organisation for p in laid.staff} == set(laid.organisation_ids)
    leads = {o.lead for o in laid.organisations if o.lead}
    assert {p.role for p in laid.staff if p.code in leads} == {"leader"}
    assert {"officer", "handler", "shift_leader", "dispatcher", "acceptor", "inspector", "supervisor"} <= {
        p.role for p in laid.staff
    }


def test_a_large_city_shares_its_people_out() -> None:
    found = _large()
    count = Counter(p.organisation for p in found)
    assert 3990 <= len(found) <= 4000
    communities = sum(n for code, n in count.items() if code.startswith("COMMUNITY"))
    assert 0.4 * len(found) < communities < 0.7 * len(found)
    # Dispatch looks at each of an organisation's people: none has hundreds.
    assert max(count.values()) < 80


def _large() -> tuple[Person, ...]:
    """Four thousand people of 13 streets and 90 communities."""
    laid = little_city()
    streets = [replace(laid.streets[0], code=f"4699010{n:02d}", organisation=f"STREET-{n:02d}") for n in range(1, 14)]
    communities = [replace(laid.communities[0], organisation=f"COMMUNITY-{n:03d}") for n in range(1, 91)]
    offices = people.offices(streets, communities, [n * 13 // 90 for n in range(90)])
    return people.employ(offices, 4000, {c.organisation: 200.0 for c in communities})


def test_the_roster_of_a_large_city_fits_and_reaches_a_year_back() -> None:
    large = _large()
    rows = list(rosters.sheet(large, "469901", UNTIL, CHINA, 170_000).rows)
    assert 100_000 < len(rows) < 172_000
    days = {text[1:11] for _, _, text, _ in rows}
    assert min(days) <= (UNTIL - timedelta(days=365)).date().isoformat()
    assert max(days) >= (UNTIL + timedelta(days=13)).date().isoformat()
    # Everybody works at the present.
    week = {text for text in days if (UNTIL - timedelta(days=7)).date().isoformat() <= text}
    assert len({staff for _, staff, text, _ in rows if text[1:11] in week}) == len(large)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Helsinki"])
def test_nobody_is_on_duty_twice_and_everybody_rests(laid: Laid, zone: str) -> None:
    # In Helsinki the clocks change twice within the roster.
    found = turns(rosters.sheet(laid.staff, "469901", UNTIL, ZoneInfo(zone), 170_000))
    assert set(found) == {p.staff_id for p in laid.staff}
    for own in found.values():
        for (begin, end, _), (following, *_) in pairwise(own):
            assert begin < end
            assert following - end >= timedelta(hours=7)


def test_the_same_day_has_the_same_shift_whenever_it_is_written(laid: Laid) -> None:
    now = set(rosters.sheet(laid.staff, "469901", UNTIL, CHINA, 170_000).rows)
    later = set(rosters.sheet(laid.staff, "469901", UNTIL + timedelta(days=3), CHINA, 170_000).rows)
    assert len(now & later) > 0.95 * len(now)
    assert now != later


def test_in_any_hour_of_the_year_every_zone_has_somebody(laid: Laid) -> None:
    start = UNTIL - timedelta(days=365)
    hours = 365 * 24
    on_duty: dict[int, Any] = {}
    for staff_id, own in turns(rosters.sheet(laid.staff, "469901", UNTIL, CHINA, 170_000)).items():
        mask = on_duty[staff_id] = np.zeros(hours, dtype=bool)
        for begin, end, _ in own:
            first, last = ((moment - start) / timedelta(hours=1) for moment in (begin, end))
            mask[max(0, int(first)) : max(0, int(last))] = True
    parents = {o.code: o.parent for o in laid.organisations}
    leaders = defaultdict(list)
    for person in laid.staff:
        if person.role == "shift_leader":
            leaders[person.organisation].append(person.staff_id)
    nights = 0
    for zone in laid.zones:
        covered = np.zeros(hours, dtype=bool)
        for staff_id, role in zone.assigned:
            if role != "leader":
                covered |= on_duty[staff_id]
        nights += bool(covered.all())
        organisation: str | None = zone.organisation
        for _ in range(4):
            for staff_id in leaders[organisation] if organisation else ():
                covered |= on_duty[staff_id]
            organisation = organisation and parents[organisation]
        assert covered.all(), (zone.code, zone.organisation, int((~covered).sum()))
    # Those of bureaus and squads have people of their own at any hour.
    assert nights > 20


def test_there_is_an_account_for_each_role(laid: Laid) -> None:
    found = people.sign_ins(laid.staff, UNTIL, CHINA)
    by_id = {p.staff_id: p for p in laid.staff}
    assert len({s.login for s in found}) == len(found) == 11
    assert {s.login for s in found if s.staff_id is None} == {"admin", "planner", "department"}
    for sign_in in found:
        assert sign_in.organisation is None or sign_in.organisation in laid.organisation_ids
        if sign_in.staff_id and sign_in.role in ("officer", "handler", "shift_leader", "dispatcher", "acceptor"):
            assert rosters.works_at(by_id[sign_in.staff_id], UNTIL, CHINA), sign_in

"""A crowd reports one thing: nothing is lost, nobody's page is ten thousand rows, and what is beyond telling costs a
count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from gisops import city as cities
from gisops import operations
from gisops.access import limits, scopes
from gisops.access.people import Actor
from gisops.cases import case_reports, cases, duplicates, follow_ups
from gisops.cases.facts import GuardFailed
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput, NotFound

FILL = 5


@pytest.fixture
def owner(sample_database: Any) -> Iterator[Connection]:
    with connect(sample_database.owner_url) as conn:
        yield conn
        conn.rollback()


@pytest.fixture
def city(owner: Connection) -> City:
    known = cities.load(owner)
    return replace(known, settings={**known.settings, "anonymous_joins_per_hour": FILL})


@pytest.fixture
def spot(owner: Connection) -> tuple[float, float]:
    row = owner.execute("SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM city, ST_PointOnSurface(geom) AS p").fetchone()
    assert row is not None
    return row["lon"], row["lat"]


def person(conn: Connection, login: str) -> Actor:
    row = conn.execute(
        "SELECT account_id, login, role, staff_id, organisation_id FROM accounts WHERE login = %s", [login]
    ).fetchone()
    assert row is not None
    return Actor(**row)


def sent(at: tuple[float, float], **more: Any) -> NewReport:
    return NewReport(uuid4(), "citizen", "E01-13", *at, "WGS84", 5.0, "样例 / sample", **more)


def told(conn: Connection, city: City, report: NewReport, by: Actor | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(operations.receive_report(conn, city, report, by).answer)
    return answer


def row_of(conn: Connection, case_no: str) -> dict[str, Any]:
    row = conn.execute(
        "SELECT case_id, report_count, crowd_count, version,"
        " (SELECT count(*) FROM reports r WHERE r.case_id = c.case_id) AS kept,"
        " (SELECT count(*) FROM outbox o WHERE o.case_no = c.case_no) AS events,"
        " (SELECT count(*) FROM report_links l WHERE l.case_id = c.case_id) AS links"
        " FROM cases c WHERE case_no = %s",
        [case_no],
    ).fetchone()
    assert row is not None
    return row


def test_a_flash_mob_is_a_number_and_nobody_of_it_is_lost(
    owner: Connection, city: City, spot: tuple[float, float]
) -> None:
    case_no = told(owner, city, sent(spot))["case"]["case_no"]
    answers = [told(owner, city, sent(spot, joins=case_no)) for _ in range(FILL - 1 + 7)]
    counted = [answer for answer in answers if answer["joined"].get("counted_only")]
    assert answers[FILL - 1 :] == counted, "the first of the hour are kept, then they are counted"
    there = row_of(owner, case_no)
    assert (there["report_count"], there["kept"], there["crowd_count"]) == (FILL, FILL, 7)
    assert (there["events"], there["links"]) == (FILL, FILL - 1), "nothing is told and nothing piles up"
    # each has his answer, and follows the case by his key
    for answer in counted:
        assert answer["case"]["case_no"] is None, "another's number is not told"
        assert answer["joined"]["code"] == "joined"
        followed = operations.follow_report(owner, city, UUID(answer["report"]["client_uid"]))
        assert (followed["counted_only"], followed["case"]["case_no"], followed["history"]) == (True, None, [])
    # his is no word in the case: he would be one of thousands
    with pytest.raises(GuardFailed) as refused:
        follow_ups.of_report(owner, UUID(counted[0]["report"]["client_uid"]))
    assert refused.value.facts["guard"] == "counted_only"
    assert follow_ups.of_report(owner, UUID(answers[0]["report"]["client_uid"]))["case_no"] == case_no


def test_one_address_counts_a_few_times_a_day(owner: Connection, spot: tuple[float, float]) -> None:
    """Ten of one address make nothing critical; another address is another person."""
    city = cities.load(owner)  # its crowd begins later than at five
    case_no = told(owner, city, sent(spot))["case"]["case_no"]

    def joined(sender: str) -> dict[str, Any]:
        receipt = operations.receive_report(owner, city, sent(spot, joins=case_no), None, sender)
        answer: dict[str, Any] = orjson.loads(receipt.answer)["joined"]
        return answer

    answers = [joined("a" * 64) for _ in range(10)]
    few, more = answers[: duplicates.ONE_ADDRESS], answers[duplicates.ONE_ADDRESS :]
    assert not any("counted_only" in one for one in few)
    assert all(one["counted_only"] and "address" in one["counted_en"] for one in more)
    assert "counted_only" not in joined("b" * 64)
    there = row_of(owner, case_no)
    assert (there["report_count"], there["kept"], there["crowd_count"]) == (6, 6, 6)
    priority = owner.execute("SELECT priority FROM cases WHERE case_no = %s", [case_no]).fetchone()
    assert priority is not None
    assert priority["priority"] < 3
    # the hour's tidying leaves that alone, and a day later he counts again
    limits.prune(owner)
    assert joined("a" * 64)["counted_only"]
    owner.execute("UPDATE rate_buckets SET filled_at = filled_at - interval '25 hours' WHERE key LIKE 'day:%'")
    owner.execute("SET LOCAL gisops.clock_offset = '25 hours'")
    assert "counted_only" not in joined("a" * 64)


def test_the_same_again_is_the_same_and_who_signs_in_is_heard(
    owner: Connection, city: City, spot: tuple[float, float]
) -> None:
    case_no = told(owner, city, sent(spot))["case"]["case_no"]
    for _ in range(FILL - 1):
        told(owner, city, sent(spot, joins=case_no))
    once = sent(spot, joins=case_no)
    first = told(owner, city, once)
    assert first["joined"]["counted_only"]
    assert told(owner, city, once) == first
    assert row_of(owner, case_no)["crowd_count"] == 1
    known = told(owner, city, sent(spot, joins=case_no), person(owner, "leader"))
    assert "counted_only" not in known["joined"]
    # the next hour has room again
    owner.execute("SET LOCAL gisops.clock_offset = '61 minutes'")
    assert "counted_only" not in told(owner, city, sent(spot, joins=case_no))["joined"]
    there = row_of(owner, case_no)
    assert (there["report_count"], there["kept"], there["crowd_count"]) == (FILL + 2, FILL + 2, 1)


def test_a_case_s_page_begins_with_some_reports_and_the_rest_are_turned_over(
    owner: Connection, city: City, spot: tuple[float, float]
) -> None:
    by = person(owner, "leader")
    case_no = told(owner, city, sent(spot))["case"]["case_no"]
    more = case_reports.FIRST + 5
    many = [sent(spot, joins=case_no) for _ in range(more)]
    operations.receive_batch(owner, city, many, by)
    scopes.look_as(owner, by.account_id)
    page = cases.read(owner, city, case_no, by)
    assert (page["report_count"], len(page["reports"])) == (more + 1, case_reports.FIRST)
    seen = [report["report_id"] for report in page["reports"]]
    after = UUID(str(page["reports_after"]))
    while after is not None:
        turned = case_reports.page(owner, case_no, by, limit=2, after=after)
        assert all(report["text"] for report in turned["reports"])
        seen += [str(report["report_id"]) for report in turned["reports"]]
        after = turned["after"]
    assert len(set(seen)) == len(seen) == more + 1
    assert seen == sorted(seen)
    whole = case_reports.page(owner, case_no, by, limit=case_reports.MOST_ROWS)
    assert (len(whole["reports"]), whole["after"]) == (more + 1, None)
    with pytest.raises(InvalidInput):
        case_reports.page(owner, case_no, by, limit=0)
    with pytest.raises(NotFound):
        case_reports.page(owner, case_no[:-6] + "999999", by)


def test_who_is_not_to_know_people_reads_no_text(owner: Connection, city: City, spot: tuple[float, float]) -> None:
    case_no = told(owner, city, sent(spot))["case"]["case_no"]
    other = replace(person(owner, "leader"), role="planner")
    scopes.look_as(owner, other.account_id)
    assert ["text" in report for report in case_reports.page(owner, case_no, other)["reports"]] == [False]

"""Forty lives of cases in March 2025, and every indicator of them worked out on paper."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from gisops import city as cities
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.indicators import counting, scores
from gisops.indicators.definitions import definitions
from gisops.indicators.periods import Period
from tests.gisops import paper_lives
from tests.gisops.paper_lives import APRIL, MARCH, Ground, at

# How to read a line: tests/gisops/paper_lives.py. Behind # what the case is there for.
CASES = """
01 citizen A due=05.1800 R03.0900 std H03.1100 chk                       # done in 1 h 48 min from its dispatch
02 officer A due=05.1800 R03.0900 A03.0905 F03.0910 D03.0912 K03.0945 H03.1300 chk         # acknowledged late; 3 h 48
03 officer A due=06.1800 R04.0900 std H04.1000 J04.1010 C04.1020         # no check; 48 min
04 hotline A due=07.1800 R05.0900 O05.0905 V05.0925 A05.0930 F05.0935 D05.0937 K05.0945 H06.0900 chk  # verified in time
05 officer B due=06.1800 R04.0900 std H04.1100 Q04.1140 G04.1200 C04.1210                  # check sent late
06 citizen B due=06.1800 own=04.1630 R04.1400 std H04.1700 Q04.1710 G04.1750 C04.1800      # check late; own clock over
07 officer B due=10.1800 R06.0900 std H07.0900 Q07.0910 G07.0930 C07.1000                  # closed late
08 video   B due=11.1800 R07.0900 A07.0905 F07.0910 D07.0940 K07.0950 H07.1000 chk urgent  # dispatched late
09 officer C due=12.1800 R10.0900 A10.0905 F10.0935 D10.0937 K10.0945 H10.1200 chk         # filed late
10 citizen C due=12.1800 R10.0900 O10.0920 V10.1000 A10.1005 F10.1010 D10.1012 K10.1020 H10.1900 chk  # all late
11 officer A due=05.1800 R03.0900 std H06.0900 chk                       # handled late
12 officer B due=05.1800 R03.0900 std H07.0900 chk                       # handled late
13 citizen C due=07.1800 R05.0900 std H10.0900 chk exempt                # handled late, exempted by an appeal
14 hotline A due=10.1800 own=12.1800 R06.0900 std H11.0900 chk           # late by the case, in time by the organisation
15 officer B due=20.1800 R17.0900 std                                    # overdue, not handled
16 officer C due=21.1800 R18.0900 std H33.0900 chk                       # overdue, handled in April only
17 officer A due=35.1800 R31.0900 std                                    # not due yet
18 officer A due=03.1515 R-2.0900 std H03.1500 chk                       # of February; closed after its deadline
19 officer B due=-1.1800 R-3.0900 std H02.1000 chk                       # due in February, handled late in March
20 citizen B due=05.1800 R-4.0900 std H-1.1000 chk                       # due in March, handled in February
21 officer A due=14.1800 R12.0900 std Z12.1500 urgent                    # voided while handled
22 citizen B due=15.1800 R13.0900 A13.0905 F13.0910 Z13.1000             # voided before its dispatch
23 citizen A R14.0900 L14.0910                                           # the same as 24; its report went there
24 citizen A due=19.1800 R14.0850 std H14.1050 chk                       # three reports
25 citizen A R15.0900 T15.0910                                           # not accepted
26 hotline A R15.0900 A15.0905 I15.0915                                  # accepted, not filed
27 officer A R16.0900 P16.0900 H16.1000                                  # simple, never promoted
28 video   B R16.0900 P16.0900 H16.1030                                  # simple, never promoted
29 sensor  C due=17.1800 R16.0900 P16.0900 M16.1100 D16.1105:C K16.1110 H16.1500 chk       # simple, promoted: assessed
30 officer A R31.1700 P31.1700                                           # simple, still open
31 officer A due=20.1800 R18.0900 std S19.0900                           # on hold when it was due
32 officer B due=22.1800 R17.0900 std S18.0900 U20.0900 H21.0900 chk     # was on hold, was resumed
33 officer C due=26.1800 R19.0900 std X20.0900 H25.0900 chk              # extended
34 citizen C due=22.1800 R20.0900 A20.0905 F20.0910 D20.0912:B K20.0920 B20.1000:not_ours D20.1010 K20.1015 H20.1600 chk
35 hotline A due=25.1800 R21.0900 std B21.0930:already_done D21.1000 K21.1005 H21.1200 chk # given back, but not wrong
36 officer A due=26.1800 R24.0900 std H24.1200 Q24.1210 N24.1230 H25.0900 chk              # a check failed
37 citizen B due=28.1800 R24.0900 std H24.1100 chk W26.0900 D26.0910 K26.0915 H26.1500 chk # reopened
38 officer C due=31.1200 R27.0900 std H27.1100 chk again:34              # the same as 34 a week later: 34 was no good
39 hotline A due=27.1800 R25.0900 std H26.0900 chk joint urgent          # with another organisation
40 citizen C due=28.1800 R26.0900 std Y27.0900                           # closed by force
"""

# Counts and rates, (numerator, denominator), with what is counted by the numbers of the cases.
#
# reported in March       01-17, 21-40 = 37; a further report of 24 came by hotline, 23's is one of 24 now: 38 reports
# filed in March          01-17, 21, 22, 24, 29, 31-40 = 31, of which 21 and 22 were voided: 29
# should be handled       01-16, 18-20, 24, 29, 32-39 = 29: not 17 (not due), 21, 22 (void), 23 (duplicate), 25, 26,
#                         27, 28, 30 (simple), 31 (on hold when due), 40 (by force)
# not handled of these    15, 16; late 11, 12, 14, 19 (13 is exempt): 23 in time
# handled in March        those 27 without 20: 26
PAPER: dict[str, int | tuple[int, int]] = {
    "report_count": 38,
    "valid_report_count": 33,  # not those of 21, 22, 25, 26, and of 30, which is no work done yet
    "valid_report_rate": (33, 38),
    "public_report_count": 17,  # 01 04 06 10 13 14 22 23 24 25 26 34 35 37 39 40, and one more of 24
    "repeats_avoided_rate": (2, 38),  # 23's and the hotline's, both in 24
    "case_count": 37,
    "duplicate_count": 1,  # 23
    "accepted_count": 32,  # filed in March, and 26
    "missed_report_rate": (7, 29),  # of the public's, the even ones, where somebody patrols: 04 06 10 14 24 34 40
    "public_report_rate": (12, 29),  # 01 04 06 10 13 14 24 34 35 37 39 40
    "verify_on_time_rate": (1, 2),  # 04 in 20 minutes, 10 in 40
    "check_on_time_rate": (26, 27),  # not 06
    "accept_on_time_rate": (35, 36),  # not 10, which was acted on after 20 minutes; 04 and 10 were there twice
    "verify_sent_on_time_rate": (1, 2),  # 04, 10
    "check_sent_on_time_rate": (27, 28),  # not 05
    "file_on_time_rate": (28, 29),  # not 09
    "dispatch_on_time_rate": (30, 32),  # not 08, and not 35 the second time
    "ack_on_time_rate": (31, 32),  # not 02
    "close_on_time_rate": (26, 27),  # not 07
    "acceptance_count": 31,
    "dispatch_count": 33,  # 30 cases, and 34, 35, 37 once more
    "accurate_dispatch_rate": (32, 33),  # not 34 the first time; 35 came back as done already
    "filed_count": 29,
    "filing_rate": (31, 32),
    "accurate_filing_rate": (29, 31),
    "accurate_filing_by_leader_rate": (28, 30),  # without 29, which nobody filed
    "voided_count": 2,
    "should_be_handled_count": 29,
    "handled_count": 27,
    "handled_in_time_count": 23,
    "handled_late_count": 4,
    "overdue_unhandled_count": 2,
    "handling_rate": (27, 29),
    "on_time_handling_rate": (23, 29),
    "late_handling_rate": (4, 29),
    "overdue_unhandled_rate": (2, 29),
    "extension_rate": (1, 29),  # 33
    "deferral_rate": (1, 29),  # 32
    "suspension_rate": (1, 30),  # 31
    "return_rate": (2, 30),  # 34, 35 of 01-17, 21, 24, 29, 31-40
    "rework_rate": (3, 29),  # 34, 36, 37
    "reopening_rate": (1, 29),  # 37
    "exempted_count": 1,
    "should_be_closed_count": 29,
    "closed_count": 27,
    "closings": 26,  # not 20, which was closed in February
    "closing_rate": (27, 29),
    "on_time_closing_rate": (23, 29),
    "forced_closing_count": 1,
    "satisfaction_rate": (3, 5),  # 5 4 2 5 3; 10 was not reached, 20 was asked in April
    "urgent_count": 2,  # 08, 39; 21 is void
    "simple_count": 2,  # 27, 28
    "recurrence_rate": (1, 29),  # 38
    "solved_within_2_hours_rate": (8, 28),  # 01 03 05 08 24 38, and 27, 28 from their report
    "solved_within_5_hours_rate": (13, 28),  # and 02 06 09 29 35
    "on_time_feedback_rate": (23, 29),  # 14 is in time by its organisation's own clock, 06 is not
    "joint_share": (1, 29),  # 39
}
CHOICES = {
    ("filing_rate", "reported"): (31, 37),
    ("rework_rate", "handled"): (3, 26),
    ("on_time_closing_rate", "deadline"): (22, 29),  # 18 was handled in time and closed behind it
}
# Durations: sum of so many, median, ninth decile; minutes (hours of work, where eight are a day).
#
# handled, from its dispatch   20 48 108 108 108 108 143 168 168 228 235 408 528 | 1403 1428 1428 1428 3228 4308 5748
#                              5748 7188 7188 7248 7548 8628: between the 13th and 14th; midway 23rd to 24th
# closed, from its report      80 100 160 160 160 190 220 220 240 280 400 460 640 | 1480 1480 1480 1500 3280 4360 5800
#                              5800 7240 7240 7300 7600 8680
# hours of work                0 1 1 2 2 2 2 3 3 3 3 5 7 | 8 8 8 8 20 24 24 24 28 31 32 32 32
# to its dispatch              24 times 12, 37 (04), 37 (09), 40 (08), 72 (10), 125 (29): the 26th and a fifth on
DURATIONS: dict[str, tuple[Fraction, float, float]] = {
    "handling_time": (Fraction(64_897 * 60, 26), 965.5 * 60, 7218 * 60),
    "closing_time": (Fraction(66_550 * 60, 26), 1060 * 60, 7270 * 60),
    "mean_working_days": (Fraction(313, 26 * 8), 7.5 / 8, 31.5 / 8),
    "intake_to_dispatch": (Fraction(599 * 60, 29), 12 * 60, 37.6 * 60),
}
VISITS = (
    (1, 20, 5), (4, 20, 4), (6, 20, 2), (10, 20, None), (13, 20, 5), (24, 20, 3), (20, 33, 1),
)  # fmt: skip
# By organisation, and with its own clock: filed; closed, in time, done again out of what should have been.
ORGANISATIONS = {
    "A": (12, (11, 11), (10, 11), (1, 11)),  # 01-04 11 14 18 24 35 36 39; 11 late
    "B": (8, (9, 10), (6, 10), (1, 10)),  # 05-08 12 15 19 20 32 37; 06, 12, 19 late, 15 not done
    "C": (9, (7, 8), (7, 8), (1, 8)),  # 09 10 13 16 29 33 34 38; 16 not done
}
# 10 for so few filed, and 30 each of what was closed, in time, and not done again.
SCORES = {
    "A": (10 + 30 + Fraction(300, 11) + Fraction(300, 11), "A"),
    "B": (10 + 27 + 18 + 27, "B"),
    "C": (10 + 3 * Fraction(210, 8), "B"),
}


@pytest.fixture(scope="module")
def ground(sample_database: Any) -> Iterator[tuple[Connection, City, dict[str, str]]]:
    """The forty, in the sample district; a zone that is patrolled holds the even ones."""
    with connect(sample_database.owner_url) as conn:
        city = cities.load(conn)
        rows = conn.execute(
            "SELECT organisation_id, code FROM organisations WHERE NOT is_duty_desk ORDER BY organisation_id LIMIT 3"
        ).fetchall()
        letters = dict(zip("ABC", rows, strict=True))
        west, south, east, north = city.extent
        unpatrolled, patrolled = (west + 0.001, (south + north) / 2), (east - 0.001, (south + north) / 2)
        one = conn.execute("SELECT category_id FROM categories WHERE enabled ORDER BY category_id LIMIT 1").fetchone()
        staff = conn.execute("SELECT staff_id, code FROM staff ORDER BY staff_id LIMIT 2").fetchall()
        accounts = {
            action: _account(conn, f"paper_{action}", person["staff_id"])
            for action, person in (("dispatch", staff[0]), ("file", staff[1]))
        }
        assert one is not None
        there = Ground(
            "460107", one["category_id"], {k: r["organisation_id"] for k, r in letters.items()}, city.desk_id, accounts
        )
        conn.execute("DELETE FROM zone_staff USING zones z WHERE z.zone_id = zone_staff.zone_id AND z.kind = 'duty'")
        _patrol(conn, letters["A"]["organisation_id"], staff[1]["staff_id"], patrolled)
        lives = paper_lives.read(CASES)
        keys = paper_lives.write(conn, there, lives, (unpatrolled, patrolled))
        paper_lives.report(conn, there, keys[24], "citizen", at("14.0900"), patrolled)
        paper_lives.report(conn, there, keys[24], "hotline", at("14.1000"), patrolled)
        for number, day, score in VISITS:
            conn.execute(
                "INSERT INTO follow_ups (district_code, case_id, follow_up_no, method, reached, score, at)"
                " VALUES ('460107', %s, 1, 'phone', %s, %s, %s)",
                (keys[number], score is not None, score, at(f"{day:02}.1000")),
            )
        assert conn.execute("SELECT * FROM broken_history()").fetchall() == []
        conn.commit()
    with connect(sample_database.app_url) as conn:
        yield (
            conn,
            city,
            {"patroller": staff[1]["code"], "dispatcher": staff[0]["code"]}
            | {k: r["code"] for k, r in letters.items()},
        )
        conn.rollback()


def _account(conn: Connection, login: str, staff_id: int) -> int:
    row = conn.execute(
        "INSERT INTO accounts (login, password_hash, role, staff_id) VALUES (%s, 'x', 'dispatcher', %s)"
        " RETURNING account_id",
        (login, staff_id),
    ).fetchone()
    assert row is not None
    return int(row["account_id"])


def _patrol(conn: Connection, organisation_id: int, staff_id: int, place: tuple[float, float]) -> None:
    conn.execute(
        """
        WITH a_set AS (
          INSERT INTO zone_sets (code, name_zh, name_en, purpose, status, valid)
          VALUES ('PAPER', '巡查区（测试）', 'Patrols of a test', 'paper', 'published', tstzrange('2020-01-01', NULL))
          RETURNING zone_set_id
        ), a_zone AS (
          INSERT INTO zones (zone_set_id, code, name_zh, name_en, kind, organisation_id, priority, geom, valid)
          SELECT zone_set_id, 'PAPER-1', '巡查区', 'A patrol', 'duty', %s, 20,
                 ST_Multi(ST_Expand(ST_SetSRID(ST_MakePoint(%s, %s), 4326), 0.0001)), tstzrange('2020-01-01', NULL)
          FROM a_set
          RETURNING zone_id
        )
        INSERT INTO zone_staff (zone_id, staff_id, role, valid)
        SELECT zone_id, %s, 'primary', tstzrange('2020-01-01', NULL) FROM a_zone
        """,
        (organisation_id, *place, staff_id),
    )


Ready = tuple[Connection, City, dict[str, str]]
PERIOD = Period(MARCH, APRIL)


def counted(ready: Ready, by: str | None = None, **where: str) -> counting.Counted:
    return counting.count(ready[0], ready[1], PERIOD, definitions().indicators.values(), by, where)


def test_forty_cases_are_written(ground: Ready) -> None:
    assert len(paper_lives.read(CASES)) == 40


def test_every_indicator_is_worked_out_on_paper() -> None:
    assert set(PAPER) | set(DURATIONS) == set(definitions().indicators)


def test_counts_and_rates_are_those_on_paper(ground: Ready) -> None:
    total = counted(ground).total
    found = {
        code: total[code].n if isinstance(told, int) else (total[code].k, total[code].n) for code, told in PAPER.items()
    }
    assert found == PAPER


@pytest.mark.parametrize("code", DURATIONS)
def test_durations_are_those_on_paper(ground: Ready, code: str) -> None:
    mean, median, p90 = DURATIONS[code]
    value = counted(ground).total[code]
    assert value.mean == pytest.approx(float(mean))
    assert value.median == pytest.approx(median)
    assert value.p90 == pytest.approx(p90)


@pytest.mark.parametrize(("code", "choice"), CHOICES)
def test_other_ways_of_counting_are_those_on_paper(ground: Ready, code: str, choice: str) -> None:
    one = definitions().indicator(code).chosen(choice)
    value = counting.count(ground[0], ground[1], PERIOD, [one]).total[code]
    assert (value.k, value.n) == CHOICES[code, choice]


def test_organisations_are_counted_by_their_own_clocks_and_get_their_scores(ground: Ready) -> None:
    rows = {row.subject.key: row.values for row in counted(ground, "organisation").rows}
    score = definitions().scores["department_score"]
    for letter, told in ORGANISATIONS.items():
        values = rows[ground[2][letter]]
        rates = [values[code] for code in ("closing_rate", "on_time_handling_rate", "rework_rate")]
        assert (values["filed_count"].n, *((v.k, v.n) for v in rates)) == told, letter
        found = scores.scored(score, values, definitions().grades)
        assert (pytest.approx(float(SCORES[letter][0])), SCORES[letter][1]) == (found.score, found.grade)
        assert found.left_out == ()


def test_an_organisation_is_not_charged_with_the_time_that_another_had_it(ground: Ready) -> None:
    """C handled 09 10 13 29 33 34 38 in March; 34 was dispatched to B first, an hour before."""
    rows = {row.subject.key: row.values for row in counted(ground, "organisation").rows}
    of_c = rows[ground[2]["C"]]["handling_time"]
    assert (of_c.n, of_c.mean) == (7, pytest.approx((143 + 528 + 7_188 + 235 + 8_628 + 350 + 108) * 60 / 7))
    of_the_city = counted(ground, organisation=ground[2]["C"]).total["handling_time"]
    assert of_the_city.mean == of_c.mean


def test_staff_get_what_is_theirs(ground: Ready) -> None:
    rows = {row.subject.key: row.values for row in counted(ground, "staff").rows}
    patroller, dispatcher = ground[2]["patroller"], ground[2]["dispatcher"]
    # Filed and not void, the even ones: 02-16 are eight, 24, 32-40 are five.
    assert (rows[patroller]["missed_report_rate"].k, rows[patroller]["missed_report_rate"].n) == (7, 14)
    # All of March's dispatches are by one; all filings but the promoted by another.
    assert rows[dispatcher]["dispatch_count"].n == 33
    filings = rows[patroller]["accurate_filing_by_leader_rate"]
    assert (filings.k, filings.n) == (28, 30)
    assert rows[dispatcher]["dispatch_on_time_rate"].n == 32


@pytest.mark.parametrize(
    "by", [by for by in counting.BY if by not in ("organisation", "staff", "day", "week", "month")]
)
def test_what_is_counted_by_a_thing_adds_up_to_the_whole(ground: Ready, by: str) -> None:
    whole = counted(ground, by)
    for code, told in PAPER.items():
        assert sum(row.values[code].n for row in whole.rows) == (told if isinstance(told, int) else told[1]), code


def test_a_day_is_what_it_is_when_it_is_asked_for_alone(ground: Ready) -> None:
    found = {row.subject.key: row.values for row in counted(ground, "week").rows}
    assert list(found) == ["2025-W09", "2025-W10", "2025-W11", "2025-W12", "2025-W13", "2025-W14"]
    alone = counting.count(
        ground[0], ground[1], Period(at("10.0000"), at("17.0000")), definitions().indicators.values()
    )
    assert found["2025-W11"] == alone.total


@pytest.mark.parametrize("code", PAPER)
def test_behind_every_number_are_its_cases(ground: Ready, code: str) -> None:
    one, told = definitions().indicator(code), PAPER[code]
    if one.family.name in ("cases", "visits"):
        counted_by = len(counting.behind(ground[0], ground[1], PERIOD, one))
        assert counted_by == (told if isinstance(told, int) else told[0])
        if not isinstance(told, int):
            base = {row["case_id"] for row in counting.behind(ground[0], ground[1], PERIOD, one, "base")}
            rest = {row["case_id"] for row in counting.behind(ground[0], ground[1], PERIOD, one, "rest")}
            assert (len(base), len(rest)) == (told[1], told[1] - told[0])


def test_cases_come_in_pages_newest_first(ground: Ready) -> None:
    one = definitions().indicator("should_be_handled_count")
    pages: list[UUID] = []
    before = None
    while page := counting.behind(ground[0], ground[1], PERIOD, one, before=before, most=10):
        pages += [row["case_id"] for row in page]
        before = pages[-1]
    assert len(pages) == 29
    assert pages == sorted(pages, reverse=True)


def test_one_organisation_alone_is_its_row(ground: Ready) -> None:
    rows = {row.subject.key: row.values for row in counted(ground, "organisation").rows}
    assert counted(ground, organisation=ground[2]["B"]).total == rows[ground[2]["B"]]

"""A bulletin is made of a month that is over, kept as it was, printed on paper, and names nobody."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from gisops import bulletin, bulletin_page, charts, printing
from gisops import city as cities
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import Conflict, InvalidInput, NotFound
from gisops.indicators.periods import month_before
from tests.clock import moved
from tests.gisops import paper_lives
from tests.gisops.paper_lives import ZONE, Ground

LIVES = """
01 citizen A due=05.1800 R03.0900 std H03.1100 chk
02 officer A due=05.1800 R03.0900 std H06.1300 chk
03 officer B due=06.1800 R04.0900 std H04.1000 chk
04 citizen B R31.1700 P31.1700
05 officer C due=33.1800 R32.0900 std H32.1000 chk
"""


@pytest.fixture(scope="module")
def month(fresh_database: Callable[..., Any]) -> Iterator[tuple[Connection, City]]:
    """March 2025 and the first of April, with some cases; the clock stands in April."""
    database = fresh_database("sample_template")
    moved(database, datetime(2025, 4, 3, 8, tzinfo=ZONE))
    with connect(database.owner_url) as conn:
        city = cities.load(conn)
        rows = conn.execute("SELECT organisation_id FROM organisations WHERE NOT is_duty_desk LIMIT 3").fetchall()
        category = conn.execute("SELECT min(category_id) AS id FROM categories WHERE enabled").fetchone()
        assert category is not None
        ground = Ground(
            "460107",
            category["id"],
            {k: r["organisation_id"] for k, r in zip("ABC", rows, strict=True)},
            city.desk_id,
            {},
        )
        middle = (city.extent[0] + 0.002, (city.extent[1] + city.extent[3]) / 2)
        paper_lives.write(conn, ground, paper_lives.read(LIVES), (middle, middle))
        conn.commit()
    with connect(database.app_url) as conn:
        yield conn, city


@pytest.fixture
def ready(month: tuple[Connection, City]) -> Iterator[tuple[Connection, City]]:
    yield month
    month[0].rollback()


def test_a_bulletin_is_kept_as_it_was_and_corrected_by_another(ready: tuple[Connection, City]) -> None:
    conn, city = ready
    first = bulletin.publish(conn, city, "2025-03")
    with pytest.raises(Conflict):
        bulletin.publish(conn, city, "2025-03")
    second = bulletin.publish(conn, city, "2025-03", corrected=True)
    assert (first.version, second.version) == (1, 2)
    assert bulletin.read(conn, "2025-03") == second
    assert bulletin.read(conn, "2025-03", 1) == first
    assert hashlib.sha256(first.html.encode()).hexdigest() == first.sha256
    assert [(row["period"], row["version"]) for row in bulletin.listed(conn)] == [("2025-03", 2), ("2025-03", 1)]
    with pytest.raises(NotFound):
        bulletin.read(conn, "2025-03", 3)


def test_a_month_that_is_not_over_has_none(ready: tuple[Connection, City]) -> None:
    with pytest.raises(InvalidInput, match="not over"):
        bulletin.publish(*ready, "2025-04")
    with pytest.raises(InvalidInput, match="no month"):
        bulletin.publish(*ready, "2025-13")


def test_the_page_is_the_same_for_the_same_facts_and_needs_nothing_beside_itself(
    ready: tuple[Connection, City],
) -> None:
    conn, city = ready
    made = bulletin.publish(conn, city, "2025-03")
    outlines = conn.execute(bulletin._SQL["streets"], {"at": datetime(2025, 3, 1, tzinfo=ZONE)}).fetchall()
    assert bulletin_page.render(made.facts, outlines, city.timezone) == made.html
    for named in ("<script", "<link", "<img", "@import", "url("):
        assert named not in made.html
    assert "http://www.w3.org/2000/svg" in made.html
    assert made.html.replace("http://www.w3.org/2000/svg", "").count("http") == 0
    # Too few for a rank: they are told of, unranked.
    assert made.facts["organisations"] == []
    assert len(made.facts["organisations_of_few"]) == 2
    assert f"{city.name_zh}城市运行月度通报" in made.html


def test_nobody_is_named_in_it(ready: tuple[Connection, City]) -> None:
    conn, city = ready
    html = bulletin.publish(conn, city, "2025-03").html
    names = [row["name"] for row in conn.execute("SELECT name FROM staff")]
    assert names
    assert [name for name in names if name in html] == []


def test_it_is_printed_on_paper(ready: tuple[Connection, City], home: Any) -> None:
    conn, city = ready
    pdf = printing.pdf(bulletin.publish(conn, city, "2025-03").html)
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    # A4, in points; and Chinese type is set with a font that has it.
    assert b"/MediaBox [0 0 595" in pdf or b"/MediaBox[0 0 595" in pdf or len(pdf) > 20_000
    fonts = subprocess.run(["fc-match", "Noto Sans CJK SC"], capture_output=True, text=True, check=True).stdout
    assert "CJK" in fonts


def test_a_page_that_wants_something_from_elsewhere_does_not_get_it(home: Any) -> None:
    secret = home / "secret.svg"
    secret.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="50" height="50"><text>secret</text></svg>')
    plain = printing.pdf("<p>a</p>")
    asked = printing.pdf(f'<p>a<img src="{secret.as_uri()}"></p>')
    assert abs(len(asked) - len(plain)) < 200


@pytest.mark.parametrize(("value", "top"), [(0, 4), (4, 4), (5, 8), (37, 40), (41, 80), (801, 2000), (4409, 8000)])
def test_a_scale_ends_at_a_round_number(value: float, top: float) -> None:
    assert charts._ceiling(value) == top


@pytest.mark.parametrize(("month", "before"), [("2026-01", "2025-12"), ("2026-03", "2026-02"), ("2026-12", "2026-11")])
def test_the_month_before(month: str, before: str) -> None:
    assert month_before(month) == before


def test_numbers_are_told_as_people_say_them() -> None:
    assert bulletin_page.figure({"value": 0.9571}, "rate", "%") == "95.7%"
    assert bulletin_page.figure({"value": None}, "rate", "%") == "—"
    assert bulletin_page.figure({"value": 4329}, "count", "") == "4,329"
    assert bulletin_page.figure({"value": 300}, "duration", "s") == "5 分钟"
    assert bulletin_page.figure({"value": timedelta(hours=5).total_seconds()}, "duration", "s") == "5.0 小时"
    assert bulletin_page.change({"value": 0.95}, {"value": 0.94}, "rate", "%") == ("+1.0 个百分点", 1)
    assert bulletin_page.change({"value": 5}, {"value": 0}, "count", "") is None
    assert bulletin_page.change({"value": 0}, {"value": 0}, "count", "") == ("持平", 0)
    assert bulletin_page.change({"value": 0.95001}, {"value": 0.95}, "rate", "%") == ("持平", 0)
    assert bulletin_page.figure({"value": 0.04}, "duration", "d") == "0.04 个工作日"


def test_the_worker_publishes_the_month_that_is_over_once(ready: tuple[Connection, City]) -> None:
    """Last here, as it is kept for good."""
    conn, city = ready
    made = bulletin.due(conn, city)
    assert made is not None
    assert (made.period, made.version) == ("2025-03", 1)
    assert made.facts["total"]["case_count"]["value"] == 4
    assert made.facts["before"]["case_count"]["value"] == 0
    assert bulletin.due(conn, city) is None
    assert bulletin.read(conn, "2025-03").sha256 == made.sha256

"""Boston's own clock: the city put a target date on each request, and said of each closed one whether it was in time.

Hours, days, mode and limits are data (boston_clocks.toml), written into a city's tables as a city writes them; the
target dates then come out of the clock of every other city.
"""

from __future__ import annotations

import csv
import gzip
import tomllib
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gisops import city as cities
from gisops import clocks
from gisops.cases import case_clocks
from gisops.city import City
from tests.real_data import real_data
from tests.walk import real_city
from tests.walk.test_boston import PROFILE

TOLD = tomllib.loads((Path(__file__).parent / "boston_clocks.toml").read_text("utf-8"))
# the end of the profile is its calendar
CALENDAR = f'windows = {TOLD["windows"]}\nwork_day_mode = "{TOLD["work_day_mode"]}"\n'
CLOSE = timedelta(minutes=5)
WORKING_DAY_TYPES = 9


def requests() -> list[dict[str, str]]:
    with gzip.open(real_data("boston311", "boston311_2011Q3.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        return [{name: value.strip() for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def boston(database: Any, tmp_path_factory: pytest.TempPathFactory) -> City:
    """A city founded with a profile, whose types, conditions, limits, hours and mode are rows."""
    folder = tmp_path_factory.mktemp("boston")
    districts = real_data("boston311", "police_districts_epsg2249.zip")
    with real_city.owner(database) as conn:
        profile = PROFILE.format(districts=districts) + CALENDAR
        real_city.found_city(conn, folder, profile)
        for n, (name, limit) in enumerate(TOLD["limits"].items(), 1):
            conn.execute(
                "INSERT INTO categories (scheme, city_code, kind, major, minor, name_zh, name_en, certainty)"
                " VALUES ('Boston 311', '250000', 'E', '91', %s, %s, %s, 'V')",
                [f"{n:02d}", name, name],
            )
            condition(conn, name, 1, limit)
        for n, one in enumerate(TOLD["conditions"], 2):
            condition(conn, one["type"], n, one["limit"])
        return cities.load(conn)


def condition(conn: Any, name: str, seq: int, limit: dict[str, Any]) -> None:
    conn.execute(
        "WITH held AS (INSERT INTO filing_conditions (category_id, seq, text_zh, is_default, certainty)"
        " SELECT category_id, %s, name_zh, %s, 'V' FROM categories WHERE name_en = %s RETURNING filing_condition_id)"
        " INSERT INTO time_limits (filing_condition_id, unit, value, certainty)"
        " SELECT filing_condition_id, %s, %s, 'V' FROM held",
        [seq, seq == 1, name, limit["unit"], limit["value"]],
    )


def moment(city: City, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=city.timezone)


def test_the_target_dates_of_the_nine_working_day_types(boston: City) -> None:
    default = {one.name_en: one.filing_condition_id for one in boston.categories.values() if one.scheme == "Boston 311"}
    assert len(set(TOLD["limits"]) & set(default)) == WORKING_DAY_TYPES
    assert boston.work_day_mode == "same_time"
    near: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for row in requests():
        name = row["type"]
        if name not in default or not row["target_dt"]:
            continue
        ends = case_clocks.deadline_of(boston, moment(boston, row["open_dt"]), condition_of(boston, default, row))
        assert ends is not None
        asked[name] += 1
        near[name] += abs(ends - moment(boston, row["target_dt"])) <= CLOSE
    assert sum(asked.values()) > 15_900
    shares = {name: near[name] / asked[name] for name in asked}
    assert sum(near.values()) / sum(asked.values()) >= 0.995, shares
    # what is missed was set anew by hand, in whole minutes: a fiftieth of the worst type
    assert min(shares.values()) > 0.975, shares


def condition_of(city: City, default: dict[str, int | None], row: dict[str, str]) -> int | None:
    """The filing condition of a request: the second one of its type where its title says so."""
    first = default[row["type"]]
    for one in TOLD["conditions"]:
        if one["type"] == row["type"] and any(word in row["case_title"] for word in one["title"]):
            wanted = cities.TimeLimit(one["limit"]["unit"], float(one["limit"]["value"]))
            return next(key for key, rows in city.limits.items() if key != first and rows[0].limit == wanted)
    return first


def test_on_time_is_what_the_city_says_of_every_closed_request(boston: City) -> None:
    judged = 0
    for row in requests():
        if row["case_status"] == "Closed" and row["closed_dt"] and row["target_dt"] and row["ontime"]:
            in_time = clocks.in_time(moment(boston, row["closed_dt"]), moment(boston, row["target_dt"]))
            assert in_time == (row["ontime"] == "ONTIME"), row["case_enquiry_id"]
            judged += 1
    assert judged > 25_000


def test_the_clock_s_own_verdict_is_the_city_s(boston: City) -> None:
    """By the deadlines that we compute, not those that the city wrote: where those agree, so do the verdicts."""
    default = {one.name_en: one.filing_condition_id for one in boston.categories.values() if one.scheme == "Boston 311"}
    agreed = judged = 0
    for row in requests():
        if row["type"] in default and row["closed_dt"] and row["target_dt"] and row["ontime"]:
            ends = case_clocks.deadline_of(boston, moment(boston, row["open_dt"]), condition_of(boston, default, row))
            judged += 1
            agreed += clocks.in_time(moment(boston, row["closed_dt"]), ends) == (row["ontime"] == "ONTIME")
    assert judged > 14_000
    assert agreed / judged > 0.997

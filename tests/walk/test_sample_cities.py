"""Sample cities the whole way, from an extract or a seed to cases on desks; the large ones in the soak."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from gisops import city as cities
from gisops import dispatch, sample
from gisops.db.pool import connect
from gisops.sample import loading
from tests.real_data import real_data

UNTIL = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def _number(conn: Any, statement: str, *values: Any) -> Any:
    (found,) = conn.execute(statement, values).fetchone().values()
    return found


def _check(database: Any, cases: int) -> None:
    with connect(database.owner_url, unhurried=True) as conn:
        assert _number(conn, "SELECT count(*) FROM cases") == cases
        assert _number(conn, "SELECT count(*) FROM broken_history()") == 0
        # The past is no news: nobody is told of it, no sender can ask for it.
        assert _number(conn, "SELECT count(*) FROM outbox") == 0
        assert _number(conn, "SELECT count(*) FROM case_history_rest") == 0
        states = {row["state"]: row["n"] for row in conn.execute("SELECT state, count(*) AS n FROM cases GROUP BY 1")}
        over = states.get("closed", 0) + states.get("duplicate", 0) + states.get("not_filed", 0)
        assert 0.9 < over / cases < 1, states
        kinds = "SELECT array_agg(DISTINCT kind ORDER BY kind) FROM zones"
        assert {"territory", "duty", "corridor", "site"} <= set(_number(conn, kinds))
        unled = "SELECT count(*) FROM cases WHERE stage < 7 AND dispatched_at IS NOT NULL AND handler_id IS NULL"
        assert _number(conn, unled) <= cases / 500


@pytest.fixture(scope="module")
def monaco(fresh_database: Any) -> Any:
    made = fresh_database()
    steps: list[str] = []
    source = real_data("osm") / "monaco.osm.gz"
    report = sample.load(
        made.owner_url, made.settings(), until=UNTIL, source=source, show=lambda step, *_: steps.append(step)
    )
    return made, report, steps


def test_a_real_town_gets_a_city_laid_over_it(monaco: Any) -> None:
    made, report, steps = monaco
    assert report.rows["buildings"] > 850
    assert report.rows["grid_cells"] > 60
    assert report.cases >= 2_000
    assert list(dict.fromkeys(steps))[:2] == ["ground", "zones"]
    assert steps[-1] == "cases"
    _check(made, report.cases)


def test_it_says_whose_map_it_is_and_that_the_rest_is_made_up(monaco: Any) -> None:
    made, *_ = monaco
    with connect(made.owner_url) as conn:
        city = cities.load(conn)
    told = city.settings["sample"]
    assert told["made_up"] is False
    assert "OpenStreetMap" in told["attribution"]
    assert "made up" in told["note"]
    assert "样例" in city.name_zh


def test_a_pothole_goes_to_whoever_keeps_that_street(monaco: Any) -> None:
    made, *_ = monaco
    with connect(made.owner_url) as conn:
        city = cities.load(conn)
        street = conn.execute(
            "SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM ("
            "  SELECT ST_LineInterpolatePoint((ST_Dump(geom)).geom, 0.5) AS p FROM roads"
            "  WHERE class = 'primary' AND name_zh <> '' ORDER BY ST_Length(geom) DESC, road_id LIMIT 1) q"
        ).fetchone()
        assert street is not None
        asked = dispatch.Input(street["lon"], street["lat"], 5.0, city.category("E01-13").category_id, at=UNTIL)
        (decision,) = dispatch.decide(conn, [asked])
    assert decision.row["zone_kind"] == "corridor"
    assert decision.row["handler_code"] is not None


def test_a_past_that_was_cut_off_is_told_to_its_end_and_no_case_twice(monaco: Any) -> None:
    made, report, _ = monaco
    with connect(made.owner_url) as conn:
        assert loading.tell(made.owner_url) == 0, "it is told already"
        # As if the process had died before it could say that it was done; told by the supervisor's, behind the door.
        conn.execute("UPDATE city SET settings = settings #- '{sample,told}'")
        conn.commit()
        addresses = {"GISOPS_DATABASE_URL": made.app_url, "GISOPS_MIGRATE_URL": made.owner_url}
        command = [sys.executable, "-m", "api.past", str(os.getpid())]
        done = subprocess.run(command, env=os.environ | addresses, capture_output=True, text=True, check=True)
        assert str(report.cases) in done.stdout
        assert _number(conn, "SELECT count(*) FROM cases") == report.cases
        assert _number(conn, "SELECT count(*) FROM city WHERE settings -> 'sample' ? 'told'") == 1


@pytest.mark.soak
@pytest.mark.parametrize("size", ["city", "full"])
def test_the_drawn_city_whole(fresh_database: Any, size: Any) -> None:
    made = fresh_database()
    report = sample.load(made.owner_url, made.settings(), until=UNTIL, size=size)
    amounts = loading.SIZES[size]
    assert report.rows["grid_cells"] == pytest.approx(amounts.cells, rel=0.05)
    assert report.rows["parts"] == pytest.approx(amounts.parts, rel=0.05)
    assert report.rows["places"] == amounts.places
    assert report.rows["staff"] == amounts.staff
    assert report.cases == amounts.cases
    _check(made, amounts.cases)

"""Boston, July to September 2011: 31,828 reports with the police district that the city itself put down.

The districts come in survey feet (EPSG:2249) and become a published set of zones; the reports go through the dispatch
of every other report. 2,462 of them stand on one placeholder coordinate, which the importer has to find by itself.
"""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import shape

from gisops.db.pool import Connection
from gisops.loads import records
from tests.real_data import real_data
from tests.walk import real_city

PROFILE = """
name_zh = "波士顿"
name_en = "Boston"
code = "250000"
extent = "{districts}"
metric_srid = 26986
timezone = "America/New_York"
category_scheme = "Boston 311"

[district]
code = "250025"

[calendar]
days = "none"
"""
ZONES = """
[columns]
code = "ID"
organisation = "ID"
name_zh = { template = "{ID} 警区" }
name_en = { template = "Police district {ID}" }
"""
OFFICES = """
[columns]
code = "ID"
name_zh = { template = "{ID} 警区" }
name_en = { template = "Police district {ID}" }
"""
CASES = """
crs = "WGS84"
x = "longitude"
y = "latitude"

[columns]
source_id = "case_enquiry_id"
category = { column = "reason", values = "reasons.csv" }
received_at = "open_dt"
closed_at = "closed_dt"
text = "case_title"
channel = { column = "source", values = { "Citizens Connect App" = "citizen" }, otherwise = "feed" }

[settings]
source = "Boston 311"

[expect]
zone = "police_district"
"""
PLACEHOLDER = {"lon": -71.0587, "lat": 42.3594, "rows": 2_462}
# A sixth of the rows in the usual run; all of them in the long form.
EVERY = 6


def cases() -> Path:
    return real_data("boston311", "boston311_2011Q3.csv.gz")


def districts() -> Path:
    return real_data("boston311", "police_districts_epsg2249.zip")


@pytest.fixture(scope="module")
def boston(database: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("boston")
    with gzip.open(cases(), "rt", encoding="utf-8") as file:
        reasons = sorted({row["reason"].strip() for row in csv.DictReader(file)})
    listed = [f"E90-{n:02d},{reason},{reason}" for n, reason in enumerate(reasons, 1)]
    (folder / "categories.csv").write_text("code,name_zh,name_en\n" + "\n".join(listed) + "\n", "utf-8")
    known = [f"{reason},E90-{n:02d}" for n, reason in enumerate(reasons, 1)]
    (folder / "reasons.csv").write_text("reason,code\n" + "\n".join(known) + "\n", "utf-8")
    for name, text in (("zones", ZONES), ("offices", OFFICES), ("cases", CASES)):
        (folder / f"{name}.toml").write_text(text, "utf-8")
    with real_city.owner(database) as conn:
        real_city.found_city(conn, folder, PROFILE.format(districts=districts()))
        own = real_city.load(conn, "categories", folder / "categories.csv")
        assert own.outcome["added"] == len(reasons) == 29
        assert real_city.load(conn, "organisations", districts(), folder / "offices.toml").outcome["added"] == 12
        zones = real_city.load(conn, "zones", districts(), folder / "zones.toml", sets=["purpose=police"])
        assert (zones.crs, zones.outcome["added"]) == ("EPSG:2249", 12)
        yield conn, folder


def some(folder: Path, every: int) -> Path:
    """Every n-th row of the cases, in the order of the file."""
    kept = folder / f"every_{every}.csv.gz"
    with gzip.open(cases(), "rt", encoding="utf-8", newline="") as file, gzip.open(kept, "wt", newline="") as out:
        for n, line in enumerate(file):
            if n == 0 or n % every == 0:
                out.write(line)
    return kept


def test_feet_became_degrees_and_the_twelve_districts_tile(boston: tuple[Connection, Path]) -> None:
    conn, _ = boston
    # the same polygons as the copy in degrees, to a hand's breadth along their whole outline
    text = real_data("boston311", "police_districts_wgs84.geojson").read_text("utf-8")
    copy = {f["properties"]["police_district"]: shape(f["geometry"]) for f in json.loads(text)["features"]}
    rows = conn.execute("SELECT code, ST_AsBinary(geom) AS geom FROM zones").fetchall()
    assert {row["code"] for row in rows} == set(copy)
    for row in rows:
        ours, theirs = shapely.from_wkb(bytes(row["geom"])), copy[row["code"]]
        assert shapely.symmetric_difference(ours, theirs).area < 1e-6 * theirs.length
    load = next(one for one in records.latest(conn) if one.target == "zones")
    tiling = load.audit["tiling"]["territory"]
    assert tiling["counts"]["overlaps"] == 0
    # the file is not noded: where three districts meet, an edge of one has no vertex for the others'
    assert tiling["counts"]["seams"] > 0
    assert not tiling["noded"]


def judge(done: records.Load, rows: int, placeholders: int) -> dict[str, Any]:
    """What must hold, whatever the number of rows."""
    assert (done.rows_read, done.refused, done.set_aside) == (rows, 0, placeholders)
    assert [{k: one[k] for k in PLACEHOLDER} for one in done.audit["pile_ups"]] == [
        {**PLACEHOLDER, "rows": placeholders}
    ]
    agreed: dict[str, Any] = done.audit["agreement"]
    assert agreed["compared"] > 0.99 * (rows - placeholders)
    assert agreed["share"] >= 0.995
    # every disagreement has a cause, and hardly one is not explained
    assert sum(agreed["causes"].values()) == agreed["compared"] - agreed["equal"] == len(agreed["differs"])
    assert set(agreed["causes"]) <= {"edge", "no_zone", "unexplained"}
    assert agreed["causes"].get("unexplained", 0) <= 0.0005 * agreed["compared"]
    for one in agreed["differs"]:
        assert one["cause"] != "edge" or 0 <= one["away_m"] <= 20
    # points in no polygon: each is counted by what became of it
    assert sum(agreed["no_zone"].values()) == agreed["causes"].get("no_zone", 0)
    assert set(agreed["no_zone"]) <= {"snapped", "territorial", "desk"}
    return agreed


def test_cases_get_the_police_district_that_the_city_put_down(boston: tuple[Connection, Path]) -> None:
    conn, folder = boston
    sampled = some(folder, EVERY)
    with gzip.open(sampled, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    placeholders = sum(row["latitude"] == "42.3594" and row["longitude"] == "-71.0587" for row in rows)
    assert placeholders > 300
    done = real_city.load(conn, "cases", sampled, folder / "cases.toml")
    judge(done, len(rows), placeholders)
    told = conn.execute(
        """SELECT count(*) AS n, count(*) FILTER (WHERE state = 'closed') AS closed, min(reported_at) AS first,
                  count(DISTINCT organisation_id) AS organisations FROM cases"""
    ).fetchone()
    assert told is not None
    assert told["n"] == done.outcome["told"] == len(rows) - placeholders
    assert told["closed"] > 0.9 * told["n"]
    assert told["first"].isoformat() >= "2011-07-01T04:00:00+00:00"
    assert told["organisations"] >= 12
    assert conn.execute("SELECT count(*) AS n FROM broken_history()").fetchone() == {"n": 0}
    assert conn.execute("SELECT count(*) AS n FROM outbox").fetchone() == {"n": 0}
    # Each month of 2011 was made before its history came.
    assert conn.execute("SELECT count(*) AS n FROM case_history_rest").fetchone() == {"n": 0}


def test_a_second_load_doubles_nothing_and_undoing_takes_all_of_it_back(boston: tuple[Connection, Path]) -> None:
    from gisops.loads import publishing

    conn, folder = boston
    few = some(folder, 100)
    before = conn.execute("SELECT count(*) AS n FROM cases").fetchone()
    first = real_city.load(conn, "cases", few, folder / "cases.toml", keep_pile_ups=True)
    again = real_city.load(conn, "cases", few, folder / "cases.toml", keep_pile_ups=True)
    assert again.outcome["known_before"] == again.taken
    assert "told" not in again.outcome
    for one in (again, first):
        with conn.transaction():
            assert publishing.undo(conn, one.load_id).state == "undone"
    assert conn.execute("SELECT count(*) AS n FROM cases").fetchone() == before


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_all_31828_of_them(boston: tuple[Connection, Path]) -> None:
    conn, folder = boston
    (folder / "all.toml").write_text(CASES.replace('source = "Boston 311"', 'source = "Boston 311, all"'), "utf-8")
    done = real_city.load(conn, "cases", cases(), folder / "all.toml")
    agreed = judge(done, 31_828, 2_462)
    assert agreed["causes"].get("unexplained", 0) <= 2

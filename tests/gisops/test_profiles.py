"""A city from a profile: what is made, and what is refused before anything is written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gisops import city as cities
from gisops import profiles
from gisops.access import people
from gisops.db.pool import Connection
from gisops.errors import UnknownCrs
from gisops.founding import CityIsThere
from gisops.profiles import InvalidProfile
from tests.gisops.loads.small_city import PROFILE, shapes, square
from tests.walk import real_city


@pytest.fixture
def conn(database: Any) -> Iterator[Connection]:
    """The owner's connection; nothing of it stays."""
    with real_city.owner(database) as opened, opened.transaction(force_rollback=True):
        yield opened


def test_a_city_is_made_with_its_areas_desk_hours_and_first_account(conn: Connection, tmp_path: Path) -> None:
    more = PROFILE.replace('days = "none"', 'days = "none"\nwindows = [["09:00", "17:30"]]')
    made = real_city.found_city(conn, tmp_path, more + "[accuracy_m]\ncitizen = 33\n")
    city = cities.load(conn)
    assert (city.code, city.name_en, city.timezone.key) == ("990100", "Square City", "Europe/Berlin")
    assert city.extent == pytest.approx((10.0, 50.0, 10.2, 50.1))
    assert city.accuracy_m["citizen"] == 33
    assert set(city.areas) == {"990100", "990108"}
    assert city.desk.code == "CENTRE"
    assert city.category("E04-05").filing_condition_id is not None
    hours = conn.execute("SELECT opens::text, closes::text FROM work_windows").fetchall()
    assert hours == [{"opens": "09:00:00", "closes": "17:30:00"}]
    assert conn.execute("SELECT count(*) AS n FROM calendar_days").fetchone() == {"n": 0}
    account = people.account(conn, "admin")
    assert account is not None
    assert people.verify(account, made.password).role == "admin"
    assert made.password not in repr(made)
    far = "INSERT INTO flood_points (code, name_zh, kind, geom) VALUES ('F', 'f', 'pump', 'SRID=4326;POINT(9 50)')"
    with pytest.raises(psycopg.errors.CheckViolation, match="in_city"), conn.transaction():
        conn.execute(far.encode())
    with pytest.raises(CityIsThere):
        real_city.found_city(conn, tmp_path, PROFILE)


def test_districts_come_from_a_file_and_neighbours_too(conn: Connection, tmp_path: Path) -> None:
    west, east = square(10.0, 50.0, 0.1), square(10.1, 50.0, 0.1)
    shapes(tmp_path, "districts", (west, {"nr": "990101", "name": "西区"}), (east, {"nr": "990102", "name": "东区"}))
    shapes(tmp_path, "beside", (square(10.2, 50.0, 0.1), {"name": "邻"}))
    text = PROFILE.replace('code = "990108"', 'file = "districts.geojson"\ncode = "nr"\nname_zh = "name"')
    text = text.replace("[10.0, 50.0, 10.2, 50.1]", '"districts.geojson"')
    text += '[[neighbours]]\ncode = "990200"\nname_zh = "邻市"\nname_en = "Neighbour"\nextent = "beside.geojson"\n'
    assert real_city.found_city(conn, tmp_path, text).districts == 2
    city = cities.load(conn)
    assert [city.areas[code].name_zh for code in ("990101", "990102")] == ["西区", "东区"]
    assert city.neighbours["990200"].name_en == "Neighbour"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('code = "990100"', 'code = "9901"', "code"),
        ('name_zh = "方城"\n', "", "name_zh: Field required"),
        ("metric_srid = 25832", "metric_srid = 25832\nmetres = true", "metres: Extra inputs"),
        ("[10.0, 50.0, 10.2, 50.1]", "[10.2, 50.0, 10.0, 50.1]", "west, south, east, north"),
        ('"Europe/Berlin"', '"Europe/Bonn"', "no time zone"),
        ('code = "990108"', 'code = "990100"', "needs the code of a district"),
        ('days = "none"', 'days = "none"\nwindows = [["14:00", "12:00"]]', "do not overlap"),
        ('days = "none"', 'days = "holidays.csv"', "a CSV with date"),
        ("metric_srid = 25832", "metric_srid = 4326", "not in metres"),
        ("metric_srid = 25832", 'metric_srid = 25832\ncategory_scheme = "gbt 30428.2-2013"', "is written so"),
        ("metric_srid = 25832", 'metric_srid = 25832\ngrid_code_scheme = "my own"', "known is GB/T"),
        ('days = "none"', 'days = "none"\n[accuracy_m]\npigeon = 5', "channels are citizen"),
    ],
)
def test_a_profile_that_cannot_be_right_is_refused_whole(
    conn: Connection, tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in PROFILE
    with pytest.raises(InvalidProfile, match=said):
        real_city.found_city(conn, tmp_path, PROFILE.replace(old, new))
    assert conn.execute("SELECT count(*) AS n FROM organisations").fetchone() == {"n": 0}
    assert conn.execute("SELECT count(*) AS n FROM categories").fetchone() == {"n": 0}


def test_an_unknown_survey_grid_is_an_unknown_system(conn: Connection, tmp_path: Path) -> None:
    with pytest.raises(UnknownCrs, match="999999"):
        real_city.found_city(conn, tmp_path, PROFILE.replace("25832", "999999"))


def test_the_template_is_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "city.toml"
    path.write_text(profiles.TEMPLATE, "utf-8")
    told = profiles.read(path)
    assert told.district is not None
    assert told.district.code == "460108"
    shown = set(tomllib.loads(profiles.TEMPLATE)) | {"extent_crs", "neighbours"}
    assert shown == set(profiles.Profile.model_fields), "each key of a profile stands in the template"

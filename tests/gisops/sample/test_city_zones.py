"""Zones laid over a town, in metres and in the database, and what dispatch makes of them by day and by night."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely

from gisops import dispatch
from gisops.db.pool import Connection, connect
from gisops.reference_files import data
from gisops.sample.city import sheets, zones
from gisops.sample.city.laid import Laid, Zone
from gisops.sample.town import to_degrees
from tests.gisops.sample.cities import UNTIL, copy_sheets, little_city

CHINA = ZoneInfo("Asia/Shanghai")
NIGHT = UNTIL - timedelta(hours=8)


@pytest.fixture(scope="module")
def laid() -> Laid:
    return little_city()


def current(laid: Laid) -> list[Zone]:
    return [z for z in laid.zones if z.zone_set != "DUTY-DRAFT" and z.until is None]


def test_there_are_zones_of_every_kind_by_many(laid: Laid) -> None:
    assert {z.kind for z in laid.zones} == {"territory", "duty", "corridor", "site", "water", "special"}
    assert len({(z.zone_set, z.code) for z in laid.zones if z.until is None}) == len(
        [z for z in laid.zones if not z.until]
    )
    owners = {z.organisation.partition("-")[0] for z in laid.zones}
    assert {
        "STREET",
        "COMMUNITY",
        "SQUAD",
        "CLEAN",
        "ROADS",
        "TRAFFIC",
        "RIVER",
        "PARKS",
        "LIGHTING",
        "DRAINAGE",
    } <= owners
    assert {z.organisation for z in laid.zones} <= set(laid.organisation_ids)
    assert all(z.name_zh and z.name_en for z in laid.zones)
    rules = {who for _, _, who, _ in zones.RULES}
    assert rules <= set(laid.organisation_ids)


def test_scopes_name_categories_that_exist(laid: Laid) -> None:
    rows = csv.DictReader(data("reference", "categories.csv").read_text("utf-8").splitlines())
    known = {f"{r['kind']}{r['major']}-{r['minor']}" for r in rows if r["scheme"] == zones.SCHEME}
    scopes = [z.scope for z in laid.zones] + [scope for _, scope, *_ in zones.RULES]
    scopes += [scope for _, _, scope, *_ in zones.agreements(laid)]
    for pattern in {pattern for scope in scopes for pattern in scope}:
        assert any(code.startswith(pattern) for code in known), pattern


def test_patrols_lie_in_their_community_and_have_a_fit_size(laid: Laid) -> None:
    patrols = [z for z in current(laid) if z.zone_set == "DUTY" and z.code.startswith("D")]
    tree = shapely.STRtree(shapely.point_on_surface(laid.cell_shapes))
    sizes = [len(tree.query(z.area, predicate="contains")) for z in patrols]
    assert np.median(sizes) == pytest.approx(15, abs=4)
    assert sum(sizes) >= len(laid.cell_shapes) - 10
    communities = {a.name_zh: a.shape for a in laid.communities}
    for zone in patrols:
        (home,) = [shape for name, shape in communities.items() if f"（{name}）" in zone.name_zh]
        assert zone.area.difference(home).area < 1e-3


def test_contractors_heed_no_community(laid: Laid) -> None:
    sweeps = [z for z in laid.zones if z.organisation.startswith("CLEAN")]
    crossing = [z for z in sweeps if sum(z.area.intersection(a.shape).area > 1000 for a in laid.communities) > 1]
    assert crossing


def test_somebody_is_assigned_wherever_somebody_walks(laid: Laid) -> None:
    staff = {p.staff_id: p for p in laid.staff}
    for zone in laid.zones:
        roles = Counter(role for _, role in zone.assigned)
        assert all(staff[s].organisation == zone.organisation for s, _ in zone.assigned)
        assert len({(s, role) for s, role in zone.assigned}) == len(zone.assigned)
        assert roles["leader"] == 1
        assert roles["primary"] == (zone.kind != "territory")


def test_some_ground_is_left_to_nobody_and_the_park_has_a_hole(laid: Laid) -> None:
    covered = shapely.union_all([z.area for z in current(laid) if z.kind in ("territory", "duty")])
    forgotten = shapely.get_parts(laid.town.outline.difference(covered.buffer(0.5)))
    assert len(forgotten) >= 1
    assert 300 < max(p.area for p in forgotten) < 60_000
    park = next(z for z in laid.zones if z.organisation == "PARKS")
    assert any(len(p.interiors) for p in shapely.get_parts(park.area))


# ---- in the database ----


@pytest.fixture(scope="module")
def loaded(laid: Laid, fresh_database: Callable[..., Any]) -> Any:
    database = fresh_database()
    rows = copy_sheets(database.owner_url, sheets.sheets(laid, 1, UNTIL))
    assert rows["zones"] == len(laid.zones)
    assert rows["grid_cells"] == len(laid.cell_shapes)
    return database


@pytest.fixture
def conn(loaded: Any) -> Any:
    with connect(loaded.app_url) as conn:
        yield conn


def category(conn: Connection, code: str) -> int:
    row = conn.execute(
        "SELECT category_id FROM categories WHERE scheme = %s AND code = %s AND city_code = ''", (zones.SCHEME, code)
    ).fetchone()
    assert row
    return int(row["category_id"])


def degrees(laid: Laid, points: Any) -> Any:
    return shapely.get_coordinates(to_degrees(points, laid.town.profile.metric_srid))


def test_what_is_loaded_is_valid_and_fits_together(conn: Connection) -> None:
    row = conn.execute(
        """
        SELECT (SELECT count(*) FROM zones WHERE NOT ST_IsValid(geom)) AS bad_zones,
               (SELECT count(*) FROM grid_cells c WHERE NOT EXISTS
                  (SELECT FROM admin_areas a
                   WHERE a.code = c.community_code AND ST_Covers(a.geom, ST_PointOnSurface(c.geom)))) AS homeless,
               (SELECT round(ST_Area((SELECT geom FROM city)::geography) - sum(ST_Area(geom::geography)))::int
                FROM grid_cells) AS missing_m2,
               (SELECT count(*) FROM zone_staff zs JOIN zones z USING (zone_id) JOIN staff s USING (staff_id)
                WHERE s.organisation_id <> z.organisation_id) AS strangers,
               (SELECT count(*) FROM organisations WHERE lead_staff_id IS NULL) AS headless
        """
    ).fetchone()
    assert row
    assert row == {"bad_zones": 0, "homeless": 0, "missing_m2": 0, "strangers": 0, "headless": 1}


def test_the_city_says_that_it_is_a_sample(conn: Connection) -> None:
    row = conn.execute("SELECT settings, timezone, name_zh FROM city").fetchone()
    assert row
    sample = row["settings"]["sample"]
    assert sample["seed"] == 1
    assert sample["until"] == UNTIL.isoformat()
    assert sample["made_up"] is True
    assert "并不存在" in sample["note"]
    assert json.dumps(sample)


@pytest.mark.parametrize("at", [UNTIL, NIGHT, UNTIL - timedelta(days=300), UNTIL - timedelta(days=364, hours=9)])
def test_dispatch_finds_somebody_by_day_and_by_night(conn: Connection, laid: Laid, at: Any) -> None:
    rng = np.random.default_rng(3)
    west, south, east, north = laid.town.land.bounds
    points = shapely.points(rng.uniform(west, east, 400), rng.uniform(south, north, 400))
    points = points[shapely.contains(laid.town.land, points)]
    codes = ("E01-10", "E04-05", "E01-13", "E04-09", "E05-06", "P01-37", "E05-02", "E06-06")
    keys = [category(conn, code) for code in codes]
    asked = [
        dispatch.Input(lon, lat, 10.0, keys[n % len(keys)], at) for n, (lon, lat) in enumerate(degrees(laid, points))
    ]
    answers = dispatch.decide(conn, asked)
    assert len(answers) > 300
    reasons: Counter[str] = Counter()
    for answer in answers:
        assert answer.row["grid_cell_code"]
        assert answer.row["mode"] != "desk"
        assert answer.row["handler_code"], answer.codes()
        assert answer.row["superior_code"]
        reasons.update(answer.row["reasons"])
    assert reasons["ZONE_COVERS"] > 200
    assert reasons["RULE_FIXED"] > 20
    assert reasons["ZONE_OVERLAP"] > 50
    # Mostly the zone's own people, at night the street's shift leader for the communities.
    own = reasons["STAFF_PRIMARY"] + reasons["STAFF_BACKUP"]
    assert own > 0.3 * len(answers)


def test_the_zone_that_changed_hands_answers_for_its_time(conn: Connection, laid: Laid) -> None:
    before = next(z for z in laid.zones if z.until is not None)
    after = next(z for z in laid.zones if z.code == before.code and z.until is None and z.zone_set == before.zone_set)
    assert before.until == after.since == zones.changed(UNTIL, CHINA)
    assert before.area.equals(after.area)
    ((lon, lat),) = degrees(laid, shapely.point_on_surface(after.area))
    key = category(conn, "E02-01")
    day = timedelta(days=1)
    old, new = dispatch.decide(
        conn, [dispatch.Input(lon, lat, 5.0, key, moment) for moment in (after.since - day, after.since + day)]
    )
    assert (old.row["organisation_code"], new.row["organisation_code"]) == (before.organisation, after.organisation)
    assert before.organisation.startswith("SQUAD")


def test_a_forgotten_cell_falls_back_to_its_community(conn: Connection, laid: Laid) -> None:
    covered = shapely.union_all([z.area for z in current(laid) if z.kind in ("territory", "duty")])
    spot = max(shapely.get_parts(laid.town.outline.difference(covered)), key=lambda p: p.area)
    middle = shapely.maximum_inscribed_circle(spot).coords[0]
    ((lon, lat),) = degrees(laid, shapely.Point(middle))
    (answer,) = dispatch.decide(conn, [dispatch.Input(lon, lat, 5.0, category(conn, "E02-01"), UNTIL)])
    assert answer.row["mode"] in ("territorial", "snapped")
    assert answer.row["organisation_code"].startswith(("COMMUNITY", "SQUAD"))


def test_those_on_duty_are_seen_mostly_in_their_zones(conn: Connection, laid: Laid) -> None:
    row = conn.execute(
        """
        SELECT count(*) AS seen,
               count(*) FILTER (WHERE EXISTS (SELECT FROM turn_at(p.district_code, p.staff_id, %(at)s))) AS on_duty,
               count(*) FILTER (WHERE EXISTS (
                 SELECT FROM zone_staff zs JOIN zones z USING (zone_id)
                 WHERE zs.staff_id = p.staff_id AND ST_DWithin(z.geom, p.geom, 0.0003))) AS at_home
        FROM last_positions p
        """,
        {"at": UNTIL},
    ).fetchone()
    assert row
    assert row["seen"] > 15
    assert row["on_duty"] == row["seen"]
    assert 0.7 * row["seen"] < row["at_home"]

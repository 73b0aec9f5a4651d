"""What is laid over a town's streets: every part has its code, its cell, its owner and dry ground to stand on."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely

from gisops import reference
from gisops.codes import parse_part
from gisops.db.pool import connect
from gisops.sample.city.devices import view_sectors
from gisops.sample.city.fronts import read_fronts
from gisops.sample.city.laid import Laid
from gisops.sample.city.part_kinds import COVERS, FIXTURES, KINDS, has_main, lateral_m
from gisops.sample.city.parts import point_hex
from gisops.sample.city.pipes import MEDIA, draw_mains
from gisops.sample.city.sheets import sheets as city_sheets
from gisops.sample.city.streets import Streets, read_streets
from gisops.sample.city.things import things
from gisops.sample.sheet import Sheet
from gisops.sample.town import ROAD_CLASSES, Fixtures, Town
from tests.gisops.sample.cities import UNTIL, copy_sheets, little_city

PARTS, PLACES = 5000, 600


@pytest.fixture(scope="module")
def laid() -> Laid:
    return little_city()


@pytest.fixture(scope="module")
def streets(laid: Laid) -> Streets:
    return read_streets(laid.town)


@pytest.fixture(scope="module")
def sheets(laid: Laid) -> dict[str, Sheet]:
    return drawn(laid)


def drawn(laid: Laid, parts: int = PARTS, seed: int = 1) -> dict[str, Sheet]:
    """All sheets, their rows read."""
    return {
        sheet.table: Sheet(sheet.table, sheet.columns, list(sheet.rows), sheet.count)
        for sheet in things(laid, seed, UNTIL, parts=parts, places=PLACES)
    }


def column(sheet: Sheet, name: str) -> list[Any]:
    at = sheet.columns.index(name)
    return [row[at] for row in sheet.rows]


def metres(laid: Laid, hexes: list[str]) -> Any:
    transformer = pyproj.Transformer.from_crs(4326, laid.town.profile.metric_srid, always_xy=True)
    return shapely.transform(
        shapely.from_wkb(np.array(hexes, dtype=object)),
        lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])),
    )


def in_force(sheet: Sheet) -> list[dict[str, Any]]:
    rows = [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows]
    return [row for row in rows if row["valid"].endswith(",)")]


# ---- parts ---------------------------------------------------------------------------------------------------------


def test_there_are_as_many_parts_as_were_asked_for_each_with_a_code_of_its_own(sheets: dict[str, Sheet]) -> None:
    parts = in_force(sheets["parts"])
    assert len(parts) == PARTS
    codes = [parse_part(row["code"], row["code_scheme"]) for row in parts]
    assert len({code.text for code in codes}) == PARTS
    for code, row in zip(codes, parts, strict=True):
        assert (code.district, f"P{code.major}-{code.minor}") == ("469901", row["category_id"])
    kinds = Counter(row["category_id"] for row in parts)
    assert len(kinds) > 30
    assert kinds["P04-02"] > kinds["P01-37"] > kinds["P01-24"] > 10


def test_the_earlier_record_of_a_part_ends_where_its_present_one_begins(sheets: dict[str, Sheet]) -> None:
    rows = [dict(zip(sheets["parts"].columns, row, strict=True)) for row in sheets["parts"].rows]
    assert sheets["parts"].count == len(rows)
    now = {row["code"]: row for row in rows if row["valid"].endswith(",)")}
    before = [row for row in rows if not row["valid"].endswith(",)")]
    assert 0.01 * PARTS < len(before) < 0.03 * PARTS
    owners = ("owner_organisation_id", "maintainer_organisation_id")
    changed = 0
    for row in before:
        turned = row["valid"].split(",")[1].rstrip(")")
        assert now[row["code"]]["valid"] == f"[{turned},)"
        assert UNTIL - timedelta(days=366) < datetime.fromisoformat(turned.strip('"')) < UNTIL
        assert row["part_id"] != now[row["code"]]["part_id"]
        changed += [row[who] for who in owners] != [now[row["code"]][who] for who in owners]
    assert changed > len(before) / 2


def test_a_part_lies_in_the_city_and_in_the_cell_it_names(laid: Laid, sheets: dict[str, Sheet]) -> None:
    parts = in_force(sheets["parts"])
    shapes = metres(laid, [row["geom"] for row in parts])
    cell = {code: shape for code, shape in zip(laid.cell_codes, laid.cell_shapes, strict=True)}
    named = np.array([cell[row["grid_cell_code"]] for row in parts], dtype=object)
    points = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    assert points.mean() > 0.97
    # Some millimetres inside, so that no rounding puts it into the neighbour.
    assert shapely.contains(named[points], shapes[points]).all()
    assert (shapely.distance(shapely.boundary(named[points]), shapes[points]) > 0.02).all()
    assert shapely.intersects(named[~points], shapes[~points]).all()
    assert shapely.intersects(laid.town.outline, shapes).all()


def test_nothing_stands_in_water_in_a_house_or_in_the_way(
    laid: Laid, streets: Streets, sheets: dict[str, Sheet]
) -> None:
    parts = in_force(sheets["parts"])
    shapes = metres(laid, [row["geom"] for row in parts])
    points = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    flat = np.isin([row["category_id"] for row in parts], [*COVERS.values(), "P01-23", "P01-04"])
    assert shapely.covers(laid.town.land, shapes[points]).all()
    assert not len(shapely.STRtree(laid.town.buildings.geom).query(shapes[points], predicate="within")[0])
    drive = shapely.buffer(streets.lines, streets.width / 2 - 0.5, cap_style="flat")
    assert not len(shapely.STRtree(drive).query(shapes[points & ~flat], predicate="within")[0])
    # Covers do lie in the carriageway, or under the pavement beside it.
    near = shapely.STRtree(streets.lines).nearest(shapes[points & flat])
    assert (shapely.distance(shapes[points & flat], streets.lines[near]) < streets.width[near] / 2 + 3.5).all()


def test_lamps_stand_in_a_line_along_the_kerb(laid: Laid, streets: Streets, sheets: dict[str, Sheet]) -> None:
    lamps = metres(laid, [row["geom"] for row in in_force(sheets["parts"]) if row["category_id"] == "P01-37"])
    near = shapely.STRtree(streets.lines).nearest(lamps)
    from_kerb = shapely.distance(lamps, streets.lines[near]) - streets.width[near] / 2
    assert np.percentile(np.abs(from_kerb - 0.7), 95) < 0.1


def test_owners_are_those_of_the_kind(laid: Laid, sheets: dict[str, Sheet]) -> None:
    ids = set(laid.organisation_ids.values())
    for row in in_force(sheets["parts"]):
        assert row["name_zh"] == KINDS[row["category_id"]].name_zh
        for name in ("supervising_organisation_id", "owner_organisation_id", "maintainer_organisation_id"):
            assert row[name] is None or row[name] in ids
        owner = KINDS[row["category_id"]].owner
        if owner in laid.organisation_ids:
            assert row["owner_organisation_id"] == laid.organisation_ids[owner]
        else:
            assert (row["owner_organisation_id"] is None) == (owner is None)


def test_every_kind_and_fixture_is_a_category(database: Any) -> None:
    with connect(database.owner_url) as conn:
        reference.load(conn)
        known = {
            (row["code"], row["name_zh"])
            for row in conn.execute("SELECT code, name_zh FROM categories WHERE scheme = 'GB/T 30428.2-2013'")
        }
    assert {code for code, _ in known} >= set(KINDS)
    assert set(FIXTURES.values()) <= set(KINDS)


def test_where_fewer_are_asked_for_the_centre_is_furnished_first(laid: Laid) -> None:
    few = in_force(drawn(laid, parts=900)["parts"])
    assert len(few) == 900
    town, middles = laid.town, metres(laid, [row["geom"] for row in few])
    blocks = shapely.STRtree(town.blocks).nearest(shapely.centroid(middles))
    assert np.mean(town.urban[blocks] > np.median(town.urban)) > 0.75


def test_what_a_towns_own_data_knows_comes_first(laid: Laid) -> None:
    rng = np.random.default_rng(7)
    west, south, east, north = laid.town.land.bounds
    xy = np.column_stack([rng.uniform(west, east, 400), rng.uniform(south, north, 400)])
    xy = xy[shapely.contains_xy(laid.town.land, xy[:, 0], xy[:, 1])][:200]
    kinds = np.array(["lamp", "tree", "bench", "signal"] * 50, dtype=object)[: len(xy)]
    town = Town(**{**vars(laid.town), "fixtures": Fixtures(np.asarray(shapely.points(xy)), kinds)})
    parts = in_force(drawn(Laid(**{**vars(laid), "town": town}), parts=1500)["parts"])
    given = [row for row in parts if row["source"] == "OpenStreetMap"]
    # A signal is no part of the list; what lies exactly on a border is left out.
    assert len(kinds) * 0.7 < len(given) <= np.sum(kinds != "signal")
    assert {row["category_id"] for row in given} == {"P01-37", "P04-02", "P04-07"}


# ---- pipes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("medium", MEDIA)
def test_mains_lie_beside_the_middle_and_hang_together(streets: Streets, medium: str) -> None:
    roads, lines = draw_mains(streets, medium, np.flatnonzero(has_main(streets, medium)))
    assert len(roads) > 80
    assert shapely.is_valid(lines).all()
    middles = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    away = shapely.distance(middles, streets.lines[roads])
    assert np.percentile(np.abs(away - np.abs(lateral_m(medium, streets.width[roads]))), 90) < 0.5
    assert (shapely.length(lines) < streets.length[roads] * 1.1 + 60).all()
    assert len(shapely.get_parts(shapely.union_all(shapely.buffer(lines, 0.3)))) == 1


def test_covers_lie_above_the_main_of_their_medium(laid: Laid, streets: Streets, sheets: dict[str, Sheet]) -> None:
    parts = in_force(sheets["parts"])
    for medium, category in COVERS.items():
        covers = metres(laid, [row["geom"] for row in parts if row["category_id"] == category])
        _, lines = draw_mains(streets, medium, np.flatnonzero(has_main(streets, medium)))
        nearest = lines[shapely.STRtree(lines).nearest(covers)]
        assert len(covers) > 50
        assert np.percentile(shapely.distance(covers, nearest), 95) < 0.6, medium


# ---- places, themes, devices ---------------------------------------------------------------------------------------


def test_places_stand_before_houses_with_an_address(laid: Laid, sheets: dict[str, Sheet]) -> None:
    places = sheets["places"]
    assert len(list(places.rows)) == PLACES == len(set(column(places, "code")))
    points = metres(laid, column(places, "geom"))
    near = laid.town.buildings.geom[shapely.STRtree(laid.town.buildings.geom).nearest(points)]
    assert (shapely.distance(points, near) < 2).all()
    assert {"shop", "six_small", "key_trade", "compound", "unmanaged_compound"} <= set(column(places, "kind"))
    assert all("路" in address and address.endswith("号") for address in column(places, "address_zh"))
    assert all(name.startswith("样例") for name in column(places, "responsible_person"))


def test_house_numbers_rise_along_a_street_odd_on_one_side(laid: Laid, streets: Streets) -> None:
    fronts = read_fronts(laid.town, streets)
    assert len(set(fronts.address_zh)) == len(laid.town.buildings.geom)
    chosen = [n for n, text in enumerate(fronts.address_zh) if text.startswith("样例横4路")]
    number = np.array([int(fronts.address_zh[n].removeprefix("样例横4路").removesuffix("号")) for n in chosen])
    x, y = fronts.xy[chosen].T
    for odd in (0, 1):
        order = np.argsort(number[number % 2 == odd])
        assert len(order) > 5
        assert (np.diff(x[number % 2 == odd][order]) > -15).all()
    assert y[number % 2 == 1].min() > np.median(y) > y[number % 2 == 0].max() - 60


def test_cameras_see_where_they_look(laid: Laid, sheets: dict[str, Sheet]) -> None:
    cameras = sheets["cameras"]
    points = shapely.from_wkb(np.array(column(cameras, "geom"), dtype=object))
    sectors = shapely.from_wkb(np.array(column(cameras, "sector"), dtype=object))
    assert len(points) > 10
    assert shapely.is_valid(sectors).all()
    assert shapely.covers(shapely.buffer(sectors, 1e-8), points).all()
    earth = pyproj.Geod(ellps="WGS84")
    for point, sector, heading, view, reach in zip(
        points,
        sectors,
        column(cameras, "heading_deg"),
        column(cameras, "view_deg"),
        column(cameras, "range_m"),
        strict=True,
    ):
        area = abs(earth.geometry_area_perimeter(sector)[0])
        assert area == pytest.approx(np.pi * reach**2 * view / 360, rel=0.03)
        if heading is None:
            assert view == 360
            continue
        lon, lat, _ = earth.fwd(point.x, point.y, heading, reach * 0.95)
        assert shapely.contains_xy(sector, lon, lat)
        lon, lat, _ = earth.fwd(point.x, point.y, heading + 180, 3)
        assert not shapely.contains_xy(sector, lon, lat)


def test_a_view_is_a_sector_or_a_disc() -> None:
    xy, ahead = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    sector, disc = view_sectors(xy, ahead, np.array([90.0, 360.0]), np.array([100.0, 50.0]))
    assert sector.covers(shapely.Point(0, 99))
    assert not sector.intersects(shapely.Point(50, -1))
    assert disc.area == pytest.approx(np.pi * 2500, rel=0.02)


def test_themes_and_devices_are_dry_named_as_samples_and_owned(laid: Laid, sheets: dict[str, Sheet]) -> None:
    for table in ("party_sites", "flood_points", "relief_households", "sensors", "vehicles", "cameras"):
        sheet = sheets[table]
        assert len(set(column(sheet, "code"))) == len(list(sheet.rows)) > 5, table
        names = column(sheet, "householder" if table == "relief_households" else "name_zh")
        assert all(name.startswith("样例") for name in names), table
        if table != "vehicles":
            points = metres(laid, column(sheet, "geom"))
            assert shapely.covers(laid.town.land, points).all(), table
    homes = metres(laid, column(sheets["relief_households"], "geom"))
    lived_in = laid.town.buildings.geom[laid.town.buildings.households > 0]
    assert len(np.unique(shapely.STRtree(lived_in).query(homes, predicate="within")[0])) == len(homes)
    assert {"waterlogging", "pump", "shelter"} <= set(column(sheets["flood_points"], "kind"))


def test_roads_are_whole_again_and_keep_their_length(laid: Laid, sheets: dict[str, Sheet]) -> None:
    roads = sheets["roads"]
    assert len(list(roads.rows)) == len(set(laid.town.roads.name_zh)) < len(laid.town.roads.geom)
    assert set(column(roads, "class")) <= set(ROAD_CLASSES)
    length = shapely.length(metres(laid, column(roads, "geom"))).sum()
    assert length == pytest.approx(shapely.length(laid.town.roads.geom).sum(), rel=1e-6)


def test_points_are_written_as_shapely_would(laid: Laid) -> None:
    xy = shapely.get_coordinates(laid.town.roads.geom[:5])
    points = shapely.from_wkb(point_hex(xy, laid.town.profile.metric_srid))
    assert set(shapely.get_srid(points)) == {4326}
    back = metres(laid, list(shapely.to_wkb(points, hex=True, include_srid=True)))
    assert shapely.distance(back, shapely.points(xy)).max() < 1e-3


def test_the_same_seed_gives_the_same_rows_and_another_one_others(laid: Laid, sheets: dict[str, Sheet]) -> None:
    again, other = drawn(laid), drawn(laid, seed=2)
    assert {table: list(sheet.rows) for table, sheet in again.items()} == {
        table: list(sheet.rows) for table, sheet in sheets.items()
    }
    assert column(other["parts"], "geom") != column(sheets["parts"], "geom")


def test_the_moment_needs_a_zone(laid: Laid) -> None:
    with pytest.raises(ValueError, match="time zone"):
        next(things(laid, 1, UNTIL.replace(tzinfo=None), parts=10, places=10))


# ---- into the tables -----------------------------------------------------------------------------------------------


def test_the_database_takes_it_all_and_puts_each_part_into_its_cell(
    laid: Laid, sheets: dict[str, Sheet], fresh_database: Any
) -> None:
    database = fresh_database()
    with connect(database.owner_url) as conn, conn.transaction():
        reference.load(conn)
        found = conn.execute("SELECT code, category_id FROM categories WHERE scheme = 'GB/T 30428.2-2013'").fetchall()
        keys = {row["code"]: row["category_id"] for row in found}
    at = sheets["parts"].columns.index("category_id")
    with_keys = [(*row[:at], keys[row[at]], *row[at + 1 :]) for row in sheets["parts"].rows]
    parts = Sheet("parts", sheets["parts"].columns, with_keys)
    things = [parts if table == "parts" else sheet for table, sheet in sheets.items()]
    written = copy_sheets(database.owner_url, [*city_sheets(laid, 1, UNTIL), *things])
    assert {table: written[table] for table in sheets} == {t: len(list(s.rows)) for t, s in sheets.items()}
    asked = """SELECT p.code, p.grid_cell_code, c.code AS found FROM parts AS p
        LEFT JOIN LATERAL cell_at(p.geom, now()) AS c ON true
        WHERE ST_GeometryType(p.geom) = 'ST_Point' AND p.grid_cell_code IS DISTINCT FROM c.code"""
    invalid = """SELECT code FROM pipes WHERE NOT ST_IsValid(geom) OR geom_3857 IS NULL
        UNION ALL SELECT code FROM cameras WHERE NOT ST_IsValid(sector)
        UNION ALL SELECT code FROM parts WHERE NOT ST_IsValid(geom)"""
    with connect(database.owner_url) as conn:
        shown = conn.execute("SELECT count(*) AS n FROM layer_pipes").fetchone()
        assert shown == {"n": written["pipes"]}
        assert conn.execute(asked.encode()).fetchall() == []
        assert conn.execute(invalid.encode()).fetchall() == []


# ---- the whole made-up city ----------------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_whole_city_has_all_its_parts_and_places_in_seconds() -> None:
    from gisops.sample.city.sheets import lay
    from gisops.sample.made.town import draw

    city = lay(draw(1, "city"), 1, UNTIL, cells=20_000, staff=4_000)
    begun = time.process_time()
    drawn_now = things(city, 1, UNTIL, parts=60_000, places=10_047)
    counted = {sheet.table: (sheet, sum(1 for _ in sheet.rows)) for sheet in drawn_now}
    assert time.process_time() - begun < 25
    assert counted["parts"][1] == counted["parts"][0].count > 60_000
    assert counted["places"][1] == 10_047
    numbers = {"party_sites": 300, "relief_households": 600, "cameras": 600, "vehicles": 200}
    assert {table: counted[table][1] for table in numbers} == numbers
    streets = read_streets(city.town)
    for medium in MEDIA:
        _, lines = draw_mains(streets, medium, np.flatnonzero(has_main(streets, medium)))
        # What is no part of the great net is villages. Reached from the longest main, net by net of neighbours.
        one, other = shapely.STRtree(lines).query(lines, predicate="dwithin", distance=0.1)
        reached = np.zeros(len(lines), dtype=bool)
        reached[np.argmax(shapely.length(lines))] = True
        while (new := np.unique(other[reached[one] & ~reached[other]])).size:
            reached[new] = True
        assert shapely.length(lines[reached]).sum() > 0.8 * shapely.length(lines).sum(), medium

"""What lies beneath: held to shapely and the ellipsoid, half-open in tilings, closed where the layer is, plain about
bad input; and whose pipe is under a case.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import shapely
from httpx import Response
from pyproj import Geod
from shapely.geometry import mapping, shape
from starlette.testclient import TestClient

from api.app import create_app
from gisops.access.people import token_hash
from gisops.coordinates import from_wgs84, local_metres
from gisops.db.pool import Connection, connect
from tests.conftest import Database
from tests.layers import tiny_city

GEOD = Geod(ellps="WGS84")
# A tiling of its own, outside the city's two cells: 6 by 6, from 110.310 20.005 on, its edge inside the city.
WEST, SOUTH, SIDE, COUNT = 110.310, 20.005, 0.002, 6
PIPES, BUILDINGS = 60, 40
Ask = Callable[..., Response]


def _more(owner: Connection, draw: random.Random) -> None:
    for x in range(COUNT):
        for y in range(COUNT):
            owner.execute(
                "INSERT INTO grid_cells (code, code_scheme, district, street_code, community_code, geom, valid) VALUES"
                " (%s, 'S', '460199', '460199001', '460199001002', ST_MakeEnvelope(%s, %s, %s, %s, 4326),"
                " '[2000-01-01,)')",
                (f"4601990010021{x}{y}", *_cell(x, y)),
            )
    for n in range(PIPES):
        x, y = WEST + draw.random() * 0.012, SOUTH + draw.random() * 0.012
        points = [(x, y)]
        for _ in range(draw.randrange(1, 5)):
            x, y = x + draw.uniform(-0.002, 0.002), y + draw.uniform(-0.002, 0.002)
            points.append((x, y))
        line = shapely.MultiLineString([points])
        owner.execute(
            "INSERT INTO pipes (code, medium, owner_organisation_id, geom) VALUES (%s, 'gas', %s,"
            " ST_GeomFromText(%s, 4326))",
            (f"Q-{n:02}", draw.choice((1, 2, None)), line.wkt),
        )
    for n in range(BUILDINGS):
        x, y = WEST + draw.random() * 0.012, SOUTH + draw.random() * 0.012
        around = sorted(draw.random() * 2 * math.pi for _ in range(7))
        ring = [(x + 0.0006 * math.cos(a), y + 0.0006 * math.sin(a)) for a in around]
        owner.execute(
            "INSERT INTO buildings (code, use, geom) VALUES (%s, 'office', ST_Multi(ST_GeomFromText(%s, 4326)))",
            (f"H-{n:02}", shapely.Polygon(ring).wkt),
        )


def _cell(x: int, y: int) -> tuple[float, float, float, float]:
    """Corners that neighbours share to the last bit."""
    xs, ys = [round(WEST + n * SIDE, 6) for n in (x, x + 1)], [round(SOUTH + n * SIDE, 6) for n in (y, y + 1)]
    return xs[0], ys[0], xs[1], ys[1]


@pytest.fixture(scope="module")
def town(database: Database) -> Database:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        _more(owner, random.Random(11))
        owner.execute(
            "INSERT INTO sessions (token_hash, account_id, expires_at) SELECT sha256(('token of ' || login)::bytea),"
            " account_id, app_now() + interval '1 hour' FROM accounts"
        )
        owner.execute("SELECT settle_units()")
        row = owner.execute("SELECT token_hash FROM sessions LIMIT 1").fetchone()
        assert row is not None
        assert len(row["token_hash"]) == len(token_hash("x"))
    return database


@pytest.fixture(scope="module")
def client(town: Database) -> Iterator[TestClient]:
    with TestClient(create_app(town.settings())) as opened:
        yield opened


@pytest.fixture
def at(client: TestClient) -> Ask:
    """``at(login, layers, geometry, **more)`` sends a geometry; the login None is nobody."""

    def ask(login: str | None, layers: str, geometry: Any, **more: Any) -> Response:
        body = {"geometry": geometry, "crs": "WGS84"} | more
        # NaN too, which JSON does not know and Python writes.
        found: Response = client.post(
            f"/api/layers/{layers}/at",
            content=json.dumps(body),
            headers=_signed(login) | {"Content-Type": "application/json"},
        )
        return found

    return ask


def _signed(login: str | None) -> dict[str, str]:
    return {} if login is None else {"Authorization": f"Bearer token of {login}"}


def shown(answer: Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["numberReturned"] == len(told["features"])
    found: list[dict[str, Any]] = told["features"]
    return found


def point(x: float, y: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


# ---- the oracle ----------------------------------------------------------------------------------------------------


def _there(database: Database, layer: str) -> dict[str, Any]:
    with connect(database.owner_url) as owner:
        rows = owner.execute(f"SELECT code, ST_AsBinary(geom) AS geom FROM layer_{layer}").fetchall()
    return {row["code"]: shapely.from_wkb(bytes(row["geom"])) for row in rows}


def _metres(one: Any, other: Any) -> float:
    """Between the nearest places of two shapes, found in the plane at the first's middle, on the ellipsoid."""
    if one.intersects(other):
        return 0.0
    _, south, _, north = one.bounds
    kx, ky = local_metres((south + north) / 2)
    planes = [shapely.transform(each, lambda xy: xy * (kx, ky)) for each in (one, other)]
    (ax, ay), (bx, by) = shapely.get_coordinates(shapely.shortest_line(*planes))
    return float(GEOD.inv(ax / kx, ay / ky, bx / kx, by / ky)[2])


def _area(geometry: Any) -> float:
    return abs(float(GEOD.geometry_area_perimeter(geometry)[0]))


def _length(geometry: Any) -> float:
    return float(GEOD.geometry_length(geometry))


def _lines_of(geometry: Any) -> Any:
    pieces = [each for each in shapely.get_parts(geometry) if each.geom_type == "LineString" and each.length]
    return shapely.MultiLineString(pieces)


def _areas_of(geometry: Any) -> Any:
    pieces = [p for each in shapely.get_parts(geometry) for p in shapely.get_parts(each) if p.geom_type == "Polygon"]
    return shapely.MultiPolygon(pieces)


def _shapes(draw: random.Random) -> Iterator[Any]:
    for _ in range(12):
        x, y = WEST + draw.random() * 0.012, SOUTH + draw.random() * 0.012
        yield shapely.Point(x, y)
        yield shapely.LineString([(x + draw.uniform(-1, 1) * 0.003, y + draw.uniform(-1, 1) * 0.003) for _ in range(4)])
        around, reach = sorted(draw.random() * 2 * math.pi for _ in range(9)), draw.choice((0.0004, 0.003))
        ring = [(x + reach * math.cos(a), y + reach * draw.uniform(0.3, 1) * math.sin(a)) for a in around]
        made = shapely.Polygon(ring)
        if made.is_valid:
            yield made


@pytest.mark.parametrize("layer", ["grid_cells", "buildings", "pipes"])
def test_answers_are_those_of_shapely_and_the_ellipsoid(town: Database, at: Ask, layer: str) -> None:
    draw = random.Random(7)
    things, asked, near_ones = _there(town, layer), 0, 0
    for one in _shapes(draw):
        within_m = draw.choice((0, 20, 150))
        told = {f["id"]: f for f in shown(at("officer", layer, mapping(one), within_m=within_m, limit=1000))}
        far = {key: _metres(one, thing) for key, thing in things.items()}
        sure = {key for key, metres in far.items() if metres <= within_m - 0.02 or metres == 0}
        assert sure <= set(told) <= {key for key, metres in far.items() if metres <= within_m + 0.02}
        dimension = shapely.get_dimensions(one)
        for key, feature in told.items():
            asked += 1
            near_ones += feature["distance_m"] > 0
            assert feature["layer"] == layer
            assert feature["distance_m"] == pytest.approx(far[key], abs=0.011)
            if dimension == 0:
                assert "share" not in feature
                continue
            common = one.intersection(things[key])
            least = min(dimension, shapely.get_dimensions(things[key]))
            if least == 2:
                area = _area(_areas_of(common))
                assert feature["area_m2"] == pytest.approx(area, abs=0.02)
                assert feature["share"] == pytest.approx(area / _area(one), abs=2e-5)
                assert feature["feature_share"] == pytest.approx(area / _area(things[key]), abs=2e-5)
            else:
                length = _length(_lines_of(common))
                assert feature["length_m"] == pytest.approx(length, abs=0.02)
                name, whole = ("share", one) if dimension == 1 else ("feature_share", things[key])
                assert feature[name] == pytest.approx(length / _length(whole), abs=2e-5)
                other = "feature_share" if dimension == 1 else "share"
                # Of two lines both are told.
                assert (feature[other] is None) == (layer != "pipes" or dimension == 2)
        order = [(f["distance_m"], -(f.get("share") or f.get("feature_share") or 0), k) for k, f in told.items()]
        assert order == sorted(order)
    assert asked > 60
    assert near_ones > 20


# ---- tilings -------------------------------------------------------------------------------------------------------


def test_of_a_tiling_every_point_has_exactly_one_and_it_is_the_one_that_locating_finds(
    town: Database, client: TestClient
) -> None:
    with connect(town.owner_url) as owner:
        for x in range(0, 2 * COUNT + 1):
            for y in range(0, 2 * COUNT + 1):
                # Corners, edges' middles, cells' middles; at the outer rim too.
                lon, lat = round(WEST + x * SIDE / 2, 6), round(SOUTH + y * SIDE / 2, 6)
                answer = client.get(f"/api/layers/grid_cells/at?lon={lon}&lat={lat}&crs=WGS84")
                found = [each["id"] for each in shown(answer)]
                row = owner.execute(
                    "SELECT code FROM cell_at(ST_Point(%s, %s, 4326), app_now())", (lon, lat)
                ).fetchone()
                assert row is not None
                assert found == [row["code"]], (x, y)


def test_levels_that_end_at_one_edge_are_all_told_and_on_one_side(client: TestClient) -> None:
    def areas(lon: float, lat: float) -> list[str]:
        return [f["id"] for f in shown(client.get(f"/api/layers/admin_areas/at?lon={lon}&lat={lat}&crs=WGS84"))]

    assert areas(110.32, 20.03) == ["460199", "460199001"]
    assert areas(110.32, 20.06) == ["460199", "460199001"], "the city's northern edge is the street's too"
    assert areas(110.35, 20.03) == ["460199"], "the street ends where the east begins"


def test_shares_of_a_tiling_add_up_to_one(at: Ask) -> None:
    ring = [[110.3112, 20.0061], [110.3207, 20.0070], [110.3191, 20.0158], [110.3133, 20.0149], [110.3112, 20.0061]]
    cells = shown(at(None, "grid_cells", {"type": "Polygon", "coordinates": [ring]}))
    assert len(cells) > 15
    assert sum(cell["share"] for cell in cells) == pytest.approx(1, abs=1e-4)
    route = {"type": "LineString", "coordinates": ring}
    assert sum(cell["share"] for cell in shown(at(None, "grid_cells", route))) == pytest.approx(1, abs=1e-4)


# ---- what is asked and how ------------------------------------------------------------------------------------------


def test_layers_are_told_together_the_nearest_first_and_a_limit_says_that_it_cut(at: Ask) -> None:
    here = point(110.345, 20.0241)
    found = shown(at("officer", "pipes,grid_cells,roads,zones", here, within_m=60))
    assert [(f["layer"], f["id"]) for f in found] == [
        ("grid_cells", "460199001001001"), ("pipes", "P-01"), ("roads", "R-01"), ("roads", "R-02"),
    ]  # fmt: skip
    assert [f["distance_m"] for f in found] == sorted(f["distance_m"] for f in found)
    cut = at("officer", "pipes,grid_cells,roads,zones", here, within_m=60, limit=2)
    assert [f["id"] for f in shown(cut)] == ["460199001001001", "P-01"]
    assert (cut.json()["more"], at("officer", "pipes", here).json()["more"]) == (True, False)


def test_without_a_distance_lines_are_met_a_few_metres_aside_and_areas_not_at_all(at: Ask) -> None:
    metre = 1 / local_metres(20.0241)[1]
    for metres, met in ((0, True), (4.9, True), (5.2, False)):
        here = point(110.345, 20.0241 + metres * metre)
        assert [f["id"] for f in shown(at("officer", "pipes", here))] == (["P-01"] if met else [])
    outside = point(110.345, 20.03 + 3 * metre)
    assert shown(at(None, "grid_cells", outside)) == []
    assert [f["id"] for f in shown(at(None, "grid_cells", outside, within_m=4))] == ["460199001001001"]


def test_a_shape_may_come_in_another_system(at: Ask) -> None:
    ring = [[110.344, 20.023], [110.347, 20.023], [110.347, 20.026], [110.344, 20.026], [110.344, 20.023]]
    want = shown(at("officer", "pipes,buildings", {"type": "Polygon", "coordinates": [ring]}))
    assert {f["id"] for f in want} == {"P-01", "B-01"}
    for crs in ("GCJ02", "BD09", "EPSG:4546"):
        there = {"type": "Polygon", "coordinates": [[list(from_wgs84(x, y, crs)) for x, y in ring]]}
        got = shown(at("officer", "pipes,buildings", there, crs=crs))
        assert [f["id"] for f in got] == [f["id"] for f in want]
        assert got[0]["feature_share"] == pytest.approx(want[0]["feature_share"], abs=1e-3), crs


def test_a_layer_is_as_closed_here_as_anywhere(at: Ask, client: TestClient) -> None:
    here = point(110.349, 20.0241)
    assert at(None, "pipes", here).status_code == 401
    assert at(None, "grid_cells,pipes", here).status_code == 401
    assert at("planner", "poverty_relief", here).status_code == 403
    assert [f["id"] for f in shown(at("leader", "poverty_relief", point(110.349, 20.025)))] == ["H-01"]
    # Whoever looks into no place does not see who lives there; and of an open layer gets what anybody gets.
    assert shown(at("inspector", "poverty_relief", point(110.349, 20.025))) == []
    told = [shown(at(login, "buildings", point(110.3454, 20.0253)))[0] for login in (None, "officer", "admin")]
    assert "residents" not in told[0]["properties"]
    assert told[1]["properties"]["residents"] is None
    assert told[2]["properties"]["residents"] == 60
    answer = client.get("/api/layers/pipes/at?lon=110.345&lat=20.0241&crs=WGS84", headers=_signed("officer"))
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Vary"] == "Authorization, Cookie"


def test_a_look_at_personal_data_is_written_down(town: Database, at: Ask) -> None:
    area = mapping(shapely.box(110.3485, 20.0245, 110.3495, 20.0255))
    with connect(town.owner_url, autocommit=True) as owner:
        before = owner.execute("SELECT count(*) AS n FROM audit WHERE subject = 'poverty_relief'").fetchone()
        assert len(shown(at("leader", "poverty_relief", area))) == 1
        rows = owner.execute("SELECT * FROM audit WHERE subject = 'poverty_relief' ORDER BY at DESC").fetchall()
        assert before is not None
        assert len(rows) == before["n"] + 1
        assert rows[0]["place"] == "110.348500,20.024500,110.349500,20.025500"


SQUARE = [[110.34, 20.02], [110.35, 20.02], [110.35, 20.03], [110.34, 20.03], [110.34, 20.02]]
BAD: list[tuple[Any, str, str]] = [
    (None, "invalid_body", "geometry"),
    ({}, "invalid_geometry", "must be one of Point"),
    ({"type": "GeometryCollection", "geometries": []}, "invalid_geometry", "GeometryCollection"),
    ({"type": "Point", "coordinates": []}, "invalid_geometry", "[x, y]"),
    ({"type": "Point", "coordinates": ["110", "20"]}, "invalid_geometry", "numbers"),
    ({"type": "Point", "coordinates": [True, False]}, "invalid_geometry", "numbers"),
    ({"type": "Point", "coordinates": [math.nan, 20.0]}, "invalid_coordinate", "finite"),
    ({"type": "Point", "coordinates": [10**400, 20.0]}, "invalid_coordinate", "finite"),
    ({"type": "Point", "coordinates": [20.0241, 110.345]}, "swapped_coordinate", "did you mean"),
    ({"type": "Point", "coordinates": [121.0, 31.0]}, "outside_city", "outside the city"),
    ({"type": "LineString", "coordinates": [[110.34, 20.02]]}, "invalid_geometry", "at least 2"),
    ({"type": "LineString", "coordinates": [[110.34, 20.02]] * 2}, "invalid_geometry", "the same"),
    ({"type": "LineString", "coordinates": [[110.34, 20.02], [110.35, math.inf]]}, "invalid_coordinate", "index 1"),
    ({"type": "LineString", "coordinates": []}, "invalid_geometry", "empty"),
    ({"type": "Polygon", "coordinates": [SQUARE[:3]]}, "invalid_geometry", "at least 4"),
    ({"type": "Polygon", "coordinates": [SQUARE[:4]]}, "invalid_geometry", "ends where it begins"),
    ({"type": "Polygon", "coordinates": [[*SQUARE[:2], SQUARE[3], SQUARE[2], SQUARE[0]]]}, "invalid_geometry", "Self-"),
    ({"type": "Polygon", "coordinates": SQUARE}, "invalid_geometry", "nested"),
    ({"type": "Polygon", "coordinates": [[[110.2, 19.9], [110.5, 19.9], [110.5, 20.2], [110.2, 19.9]]]},
     "invalid_geometry", "larger than the city"),
    ({"type": "LineString", "coordinates": [[110.34, 20.02], [110.35, 20.03]] * 5001}, "invalid_geometry", "10,002"),
]  # fmt: skip


@pytest.mark.parametrize(("geometry", "code", "says"), BAD, ids=[f"{n}-{bad[1]}" for n, bad in enumerate(BAD)])
def test_what_is_wrong_is_said(at: Ask, geometry: Any, code: str, says: str) -> None:
    answer = at("officer", "pipes", geometry)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert says in answer.json()["detail"]


def test_bad_ways_of_asking(at: Ask, client: TestClient) -> None:
    here = point(110.345, 20.0241)
    for more, code in (
        ({"crs": ""}, "unknown_crs"), ({"crs": "EPSG:99999"}, "unknown_crs"), ({"within_m": -1}, "invalid_body"),
        ({"within_m": 1001}, "invalid_body"), ({"limit": 0}, "invalid_body"), ({"limit": 1001}, "invalid_body"),
        ({"layer": "x"}, "invalid_body"),
    ):  # fmt: skip
        answer = at("officer", "pipes", here, **more)
        assert (answer.status_code, answer.json()["code"]) == (422, code), more
    assert at("officer", "pipes,none", here).status_code == 404
    assert at("officer", ",".join(f"l{n}" for n in range(21)), here).status_code == 422
    large = {"type": "Point", "coordinates": [110.345, 20.0241], "x": "x" * 1_100_000}
    assert at("officer", "pipes", large).status_code == 413


def test_ten_thousand_vertices_are_taken(at: Ask) -> None:
    rim = [[110.345 + 0.004 * math.cos(n * math.tau / 9998), 20.024 + 0.004 * math.sin(n * math.tau / 9998)]
           for n in range(9998)]  # fmt: skip
    found = shown(at("officer", "pipes,grid_cells,roads", {"type": "Polygon", "coordinates": [[*rim, rim[0]]]}))
    assert {f["id"] for f in found} == {"P-01", "R-01", "R-02", "460199001001001"}
    assert {f["layer"]: f["share"] for f in found}["grid_cells"] == pytest.approx(
        shape(found[0]["geometry"]).intersection(shapely.Polygon(rim)).area / shapely.Polygon(rim).area, abs=1e-5
    )


# ---- under a case ---------------------------------------------------------------------------------------------------


@pytest.fixture
def case(town: Database) -> Iterator[Callable[[float, float, float | None], str]]:
    """``case(lon, lat, accuracy_m)`` puts one there, and says its number."""
    with connect(town.owner_url, autocommit=True) as owner:
        number = "460199-2026-000777"

        def put(lon: float, lat: float, accuracy_m: float | None) -> str:
            _gone(owner, number)
            owner.execute(
                "INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom,"
                " organisation_id, reported_at) VALUES ('460199', gen_random_uuid(), %s, 2, 'dispatched', 4, 'normal',"
                " ST_Point(%s, %s, 4326), 1, '2026-03-01 00:00+00')",
                (number, lon, lat),
            )
            if accuracy_m is not None:
                owner.execute(
                    "INSERT INTO reports (district_code, report_id, client_uid, case_id, channel, category_id,"
                    " text_salt, geom, raw_x, raw_y, raw_crs, accuracy_m, accuracy_is_default, received_at)"
                    " SELECT district_code, gen_random_uuid(), gen_random_uuid(), case_id, 'citizen', 2, '', geom, 0,"
                    " 0, 'WGS84', %s, false, reported_at FROM cases WHERE case_no = %s",
                    (accuracy_m, number),
                )
            return number

        yield put
        _gone(owner, number)


def _gone(owner: Connection, number: str) -> None:
    owner.execute("DELETE FROM reports WHERE case_id IN (SELECT case_id FROM cases WHERE case_no = %s)", (number,))
    owner.execute("DELETE FROM cases WHERE case_no = %s", (number,))


def test_whose_pipe_is_under_a_case(client: TestClient, case: Callable[..., str]) -> None:
    metre = 1 / local_metres(20.0241)[1]

    def told(accuracy_m: float | None, aside_m: float, **asked: str) -> dict[str, Any]:
        number = case(110.345, 20.0241 + aside_m * metre, accuracy_m)
        answer = client.get(f"/api/cases/{number}/beneath", params=asked, headers=_signed("dispatcher"))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    sharp = told(3, 4)
    assert sharp["owner"] == {
        "code": "ORG2", "name_zh": "样例水务", "name_en": "Sample water company",
        "layer": "pipes", "key": "P-01", "distance_m": 4.0, "features": 1,
    }  # fmt: skip
    assert (sharp["certain"], sharp["accuracy_m"], sharp["within_m"]) == (True, 3, 8)
    assert [f["id"] for f in sharp["features"]] == ["P-01"]
    assert sharp["features"][0]["properties"]["depth_m"] == pytest.approx(2.4)
    # Farther than the place is known: nothing is said, though it is the nearest.
    assert (told(3, 20)["owner"], told(3, 20)["certain"]) == (None, False)
    assert told(20, 20)["owner"]["code"] == "ORG2"
    # How well the place is known is not known.
    assert told(None, 4)["owner"]["code"] == "ORG2"
    assert (told(None, 4)["certain"], told(None, 4)["accuracy_m"]) == (False, None)
    # Worse than is looked around.
    assert (told(5000, 4)["certain"], told(5000, 4)["within_m"]) == (False, 1000)


def test_it_is_not_certain_where_somebody_elses_lies_too(
    town: Database, client: TestClient, case: Callable[..., str]
) -> None:
    metre = 1 / local_metres(20.0241)[1]
    with connect(town.owner_url, autocommit=True) as owner:
        for code, organisation, aside_m in (("X-1", 1, 12), ("X-2", None, 30)):
            owner.execute(
                "INSERT INTO pipes (code, medium, owner_organisation_id, geom) VALUES (%s, 'gas', %s,"
                " ST_Multi(ST_MakeLine(ST_Point(110.33, %s, 4326), ST_Point(110.37, %s, 4326))))",
                (code, organisation, 20.0241 + aside_m * metre, 20.0241 + aside_m * metre),
            )
        try:
            want = ((5, ["ORG2"], True, 1), (10, ["ORG2", "ORG1"], False, 2), (40, ["ORG2", "ORG1"], False, 3))
            for accuracy_m, codes, certain, many in want:
                number = case(110.345, 20.0241, accuracy_m)
                told = client.get(f"/api/cases/{number}/beneath", headers=_signed("dispatcher")).json()
                assert [each["code"] for each in told["owners"]] == codes
                assert (told["owner"]["key"], told["certain"], len(told["features"])) == ("P-01", certain, many)
        finally:
            owner.execute("DELETE FROM pipes WHERE code LIKE 'X-%'")


def test_a_part_under_a_case_is_its_maintainers(client: TestClient, case: Callable[..., str]) -> None:
    number = case(110.345, 20.025, 1)
    told = client.get(f"/api/cases/{number}/beneath?layers=fixtures,pipes", headers=_signed("dispatcher")).json()
    assert (told["owner"]["code"], told["owner"]["key"], told["certain"]) == ("ORG2", "4601990101000001", True)


def test_a_case_that_is_not_there_for_somebody_has_nothing_under_it(
    client: TestClient, case: Callable[..., str]
) -> None:
    number = case(110.345, 20.0241, 3)
    hidden = client.get(f"/api/cases/{number}/beneath", headers=_signed("officer"))
    missing = client.get("/api/cases/460199-2026-999999/beneath", headers=_signed("officer"))
    assert hidden.status_code == missing.status_code == 404
    assert hidden.content.replace(number.encode(), b"460199-2026-999999") == missing.content
    assert client.get(f"/api/cases/{number}/beneath").status_code == 401
    asked = {"layers": "poverty_relief"}
    denied = client.get(f"/api/cases/{number}/beneath", params=asked, headers=_signed("dispatcher"))
    assert denied.status_code == 403

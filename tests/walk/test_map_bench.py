"""What `make bench NAME="tiles features export"` measures is right: the city is a city, what is asked for is there, and
ours says what it should. In a tiny form, without the peer, which the bench installs by itself.
"""

from __future__ import annotations

import json

import pytest
import shapely

from bench import exports, features, full_size, serving, tiles
from bench.full_size import LAYERS, City
from bench.result import Result
from bench.town import Town
from gisops.cluster import Cluster
from gisops.db.pool import connect
from layers.catalog import load_catalog
from tests.conftest import Database

PARTS, BUILDINGS, SIDE = 1_500, 600, 12


def test_a_city_of_numbers_is_loaded_and_measured(
    cluster: Cluster, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Here nobody looks at the figures, only at what they are of.
    monkeypatch.setattr(serving, "IDLE_S", 0.02)
    monkeypatch.setattr(serving, "SETTLED_S", 0.0)
    place = Town(cluster, database.settings(), database.name)
    city = full_size.load(place, PARTS, BUILDINGS, SIDE)
    _is_a_city(database, city)
    catalog = load_catalog()
    lists = {layer: tiles.session(city, catalog[layer], 12) for layer in LAYERS}
    assert lists == {layer: tiles.session(city, catalog[layer], 12) for layer in LAYERS}
    assert all(len(set(asked)) == 12 for asked in lists.values())
    boxes = features.boxes(place, city, 4)
    with serving.ours(place) as server:
        for layer in LAYERS:
            found = tiles.cold(server, tiles._own, layer, lists[layer], [])
            assert found.p99_ms > 0
            assert found.kilobytes > 0
            assert found.empty < 12
        _, told = features.read(server, features._own, boxes, [])
        size, _, most = exports._saved(server, "csv")
    with connect(database.owner_url) as owner:
        for box, many in zip(boxes, told, strict=True):
            row = owner.execute(
                "SELECT count(*) AS n FROM peer.fixtures WHERE ST_Intersects(geom, ST_MakeEnvelope(%s,%s,%s,%s,4326))",
                box,
            ).fetchone()
            assert row == {"n": many}
    assert size > PARTS * 150
    assert most > 10e6
    rows, spent = exports._copied(place)
    assert rows == PARTS
    assert spent > 0
    for layer in LAYERS:
        assert tiles.bare_ms(place, city, catalog[layer], lists[layer], []) > 0
    assert features.bare_ms(place, city, boxes, []) > 0


def _is_a_city(database: Database, city: City) -> None:
    with connect(database.owner_url) as owner:
        for table, many in (("parts", PARTS), ("buildings", BUILDINGS), ("grid_cells", SIDE**2)):
            row = owner.execute(
                f"SELECT count(*) AS n, bool_and(ST_IsValid(geom)) AS valid, count(DISTINCT code) AS codes FROM {table}"
            ).fetchone()
            assert row == {"n": many, "valid": True, "codes": many}, table
        for layer in LAYERS:
            (ours,), (peers,) = (
                owner.execute(f"SELECT count(*) AS n, sum(ST_X(ST_Centroid(geom))) AS x FROM {of}").fetchall()
                for of in (f"layer_{layer}", f"peer.{layer}")
            )
            assert ours["n"] == peers["n"]
            assert abs(ours["x"] - peers["x"]) < 1e-6
        rows = owner.execute("SELECT ST_AsBinary(geom) AS geom FROM grid_cells").fetchall()
        cells = shapely.from_wkb([bytes(row["geom"]) for row in rows])
        assert shapely.coverage_is_valid(cells)
        assert abs(shapely.area(cells).sum() - shapely.box(*city.bbox).area) < 1e-9
        # What is where, says the same cell for all of them; and the officer sees a part of it.
        wrong = owner.execute(
            "SELECT (SELECT count(*) FROM buildings WHERE unit_id IS NULL) AS nowhere,"
            " (SELECT count(*) FROM account_units) AS seen"
        ).fetchone()
        assert wrong is not None
        assert wrong["nowhere"] == 0
        assert 0 < wrong["seen"] < SIDE**2 / 4
        left = owner.execute("SELECT count(*) AS n FROM pg_indexes WHERE tablename = 'parts'").fetchone()
        assert left is not None
        assert left["n"] >= 4, "what was taken away for loading is there again"


def test_a_goal_is_a_ratio_and_says_whether_it_was_met() -> None:
    result = Result("tiles.x", 2.0, 40.0, "CPU ms", "x", at_most=0.1)
    assert (result.ratio, result.met, json.dumps(result.as_dict())[:1]) == (0.05, True, "{")

"""OGC API - Tiles through the door: CITE's abstract tests of OGC 20-057, each named by its requirement, on every layer;
and that a tile is the one of ``/tiles``, whoever asks.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import mapbox_vector_tile
import ogcapi_registry
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator
from starlette.testclient import TestClient

from api import ogc_tiles
from api.app import create_app
from gisops.access.people import token_hash
from gisops.db.pool import connect
from layers.catalog import load_catalog
from layers.viewer import viewer_of
from tests.conftest import Database
from tests.layers import tiny_city
from tests.real_data import real_data
from tiles.grid import Tile, tile_of

REL = "http://www.opengis.net/def/rel/ogc/1.0"
MVT = "application/vnd.mapbox-vector-tile"
ALL = [layer.id for layer in load_catalog()]
OPEN = [layer.id for layer in load_catalog() if layer.public]
CLOSED = [layer.id for layer in load_catalog() if not layer.public]
WEST, SOUTH, EAST, NORTH = tiny_city.CITY


@pytest.fixture(scope="module")
def client(database: Database) -> Iterator[TestClient]:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        owner.execute("SELECT layer_changed('rivers')")
        for role in ("admin", "handler"):
            owner.execute(
                "INSERT INTO sessions (token_hash, account_id, expires_at)"
                " SELECT %s, account_id, app_now() + interval '1 hour' FROM accounts WHERE role = %s LIMIT 1",
                (token_hash(f"token of {role}"), role),
            )
    with TestClient(create_app(database.settings())) as opened:
        yield opened


def as_(role: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer token of {role}"} if role else {}


def told(client: TestClient, address: str, role: str | None = "admin") -> Any:
    answer = client.get(address, headers=as_(role))
    assert answer.status_code == 200, (address, answer.text)
    assert answer.headers["content-type"] == "application/json", address
    return answer.json()


def link(document: dict[str, Any], rel: str) -> dict[str, Any]:
    """The one link of a kind."""
    found = [each for each in document["links"] if each["rel"] == rel]
    assert len(found) == 1, (rel, document["links"])
    return dict(found[0])


def tile_address(tileset: dict[str, Any], at: Tile) -> str:
    template = link(tileset, "item")["href"]
    return str(template.format(tileMatrix=at.z, tileRow=at.y, tileCol=at.x))


def of_the_city(tileset: dict[str, Any]) -> Iterator[Tile]:
    """Every tile there is by the tileset's own limits, at its lowest zoom and where there are few."""
    for n, limits in enumerate(tileset["tileMatrixSetLimits"]):
        rows = range(limits["minTileRow"], limits["maxTileRow"] + 1)
        columns = range(limits["minTileCol"], limits["maxTileCol"] + 1)
        if n == 0 or len(rows) * len(columns) <= 12:
            yield from (Tile(int(limits["tileMatrix"]), column, row) for row in rows for column in columns)


def fits(document: Any, name: str) -> None:
    """Hold a document to a schema of the standard's own API definition."""
    whole = json.loads(real_data("ogc", "ogcapi-tiles-1.bundled.json").read_text())
    kind, _, name = name.rpartition("/")
    schema = {"$ref": f"#/components/schemas/{name}"}
    if kind == "responses":
        schema = whole["components"]["responses"][name]["content"]["application/json"]["schema"]
    jsonschema.validate(document, schema | {"components": whole["components"]})


# ---- core ------------------------------------------------------------------------------------------------------------


def test_core_conformance_success(client: TestClient) -> None:
    claimed = told(client, "/ogc/conformance")["conformsTo"]
    assert set(ogc_tiles.CONFORMS_TO) <= set(claimed)
    assert len(set(claimed)) == len(claimed)


@pytest.mark.parametrize("layer_id", ALL)
def test_core_tc_op_tiles_are_had_from_the_template(client: TestClient, layer_id: str) -> None:
    tileset = told(client, f"/ogc/collections/{layer_id}/tiles/WebMercatorQuad")
    drawn = 0
    for at in of_the_city(tileset):
        answer = client.get(tile_address(tileset, at), headers=as_("admin"))
        assert answer.status_code in (200, 204), at
        drawn += answer.status_code == 200
    assert drawn


@pytest.mark.parametrize(
    ("parameter", "schema"),
    [
        ("tileMatrix", {"type": "string"}),
        ("tileRow", {"type": "integer", "minimum": 0}),
        ("tileCol", {"type": "integer", "minimum": 0}),
    ],
)
def test_core_tc_parameter_definition(client: TestClient, parameter: str, schema: dict[str, Any]) -> None:
    described = client.app.openapi()["paths"]  # type: ignore[attr-defined]
    paths = [path for path in described if path.startswith("/ogc") and "{tileCol}" in path]
    assert len(paths) == 2
    for path in paths:
        (found,) = [one for one in described[path]["get"]["parameters"] if one["name"] == parameter]
        assert (found["in"], found["required"]) == ("path", True)
        assert found["schema"].items() >= schema.items()


@pytest.mark.parametrize("layer_id", ALL)
def test_core_tc_success_is_the_tile_of_that_row_and_column(client: TestClient, layer_id: str) -> None:
    """Row before column, as this standard has it: the same bytes as ``/tiles`` has under column before row."""
    tileset = told(client, f"/ogc/collections/{layer_id}/tiles/WebMercatorQuad")
    layer = load_catalog()[layer_id]
    for z in {layer.minzoom, min(15, layer.maxzoom)}:
        at = tile_of(110.3477, 20.0256, z)
        address = tile_address(tileset, at)
        answer = client.get(address, headers=as_("admin"))
        plain = client.get(
            f"/tiles/{layer_id}/{at.z}/{at.x}/{at.y}.mvt?{urlsplit(address).query}", headers=as_("admin")
        )
        assert (answer.status_code, answer.content) == (plain.status_code, plain.content)
        for header in ("content-type", "etag", "vary", "cache-control"):
            assert answer.headers.get(header) == plain.headers.get(header), header


@pytest.mark.parametrize("tileset", ["tiles", "collections/rivers/tiles"])
@pytest.mark.parametrize("side", ["north", "south", "west", "east"])
def test_core_tc_error_beyond_the_limits_is_404_and_names_the_parameter(
    client: TestClient, tileset: str, side: str
) -> None:
    described = told(client, f"/ogc/{tileset}/WebMercatorQuad")
    limits = next(each for each in described["tileMatrixSetLimits"] if each["tileMatrix"] == "14")
    row, column = limits["minTileRow"], limits["minTileCol"]
    row = {"north": row - 1, "south": limits["maxTileRow"] + 1}.get(side, row)
    column = {"west": column - 1, "east": limits["maxTileCol"] + 1}.get(side, column)
    answer = client.get(tile_address(described, Tile(14, column, row)), headers=as_("admin"))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["parameter"] == ("tileRow" if side in ("north", "south") else "tileCol")
    assert answer.json()["limits"] == limits


@pytest.mark.parametrize(
    ("address", "status", "named"),
    [
        ("tiles/WorldCRS84Quad", 404, "tileMatrixSetId"),
        ("tileMatrixSets/WorldCRS84Quad", 404, "tileMatrixSetId"),
        ("collections/rivers/tiles/WorldCRS84Quad/1/0/0", 404, "tileMatrixSetId"),
        ("collections/rivers/tiles/WebMercatorQuad/99/0/0", 404, "tileMatrix"),
        ("collections/rivers/tiles/WebMercatorQuad/fourteen/0/0", 404, "tileMatrix"),
        ("collections/rivers/tiles/WebMercatorQuad/014/0/0", 404, "tileMatrix"),
        ("collections/rivers/tiles/WebMercatorQuad/14/x/0", 400, "tileRow"),
        ("collections/rivers/tiles/WebMercatorQuad/14/0/-1", 400, "tileCol"),
        (f"collections/rivers/tiles/WebMercatorQuad/14/{10**30}/0", 404, "tileRow"),
        ("collections/rivers/tiles/WebMercatorQuad/14/0/0?f=png", 400, "f"),
        ("collections/rivers/tiles/WebMercatorQuad?f=xml", 400, "f"),
        ("collections/rivers/tiles?colour=blue", 400, "colour"),
        ("collections/no_such/tiles", 404, "no_such"),
        ("tiles/WebMercatorQuad?collections=rivers,no_such", 400, "collections"),
        ("tiles/WebMercatorQuad?collections=", 400, "collections"),
        ("tiles/WebMercatorQuad?collections=rivers,rivers", 400, "collections"),
        ("tiles/WebMercatorQuad/14/0/0?collections=rivers,%00", 400, "collections"),
    ],
)
def test_core_tc_error_names_what_is_wrong(client: TestClient, address: str, status: int, named: str) -> None:
    answer = client.get(f"/ogc/{address}", headers=as_("admin"))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert named in answer.text


def test_core_tc_error_an_empty_tile_within_the_limits_is_204(client: TestClient) -> None:
    tileset = told(client, "/ogc/collections/rivers/tiles/WebMercatorQuad")
    found = {client.get(tile_address(tileset, at)).status_code for at in of_the_city(tileset)}
    assert found == {200, 204}


# ---- tileset ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer_id", ALL)
def test_tileset_description(client: TestClient, layer_id: str) -> None:
    here = f"/ogc/collections/{layer_id}/tiles/WebMercatorQuad"
    tileset = told(client, here)
    fits(tileset, "schemas/tileSet")
    assert tileset["dataType"] == "vector"
    assert tileset["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3857"
    assert tileset["tileMatrixSetURI"] == "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
    item = link(tileset, "item")
    assert item["templated"] is True
    assert item["type"] == MVT
    assert {"{tileMatrix}", "{tileRow}", "{tileCol}"} <= set(urlsplit(item["href"]).path.split("/"))
    assert told(client, link(tileset, f"{REL}/tiling-scheme")["href"])["id"] == "WebMercatorQuad"
    assert told(client, link(tileset, "self")["href"]) == tileset
    assert told(client, link(tileset, f"{REL}/geodata")["href"])["id"] == layer_id
    assert told(client, link(tileset, "describedby")["href"])["tilejson"] == "3.0.0"


@pytest.mark.parametrize("layer_id", ALL)
def test_tileset_limits_are_the_city_s_at_the_layer_s_zooms(client: TestClient, layer_id: str) -> None:
    tileset = told(client, f"/ogc/collections/{layer_id}/tiles/WebMercatorQuad")
    layer = load_catalog()[layer_id]
    assert [limits["tileMatrix"] for limits in tileset["tileMatrixSetLimits"]] == [
        str(z) for z in range(layer.minzoom, layer.maxzoom + 1)
    ]
    for limits in tileset["tileMatrixSetLimits"]:
        side = 1 << int(limits["tileMatrix"])
        assert limits["minTileCol"] == math.floor((WEST + 180) / 360 * side)
        assert limits["maxTileCol"] == math.floor((EAST + 180) / 360 * side)
        rows = [
            math.floor((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side) for lat in (NORTH, SOUTH)
        ]
        assert [limits["minTileRow"], limits["maxTileRow"]] == rows


@pytest.mark.parametrize("role", [None, "handler", "admin"])
@pytest.mark.parametrize("layer_id", ALL)
def test_tileset_layers_tell_what_this_viewer_s_tiles_hold(client: TestClient, layer_id: str, role: str | None) -> None:
    layer, viewer = load_catalog()[layer_id], viewer_of(role)
    address = f"/ogc/collections/{layer_id}/tiles/WebMercatorQuad"
    if not viewer.may_see(layer):
        assert client.get(address, headers=as_(role)).status_code == (403 if role else 401)
        return
    tileset = told(client, address, role)
    by_id = {each["id"]: each for each in tileset["layers"]}
    schemas = {name: set(each["propertiesSchema"]["properties"]) for name, each in by_id.items()}
    assert by_id[layer_id].get("geometryDimension") == {"point": 0, "line": 1, "polygon": 2}.get(layer.geometry)
    mine = {field.name for field in viewer.fields_of(layer) if field.in_tiles}
    assert schemas[layer_id] == mine | {"count"} | ({"area_m2"} if layer.tiling.summed_area else set())
    shown: dict[str, set[str]] = {}
    for at in of_the_city(tileset):
        answer = client.get(tile_address(tileset, at), headers=as_(role))
        for name, drawn in (mapbox_vector_tile.decode(answer.content) if answer.content else {}).items():
            for feature in drawn["features"]:
                shown.setdefault(name, set()).update(feature["properties"])
    assert set(shown) <= set(by_id)
    for name, properties in shown.items():
        # The key of a square is no feature's.
        assert properties <= schemas[name], name


# ---- tilesets list ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["", "/collections/rivers", "/collections/cases", "/collections/zones"])
def test_tilesets_list_tileset_path_and_links(client: TestClient, origin: str) -> None:
    listed = told(client, f"/ogc{origin}/tiles")
    fits(listed, "responses/TileSetsList")
    for each in listed["tilesets"]:
        assert {"dataType", "crs", "tileMatrixSetURI"} <= set(each)
        whole = told(client, link(each, "self")["href"])
        assert each.items() <= whole.items()
        assert told(client, link(each, f"{REL}/tiling-scheme")["href"])["uri"] == each["tileMatrixSetURI"]


# ---- dataset tilesets, geodata tilesets ------------------------------------------------------------------------------


def test_dataset_tilesets_landingpage_and_operation(client: TestClient) -> None:
    landing = told(client, "/ogc", None)
    href = link(landing, f"{REL}/tilesets-vector")["href"]
    assert urlsplit(href).path == "/ogc/tiles"
    assert len(told(client, href, None)["tilesets"]) == 1
    assert told(client, link(landing, f"{REL}/tiling-schemes")["href"], None)["tileMatrixSets"]


@pytest.mark.parametrize("layer_id", ALL)
def test_geodata_tilesets_desc_links_and_operation(client: TestClient, layer_id: str) -> None:
    collection = told(client, f"/ogc/collections/{layer_id}")
    href = link(collection, f"{REL}/tilesets-vector")["href"]
    assert urlsplit(href).path == f"/ogc/collections/{layer_id}/tiles"
    assert len(told(client, href)["tilesets"]) == 1


def test_the_dataset_s_tileset_holds_what_a_map_first_shows_and_the_viewer_may_see(client: TestClient) -> None:
    for role in (None, "handler", "admin"):
        tileset = told(client, "/ogc/tiles/WebMercatorQuad", role)
        fits(tileset, "schemas/tileSet")
        named = [each["id"] for each in tileset["layers"] if not each["id"].endswith("_label")]
        viewer = viewer_of(role)
        assert named == [layer.id for layer in load_catalog() if layer.shown and viewer.may_see(layer)]
        at = tile_of(110.3477, 20.0256, 14)
        answer = client.get(tile_address(tileset, at), headers=as_(role))
        assert answer.status_code == 200
        assert set(mapbox_vector_tile.decode(answer.content)) <= {each["id"] for each in tileset["layers"]}


# ---- collections selection -------------------------------------------------------------------------------------------


def test_collections_selection_collections_response(client: TestClient) -> None:
    asked = ["rivers", "fixtures", "grid_cells"]
    tileset = told(client, f"/ogc/tiles/WebMercatorQuad?collections={','.join(asked)}")
    named = [each["id"] for each in tileset["layers"] if not each["id"].endswith("_label")]
    assert named == asked
    at = tile_of(110.345, 20.025, 16)
    address = tile_address(tileset, at)
    assert "collections=rivers,fixtures,grid_cells" in address
    answer = client.get(address, headers=as_("admin"))
    assert answer.headers["content-type"] == MVT
    drawn = mapbox_vector_tile.decode(answer.content)
    assert {"fixtures", "grid_cells"} <= set(drawn)
    assert {name.removesuffix("_label") for name in drawn} <= set(asked)
    # Each is in it as it is in a tile of its own.
    for name in ("fixtures", "grid_cells"):
        alone = client.get(f"/tiles/{name}/{at.z}/{at.x}/{at.y}.mvt", headers=as_("admin"))
        assert drawn[name] == mapbox_vector_tile.decode(alone.content)[name]


def test_collections_selection_query_collections_by_address(client: TestClient) -> None:
    by_id = told(client, "/ogc/tiles/WebMercatorQuad?collections=rivers,fixtures")
    here = "http://testserver/ogc/collections"
    assert told(client, f"/ogc/tiles/WebMercatorQuad?collections={here}/rivers,{here}/fixtures") == by_id
    listed = told(client, "/ogc/tiles?collections=rivers,fixtures")["tilesets"][0]
    assert told(client, link(listed, "self")["href"]) == by_id


def test_a_layer_without_tiles_at_a_zoom_is_left_out_there(client: TestClient) -> None:
    deep = max(load_catalog(), key=lambda layer: layer.minzoom)
    tileset = told(client, f"/ogc/tiles/WebMercatorQuad?collections=admin_areas,{deep.id}")
    at = tile_of(110.345, 20.025, deep.minzoom - 1)
    answer = client.get(tile_address(tileset, at), headers=as_("admin"))
    assert answer.status_code == 200
    assert {name.removesuffix("_label") for name in mapbox_vector_tile.decode(answer.content)} == {"admin_areas"}


@pytest.mark.parametrize("layer_id", CLOSED)
@pytest.mark.parametrize(
    "address",
    [
        "collections/{}/tiles",
        "collections/{}/tiles/WebMercatorQuad",
        "collections/{}/tiles/NoSuchQuad",
        "collections/{}/tiles/WebMercatorQuad/14/7205/13200",
        "collections/{}/tiles/WebMercatorQuad/99/0/0",
        "tiles?collections={}",
        "tiles/WebMercatorQuad?collections=rivers,{}",
        "tiles/WebMercatorQuad/14/7205/13200?collections=rivers,{}",
    ],
)
def test_a_closed_layer_answers_401_in_every_form_and_before_a_wrong_question(
    client: TestClient, layer_id: str, address: str
) -> None:
    answer = client.get(f"/ogc/{address.format(layer_id)}")
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_signed_in"


@pytest.mark.parametrize("layer_id", OPEN)
def test_documents_are_nobody_else_s_to_keep_and_tiles_are_kept_as_under_tiles(
    client: TestClient, layer_id: str
) -> None:
    address = f"/ogc/collections/{layer_id}/tiles/WebMercatorQuad"
    answer = client.get(address)
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in answer.headers["vary"]
    tileset = answer.json()
    at = tile_of(110.3477, 20.0256, load_catalog()[layer_id].minzoom)
    item = tile_address(tileset, at)
    kept = client.get(item)
    version = urlsplit(item).query
    plain = client.get(f"/tiles/{layer_id}/{at.z}/{at.x}/{at.y}.mvt?{version}")
    assert kept.headers["cache-control"] == plain.headers["cache-control"]
    again = client.get(item, headers={"If-None-Match": kept.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    if layer_id == "rivers":
        assert "immutable" in kept.headers["cache-control"]
        assert tileset["version"] in version


# ---- mvt -------------------------------------------------------------------------------------------------------------


def test_mvt_content_maps_the_tile_s_corners_to_the_grid_s(client: TestClient) -> None:
    """A part at a known place stands where that place is in the tile, from the tile's upper left corner."""
    tileset = told(client, "/ogc/collections/fixtures/tiles/WebMercatorQuad")
    at = tile_of(110.345, 20.025, 17)
    answer = client.get(tile_address(tileset, at) + "?f=mvt", headers=as_("admin"))
    assert answer.headers["content-type"] == MVT
    drawn = mapbox_vector_tile.decode(answer.content, default_options={"y_coord_down": True})["fixtures"]
    (part,) = [f for f in drawn["features"] if f["properties"]["code"] == "4601990101000001"]
    side = 1 << 17
    x = (110.345 + 180) / 360 * side - at.x
    y = (1 - math.asinh(math.tan(math.radians(20.025))) / math.pi) / 2 * side - at.y
    assert part["geometry"]["type"] == "Point"
    assert part["geometry"]["coordinates"] == pytest.approx([x * 4096, y * 4096], abs=1)


# ---- oas30 -----------------------------------------------------------------------------------------------------------

SUFFIXES = {
    "/ogc/tiles": ".dataset.vector.getTileSetsList",
    "/ogc/tiles/{tileMatrixSetId}": ".dataset.vector.getTileSet",
    "/ogc/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}": ".dataset.vector.getTile",
    "/ogc/collections/{layer_id}/tiles": ".collection.vector.getTileSetsList",
    "/ogc/collections/{layer_id}/tiles/{tileMatrixSetId}": ".collection.vector.getTileSet",
    "/ogc/collections/{layer_id}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}": (
        ".collection.vector.getTile"
    ),
    "/ogc/tileMatrixSets": "getTileMatrixSetsList",
    "/ogc/tileMatrixSets/{tileMatrixSetId}": "getTileMatrixSet",
}


@pytest.mark.parametrize(("path", "suffix"), list(SUFFIXES.items()))
def test_oas30_completeness_and_operation_id(client: TestClient, path: str, suffix: str) -> None:
    definition = client.get("/ogc/api", headers=as_("admin")).json()
    assert definition["openapi"].startswith("3.0.")
    found = definition["paths"][path]["get"]
    assert found["operationId"].endswith(suffix)
    named = {each["name"] for each in found["parameters"] if each["in"] == "path"}
    assert named == {step[1:-1] for step in path.split("/") if step.startswith("{")}
    if "{tileCol}" in path:
        assert MVT in found["responses"]["200"]["content"]
    if path.startswith("/ogc/tiles/"):
        (collections,) = [each for each in found["parameters"] if each["name"] == "collections"]
        assert (collections["in"], collections["required"]) == ("query", False)


def test_oas30_the_definition_is_one_and_fits_what_is_claimed(client: TestClient) -> None:
    definition = client.get("/ogc/api", headers=as_("admin")).json()
    OpenAPIV30SpecValidator(definition).validate()
    claimed = told(client, "/ogc/conformance")["conformsTo"]
    # Each collection has paths of its own here, as it has parameters of its own; that reader knows but the templates,
    # and takes paths for what follows the landing page.
    paths = {}
    for path, described in definition["paths"].items():
        step = re.sub(r"^/ogc(/collections/)?", lambda found: found[1] or "/", path).replace("//", "/")
        paths[re.sub(r"^/collections/[^/]+", "/collections/{collectionId}", step)] = described
    result = ogcapi_registry.validate_ogc_api(definition | {"paths": paths}, claimed)
    assert result.is_valid, result.errors


@pytest.mark.parametrize("path", list(SUFFIXES))
def test_every_document_is_a_page_too(client: TestClient, path: str) -> None:
    if "{tileCol}" in path:
        return
    address = path.replace("{tileMatrixSetId}", "WebMercatorQuad").replace("{layer_id}", "rivers")
    page = client.get(address, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    assert "Accept" in page.headers["vary"]
    assert page.content == client.get(f"{address}?f=html").content
    assert "WebMercatorQuad" in page.text
    assert told(client, f"{address}?f=json", None) == told(client, address, None)


# ---- the tiling scheme -----------------------------------------------------------------------------------------------


def test_tms_tilematrixset_is_the_registered_one(client: TestClient) -> None:
    """Against the grid's own arithmetic: the scale denominators are of pixels of 0.28 mm at the equator (17-083r4)."""
    listed = told(client, "/ogc/tileMatrixSets", None)
    fits(listed, "responses/TileMatrixSetsList")
    (one,) = listed["tileMatrixSets"]
    scheme = told(client, link(one, "self")["href"], None)
    fits(scheme, "schemas/tileMatrixSet")
    assert (scheme["id"], scheme["uri"], scheme["crs"]) == (one["id"], one["uri"], one["crs"])
    assert [each["id"] for each in scheme["tileMatrices"]] == [str(z) for z in range(25)]
    for z, each in enumerate(scheme["tileMatrices"]):
        assert each["matrixWidth"] == each["matrixHeight"] == 2**z
        assert each["scaleDenominator"] * 0.28e-3 == pytest.approx(each["cellSize"], rel=1e-12)
        assert each["cellSize"] * 256 * 2**z == pytest.approx(2 * math.pi * 6378137, rel=1e-12)
        assert each["pointOfOrigin"] == pytest.approx([-math.pi * 6378137, math.pi * 6378137], rel=1e-12)

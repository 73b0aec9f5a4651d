"""OGC API - Features, requirement by requirement: Part 1 (core, GeoJSON, HTML, OpenAPI 3.0), Part 2 (reference
systems), Part 3 (filtering, queryables). Names with a2_ are the abstract tests of OGC 17-069r4, annex A. What CQL2
itself finds is held to a reading one by one in tests/layers/test_filters.py.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
import shapely
import shapely.geometry
import yaml
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator
from pyproj import Transformer
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4
from starlette.testclient import TestClient

from api.app import create_app
from api.ogc_documents import CONFORMS_TO
from gisops.access.people import token_hash
from gisops.db.pool import connect
from layers.catalog import load_catalog
from tests.conftest import Database, serve
from tests.layers import tiny_city
from tests.real_data import real_data

OPEN = [layer.id for layer in load_catalog() if layer.field_class == "public"]
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
FIXTURES = "/ogc/collections/fixtures/items"


@pytest.fixture(scope="module")
def served(database: Database) -> Database:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        for role in ("admin", "handler"):
            owner.execute(
                "INSERT INTO sessions (token_hash, account_id, expires_at)"
                " SELECT %s, account_id, app_now() + interval '1 hour' FROM accounts WHERE role = %s LIMIT 1",
                (token_hash(f"token of {role}"), role),
            )
        owner.execute(
            "INSERT INTO parts (district_code, part_id, code, code_scheme, category_id, name_zh, state, geom, valid)"
            " SELECT '460199', gen_random_uuid(), '46019901010001' || lpad(n::text, 2, '0'), 'S', 1, '井盖' || n % 3,"
            " 'intact', ST_Point(110.31 + n * 0.002, 20.01 + n * 0.001, 4326), '[2000-01-01,)'"
            " FROM generate_series(1, 40) AS n"
        )
    return database


@pytest.fixture(scope="module")
def client(served: Database) -> Iterator[TestClient]:
    with TestClient(create_app(served.settings())) as opened:
        yield opened


def as_(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token of {role}"}


def get(client: TestClient, address: str, **parameters: Any) -> dict[str, Any]:
    answer = client.get(f"{address}?{urlencode(parameters)}" if parameters else address)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(told: dict[str, Any]) -> list[str]:
    return [feature["id"] for feature in told["features"]]


def links(told: dict[str, Any], rel: str) -> list[dict[str, str]]:
    return [link for link in told["links"] if link["rel"] == rel]


class Schemas:
    """The schemas that the standard publishes."""

    def __init__(self) -> None:
        found = yaml.safe_load(real_data("ogc", "ogcapi-features-1-oas30.yaml").read_text("utf-8"))
        self._registry: Registry[Any] = Registry().with_resource("urn:standard", Resource(found, DRAFT4))

    def check(self, name: str, told: Any) -> None:
        schema = {"$ref": f"urn:standard#/components/schemas/{name}"}
        OAS30Validator(schema, registry=self._registry).validate(told)


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas()


# ---- Part 1, A.2.1 to A.2.4: what there is -------------------------------------------------------------------------


def test_a2_2_the_landing_page_leads_to_the_definition_the_conformance_and_the_data(
    client: TestClient, schemas: Schemas
) -> None:
    told = get(client, "/ogc")
    schemas.check("landingPage", told)
    for rel in ("self", "alternate", "service-desc", "service-doc", "conformance", "data"):
        assert links(told, rel), rel
        for link in links(told, rel):
            assert client.get(link["href"]).headers["content-type"].startswith(link["type"].partition(";")[0])


def test_a2_3_the_definition_is_openapi_30_and_says_what_is_true(client: TestClient) -> None:
    answer = client.get("/ogc/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    told = answer.json()
    assert told["openapi"].startswith("3.0.")
    OpenAPIV30SpecValidator(told).validate()
    assert [path for path in told["paths"] if path.endswith("/items")] == [
        f"/ogc/collections/{id}/items" for id in OPEN
    ]
    for layer_id in OPEN:
        layer = load_catalog()[layer_id]
        parameters = {
            each["name"]: each for each in told["paths"][f"/ogc/collections/{layer_id}/items"]["get"]["parameters"][1:]
        }
        assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100}
        assert {field.name for field in layer.public_fields} <= set(parameters)
        hidden = {field.name for field in layer.fields} - {field.name for field in layer.public_fields}
        assert hidden.isdisjoint(parameters)
        assert parameters["crs"]["schema"]["enum"] == get(client, f"/ogc/collections/{layer_id}")["crs"]
    # Every address it names is there, and every one that is there without a layer is named.
    for path in told["paths"]:
        if "{" not in path:
            assert client.get(path, follow_redirects=False).status_code == 200, path
    assert {"/ogc", "/ogc/conformance", "/ogc/api", "/ogc/collections"} <= set(told["paths"])
    # Whoever may see more is told of more; a page leads to the one that can be read.
    assert "/ogc/collections/cases/items" in client.get("/ogc/api", headers=as_("handler")).json()["paths"]
    assert client.get("/ogc/api?f=html", follow_redirects=False).headers["location"] == "/docs"


def test_a2_4_the_conformance_classes_are_those_that_are_tested(client: TestClient, schemas: Schemas) -> None:
    told = get(client, "/ogc/conformance")
    schemas.check("confClasses", told)
    assert set(CONFORMS_TO) <= set(told["conformsTo"])
    assert len(set(told["conformsTo"])) == len(told["conformsTo"])


def test_a2_5_collections(client: TestClient, schemas: Schemas) -> None:
    told = get(client, "/ogc/collections")
    schemas.check("collections", told)
    assert [each["id"] for each in told["collections"]] == OPEN
    assert {link["rel"] for link in told["links"]} >= {"self", "alternate"}
    for each in told["collections"]:
        schemas.check("collection", each)
        assert each == get(client, f"/ogc/collections/{each['id']}")
        assert {link["type"] for link in links(each, "items")} == {"application/geo+json", "text/html"}
        # Those with moments say that there are some.
        assert ("temporal" in each["extent"]) == (load_catalog()[each["id"]].time is not None)


# ---- A.2.7: features -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer_id", OPEN)
def test_a2_7_features_of_every_collection_are_as_the_standard_says(
    client: TestClient, schemas: Schemas, layer_id: str
) -> None:
    answer = client.get(f"/ogc/collections/{layer_id}/items")
    told = answer.json()
    schemas.check("featureCollectionGeoJSON", told)
    assert told["numberReturned"] == len(told["features"]) == told["numberMatched"]
    for rel, media_type in (("self", "application/geo+json"), ("alternate", "text/html")):
        assert [link["type"] for link in links(told, rel)] == [media_type]
    # RFC 8288: the links of the body, in a header.
    for link in told["links"]:
        assert f'<{link["href"]}>; rel="{link["rel"]}"' in answer.headers["link"]
    one = get(client, f"/ogc/collections/{layer_id}/items/{quote(told['features'][0]['id'], safe='')}")
    schemas.check("featureGeoJSON", one)
    assert {link["rel"] for link in one["links"]} >= {"self", "alternate", "collection"}
    assert one["geometry"] == told["features"][0]["geometry"]


@pytest.mark.parametrize(
    "box", [(110.3, 20.0, 110.36, 20.03), (110.345, 20.025, 110.345, 20.02500001), (110.35, 20.0, 110.352, 20.06)]
)
def test_a2_7_a_box_finds_what_touches_it(client: TestClient, box: tuple[float, ...]) -> None:
    every = get(client, FIXTURES, limit=1000)["features"]
    want = [
        each["id"] for each in every if shapely.intersects(shapely.geometry.shape(each["geometry"]), shapely.box(*box))
    ]
    found = get(client, FIXTURES, limit=1000, bbox=",".join(map(repr, box)))
    assert ids(found) == want != []
    # With heights, which our layers do not have.
    west, south, east, north = box
    assert ids(get(client, FIXTURES, limit=1000, bbox=f"{west!r},{south!r},-10,{east!r},{north!r},10")) == want


def test_a2_7_a_box_across_the_180th_meridian_is_two(client: TestClient) -> None:
    every = get(client, FIXTURES, limit=1000)["features"]
    want = [
        each["id"]
        for each in every
        if shapely.bounds(shapely.geometry.shape(each["geometry"]))[2] >= 110.36
        or shapely.bounds(shapely.geometry.shape(each["geometry"]))[0] <= 110.32
    ]
    assert 0 < len(want) < len(every)
    assert ids(get(client, FIXTURES, limit=1000, bbox="110.36,19,110.32,21")) == want
    assert ids(get(client, FIXTURES, limit=1000, bbox="177,19,-177,21")) == []


def test_a2_7_a_limit_is_kept_and_pages_lead_on(client: TestClient) -> None:
    every = ids(get(client, FIXTURES, limit=1000))
    address: str | None = f"{FIXTURES}?limit=7&bbox=110,19,111,21"
    walked: list[str] = []
    while address:
        answer = client.get(address)
        told = answer.json()
        assert told["numberReturned"] <= 7
        assert ("numberMatched" in told) == (len(every) <= 7)
        walked += ids(told)
        following = links(told, "next")
        assert ('rel="next"' in answer.headers["link"]) == bool(following)
        address = following[0]["href"] if following else None
    assert walked == every
    assert get(client, FIXTURES, limit=7, count="true")["numberMatched"] == len(every)


def test_pages_lose_nothing_that_stays_while_others_come_and_go(client: TestClient, served: Database) -> None:
    every = ids(get(client, FIXTURES, limit=1000))
    address: str | None = f"{FIXTURES}?limit=5&sortby=-name_zh"
    walked: list[str] = []
    try:
        for n in range(100):
            if address is None:
                break
            told = get(client, address)
            walked += ids(told)
            with connect(served.owner_url) as owner:
                owner.execute(
                    "INSERT INTO parts (district_code, part_id, code, code_scheme, category_id, name_zh, state, geom,"
                    " valid) VALUES ('460199', gen_random_uuid(), %s, 'S', 1, %s, 'intact', ST_Point(110.3, 20, 4326),"
                    " '[2000-01-01,)')",
                    (f"46019901010099{n:02}", f"井盖{n % 3}"),
                )
                owner.execute("DELETE FROM parts WHERE code = %s", (f"46019901010099{n - 2:02}",))
            address = links(told, "next")[0]["href"] if links(told, "next") else None
        assert address is None
        assert sorted(each for each in walked if not each.startswith("46019901010099")) == every
        assert len(set(walked)) == len(walked)
    finally:
        with connect(served.owner_url) as owner:
            owner.execute("DELETE FROM parts WHERE code LIKE '46019901010099%'")


@pytest.mark.parametrize("layer_id", ["cases", "sensors"])
@pytest.mark.parametrize(
    "moment",
    ["2026-03-01T00:00:00Z", "2026-03-01T08:00:00+08:00", "2026-02-01T00:00:00Z/..", "../2026-02-01T00:00:00Z"],
)
def test_a2_7_a_moment_chooses_where_there_are_moments(client: TestClient, layer_id: str, moment: str) -> None:
    layer = load_catalog()[layer_id]
    answer = client.get(f"/ogc/collections/{layer_id}/items", params={"datetime": moment}, headers=as_("admin"))
    everything = client.get(f"/ogc/collections/{layer_id}/items", headers=as_("admin")).json()
    assert everything["features"]
    passes = layer.time is None or not moment.startswith("..")
    assert ids(answer.json()) == (ids(everything) if passes else [])


WRONG = [
    ("bbox", "1,2,3"), ("bbox", "nan,20,110,21"), ("bbox", "110,21,111,20"), ("bbox", "a,b,c,d"), ("bbox", ""),
    ("limit", "0"), ("limit", "-1"), ("limit", "many"), ("limit", "1e99"), ("datetime", "yesterday"),
    ("datetime", "2026-03-02T00:00:00Z/2026-03-01T00:00:00Z"), ("colour", "blue"), ("count", "perhaps"),
    ("crs", f"{EPSG}99999"), ("crs", "x"), ("crs", ""), ("bbox-crs", f"{EPSG}2000"), ("filter-crs", "EPSG:1"),
    ("filter", "colour = 'blue'"), ("filter", "name_zh ="), ("filter", "1 = 1; DROP TABLE parts"), ("filter", ""),
    ("filter", "name_zh = 'x' OR pg_sleep(5) IS NULL"), ("filter-lang", "sql"), ("filter-lang", "cql-text"),
    ("sortby", "colour"), ("sortby", "geom"), ("sortby", "name_zh;--"), ("f", "xml"), ("after", "%00"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a2_7_a_wrong_parameter_is_400_and_named(client: TestClient, schemas: Schemas, name: str, value: str) -> None:
    answer = client.get(f"{FIXTURES}?{name}={value if '%' in value else quote(value)}")
    assert (answer.status_code, answer.json()["status"]) == (400, 400), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    schemas.check("exception", answer.json())
    assert name in answer.text
    assert "Traceback" not in answer.text


def test_a_parameter_that_is_sent_twice_is_refused(client: TestClient) -> None:
    assert client.get(f"{FIXTURES}?limit=1&limit=2").status_code == 400


@pytest.mark.parametrize(
    "address",
    ["/ogc/collections/none", "/ogc/collections/none/items", "/ogc/collections/none/queryables", f"{FIXTURES}/none"],
)
def test_what_is_not_there_is_404(client: TestClient, address: str) -> None:
    assert (client.get(address).status_code, client.get(f"{address}?f=html").status_code) == (404, 404)


# ---- Part 2: reference systems -------------------------------------------------------------------------------------


def test_systems_are_listed_and_what_is_stored_is_named(client: TestClient) -> None:
    told = get(client, "/ogc/collections")
    # 110.3 to 110.4 degrees east is in the strip around 111 degrees, whose number is 37.
    assert told["crs"] == [CRS84, *(f"{EPSG}{n}" for n in (4326, 3857, 4490, 4546, 4525))]
    for each in told["collections"]:
        assert (each["storageCrs"], each["crs"]) == (CRS84, told["crs"])


SYSTEMS = [f"{EPSG}{n}" for n in (4326, 3857, 4490, 4546, 4525)]


@pytest.mark.parametrize("system", SYSTEMS)
def test_features_lie_where_proj_says_in_the_order_of_the_systems_axes(client: TestClient, system: str) -> None:
    transformer = Transformer.from_crs("OGC:CRS84", f"EPSG:{system.rpartition('/')[2]}", always_xy=False)
    places = {
        each["id"]: shapely.geometry.shape(each["geometry"]) for each in get(client, FIXTURES, limit=1000)["features"]
    }
    answer = client.get(FIXTURES, params={"limit": 1000, "crs": system})
    assert answer.headers["content-crs"] == f"<{system}>"
    metric = abs(transformer.transform(110.3, 20.0)[0]) > 1000
    for each in answer.json()["features"]:
        told = shapely.geometry.shape(each["geometry"])
        want = shapely.transform(places[each["id"]], transformer.transform, interleaved=False)
        assert shapely.equals_exact(told, want, 0.001 if metric else 1e-7), each["id"]
    one = client.get(f"{FIXTURES}/4601990101000001", params={"crs": system})
    assert one.headers["content-crs"] == f"<{system}>"
    first = shapely.transform(places["4601990101000001"], transformer.transform, interleaved=False)
    assert shapely.equals_exact(shapely.geometry.shape(one.json()["geometry"]), first, 0.001 if metric else 1e-7)


@pytest.mark.parametrize("system", SYSTEMS)
def test_boxes_and_filters_are_in_the_system_they_name(client: TestClient, system: str) -> None:
    transformer = Transformer.from_crs("OGC:CRS84", f"EPSG:{system.rpartition('/')[2]}", always_xy=False)
    every = get(client, FIXTURES, limit=1000, crs=system)["features"]
    corners = [transformer.transform(lon, lat) for lon, lat in ((110.3391, 20.0201), (110.3603, 20.0333))]
    box = (*corners[0], *corners[1])
    drawn = shapely.box(*box)
    want = [each["id"] for each in every if shapely.intersects(shapely.geometry.shape(each["geometry"]), drawn)]
    assert 5 < len(want) < len(every)
    told = ",".join(map(repr, box))
    assert ids(get(client, FIXTURES, limit=1000, bbox=told, **{"bbox-crs": system})) == want
    asked = {"filter": f"S_INTERSECTS(geom, BBOX({told}))", "filter-crs": system}
    assert ids(get(client, FIXTURES, limit=1000, **asked)) == want
    # The box of one system is another place in another, or no box at all.
    other = client.get(FIXTURES, params={"bbox": told})
    assert other.status_code == 400 or ids(other.json()) != want


def test_without_a_system_it_is_longitude_and_latitude(client: TestClient) -> None:
    answer = client.get(FIXTURES)
    assert answer.headers["content-crs"] == f"<{CRS84}>"
    named = client.get(FIXTURES, params={"crs": CRS84})
    assert (named.json()["features"], named.headers["content-crs"]) == (answer.json()["features"], f"<{CRS84}>")


# ---- Part 3: queryables and filters --------------------------------------------------------------------------------


@pytest.mark.parametrize("layer_id", ["fixtures", "buildings", "cases"])
def test_queryables_are_a_schema_of_what_the_viewer_may_see(client: TestClient, layer_id: str) -> None:
    layer = load_catalog()[layer_id]
    for headers, names in (({}, [f.name for f in layer.public_fields]), (as_("admin"), [f.name for f in layer.fields])):
        answer = client.get(f"/ogc/collections/{layer_id}/queryables", headers=headers)
        if not layer.public and not headers:
            assert answer.status_code == 401
            continue
        assert answer.headers["content-type"] == "application/schema+json"
        told = answer.json()
        assert told["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert (told["type"], told["$id"]) == ("object", f"http://testserver/ogc/collections/{layer_id}/queryables")
        assert list(told["properties"]) == [*names, "geom"]
        assert told["properties"][layer.key]["x-ogc-role"] == "id"
        assert told["properties"]["geom"]["format"].startswith("geometry-")
    described = get(client, "/ogc/collections/fixtures")
    (link,) = links(described, "http://www.opengis.net/def/rel/ogc/1.0/queryables")
    assert client.get(link["href"]).status_code == 200


def test_every_queryable_is_a_parameter(client: TestClient) -> None:
    every = get(client, FIXTURES, limit=1000)["features"]
    for name in ("code", "name_zh", "state", "maintainer"):
        value = every[1]["properties"][name]
        want = [each["id"] for each in every if each["properties"][name] == value]
        assert ids(get(client, FIXTURES, limit=1000, **{name: value})) == want != []
    both = get(client, FIXTURES, limit=1000, name_zh="井盖1", category="P01-01")
    assert ids(both) == [each["id"] for each in every if each["properties"]["name_zh"] == "井盖1"]
    assert client.get("/ogc/collections/buildings/items?floors=6").json()["numberMatched"] == 1
    assert client.get("/ogc/collections/buildings/items?floors=six").status_code == 400
    sensors = client.get(
        "/ogc/collections/sensors/items?last_at=2026-03-01T00:00:00Z&last_value=1.4", headers=as_("admin")
    )
    assert ids(sensors.json()) == ["SE-01"]


def test_a_field_that_is_not_the_callers_is_unknown_in_every_way(client: TestClient) -> None:
    for asked in ("{}=60", "filter={}%20%3D%2060", "sortby={}", "sortby=-{}", "filter={}%20IS%20NULL"):
        hidden, never = (
            client.get(f"/ogc/collections/buildings/items?{asked.format(name)}") for name in ("residents", "recidents")
        )
        assert (hidden.status_code, never.status_code) == (400, 400)
        assert hidden.text.replace("residents", "recidents") == never.text
    assert client.get("/ogc/collections/buildings/items?residents=60", headers=as_("admin")).status_code == 200
    assert client.get("/ogc/collections/cases/items?colour=1").status_code == 401


def test_filters_as_text_and_as_json_with_all_the_rest(client: TestClient) -> None:
    every = get(client, FIXTURES, limit=1000)["features"]
    want = [
        each["id"] for each in every if each["properties"]["name_zh"] == "井盖2" and each["id"] < "4601990101000130"
    ]
    text = "name_zh LIKE '井_2' AND code < '4601990101000130'"
    told = json.dumps({"op": "and", "args": [
        {"op": "like", "args": [{"property": "name_zh"}, "井_2"]},
        {"op": "<", "args": [{"property": "code"}, "4601990101000130"]}]})  # fmt: skip
    for asked in (
        {"filter": text},
        {"filter": text, "filter-lang": "cql2-text"},
        {"filter": told, "filter-lang": "cql2-json"},
    ):
        rest = {"limit": 3, "count": "true", "state": "intact", "bbox": "110,19,111,21"}
        address: str | None = f"{FIXTURES}?{urlencode(asked | rest)}"
        walked = []
        while address:
            page = get(client, address)
            assert page["numberMatched"] == len([key for key in want if key != "4601990101000002"])
            walked += ids(page)
            address = links(page, "next")[0]["href"] if links(page, "next") else None
        assert walked == [key for key in want if key != "4601990101000002"]


def test_sorting_is_by_the_viewers_fields(client: TestClient) -> None:
    every = get(client, FIXTURES, limit=1000)["features"]
    want = sorted(every, key=lambda each: each["properties"]["name_zh"])
    assert ids(get(client, FIXTURES, limit=1000, sortby="name_zh")) == [each["id"] for each in want]
    assert client.get("/ogc/collections/places/items?sortby=phone", headers=as_("admin")).status_code == 400


def test_a_question_that_is_cut_off_says_so_and_the_server_stays_quick(served: Database) -> None:
    """Eight questions that would wait for ever, beside those of others, who are answered as ever."""

    async def ask(base: str) -> tuple[list[httpx2.Response], list[float]]:
        async with httpx2.AsyncClient(base_url=base, timeout=30) as asker:
            await asker.get("/ogc/collections/rivers/items")
            slow = [asyncio.create_task(asker.get(f"{FIXTURES}?filter=name_zh%20%3D%20%27x{n}%27")) for n in range(8)]
            await asyncio.sleep(0.3)
            took = []
            for _ in range(10):
                started = time.monotonic()
                answer = await asker.get("/ogc/collections/rivers/items")
                took.append(time.monotonic() - started)
                assert answer.status_code == 200
                await asyncio.sleep(0.05)
            return [await each for each in slow], took

    with serve(served, question_seconds="1") as server, connect(served.owner_url) as owner:
        # What makes a question slow here is that somebody holds what it asks for.
        owner.execute("LOCK TABLE parts IN ACCESS EXCLUSIVE MODE")
        slow, took = asyncio.run(ask(server.base_url))
        owner.rollback()
        assert {answer.status_code for answer in slow} == {503}
        for answer in slow:
            assert answer.json()["code"] in ("too_slow", "not_ready")
            assert int(answer.headers["retry-after"]) >= 1
        assert "too_slow" in {answer.json()["code"] for answer in slow}
        assert sorted(took)[5] < 0.5
        assert httpx2.get(f"{server.base_url}{FIXTURES}?name_zh=井盖1").status_code == 200


# ---- pages ---------------------------------------------------------------------------------------------------------


def test_browsers_are_told_pages_and_programs_json(client: TestClient) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for address in ("/ogc", "/ogc/conformance", "/ogc/collections", "/ogc/collections/fixtures",
                    "/ogc/collections/fixtures/queryables", FIXTURES, f"{FIXTURES}/4601990101000001"):  # fmt: skip
        for accept, page in (
            (browser, True), ("text/html", True), ("*/*", False), ("application/json", False),
            ("text/html;q=0.1, */*", False), ("application/geo+json, text/html;q=0.9", False),
        ):  # fmt: skip
            answer = client.get(address, headers={"Accept": accept})
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/html") == page, (address, accept)
            assert "Accept" in answer.headers["vary"]
        assert client.get(f"{address}?f=json", headers={"Accept": browser}).headers["content-type"] != "text/html"
        told = client.get(f"{address}?f=html").text
        # Chinese first; everything comes from here, and nothing in the page is a script.
        assert '<html lang="zh-CN">' in told
        assert not re.search(r"<script(?![^>]*(?:src=\"/|type=\"application/json\"))", told)
        for href in re.findall(r'(?:href|src)="([^"]+)"', told):
            assert href.startswith(("/", "http://testserver/", "data:,")), href


def test_a_page_of_a_feature_tells_every_field_with_its_title_and_meaning(client: TestClient) -> None:
    page = client.get("/ogc/collections/rivers/items/W-01?f=html")
    for field in load_catalog()["rivers"].public_fields:
        for words in (field.title_zh, field.title_en, field.meaning):
            assert words in html.unescape(page.text)
    assert "样例河" in page.text
    same = client.get("/ogc/collections/rivers/items/W-01?f=html", headers={"If-None-Match": page.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_what_people_wrote_stays_text_on_a_page(client: TestClient, served: Database) -> None:
    nasty = "</script><img src=x onerror=alert(1)>{{7*7}}'\"&<!--"
    with connect(served.owner_url) as owner:
        owner.execute("UPDATE rivers SET name_zh = %s", (nasty,))
    try:
        for address in ("/ogc/collections/rivers/items", "/ogc/collections/rivers/items/W-01"):
            page = client.get(f"{address}?f=html").text
            assert "<img" not in page
            assert "</script><" not in page.replace("</script>\n<", "")
            assert "49" not in re.sub(r"\d*\.\d+", "", page.partition("<table")[2])
            assert "&lt;img src=x onerror=alert(1)&gt;" in page
    finally:
        with connect(served.owner_url) as owner:
            owner.execute("UPDATE rivers SET name_zh = '样例河'")


def test_a_page_leads_to_the_next(client: TestClient) -> None:
    page = client.get(f"{FIXTURES}?f=html&limit=5")
    (following,) = re.findall(r'<a class="button" rel="next" href="([^"]+)"', page.text)
    assert client.get(following.replace("&amp;", "&")).headers["content-type"].startswith("text/html")
    assert page.text.count("<tr>") == 6

"""Layers through the door: what is promised (OGC API - Features core and GeoJSON, TileJSON, caching), and that nobody
without a sign-in gets anything that is not public from any door.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import mapbox_vector_tile
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from gisops.access.people import token_hash
from gisops.db.pool import connect
from layers.catalog import load_catalog
from layers.style import THEMES
from tests.conftest import Database
from tests.layers import tiny_city
from tiles.grid import Tile, tile_of

ALL = [layer.id for layer in load_catalog()]
CLOSED = [layer.id for layer in load_catalog() if layer.field_class != "public"]
OPEN = [layer.id for layer in load_catalog() if layer.field_class == "public"]
ROLES = ("admin", "dispatcher", "handler")


@pytest.fixture(scope="module")
def canaries(database: Database) -> tiny_city.Canaries:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        planted = tiny_city.plant_canaries(owner)
        for role in ROLES:
            owner.execute(
                "INSERT INTO sessions (token_hash, account_id, expires_at)"
                " SELECT %s, account_id, app_now() + interval '1 hour' FROM accounts WHERE role = %s LIMIT 1",
                (token_hash(f"token of {role}"), role),
            )
    return planted


@pytest.fixture(scope="module")
def client(database: Database, canaries: tiny_city.Canaries) -> Iterator[TestClient]:
    with TestClient(create_app(database.settings())) as opened:
        yield opened


def as_(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token of {role}"}


def key_of(layer_id: str, database: Database) -> str:
    """A key that is there, canary or not."""
    layer = load_catalog()[layer_id]
    with connect(database.owner_url) as owner:
        row = owner.execute(f"SELECT {layer.key} AS key FROM {layer.relation} ORDER BY 1 LIMIT 1").fetchone()
    assert row is not None
    return str(row["key"])


def tiles_over_city(layer_id: str) -> Iterator[Tile]:
    layer = load_catalog()[layer_id]
    west, south, east, north = tiny_city.CITY
    for z in sorted({layer.minzoom, 12, 14, 15}):
        first, last = tile_of(west, north, z), tile_of(east, south, z)
        yield from (Tile(z, x, y) for x in range(first.x, last.x + 1) for y in range(first.y, last.y + 1))


# ---- nobody signed in gets anything that is not public, from any door ----


def every_answer(
    client: TestClient, layer_id: str, key: str, headers: dict[str, str]
) -> Iterator[tuple[str, int, bytes]]:
    """Ask for a layer in every form there is."""
    addresses = [
        f"/ogc/collections/{layer_id}",
        f"/ogc/collections/{layer_id}/items",
        f"/ogc/collections/{layer_id}/items?count=true&bbox=110,20,111,21&datetime=2026-03-01T00:00:00Z/..",
        f"/ogc/collections/{layer_id}/items/{key}",
        f"/tiles/{layer_id}.json",
        *(f"/tiles/{layer_id}/{at.z}/{at.x}/{at.y}.mvt" for at in tiles_over_city(layer_id)),
    ]
    for address in addresses:
        answer = client.get(address, headers=headers)
        yield address, answer.status_code, answer.content


def test_canaries_are_planted_where_it_matters(canaries: tiny_city.Canaries) -> None:
    assert canaries.planted >= {
        "staff.name", "staff.phone", "staff.code", "places.responsible_person", "places.phone", "party_sites.members",
        "party_sites.contact_person", "party_sites.phone", "flood_points.duty_post_zh", "buildings.households",
        "buildings.residents", "relief_households.householder", "relief_households.phone", "relief_households.code",
        "relief_households.cause_zh", "relief_households.measure_zh", "relief_households.helper_post_zh",
        "cases.case_no",
    }  # fmt: skip


@pytest.mark.parametrize("layer_id", OPEN)
def test_without_a_sign_in_no_form_of_a_public_layer_tells_what_is_not_public(
    client: TestClient, database: Database, layer_id: str
) -> None:
    hidden = {field.name for field in load_catalog()[layer_id].fields if field.field_class != "public"}
    drawn = 0
    for address, status, content in every_answer(client, layer_id, key_of(layer_id, database), {}):
        assert status in (200, 204), address
        drawn += status == 200 and address.endswith(".mvt")
        assert tiny_city.CANARY.encode() not in content, address
        if address.endswith(".mvt"):
            for name, layer in (mapbox_vector_tile.decode(content) if content else {}).items():
                for feature in layer["features"]:
                    assert hidden.isdisjoint(feature["properties"]), (address, name)
                    assert not set(feature["properties"].values()) & set(tiny_city.CANARY_NUMBERS), address
            continue
        assert not any(str(number).encode() in content for number in tiny_city.CANARY_NUMBERS), address
        for name in hidden:
            assert f'"{name}"'.encode() not in content, address
    assert drawn


@pytest.mark.parametrize("layer_id", CLOSED)
def test_without_a_sign_in_a_closed_layer_answers_401_in_every_form(
    client: TestClient, database: Database, layer_id: str
) -> None:
    for address, status, content in every_answer(client, layer_id, key_of(layer_id, database), {}):
        assert status == 401, address
        problem = json.loads(content)
        assert problem["code"] == "not_signed_in"
        # The caller's own words come back to them; nothing else may.
        assert problem.pop("instance") == address.split("?")[0]
        assert tiny_city.CANARY not in json.dumps(problem)


def test_lists_and_styles_do_not_mention_closed_layers_to_a_passer_by(client: TestClient) -> None:
    for address in ("/ogc/collections", *(f"/styles/{theme}.json" for theme in THEMES)):
        answer = client.get(address)
        assert answer.status_code == 200
        for layer_id in CLOSED:
            assert f'"{layer_id}' not in answer.text, address
        assert tiny_city.CANARY not in answer.text


def test_the_same_doors_do_tell_those_who_may_know(client: TestClient, database: Database) -> None:
    """The canary is really there: a test that finds none anywhere would prove nothing."""
    for layer_id in ("places", "party_building", "flood_control", "poverty_relief", "officers", "cases"):
        told = b"".join(
            content for _, _, content in every_answer(client, layer_id, key_of(layer_id, database), as_("admin"))
        )
        if layer_id in ("places", "party_building"):
            # What is personal there is a name and a telephone number, and both are masked.
            assert b'"C**"' in told, layer_id
            assert tiny_city.CANARY.encode() not in told, layer_id
        else:
            assert tiny_city.CANARY.encode() in told, layer_id
    told = b"".join(content for _, _, content in every_answer(client, "buildings", "B-01", as_("dispatcher")))
    assert any(str(number).encode() in told for number in tiny_city.CANARY_NUMBERS)


@pytest.mark.parametrize("layer_id", ["poverty_relief", "officers"])
def test_a_sign_in_alone_does_not_open_a_personal_layer(client: TestClient, database: Database, layer_id: str) -> None:
    for address, status, content in every_answer(client, layer_id, key_of(layer_id, database), as_("handler")):
        assert status == 403, address
        assert json.loads(content)["code"] == "not_allowed"


def test_a_closed_layer_is_refused_before_a_wrong_question_about_it(client: TestClient) -> None:
    assert client.get("/ogc/collections/cases/items?limit=2").status_code == 401
    assert client.get("/tiles/cases/14/0/99999999.mvt").status_code == 401


# ---- OGC API - Features, core and GeoJSON ----


def test_the_landing_page_leads_to_everything(client: TestClient) -> None:
    answer = client.get("/ogc")
    links = {link["rel"]: link for link in answer.json()["links"]}
    assert {"self", "service-desc", "service-doc", "conformance", "data"} <= set(links)
    for rel in ("service-desc", "service-doc", "conformance", "data"):
        followed = client.get(links[rel]["href"])
        assert followed.status_code == 200, rel
        assert followed.headers["content-type"].split(";")[0] == links[rel]["type"].split(";")[0]
    assert client.get("/ogc/conformance").json()["conformsTo"]


def test_collections_are_described_and_each_link_leads_somewhere(client: TestClient) -> None:
    listed = client.get("/ogc/collections").json()["collections"]
    assert [each["id"] for each in listed] == OPEN
    for each in listed:
        assert client.get(f"/ogc/collections/{each['id']}").json() == each
        assert each["extent"]["spatial"]["bbox"] == [pytest.approx(list(tiny_city.CITY))]
        for link in each["links"]:
            followed = client.get(link["href"])
            assert followed.status_code == 200
            assert followed.headers["content-type"].removesuffix("; charset=utf-8") == link["type"]


def test_pages_are_walked_by_their_next_links(client: TestClient) -> None:
    address: str | None = "/ogc/collections/fixtures/items?limit=1&bbox=110,20,111,21&count=true"
    keys: list[str] = []
    while address:
        page = client.get(address)
        assert page.headers["content-type"] == "application/geo+json"
        body = page.json()
        assert body["type"] == "FeatureCollection"
        assert body["numberReturned"] == len(body["features"]) == 1
        assert body["numberMatched"] == 3
        keys += [feature["id"] for feature in body["features"]]
        address = next((link["href"] for link in body["links"] if link["rel"] == "next"), None)
    assert keys == ["4601990101000001", "4601990101000002", "4601990101000003"]


@pytest.mark.parametrize("form", ["items?limit=50&count=true", "items/{key}"])
def test_features_are_told_by_their_own_content_whether_they_changed(
    client: TestClient, database: Database, form: str
) -> None:
    for layer_id, role, kept in [
        ("rivers", None, "private, no-cache"),
        ("buildings", "handler", "private, no-store"),
        ("cases", "dispatcher", "private, no-store"),
    ]:
        address = f"/ogc/collections/{layer_id}/" + form.replace("{key}", key_of(layer_id, database))
        headers = as_(role) if role else {}
        first, again = client.get(address, headers=headers), client.get(address, headers=headers)
        assert (first.content, first.headers["etag"]) == (again.content, again.headers["etag"])
        assert first.headers["cache-control"] == kept
        same = client.get(address, headers=headers | {"If-None-Match": first.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
    assert "timeStamp" not in client.get("/ogc/collections/rivers/items").json()


def test_a_feature_out_of_scope_is_not_found_in_the_words_of_one_that_never_was(
    client: TestClient, database: Database
) -> None:
    there = client.get(f"/ogc/collections/cases/items/{key_of('cases', database)}", headers=as_("handler"))
    never = client.get("/ogc/collections/cases/items/never-was", headers=as_("handler"))
    assert (there.status_code, never.status_code) == (404, 404)
    key = key_of("cases", database)
    assert there.text.replace(key, "never-was") == never.text
    listed = client.get("/ogc/collections/cases/items?count=true", headers=as_("handler")).json()
    assert (listed["features"], listed["numberReturned"], listed["numberMatched"]) == ([], 0, 0)


def test_what_is_hidden_changes_nothing_of_an_answer(client: TestClient, database: Database) -> None:
    """A handler has nothing of his own here: whatever becomes of cases, residents and names, he is told the same."""

    def told() -> list[tuple[int, bytes, str | None, str | None]]:
        answers = []
        for layer_id in ("cases", "buildings", "places", "party_building"):
            forms = ["items?count=true", "items/B-01", "items/PL-01", "items/460199-2026-000001"]
            addresses = [f"/ogc/collections/{layer_id}", *(f"/ogc/collections/{layer_id}/{form}" for form in forms)]
            addresses += [f"/tiles/{layer_id}.json"]
            at = tile_of(110.3477, 20.0256, 14)
            addresses += [f"/tiles/{layer_id}/{z}/{at.x >> 14 - z}/{at.y >> 14 - z}.mvt" for z in (12, 13, 14)]
            for address in addresses:
                got = client.get(address, headers=as_("handler"))
                headers = got.headers.get("etag"), got.headers.get("cache-control")
                answers.append((got.status_code, got.content, *headers))
        return answers

    loaded = ("buildings", "places", "party_building")
    with connect(database.owner_url) as owner:
        # As after the loads that brought them here.
        owner.execute("SELECT layer_changed(id) FROM unnest(%s::text[]) AS id", [list(loaded)])
    before = told()
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE cases SET severity = 'danger', geom = ST_Translate(geom, 0.0001, 0)")
        owner.execute("UPDATE buildings SET residents = residents + 1")
        owner.execute("UPDATE places SET phone = '13900000000', responsible_person = '丁'")
        owner.execute("UPDATE party_sites SET members = members + 1")
        owner.execute("SELECT layer_changed(id) FROM unnest(%s::text[]) AS id", [list(loaded)])
    assert told() == before


def test_an_empty_page_is_a_feature_collection(client: TestClient) -> None:
    body = client.get("/ogc/collections/rivers/items?bbox=0,0,1,1").json()
    assert (body["type"], body["features"], body["numberReturned"]) == ("FeatureCollection", [], 0)


def test_one_feature_has_its_links(client: TestClient) -> None:
    body = client.get("/ogc/collections/rivers/items/W-01").json()
    assert (body["type"], body["id"]) == ("Feature", "W-01")
    links = {link["rel"]: link["href"] for link in body["links"]}
    assert client.get(links["self"]).json() == body
    assert client.get(links["collection"]).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "bbox=1,2,3",
        "bbox=nan,20,110,21",
        "bbox=20,110,21,111",
        "bbox=",
        "limit=0",
        "limit=many",
        "datetime=yesterday",
        "colour=blue",
        "count=x",
    ],
)
def test_a_wrong_parameter_is_400_and_named(client: TestClient, query: str) -> None:
    answer = client.get(f"/ogc/collections/rivers/items?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 400
    assert query.split("=")[0] in answer.text


def test_a_limit_above_the_largest_page_means_the_largest_page(client: TestClient) -> None:
    assert client.get("/ogc/collections/rivers/items?limit=1000000").json()["numberReturned"] == 1


@pytest.mark.parametrize(
    "address",
    [
        "/ogc/collections/no_such", "/ogc/collections/no_such/items", "/ogc/collections/rivers/items/none",
        "/tiles/no_such.json",
        "/tiles/no_such/1/0/0.mvt", "/tiles/rivers/14/99999/0.mvt", "/tiles/rivers/99/0/0.mvt",
        "/tiles/rivers/14/-1/0.mvt",
        "/tiles/rivers/20/0/0.mvt", "/styles/neon.json",
    ],
)  # fmt: skip
def test_what_does_not_exist_is_404_with_a_code(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


# ---- tiles and who may keep them ----


def first_tile(client: TestClient, layer_id: str, headers: dict[str, str] | None = None) -> tuple[str, Any]:
    template = client.get(f"/tiles/{layer_id}.json", headers=headers).json()["tiles"][0]
    for at in tiles_over_city(layer_id):
        address = template.replace("{z}", str(at.z)).replace("{x}", str(at.x)).replace("{y}", str(at.y))
        answer = client.get(address, headers=headers)
        if answer.status_code == 200:
            assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
            return address, answer
    raise AssertionError(f"no tile of {layer_id} holds anything")


@pytest.mark.parametrize("layer_id", [name for name in OPEN if not load_catalog()[name].live])
def test_a_public_tile_under_its_version_may_be_kept_for_good(client: TestClient, layer_id: str) -> None:
    address, answer = first_tile(client, layer_id)
    kept_s = 86_400 if load_catalog()[layer_id].in_force else 31_536_000
    assert answer.headers["cache-control"] == f"public, max-age={kept_s}, immutable"
    # And any page may draw it, but with no session of the reader's.
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-credentials" not in answer.headers
    for stale in (address.split("?")[0], address.split("?")[0] + "?v=0.older"):
        assert client.get(stale).headers["cache-control"] == "public, no-cache"


def test_a_tile_with_more_than_the_public_in_it_is_not_for_shared_caches(client: TestClient) -> None:
    for layer_id, role, expected in [
        ("buildings", "handler", "private, no-store"),
        ("poverty_relief", "admin", "private, no-store"),
        ("officers", "admin", "private, no-store"),
        # Told by events: the browser keeps it, and asks each time.
        ("cases", "dispatcher", "private, no-cache"),
        ("vehicles", "handler", "private, no-store"),
    ]:
        _, answer = first_tile(client, layer_id, as_(role))
        assert answer.headers["cache-control"] == expected, layer_id
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert {"Authorization", "Cookie"} <= {each.strip() for each in answer.headers["vary"].split(",")}


def test_a_live_tile_is_told_by_its_etag_whether_it_changed(client: TestClient, database: Database) -> None:
    address, answer = first_tile(client, "cases", as_("dispatcher"))
    assert "?v=" not in address
    same = client.get(address, headers=as_("dispatcher") | {"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    with connect(database.owner_url) as owner:
        # As a move does: with an event where it happens, in the same transaction. No relay runs here to number it.
        owner.execute(
            "WITH moved AS (UPDATE cases SET stage = 5, state = 'handling' WHERE stage = 4 RETURNING *)"
            " INSERT INTO outbox (district_code, event_id, kind, case_no, geom, payload, at)"
            " SELECT district_code, gen_random_uuid(), 'case', case_no, geom, '{}', app_now() FROM moved"
        )
    began = time.monotonic()
    changed = same
    while changed.status_code == 304 and time.monotonic() - began < 1:
        changed = client.get(address, headers=as_("dispatcher") | {"If-None-Match": answer.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != answer.headers["etag"]


def test_tiles_are_packed_when_that_is_asked_for(client: TestClient, database: Database) -> None:
    with connect(database.owner_url) as owner:
        owner.execute(
            "INSERT INTO flood_points (code, name_zh, kind, geom)"
            " SELECT 'P-' || n, '泵站', 'pump', ST_Point(110.3481 + n * 0.00001, 20.0251, 4326)"
            " FROM generate_series(1, 60) AS n"
        )
        owner.execute("SELECT layer_changed('flood_control')")
    at = tile_of(110.3482, 20.0251, 14)
    address = f"/tiles/flood_control/{at.z}/{at.x}/{at.y}.mvt"
    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(plain.content) > 500
    with client.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["etag"] == plain.headers["etag"]
    assert len(raw) < len(plain.content)
    assert gzip.decompress(raw) == plain.content


def test_an_empty_tile_is_204(client: TestClient) -> None:
    at = tile_of(100, 30, 12)
    answer = client.get(f"/tiles/rivers/{at.z}/{at.x}/{at.y}.mvt")
    assert (answer.status_code, answer.content) == (204, b"")

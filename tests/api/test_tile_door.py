"""Tiles at the door: several layers in one, names that hold for everybody, and what is ready before anybody routes."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import mapbox_vector_tile
import pytest
import zstandard
from starlette.testclient import TestClient

import tiles.cache
from api.app import create_app
from api.ready_tiles import ReadyTiles
from gisops.access.people import token_hash
from gisops.db.pool import connect
from layers.catalog import load_catalog
from tests.conftest import Database
from tests.layers import tiny_city
from tiles.cache import TileCache
from tiles.grid import Tile, tile_of

HERE = tile_of(110.3454, 20.0253, 16)
THERE = tile_of(110.3477, 20.0256, 16)
FAR = tile_of(100, 30, 16)


@pytest.fixture(scope="module", autouse=True)
def city(database: Database) -> None:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        owner.execute(
            "INSERT INTO rivers (code, name_zh, class, geom) SELECT 'W-' || n, '样例河' || n, 'canal',"
            " ST_Multi(ST_Buffer(ST_Point(110.3452 + n * 0.00002, 20.0254, 4326), 0.00005))"
            " FROM generate_series(2, 20) AS n"
        )
        owner.execute(
            "INSERT INTO sessions (token_hash, account_id, expires_at) SELECT %s, account_id,"
            " app_now() + interval '1 h' FROM accounts WHERE role = 'admin' LIMIT 1",
            (token_hash("an admin's"),),
        )
        loaded = ["rivers", "roads", "buildings", "zones", "places"]
        owner.execute("SELECT layer_changed(id) FROM unnest(%s::text[]) AS id", [loaded])


@pytest.fixture(scope="module")
def one_client(database: Database) -> Iterator[TestClient]:
    with TestClient(create_app(database.settings())) as opened:
        wait_for(lambda: "rivers" in opened.app.state.catalogs.versions)
        yield opened


@pytest.fixture
def client(one_client: TestClient) -> TestClient:
    """With nothing ready yet."""
    one_client.app.state.tiles, one_client.app.state.ready_tiles = TileCache(), ReadyTiles()
    return one_client


STAFF = {"Authorization": "Bearer an admin's"}


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def named(client: TestClient, ids: str, at: Tile, headers: dict[str, str] | None = None) -> str:
    """The address of a tile as TileJSON tells it."""
    template = client.get(f"/tiles/{ids}.json", headers=headers).json()["tiles"][0].removeprefix("http://testserver")
    return str(template).replace("{z}", str(at.z)).replace("{x}", str(at.x)).replace("{y}", str(at.y))


def decoded(answer: httpx2.Response) -> dict[str, Any]:
    return mapbox_vector_tile.decode(answer.content) if answer.content else {}


def changed(database: Database, statement: str, layer: str) -> None:
    with connect(database.owner_url) as owner:
        owner.execute(statement.encode())
        owner.execute("SELECT layer_changed(%s)", [layer])


# ---- several layers in one tile ----


def test_several_layers_in_one_tile_are_each_what_they_are_alone(client: TestClient) -> None:
    together = client.get(f"/tiles/rivers,roads,buildings/{HERE.z}/{HERE.x}/{HERE.y}.mvt")
    alone = [client.get(f"/tiles/{name}/{HERE.z}/{HERE.x}/{HERE.y}.mvt") for name in ("rivers", "roads", "buildings")]
    assert together.content == b"".join(each.content for each in alone)
    assert {"rivers", "buildings"} <= set(decoded(together))
    other_way = client.get(f"/tiles/buildings,roads,rivers/{HERE.z}/{HERE.x}/{HERE.y}.mvt")
    assert decoded(other_way) == decoded(together)


def test_tilejson_of_several_names_what_lies_in_each(client: TestClient) -> None:
    told = client.get("/tiles/rivers,places.json").json()
    assert [each["id"] for each in told["vector_layers"]] == ["rivers", "rivers_label", "places"]
    assert (told["minzoom"], told["maxzoom"]) == (6, 18)
    assert told["promoteId"] == {"rivers": "code", "places": "code"}
    assert "?v=" in told["tiles"][0]
    # Of one that anybody sees in part, a member of staff sees more; of one that is live, nobody has a name.
    assert "?v=" not in client.get("/tiles/rivers,buildings.json", headers=STAFF).json()["tiles"][0]
    assert "?v=" not in client.get("/tiles/rivers,sensors.json").json()["tiles"][0]


def test_a_layer_beyond_its_zooms_adds_nothing_to_others_and_is_nowhere_alone(client: TestClient) -> None:
    at = tile_of(110.35, 20.046, 8)
    both = client.get(f"/tiles/rivers,places/{at.z}/{at.x}/{at.y}.mvt")
    assert (both.status_code, set(decoded(both))) == (200, {"rivers"})
    assert client.get(f"/tiles/places/{at.z}/{at.x}/{at.y}.mvt").status_code == 404
    assert client.get(f"/tiles/places,fixtures/{at.z}/{at.x}/{at.y}.mvt").status_code == 204


def test_each_layer_s_class_holds_among_others(client: TestClient) -> None:
    address = f"/tiles/rivers,cases/{THERE.z}/{THERE.x}/{THERE.y}.mvt"
    assert client.get(address).status_code == 401
    assert client.get("/tiles/rivers,cases.json").status_code == 401
    answer = client.get(address, headers=STAFF)
    assert "cases" in decoded(answer)
    assert answer.headers["cache-control"].startswith("private")
    assert "access-control-allow-origin" not in answer.headers
    assert client.get(address.replace("cases", "officers"), headers=STAFF).status_code in (200, 403)


def test_a_look_at_what_is_personal_among_others_is_written_down(client: TestClient, database: Database) -> None:
    def looks() -> int:
        with connect(database.owner_url) as owner:
            row = owner.execute("SELECT count(*) AS n FROM audit WHERE subject = 'officers'").fetchone()
            assert row is not None
            return int(row["n"])

    before = looks()
    at = tile_of(110.3475, 20.0255, 16)
    answer = client.get(f"/tiles/rivers,officers/{at.z}/{at.x}/{at.y}.mvt", headers=STAFF)
    assert (answer.status_code, "officers" in decoded(answer)) == (200, True)
    assert looks() > before


@pytest.mark.parametrize(
    ("ids", "status", "says"),
    [
        ("rivers,rivers", 422, "twice"),
        ("rivers,no_such", 404, "no_such"),
        ("rivers,", 404, "layer"),
        (",".join(f"l{n}" for n in range(21)), 422, "most"),
    ],
)
def test_a_wrong_list_of_layers_is_refused_and_said(client: TestClient, ids: str, status: int, says: str) -> None:
    for address in (f"/tiles/{ids}.json", f"/tiles/{ids}/14/1/1.mvt"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert says in answer.text


@pytest.mark.parametrize(
    ("address", "parameter"),
    [
        ("x/1/1", "z"), ("1.5/1/1", "z"), ("-1/0/0", "z"), ("23/0/0", "z"), ("1e1/0/0", "z"), ("٣/0/0", "z"),
        ("3/8/0", "x"), ("3/-1/0", "x"), ("3/+1/0", "x"), ("14/016/1", "x"),
        ("3/0/8", "y"), ("3/0/nan", "y"), (f"3/0/{10**40}", "y"), ("19/1/1", "z"),
    ],
)  # fmt: skip
def test_a_wrong_address_is_not_found_and_the_part_is_named(client: TestClient, address: str, parameter: str) -> None:
    answer = client.get(f"/tiles/rivers/{address}.mvt")
    assert (answer.status_code, answer.json()["code"], answer.json()["parameter"]) == (404, "not_found", parameter)


# ---- what is ready ----


def test_what_is_ready_needs_no_database_and_is_the_same_to_the_letter(database: Database) -> None:
    with TestClient(create_app(database.settings())) as client:
        wait_for(lambda: "rivers" in client.app.state.catalogs.versions)
        ready_without_a_database(client)


def ready_without_a_database(client: TestClient) -> None:
    addresses = [named(client, ids, at) for ids in ("rivers", "zones", "rivers,roads") for at in (HERE, FAR)]
    taken = ("gzip", "identity", "gzip;q=0, br", "br, zstd;q=0.8, gzip")
    first = {}
    for address in addresses:
        for encoding in taken:
            answer = client.get(address, headers={"Accept-Encoding": encoding})
            assert answer.status_code in (200, 204)
            first[address, encoding] = answer
    client.app.state.database.close()
    assert client.get(f"/tiles/rivers/{HERE.z}/{HERE.x}/{HERE.y}.mvt").status_code == 503
    for (address, encoding), before in first.items():
        answer = client.get(address, headers={"Accept-Encoding": encoding})
        assert (answer.status_code, answer.content) == (before.status_code, before.content)
        assert answer.headers == before.headers
        assert "nosniff" in answer.headers["x-content-type-options"]
        has = f'"x", {before.headers["etag"]}'
        known = client.get(address, headers={"Accept-Encoding": encoding, "If-None-Match": has})
        assert (known.status_code, known.content) == (304, b"")
        head = client.head(address, headers={"Accept-Encoding": encoding})
        assert (head.status_code, head.content, head.headers) == (before.status_code, b"", before.headers)
    assert len({answer.headers["etag"] for (address, _), answer in first.items() if address == addresses[0]}) == 1


def test_a_tile_can_be_asked_for_its_head_alone_ready_or_not(client: TestClient) -> None:
    address = f"/tiles/rivers/{HERE.z}/{HERE.x}/{HERE.y}.mvt"
    for asked in (address, named(client, "rivers", tile_of(110.3454, 20.0253, 15))):
        head, whole = client.head(asked), client.get(asked)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers == whole.headers
        assert whole.content


def test_under_a_name_everybody_gets_what_anybody_gets(client: TestClient) -> None:
    """Ready or not: a name is that of the public content, and a copy of it goes from hand to hand."""
    for at in (HERE, THERE):
        address = named(client, "buildings", at)
        staffs = client.get(address, headers=STAFF)
        anybodys = client.get(address)
        assert (staffs.content, staffs.headers) == (anybodys.content, anybodys.headers)
        assert staffs.headers["cache-control"].startswith("public")
    without = client.get(address.split("?")[0], headers=STAFF)
    assert without.headers["cache-control"].startswith("private")


def test_a_name_that_is_no_longer_the_present_one_leads_to_what_there_is_now(
    client: TestClient, database: Database
) -> None:
    address = named(client, "rivers", HERE)
    before = client.get(address)
    assert "immutable" in before.headers["cache-control"]
    changed(database, "UPDATE rivers SET name_zh = name_zh || '改'", "rivers")
    began = time.monotonic()
    now = named(client, "rivers", HERE)
    assert now != address
    told = client.get(now)
    assert "immutable" in told.headers["cache-control"]
    assert told.content != before.content
    # What the browser's map does within the second: it asks TileJSON again, or its old address.
    wait_for(lambda: client.get(address).content == told.content)
    assert time.monotonic() - began < 1
    assert client.get(address).headers["cache-control"] == "public, no-cache"


def test_one_cuts_for_all_who_ask_at_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = tiles.cache.tile
    cuts: list[Tile] = []

    def slowly(conn: Any, layer: Any, viewer: Any, at: Tile) -> bytes:
        cuts.append(at)
        time.sleep(0.2)
        return cut(conn, layer, viewer, at)

    monkeypatch.setattr(tiles.cache, "tile", slowly)
    at = tile_of(110.3454, 20.0253, 17)
    address = named(client, "rivers", at)
    with ThreadPoolExecutor(24) as many:
        # With the name and without it, packed in two ways.
        asked = [
            many.submit(client.get, address.split("?")[0] if n % 3 == 0 else address, headers={"Accept-Encoding": how})
            for n in range(12)
            for how in ("gzip", "identity")
        ]
        answers = [each.result() for each in asked]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert cuts == [at]


def test_who_cuts_and_fails_fails_for_nobody_else_afterwards(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = named(client, "rivers", tile_of(110.3454, 20.0253, 18))
    with monkeypatch.context() as patched:

        def failing(*_: Any) -> bytes:
            raise MemoryError

        patched.setattr(tiles.cache, "tile", failing)
        with pytest.raises(MemoryError):
            client.get(address)
    assert client.get(address).status_code == 200


def test_what_nobody_was_told_to_ask_is_not_kept(client: TestClient) -> None:
    address, kept = named(client, "rivers", HERE), client.app.state.ready_tiles
    for asked in (f"{address}&x=1", address.split("?")[0] + "?v=1", address.split("?")[0], "/api/city?v=1"):
        assert client.get(asked).status_code in (200, 404, 503)
    assert len(kept) == 0
    client.get(address)
    assert len(kept) == 1


def test_what_comes_into_force_by_date_is_ready_for_a_minute_only(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, kept = named(client, "zones", HERE), client.app.state.ready_tiles
    client.get(address)
    (key,) = kept._young
    assert kept.get(key, client.app.state.catalogs.versions)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert kept.get(key, client.app.state.catalogs.versions) is None


def test_the_door_counts_with_the_routes(client: TestClient) -> None:
    address = named(client, "rivers", HERE)
    counted = 'gisops_http_requests_total{method="GET",route="/tiles/{layer_ids}/{z}/{x}/{y}.mvt",status="200"}'

    def figure() -> float:
        lines = client.get("/metrics", headers=STAFF).text.splitlines()
        return float(next((line.split()[-1] for line in lines if line.startswith(counted)), "0"))

    before = figure()
    for _ in range(5):
        assert client.get(address).status_code == 200
    assert figure() - before == 5


def test_a_tile_is_packed_as_the_browser_likes_it_best(client: TestClient) -> None:
    address = named(client, "rivers", HERE)
    plain = client.get(address, headers={"Accept-Encoding": "identity"}).content
    for asked in (address, address.split("?")[0]):
        with client.stream("GET", asked, headers={"Accept-Encoding": "gzip, deflate, br, zstd"}) as answer:
            packed = b"".join(answer.iter_raw())
            assert answer.headers["content-encoding"] == "zstd"
            assert "Accept-Encoding" in answer.headers["vary"]
        assert zstandard.ZstdDecompressor().decompress(packed) == plain
        assert len(packed) < len(plain)


def test_a_kept_tile_is_packed_with_more_care(client: TestClient) -> None:
    address = named(client, "rivers", HERE)
    with client.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
    plain = client.get(address, headers={"Accept-Encoding": "identity"}).content
    assert gzip.decompress(packed) == plain
    assert len(packed) <= len(gzip.compress(plain, 1))


def test_every_layer_that_has_a_name_is_ready_the_second_time(client: TestClient, database: Database) -> None:
    versions, kept = client.app.state.catalogs.versions, client.app.state.ready_tiles
    asked = 0
    for layer in load_catalog():
        if layer.public and layer.id in versions:
            client.get(named(client, layer.id, HERE))
            asked += 1
    assert asked >= 5
    assert len(kept) == asked

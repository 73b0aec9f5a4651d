"""Looks at personal data: each is written down by whom, at what and where, none tells what was seen, and one that
cannot be written down does not happen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.app import create_app
from gisops.access import people
from gisops.db.pool import Connection, connect
from gisops.room import Room
from gisops.settings import Settings
from tests.conftest import SAMPLE_PASSWORD
from tiles.grid import Tile


@pytest.fixture
def db(sample_database: Any) -> Iterator[Connection]:
    with connect(sample_database.owner_url, autocommit=True) as conn:
        yield conn


@pytest.fixture(scope="module")
def web(sample_database: Any) -> Iterator[TestClient]:
    settings = Settings(_env_file=None, database_url=SecretStr(sample_database.app_url), pool_size=2)
    with TestClient(create_app(settings), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def bearer(db: Connection) -> Any:
    def of(login: str) -> dict[str, str]:
        found = people.account(db, login)
        assert found is not None
        return {"Authorization": f"Bearer {people.open_session(db, found.actor, 1)[0]}"}

    return of


def entries(db: Connection, **where: Any) -> list[dict[str, Any]]:
    rows = db.execute("SELECT * FROM audit ORDER BY entry_id").fetchall()
    return [row for row in rows if all(row[name] == value for name, value in where.items())]


def tile_of(db: Connection, layer: str, z: int) -> Tile:
    """The tile that holds a layer's first feature."""
    row = db.execute(
        f"""SELECT floor((ST_X(p) + 20037508.342789244) / 40075016.685578488 * (1 << %(z)s))::int AS x,
                   floor((20037508.342789244 - ST_Y(p)) / 40075016.685578488 * (1 << %(z)s))::int AS y
            FROM (SELECT ST_Centroid(geom_3857) AS p FROM layer_{layer} ORDER BY code LIMIT 1) f""".encode(),
        {"z": z},
    ).fetchone()
    assert row is not None
    return Tile(z, row["x"], row["y"])


def test_items_one_item_and_a_tile_are_three_entries(web: TestClient, bearer: Any, db: Connection) -> None:
    key = db.execute("SELECT code FROM layer_poverty_relief ORDER BY code LIMIT 1").fetchone()
    assert key is not None
    at, who = tile_of(db, "poverty_relief", 15), bearer("leader")
    box = "-180,-90,180,90"
    shown = web.get(f"/ogc/collections/poverty_relief/items?limit=5&bbox={box}", headers=who).json()
    assert web.get(f"/ogc/collections/poverty_relief/items/{key['code']}", headers=who).status_code == 200
    assert web.get(f"/tiles/poverty_relief/{at.z}/{at.x}/{at.y}.mvt", headers=who).status_code == 200
    some, one, tile = entries(db, subject="poverty_relief", act="look")
    assert {row["role"] for row in (some, one, tile)} == {"leader"}
    assert (some["place"], some["rows"]) == (box, shown["numberReturned"])
    assert (one["object"], one["place"], one["rows"]) == (key["code"], None, 1)
    assert tile["place"] == f"{at.z}/{at.x}/{at.y}"
    assert tile["rows"] > 0


@pytest.mark.parametrize(
    ("login", "path"),
    [
        (None, "/ogc/collections/places/items"),
        ("planner", "/ogc/collections/places/items"),  # the telephone numbers are not for planners
        ("leader", "/ogc/collections/rivers/items"),
        ("leader", "/tiles/places/{z}/{x}/{y}.mvt"),  # a tile of it carries public fields only
        ("leader", "/tiles/poverty_relief/18/1/1.mvt"),  # nothing lies there
        ("leader", "/tiles/poverty_relief.json"),
        ("officer", "/ogc/collections/poverty_relief/items"),  # 403
    ],
)
def test_what_is_not_personal_or_was_not_shown_is_no_look(
    login: str | None, path: str, web: TestClient, bearer: Any, db: Connection
) -> None:
    at, before = tile_of(db, "places", 16), len(entries(db))
    answer = web.get(path.format(z=at.z, x=at.x, y=at.y), headers=bearer(login) if login else None)
    assert answer.status_code in (200, 204, 403)
    assert len(entries(db)) == before


def test_on_a_full_disk_a_look_is_refused_and_public_reading_goes_on(
    web: TestClient, bearer: Any, db: Connection
) -> None:
    class Full:
        def look(self) -> Room:
            return Room(total=100 * 2**30, free=2**20)

    who, before = bearer("leader"), len(entries(db))
    state = web.app.state  # type: ignore[attr-defined]
    watch, state.watch = state.watch, Full()
    try:
        refused = web.get("/ogc/collections/poverty_relief/items", headers=who)
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        assert "features" not in refused.json()
        assert web.get("/ogc/collections/rivers/items", headers=who).status_code == 200
        assert web.get("/ogc/collections/places/items").status_code == 200
    finally:
        state.watch = watch
    assert len(entries(db)) == before


def test_an_entry_that_cannot_be_written_takes_the_look_with_it(web: TestClient, bearer: Any, db: Connection) -> None:
    key = db.execute("SELECT code, phone FROM layer_poverty_relief ORDER BY code LIMIT 1").fetchone()
    assert key is not None
    who = bearer("leader")
    db.execute("ALTER TABLE audit ADD CONSTRAINT full_up CHECK (act <> 'look') NOT VALID")
    try:
        answer = web.get(f"/ogc/collections/poverty_relief/items/{key['code']}", headers=who)
    finally:
        db.execute("ALTER TABLE audit DROP CONSTRAINT full_up")
    assert answer.status_code == 500
    assert "****" not in answer.text
    assert web.get(f"/ogc/collections/poverty_relief/items/{key['code']}", headers=who).status_code == 200


def test_no_entry_holds_anything_that_was_seen(web: TestClient, bearer: Any, db: Connection) -> None:
    """Canaries in every personal field of the four layers that have masks, looked at in every way there is."""
    for table, columns in {
        "relief_households": ("householder", "phone", "cause_zh", "measure_zh"),
        "places": ("responsible_person", "phone"),
        "party_sites": ("contact_person", "phone"),
        "staff": ("name", "phone"),
    }.items():
        for column in columns:
            value = "'13900139000'" if column == "phone" else "'金丝雀KANARIE'"
            db.execute(f"UPDATE {table} SET {column} = {value}".encode())
    # Somebody is on duty at every hour of this test's day.
    db.execute(
        """INSERT INTO last_positions (district_code, staff_id, captured_at, accuracy_m, geom, unit_id)
           SELECT d.code, s.staff_id, now(), 5, p.geom, unit_at(p.geom)
           FROM (SELECT staff_id FROM staff WHERE role = 'officer' AND active LIMIT 1) s,
                (SELECT code FROM admin_areas WHERE level = 2 LIMIT 1) d,
                (SELECT ST_PointOnSurface(geom) AS geom FROM city) p
           ON CONFLICT DO NOTHING"""
    )
    who = bearer("leader")
    box = "-180,-90,180,90"
    for layer in ("poverty_relief", "places", "party_building", "officers"):
        listed = web.get(f"/ogc/collections/{layer}/items?limit=3&bbox={box}", headers=who).json()["features"]
        assert listed
        for feature in listed[:1]:
            key = feature["properties"]["code"]
            web.get(f"/ogc/collections/{layer}/items/{key}", headers=who)
            purpose = {"layer": layer, "key": key, "purpose": "emergency", "note": "金丝雀KANARIE 13900139000"}
            shown = web.post("/api/reveal", json=purpose, headers=who)
            assert "13900139000" in shown.text
        web.get("/api/search?q=13900139000", headers=who)
    kept = db.execute("SELECT string_agg(a::text, E'\\n') AS text FROM audit a").fetchone()
    assert kept is not None
    assert len(entries(db)) > 8
    assert not re.search("KANARIE|13900139000", kept["text"])


def test_acts_are_entries_once_for_a_request(web: TestClient, bearer: Any, db: Connection) -> None:
    lon, lat = web.get("/api/city").json()["center"]
    sent = [
        {"client_uid": str(uuid4()), "category": "E04-05", "channel": "officer", "crs": "WGS84", "lon": lon, "lat": lat}
        for _ in range(4)
    ]
    who, before = bearer("officer"), len(entries(db, act="report"))
    assert web.post("/api/reports", json=sent[0], headers=who).status_code == 201
    assert web.post("/api/reports", json=sent[0], headers=who).status_code == 200  # the same again: no act
    bad = sent[3] | {"lon": 0.0}
    assert web.post("/api/reports/batch", json={"reports": [*sent[1:3], bad]}, headers=who).json()["accepted"] == 2
    nobody = sent[3] | {"channel": "citizen"}
    assert web.post("/api/reports", json=nobody).status_code == 201
    told = entries(db, act="report")[before:]
    assert [(row["role"], row["rows"]) for row in told] == [("officer", 1), ("officer", 2)]
    signed = web.post("/api/session", json={"login": "officer", "password": SAMPLE_PASSWORD})
    assert signed.status_code == 200
    assert web.post("/api/session", json={"login": "officer", "password": "wrong wrong wrong"}).status_code == 401
    assert web.post("/api/session", json={"login": "nobody.at.all", "password": "wrong wrong"}).status_code == 401
    *_, got_in, known, unknown = entries(db)
    assert [row["act"] for row in (got_in, known, unknown)] == ["sign_in", "sign_in_failed", "sign_in_failed"]
    assert got_in["account_id"] == known["account_id"] is not None
    assert (unknown["account_id"], unknown["role"]) == (None, "none")


def test_what_a_look_costs(db: Connection) -> None:
    """Not a benchmark: ten times what it should be would still be found."""
    row = db.execute(
        """EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)
           SELECT audit_add('look', 'officers', place => '16/1/' || n, rows => 3) FROM generate_series(1, 2000) n"""
    ).fetchone()
    assert row is not None
    assert row["QUERY PLAN"][0]["Execution Time"] / 2000 < 3

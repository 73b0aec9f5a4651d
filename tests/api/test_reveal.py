"""Masked values in full, and the audit over HTTP: who gets them, what for, how often, none unwritten."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gisops.access import scopes
from gisops.db.pool import Connection, connect
from layers import reveals
from layers.catalog import load_catalog

MASKED = [(layer.id, reveals.masked(layer)) for layer in load_catalog() if reveals.masked(layer)]


@pytest.fixture
def db(sample_database: Any) -> Iterator[Connection]:
    with connect(sample_database.owner_url, autocommit=True) as conn:
        yield conn


@pytest.fixture(scope="module", autouse=True)
def _telephones(sample_database: Any) -> None:
    """The sample's staff have none; who of them is somewhere hangs on the hour of the day, so three are put there."""
    with connect(sample_database.owner_url) as conn:
        conn.execute("DELETE FROM last_positions")
        conn.execute("UPDATE staff SET phone = '1380000' || lpad(staff_id::text, 4, '0')")
        conn.execute(
            """INSERT INTO last_positions (district_code, staff_id, captured_at, accuracy_m, geom, unit_id)
               SELECT d.code, s.staff_id, now(), 5, p.geom, unit_at(p.geom)
               FROM staff s, (SELECT code FROM admin_areas WHERE level = 2 LIMIT 1) d,
                    (SELECT ST_PointOnSurface(geom) AS geom FROM city) p
               WHERE s.role = 'officer' AND s.active LIMIT 3"""
        )


@pytest.fixture(autouse=True)
def _full_buckets(db: Connection) -> None:
    db.execute("DELETE FROM rate_buckets")


def one(db: Connection, layer: str, where: str = "true") -> dict[str, Any]:
    row = db.execute(f"SELECT * FROM layer_{layer} WHERE phone <> '' AND {where} ORDER BY code LIMIT 1".encode())
    found = row.fetchone()
    assert found is not None
    return found


def entries(db: Connection, act: str = "reveal") -> list[dict[str, Any]]:
    return db.execute("SELECT * FROM audit WHERE act = %s ORDER BY entry_id", [act]).fetchall()


def body(layer: str, key: str, **more: Any) -> dict[str, Any]:
    return {"layer": layer, "key": key, "purpose": "emergency", **more}


@pytest.mark.parametrize(("layer", "fields"), MASKED)
def test_what_is_masked_in_a_layer_is_shown_in_full_and_written_down_first(
    layer: str, fields: tuple[str, ...], caller: Any, db: Connection
) -> None:
    raw = one(db, layer)
    shown = caller("leader").get(f"/ogc/collections/{layer}/items/{raw['code']}").json()["properties"]
    assert "****" in shown["phone"]
    assert raw["phone"] not in json.dumps(shown)
    before = len(entries(db))
    answer = caller("leader").post("/api/reveal", json=body(layer, raw["code"], note="样例：回电 / sample: calls back"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    told = answer.json()
    assert told["values"] == {field: raw[field] for field in fields if raw[field]}
    *_, entry = entries(db)
    assert len(entries(db)) == before + 1
    assert (entry["subject"], entry["object"], entry["purpose"], entry["rows"]) == (layer, raw["code"], "emergency", 1)
    assert (entry["role"], sorted(entry["facts"]["fields"])) == ("leader", sorted(told["values"]))
    assert entry["facts"]["note"] == "样例：回电 / sample: calls back"


def test_only_the_fields_asked_for_are_shown(caller: Any, db: Connection) -> None:
    raw = one(db, "places")
    told = caller("leader").post("/api/reveal", json=body("places", raw["code"], fields=["phone"])).json()
    assert told["values"] == {"phone": raw["phone"]}
    assert entries(db)[-1]["facts"]["fields"] == ["phone"]


def test_a_note_keeps_nothing_of_what_was_shown(caller: Any, db: Connection) -> None:
    raw = one(db, "poverty_relief")
    note = f"找{raw['householder']}，{raw['phone']}，或13800138000再试，证号11010519491231002X"
    asked = body("poverty_relief", raw["code"], note=note)
    assert caller("leader").post("/api/reveal", json=asked).status_code == 200
    kept = json.dumps(entries(db)[-1]["facts"], ensure_ascii=False)
    for personal in (raw["householder"], raw["phone"], "13800138000", "11010519491231002X"):
        assert personal not in kept
    assert "138****8000" in kept


def test_a_note_keeps_no_name_that_has_no_mask(caller: Any, db: Connection) -> None:
    """An officer's name is shown as it is, so no function shows it: in the note it is masked all the same."""
    raw = one(db, "officers")
    asked = body("officers", raw["code"], note=f"回电给{raw['name']}，{raw['phone']}")
    assert caller("leader").post("/api/reveal", json=asked).status_code == 200
    kept = entries(db)[-1]["facts"]
    assert kept["fields"] == ["phone"]
    assert kept["note"] == f"回电给****，{raw['phone'][:3]}****{raw['phone'][-4:]}"


@pytest.mark.parametrize(
    ("login", "layer", "status", "code"),
    [
        (None, "places", 401, "not_signed_in"),
        ("planner", "places", 403, "not_allowed"),
        ("planner", "poverty_relief", 403, "not_allowed"),
        ("dispatcher", "poverty_relief", 403, "not_allowed"),
        ("handler", "officers", 403, "not_allowed"),
    ],
)
def test_whoever_may_not_see_it_masked_gets_nothing(
    login: str | None, layer: str, status: int, code: str, caller: Any, db: Connection
) -> None:
    before = len(entries(db))
    purposes = load_catalog()[layer].reveal
    answer = caller(login).post("/api/reveal", json=body(layer, one(db, layer)["code"], purpose=purposes[0]))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(entries(db)) == before


def out_of_scope(db: Connection, layer: str, login: str) -> str:
    """The key of a feature beyond somebody's units."""
    return str(
        one(
            db,
            layer,
            f"""scope_unit NOT IN (SELECT u.unit_id FROM account_units u JOIN accounts a USING (account_id)
                WHERE a.login = '{login}')""",
        )["code"]
    )


@pytest.fixture
def _inspects_one_street(db: Connection) -> Iterator[None]:
    """The sample's inspector has the whole city; here he has one of its streets, in which somebody gets relief."""
    street = db.execute("""
        SELECT a.code FROM admin_areas a JOIN layer_poverty_relief r ON ST_Covers(a.geom, r.geom)
        WHERE a.level = 3 AND a.valid @> app_now() ORDER BY a.code LIMIT 1""").fetchone()
    assert street is not None
    scopes.set_everywhere(db, "inspector", False)
    scopes.grant(db, "inspector", "area", street["code"])
    yield
    scopes.revoke(db, "inspector", "area", street["code"])
    scopes.set_everywhere(db, "inspector", True)


@pytest.mark.usefixtures("_inspects_one_street")
@pytest.mark.parametrize(("login", "layer"), [("officer", "places"), ("inspector", "poverty_relief")])
def test_out_of_scope_is_as_if_it_were_not_there(login: str, layer: str, caller: Any, db: Connection) -> None:
    hidden, before = out_of_scope(db, layer, login), len(entries(db))
    answers = [caller(login).post("/api/reveal", json=body(layer, key)) for key in (hidden, "x" * len(hidden))]
    said = [re.sub(f"{hidden}|x{{{len(hidden)}}}", "KEY", answer.text) for answer in answers]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert said[0] == said[1]
    assert len(entries(db)) == before
    mine = one(
        db,
        layer,
        f"""scope_unit IN (SELECT u.unit_id FROM account_units u JOIN accounts a USING (account_id)
            WHERE a.login = '{login}')""",
    )
    assert caller(login).post("/api/reveal", json=body(layer, mine["code"])).json()["values"]["phone"] == mine["phone"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"purpose": "curiosity"}, 422, "invalid_input"),
        ({"purpose": "relief_visit"}, 422, "invalid_input"),  # known, but not for this layer
        ({"purpose": ...}, 422, "invalid_body"),
        ({"fields": ["address_zh"]}, 422, "invalid_input"),
        ({"fields": ["phone", "geom"]}, 422, "invalid_input"),
        ({"fields": []}, 422, "invalid_body"),
        ({"layer": "nowhere"}, 404, "not_found"),
        ({"layer": "rivers"}, 403, "not_allowed"),
        ({"key": "no such key"}, 404, "not_found"),
        ({"key": "a\0b"}, 422, "invalid_body"),
        ({"note": "n" * 201}, 422, "invalid_body"),
        ({"everything": True}, 422, "invalid_body"),
    ],
)
def test_what_cannot_be_right_is_said(
    changes: dict[str, Any], status: int, code: str, caller: Any, db: Connection
) -> None:
    before = len(entries(db))
    asked = {
        name: value for name, value in (body("places", one(db, "places")["code"]) | changes).items() if value is not ...
    }
    answer = caller("leader").post("/api/reveal", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert len(entries(db)) == before
    if changes == {"purpose": "curiosity"}:
        assert {one["code"] for one in answer.json()["purposes"]} == set(load_catalog()["places"].reveal)


def test_sixty_an_hour_and_no_more_and_others_are_not_kept_waiting(caller: Any, db: Connection) -> None:
    asked, before = body("places", one(db, "places")["code"]), len(entries(db))
    assert caller("leader").post("/api/reveal", json=asked).status_code == 200
    (bucket,) = db.execute("SELECT key, tokens FROM rate_buckets WHERE tokens BETWEEN 58.9 AND 59.1").fetchall()
    db.execute("UPDATE rate_buckets SET tokens = 1 WHERE key = %s", [bucket["key"]])
    # What is refused for another reason counts too: whoever guesses keys is slowed down.
    assert caller("leader").post("/api/reveal", json=asked | {"key": "no such key"}).status_code == 404
    refused = caller("leader").post("/api/reveal", json=asked)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert caller("admin").post("/api/reveal", json=asked).status_code == 200
    assert len(entries(db)) == before + 2


def test_no_entry_no_value(caller: Any, db: Connection, sample_database: Any) -> None:
    """The entry cannot be written: then nothing is shown."""
    raw = one(db, "places")
    db.execute("ALTER TABLE audit ADD CONSTRAINT full_up CHECK (act <> 'reveal') NOT VALID")
    try:
        answer = caller("leader").post("/api/reveal", json=body("places", raw["code"]))
        assert answer.status_code >= 500
        assert raw["phone"] not in answer.text
    finally:
        db.execute("ALTER TABLE audit DROP CONSTRAINT full_up")


def test_the_function_itself_gives_nothing_away_without_a_viewer(sample_database: Any, db: Connection) -> None:
    key = one(db, "places")["code"]
    with connect(sample_database.app_url) as conn:
        asked = "SELECT reveal_places(%s, ARRAY['phone'], 'emergency')"
        assert conn.execute(asked.encode(), [key]).fetchall() == []


# ---- GET /api/audit ------------------------------------------------------------------------------------------------


def test_the_audit_is_read_by_those_who_watch_over_the_city(caller: Any, db: Connection) -> None:
    raw = one(db, "places")
    assert caller("leader").post("/api/reveal", json=body("places", raw["code"])).status_code == 200
    shown = caller("inspector").get("/api/audit", params={"act": "reveal", "account": "leader", "limit": 1}).json()
    (entry,) = shown["entries"]
    assert (entry["login"], entry["object"], entry["act_zh"]) == ("leader", raw["code"], "显示完整信息")
    assert raw["phone"] not in json.dumps(shown)
    assert shown["next"].startswith("/api/audit?")
    following = caller("inspector").get(shown["next"])
    assert following.status_code == 200
    assert entry["entry_id"] not in following.text
    mine = caller("admin").get("/api/audit", params={"subject": "audit", "account": "inspector"}).json()["entries"]
    assert len(mine) >= 2
    for login, status in ((None, 401), ("leader", 403), ("officer", 403)):
        assert caller(login).get("/api/audit").status_code == status


def test_an_inspector_of_a_part_of_the_city_does_not_read_it(caller: Any, db: Connection) -> None:
    db.execute("UPDATE accounts SET everywhere = false WHERE login = 'inspector'")
    try:
        answer = caller("inspector").get("/api/audit")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    finally:
        db.execute("UPDATE accounts SET everywhere = true WHERE login = 'inspector'")


@pytest.mark.parametrize(
    ("asked", "status"),
    [("act=peek", 422), ("from=2026-11-22T10:00:00", 422), ("from=yesterday", 422), ("limit=0", 422),
     ("limit=1001", 422), ("after=x", 422), ("account=nobody.at.all", 200),
     ("until=2020-01-01T00:00:00Z", 200), ("account=%00", 422)],
)  # fmt: skip
def test_what_is_asked_of_the_audit_must_be_right(asked: str, status: int, caller: Any) -> None:
    answer = caller("admin").get(f"/api/audit?{asked}")
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json() == {"entries": [], "next": None}

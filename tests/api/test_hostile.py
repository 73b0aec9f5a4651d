"""Hostile input: whatever is sent, the answer is a problem that says so, and never an error of ours.

A row is a caller's whole request. Nothing here may be a success: what is right is tested elsewhere.
"""

from __future__ import annotations

import json
import socket
from itertools import product
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx2
import pytest

from gisops import city as cities
from gisops import operations
from gisops.access import people, scopes
from gisops.access.people import Actor
from gisops.db.pool import connect

# Texts that have broken something somewhere: parsers, printers, formatters, statements, file names.
WORDS = [
    "-1", "NaN", "1e400", "9" * 30, "9" * 4000, "a\0b", "' OR 1=1 --", "%s{0}", "../../etc/passwd", "\U0001f600",
    "a" * 5000, "nan,nan,nan,nan", "EPSG:4978",
]  # fmt: skip
GOOD = {"layer_id": "zones", "z": "14", "x": "13209", "y": "7251", "category": "E04-05", "lon": "110", "lat": "20"}
GOOD |= {"crs": "WGS84", "theme": "day", "key": "x", "case_no": "x", "code": "x", "client_uid": str(uuid4())}

SURROGATE = b'"\\ud800"'
DEEP = b'{"a":' * 5_000
BODIES = {
    "half a pair as a member": b"{%b: 1}" % SURROGATE,
    "half a pair as a key": b'{"reports": [{"client_uid": %b}]}' % SURROGATE,
    "half a pair in an item": b'{"reports": [{%b: 1}]}' % SURROGATE,
    "half a pair as a sign-in": b'{"login": %b, "password": %b}' % (SURROGATE, SURROGATE),
    "a list": b"[]",
    "null": b"null",
    "a number": b"1",
    "NaN": b"NaN",
    "a list of no numbers": b'{"reports": [NaN, Infinity, 1e999, %b]}' % (b"9" * 300),
    "too deep": DEEP,
    "deep and closed": b'{"a":' * 900 + b"1" + b"}" * 900,
    "a byte-order mark": b"\xef\xbb\xbf{}",
    "no UTF-8": b"\xff\xfe",
    "a thousand members": json.dumps({str(n): n for n in range(1000)}).encode(),
    "an enormous number": b'{"lon": %b}' % (b"9" * 5_000),
}
POSTED = ["/api/reports", "/api/reports/batch", "/api/session", "/api/me/positions", "/api/dispatch/replay"]
POSTED += ["/api/cases/x/dispatch"]
TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "image/png",
    "\xff/\xff",
    "",
]

TILES = [(14, 10**30, 1), (14, 1, -(10**30)), (10**30, 0, 0), (-1, 0, 0), (23, 0, 0), (2, 4, 0), (0, 0, 2**63)]


def is_refused(answer: httpx2.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"]
    for inside in ("psycopg", "SELECT ", "Traceback", "/api/routers", ".py"):
        assert inside not in answer.text


def is_no_error_of_ours(answer: httpx2.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        is_refused(answer)


@pytest.fixture(scope="module")
def described(caller) -> dict[str, Any]:
    """The API's description: it names every parameter there is."""
    return caller().get("/openapi.json").json()["paths"]


def test_no_text_in_any_parameter_of_any_address_breaks_anything(caller, described) -> None:
    client, asked = caller("desk"), 0
    for path, offered in described.items():
        if "get" not in offered or path == "/api/live":
            continue
        parameters = [p for p in offered["get"].get("parameters", []) if p["in"] in ("path", "query")]
        for hostile, word in product(parameters, WORDS):
            address, query = path, {}
            for parameter in parameters:
                name = parameter["name"]
                value = word if parameter is hostile else GOOD.get(name)
                if parameter["in"] == "path":
                    address = address.replace(f"{{{name}}}", quote(str(value), safe=""))
                elif value is not None:
                    query[name] = value
            is_no_error_of_ours(client.get(address, params=query))
            asked += 1
    assert asked > 300


@pytest.mark.parametrize("word", ["x", "nan,nan,nan,nan", "1e400,1,2,3", "20,110,21,111", "\0"])
def test_a_stream_into_no_box_is_refused(word, caller) -> None:
    is_refused(caller("desk").get("/api/live", params={"bbox": word}))


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("path", POSTED)
def test_a_hostile_body_is_refused(path, name, caller) -> None:
    answer = caller("desk").post(path, content=BODIES[name], headers={"Content-Type": "application/json"})
    if path.endswith("batch") and answer.status_code == 200:
        told = answer.json()
        assert told["accepted"] == 0
        assert {part["status"] for part in told["answers"]} == {422}
    else:
        is_refused(answer)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("path", POSTED)
def test_a_body_that_is_not_said_to_be_json_is_refused(path, kind, caller) -> None:
    answer = caller("desk").post(path, content=b'{"a": 1}', headers={"Content-Type": kind.encode("latin-1")})
    is_refused(answer)


@pytest.mark.parametrize(("z", "x", "y"), TILES)
def test_a_tile_that_cannot_be_is_not_found(z, x, y, caller) -> None:
    answer = caller().get(f"/tiles/zones/{z}/{x}/{y}.mvt")
    is_refused(answer)
    assert answer.status_code in (404, 422)


def test_one_bad_item_does_not_lose_the_others(caller, a_report) -> None:
    sent = [a_report(), {"client_uid": "HALF"}, a_report(captured_at="0001-01-01T00:00:00+14:00"), a_report()]
    body = json.dumps({"reports": sent}).replace("HALF", "\\ud800")
    answer = caller("desk").post("/api/reports/batch", content=body, headers={"Content-Type": "application/json"})
    told = answer.json()
    assert [part["status"] for part in told["answers"]][:2] == [201, 422]
    assert told["answers"][3]["status"] == 201


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"])
def test_a_method_nobody_asked_for_is_refused(method, caller, described) -> None:
    for path, offered in described.items():
        if method == "HEAD" and path.endswith(".mvt"):
            # Of a tile the head can be had: proxies and other maps ask for it.
            assert caller().request(method, path).status_code in (404, 422)
        elif method.lower() not in offered:
            answer = caller().request(method, path)
            assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json"), path


# What no client library sends. An empty answer would be a process that died.
LINES = [
    b"GET /api/city HTTP/1.1\r\nHost: [",
    b"GET /ogc HTTP/1.1\r\nHost: x:99999999",
    b"GET /tiles/zones.json HTTP/1.1\r\nHost: \xff",
    b"GET /api/city/ HTTP/1.1\r\nHost: a b",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x",
    b"GET /api/cases/%ed%a0%80 HTTP/1.1\r\nHost: x",
    b"GET //evil.example/%2e%2e HTTP/1.1\r\nHost: x",
    b"GET * HTTP/1.1\r\nHost: x",
    b"TRACE / HTTP/1.1\r\nHost: x",
    b"NONSENSE / HTTP/1.1\r\nHost: x",
    b"GET /api/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe",
    b"GET /api/me HTTP/1.1\r\nHost: x\r\nCookie: gisops_session=\xff",
    b"GET /api/me HTTP/1.1\r\nHost: x\r\nCookie: " + b"a=b;" * 5000,
    b"GET /api/me HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 60_000,
    b"POST /api/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999",
    b"POST /api/reports HTTP/1.1\r\nHost: x\r\nContent-Length: \xb2",
    b"POST /api/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
]


@pytest.mark.parametrize("line", LINES)
def test_a_hostile_head_is_answered_and_kills_nobody(line, live_server, caller) -> None:
    where = urlsplit(live_server.base_url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as opened:
        opened.sendall(line + b"\r\nConnection: close\r\n\r\n")
        said = opened.recv(65536)
    assert said.startswith(b"HTTP/1.1 ")
    assert int(said.split()[1]) < 500, said
    assert live_server.web.poll() is None
    assert caller().get("/healthz").status_code == 200


@pytest.mark.parametrize("token", ["x", "null", "a" * 20_000, "' OR ''='"])
def test_no_token_that_was_not_given_out_opens_anything(token, caller) -> None:
    client = caller()
    is_refused(client.get("/api/me", headers={"Authorization": f"Bearer {token}"}))
    is_refused(client.get("/api/me", params={"token": token, "access_token": token}))
    client.cookies.set("gisops_session", quote(token))
    is_refused(client.get("/api/me"))


def test_a_token_in_the_address_opens_nothing(caller) -> None:
    token = caller("admin").headers["Authorization"].removeprefix("Bearer ")
    for name in ("token", "access_token", "gisops_session", "Authorization"):
        assert caller().get("/api/me", params={name: token}).status_code == 401


def test_an_expired_sign_in_opens_nothing(caller, live_server) -> None:
    with connect(live_server.database.owner_url) as conn:
        found = people.account(conn, "admin")
        assert found is not None
        token, _ = people.open_session(conn, found.actor, 1)
        conn.execute(
            "UPDATE sessions SET expires_at = now() - interval '1 second' WHERE token_hash = %s",
            [people.token_hash(token)],
        )
    is_refused(caller().get("/api/me", headers={"Authorization": f"Bearer {token}"}))


# ---- who learns what of persons ------------------------------------------------------------------------------------


def persons(live_server) -> set[str]:
    """Every name and telephone number there is."""
    asked = """SELECT name AS said FROM staff UNION SELECT phone FROM staff
        UNION SELECT householder FROM relief_households
        UNION SELECT responsible_person FROM places UNION SELECT contact_person FROM party_sites"""
    with connect(live_server.database.owner_url) as conn:
        return {row["said"] for row in conn.execute(asked.encode()) if row["said"]}


@pytest.mark.parametrize(
    ("login", "learns"), [("desk", True), ("officer", True), ("handler", True), ("planner", False)]
)
def test_names_and_texts_of_cases_are_for_those_who_work_on_them(login, learns, caller, a_report, live_server) -> None:
    body = a_report(text="样例私密文字 / a private word")
    case = caller("officer").post("/api/reports", json=body).json()["case"]["case_no"]
    client, names = caller(login), persons(live_server)
    if login == "handler":
        # his scope is what he handles, and no place at all
        with connect(live_server.database.owner_url) as conn:
            conn.execute(
                "UPDATE cases SET handler_id = (SELECT staff_id FROM accounts WHERE login = 'handler')"
                " WHERE case_no = %s",
                [case],
            )
    told = client.get(f"/api/cases/{case}").text
    listed = client.get("/api/cases").text
    asked = {name: body[name] for name in ("lon", "lat", "crs", "category")}
    located = client.get("/api/locate", params=asked).text
    assert ("a private word" in told) is learns
    for text, named in ((told, learns), (listed, learns), (located, learns and login != "handler")):
        assert "post_zh" in text
        assert any(name in text for name in names) is named


def test_a_department_learns_of_the_people_on_its_own_cases(caller, a_report, live_server) -> None:
    case = caller("officer").post("/api/reports", json=a_report(text="a private word")).json()["case"]["case_no"]
    client = caller("department")
    assert "a private word" not in client.get(f"/api/cases/{case}").text
    with connect(live_server.database.owner_url) as conn:
        conn.execute(
            "UPDATE cases SET organisation_id = (SELECT organisation_id FROM accounts WHERE login = 'department')"
            " WHERE case_no = %s",
            [case],
        )
    assert "a private word" in client.get(f"/api/cases/{case}").text


def test_an_answer_given_to_somebody_signed_in_names_nobody_to_whoever_holds_its_key(
    caller, a_report, live_server
) -> None:
    body = a_report(text="a private word")
    answers = [
        caller("admin").post("/api/reports", json=body),
        caller().post("/api/reports", json=body),
        caller().post("/api/reports", json=body | {"text": "guessed"}),
        caller().get(f"/api/reports/{body['client_uid']}"),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 409, 200]
    for answer in answers:
        assert not any(name in answer.text for name in persons(live_server))
        assert "a private word" not in answer.text


def test_a_stranger_does_not_find_an_officer_by_asking_at_many_points(fresh_database) -> None:
    """Where nobody has the zone, whoever is near is chosen: told to those who may know, and kept from all others."""
    with connect(fresh_database("sample_template").owner_url) as conn:
        city = cities.load(conn)
        west, south, east, north = city.extent
        x, y = (west + east) / 2, (south + north) / 2

        accounts = {
            row["login"]: Actor(row["account_id"], row["login"], row["role"], None, None)
            for row in conn.execute("SELECT account_id, login, role FROM accounts")
        }

        def reasons(login: str | None) -> set[str]:
            to = accounts[login] if login else None
            with conn.transaction(force_rollback=True):
                scopes.look_as(conn, to.account_id if to else None)
                found = operations.locate(conn, city, x, y, "WGS84", 10, "E04-05", to)
            return {reason["code"] for reason in found["reasons"]}

        conn.execute("DELETE FROM zone_staff")
        conn.execute("DELETE FROM last_positions")
        stranger, known = reasons(None), reasons("desk")
        conn.execute(
            "INSERT INTO last_positions (district_code, staff_id, captured_at, accuracy_m, geom)"
            " SELECT DISTINCT ON (staff_id) district_code, staff_id, app_now(), 5,"
            " ST_SetSRID(ST_MakePoint(%s, %s), 4326)"
            " FROM rosters WHERE on_duty @> app_now()",
            [x, y],
        )
        assert "STAFF_NEARBY" not in known
        assert "STAFF_NEARBY" in reasons("desk")
        assert reasons(None) == reasons("planner") == stranger
        assert not any(code.startswith("STAFF_") for code in stranger)
        conn.rollback()

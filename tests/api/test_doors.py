"""The doors of a running server: sign-in, reports, cases, the officer's own things, operations."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import pytest

from gisops.db.pool import connect
from tests.conftest import serve


def problem(answer: httpx2.Response, status: int, code: str) -> dict:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    told = answer.json()
    assert (told["status"], told["code"], told["type"]) == (status, code, f"/problems/{code}")
    return told


# ---- sign-in -------------------------------------------------------------------------------------------------------


def test_signing_in_gives_a_token_and_a_cookie_and_signing_out_ends_both(live_server, caller) -> None:
    client = caller()
    answer = client.post("/api/session", json={"login": "officer", "password": live_server.password})
    told = answer.json()
    assert set(told["account"]) == {"login", "role", "name_zh", "name_en", "organisation"}
    assert told["account"]["role"] == "officer"
    cookie = answer.headers["set-cookie"]
    for attribute in ("gisops_session=", "HttpOnly", "SameSite=strict", "Path=/"):
        assert attribute in cookie
    bearer = {"Authorization": f"Bearer {told['token']}"}
    assert caller().get("/api/me", headers=bearer).json()["login"] == "officer"
    client.cookies.set("gisops_session", told["token"])
    assert client.get("/api/me").json()["login"] == "officer"
    problem(client.delete("/api/session"), 403, "not_allowed")
    assert client.delete("/api/session", headers={"X-Gisops": "1"}).status_code == 204
    answer = caller().get("/api/me", headers=bearer)
    problem(answer, 401, "not_signed_in")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_cookie_alone_changes_nothing(live_server, caller, a_report) -> None:
    client = caller()
    token = client.post("/api/session", json={"login": "officer", "password": live_server.password}).json()["token"]
    client.cookies.set("gisops_session", token)
    problem(client.post("/api/reports", json=a_report()), 403, "not_allowed")
    assert client.post("/api/reports", json=a_report(), headers={"X-Gisops": "1"}).status_code == 201


def test_what_one_account_did_is_not_taken_from_another(live_server, caller, a_report) -> None:
    client, named = caller(), {"X-Gisops": "1", "X-Gisops-Account": "officer"}
    body = a_report()
    problem(client.post("/api/reports", json=body, headers=named), 401, "not_signed_in")
    for login, status in (("desk", 409), ("officer", 201)):
        told = client.post("/api/session", json={"login": login, "password": live_server.password}).json()
        client.cookies.set("gisops_session", told["token"])
        answer = client.post("/api/reports", json=body, headers=named)
        if status == 409:
            problem(answer, 409, "other_account")
            problem(client.get("/api/me/tasks", headers=named), 409, "other_account")
            problem(client.delete("/api/session", headers=named), 409, "other_account")
            # nothing of it was taken, and the other stays signed in
            problem(client.get(f"/api/reports/{body['client_uid']}"), 404, "not_found")
            assert client.get("/api/me").json()["login"] == "desk"
        else:
            assert answer.status_code == 201, answer.text
            assert client.delete("/api/session", headers=named).status_code == 204


def test_a_stale_cookie_is_as_good_as_none_but_a_stale_token_is_told(caller) -> None:
    client = caller()
    client.cookies.set("gisops_session", "nonsense")
    assert client.get("/api/city").status_code == 200
    problem(client.get("/api/me"), 401, "not_signed_in")
    problem(caller().get("/api/city", headers={"Authorization": "Bearer nonsense"}), 401, "not_signed_in")
    problem(caller().get("/api/city", headers={"Authorization": "Basic eDp5"}), 401, "not_signed_in")


def test_a_wrong_password_and_an_unknown_login_look_alike(caller) -> None:
    bodies = []
    for login in ("officer", "nobody"):
        told = problem(
            caller().post("/api/session", json={"login": login, "password": "wrong"}), 401, "bad_credentials"
        )
        bodies.append(told)
    assert bodies[0] == bodies[1]


def test_guessing_is_slowed_down_and_a_right_password_in_between_is_not(live_server, caller) -> None:
    guesses = [caller().post("/api/session", json={"login": "guessed", "password": "x"}) for _ in range(7)]
    told = problem(guesses[-1], 429, "locked_out")
    assert int(guesses[-1].headers["retry-after"]) == told["retry_after_s"] > 0
    assert guesses[0].status_code == 401
    good = caller().post("/api/session", json={"login": "leader", "password": live_server.password})
    assert good.status_code == 200


def test_a_token_revoked_by_another_process_dies_within_five_seconds(live_server, caller) -> None:
    with serve(live_server.database) as other:
        sign_in = {"login": "planner", "password": live_server.password}
        token = httpx2.post(f"{other.base_url}/api/session", json=sign_in, timeout=20).json()["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert caller().get("/api/me", headers=bearer).status_code == 200
        assert httpx2.delete(f"{other.base_url}/api/session", headers=bearer, timeout=20).status_code == 204
        revoked_at = time.monotonic()
        assert httpx2.get(f"{other.base_url}/api/me", headers=bearer, timeout=20).status_code == 401
        while caller().get("/api/me", headers=bearer).status_code == 200:
            assert time.monotonic() - revoked_at < 5
            time.sleep(0.2)


# ---- reports -------------------------------------------------------------------------------------------------------


def test_a_report_is_answered_and_the_same_again_gets_the_same_bytes(caller, a_report) -> None:
    body = a_report()
    first = caller("officer").post("/api/reports", json=body)
    assert first.status_code == 201
    told = first.json()
    # others may have reported the like near by
    assert set(told) - {"suggested"} == {"report", "case", "dispatch"}
    assert told["report"]["client_uid"] == body["client_uid"]
    assert told["dispatch"]["organisation"]["code"]
    again = caller("officer").post("/api/reports", json=body)
    assert (again.status_code, again.content) == (200, first.content)
    followed = caller().get(f"/api/reports/{body['client_uid']}").json()
    assert followed["case"]["case_no"] == told["case"]["case_no"]
    problem(caller().get(f"/api/reports/{uuid4()}"), 404, "not_found")


def test_anonymous_reports_are_limited_by_address_whatever_the_headers_say(fresh_database, a_report) -> None:
    with (
        serve(fresh_database("sample_template"), anonymous_reports_per_minute="3") as server,
        httpx2.Client(timeout=20) as client,
    ):
        answers = [
            client.post(
                f"{server.base_url}/api/reports", json=a_report(), headers={"X-Forwarded-For": f"198.51.100.{n}"}
            )
            for n in range(5)
        ]
    assert [answer.status_code for answer in answers[:2]] == [201, 201]
    told = problem(answers[-1], 429, "too_many_requests")
    assert answers[-1].headers["retry-after"] == str(told["retry_after_s"]) == "20"


def test_channels_of_staff_and_systems_need_a_sign_in(caller, a_report) -> None:
    for channel in ("officer", "hotline", "video", "sensor", "feed"):
        problem(caller().post("/api/reports", json=a_report(channel=channel)), 401, "not_signed_in")
    assert caller("officer").post("/api/reports", json=a_report(channel="officer")).status_code == 201


def test_a_batch_answers_each_on_its_own_and_in_order(caller, a_report, live_server) -> None:
    good, other = a_report(), a_report(channel="feed")
    used = a_report()
    assert caller("officer").post("/api/reports", json=used).status_code == 201
    sent = [
        good,
        a_report(category="E99-99"),
        {"client_uid": "no uuid"},
        "not even an object",
        a_report(crs=...),
        other,
        used | {"text": "another body"},
        used,
        good,
    ]
    answer = caller("officer").post("/api/reports/batch", json={"reports": sent})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [item["status"] for item in told["answers"]] == [201, 422, 422, 422, 422, 201, 409, 200, 200]
    codes = [item["body"].get("code") for item in told["answers"]]
    assert codes[1:5] == ["unknown_category", "invalid_body", "invalid_body", "unknown_crs"]
    assert codes[6] == "client_uid_reused"
    assert (told["accepted"], told["rejected"]) == (4, 5)
    assert told["answers"][0]["client_uid"] == good["client_uid"]
    assert told["answers"][0]["body"] == told["answers"][8]["body"]


# ---- cases ---------------------------------------------------------------------------------------------------------


def test_cases_are_listed_page_by_page_and_told_one_by_one(caller, a_report) -> None:
    client = caller("desk")
    for _ in range(3):
        caller("officer").post("/api/reports", json=a_report())
    seen: list[str] = []
    address: str | None = "/api/cases?limit=2&category=E04-05"
    while address is not None and len(seen) < 6:
        page = client.get(address).json()
        seen += [case["case_no"] for case in page["cases"]]
        address = page["next"]
        assert address is None or "category=E04-05" in address
    assert len(seen) == len(set(seen)) >= 3
    case = client.get(f"/api/cases/{seen[0]}").json()
    assert case["case_no"] == seen[0]
    assert case["reports"]
    assert case["history"]
    assert client.get(f"/api/cases/{seen[0]}/dispatch").json()["decisions"]
    replayed = client.post("/api/dispatch/replay", json={"case_no": seen[0], "mode": "as_recorded"})
    assert replayed.json()["same"] is True
    problem(client.get("/api/cases/0-0"), 404, "not_found")
    assert "not_found" in problem(client.get("/api/cases/a/b/c"), 404, "not_found")["type"]
    swapped = problem(client.get("/api/cases?bbox=20,110,21,111"), 422, "invalid_input")
    assert swapped["suggestion"]


def test_only_those_at_the_desk_dispatch_by_hand(caller, a_report) -> None:
    # of an uncertain place, so that it waits at the desk
    sent = a_report() | {"accuracy_m": 250}
    case_no = caller("officer").post("/api/reports", json=sent).json()["case"]["case_no"]
    version = caller("desk").get(f"/api/cases/{case_no}").json()["version"]
    body = {"organisation": "none-such", "reason": "样例 / sample", "expected_version": version}
    told = problem(caller("officer").post(f"/api/cases/{case_no}/dispatch", json=body), 403, "not_allowed")
    assert told["role"] == "officer"
    problem(caller("desk").post(f"/api/cases/{case_no}/dispatch", json=body), 422, "unknown_organisation")


# ---- the officer ---------------------------------------------------------------------------------------------------


def test_an_officer_sees_his_card_zones_and_tasks(caller) -> None:
    client = caller("officer")
    card = client.get("/api/me").json()
    assert card["role"] == "officer"
    assert card["classes"] == ["public", "work"]
    assert set(card["staff"]) == {"code", "post_zh", "post_en"}
    zones = client.get("/api/me/zones")
    assert zones.headers["content-type"] == "application/geo+json"
    assert zones.json()["features"]
    assert {"code", "name_zh", "name_en", "kind", "assignment", "valid_until"} <= set(
        zones.json()["features"][0]["properties"]
    )
    assert isinstance(client.get("/api/me/tasks").json()["tasks"], list)


def test_a_position_is_kept_an_older_one_is_not_and_a_bad_one_is_refused(caller, city, live_server) -> None:
    client = caller("officer")
    lon, lat = city["center"]
    here = {"lon": lon, "lat": lat, "crs": "WGS84", "accuracy_m": 8}
    assert client.post("/api/me/positions", json=here).status_code == 204
    older = here | {"lon": lon + 0.001, "captured_at": "2020-01-01T00:00:00Z"}
    assert client.post("/api/me/positions", json=older).status_code == 204
    code = client.get("/api/me").json()["staff"]["code"]
    with connect(live_server.database.owner_url) as conn:
        rows = conn.execute(
            "SELECT ST_X(geom) AS lon, accuracy_m FROM last_positions JOIN staff USING (staff_id) WHERE code = %s",
            [code],
        ).fetchall()
    assert rows == [{"lon": pytest.approx(lon), "accuracy_m": 8}]
    problem(client.post("/api/me/positions", json=here | {"crs": "nope"}), 422, "unknown_crs")
    problem(client.post("/api/me/positions", json=here | {"lon": lat, "lat": lon}), 422, "swapped_coordinate")
    problem(client.post("/api/me/positions", json=here | {"lon": lon + 3}), 422, "outside_city")
    problem(client.post("/api/me/positions", json=here | {"captured_at": "2999-01-01T00:00:00Z"}), 422, "invalid_input")
    problem(caller("admin").post("/api/me/positions", json=here), 422, "invalid_input")


# ---- operations ----------------------------------------------------------------------------------------------------


def test_it_says_that_it_is_alive_and_ready(caller) -> None:
    assert caller().get("/healthz").json() == {"status": "ok"}
    told = caller().get("/readyz").json()
    assert (told["status"], told["database"], told["migrations"]) == ("ready", "ok", "current")
    assert told["worker_lag_s"] < 10


def test_a_relay_that_does_not_run_makes_it_unready(fresh_database) -> None:
    database = fresh_database("sample_template")
    with serve(database) as server:
        server.worker.terminate()
        server.worker.wait(5)
        with connect(database.owner_url, autocommit=True) as conn:
            conn.execute("UPDATE relay_state SET ran_at = now() - interval '11 s'")
        answer = httpx2.get(f"{server.base_url}/readyz", timeout=20)
    told = problem(answer, 503, "not_ready")
    assert (told["database"], told["worker"]) == ("ok", "away")
    assert "retry-after" in answer.headers


def test_every_answer_bears_the_headers_and_the_policy_lets_nothing_in(caller) -> None:
    for address in ("/", "/docs", "/api/city", "/api/me", "/none/such", "/healthz"):
        headers = caller().get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
    assert caller().get("/api/city").headers["cache-control"] == "no-store"


def test_the_description_knows_problems_and_no_other_error(caller) -> None:
    described = caller().get("/openapi.json").json()
    assert "HTTPValidationError" not in described["components"]["schemas"]
    assert "Problem" in described["components"]["schemas"]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert "422" not in operation["responses"], (method, path)
            for status in ("4XX", "5XX"):
                assert operation["responses"][status] == {"$ref": "#/components/responses/Problem"}, (method, path)
    said_once = described["components"]["responses"]["Problem"]["content"]
    assert set(said_once) == {"application/problem+json"}


def test_the_api_page_asks_no_other_host(caller) -> None:
    page = caller().get("/docs").text
    assert "http" not in page.replace("http-equiv", "")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert caller().get(f"/docs/{name}").status_code == 200
    problem(caller().get("/docs/core.py"), 404, "not_found")


def test_large_json_is_compressed_for_those_who_ask(caller) -> None:
    plain = caller().get("/api/categories", headers={"Accept-Encoding": "identity"})
    packed = caller().get("/api/categories", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert plain.json()["categories"]


def test_a_track_is_kept_once_and_what_is_wrong_in_it_is_told(caller, city, live_server) -> None:
    client, now = caller("officer"), datetime.now(UTC)
    lon, lat = city["center"]
    track = [
        {"lon": lon + n * 1e-4, "lat": lat, "crs": "WGS84", "accuracy_m": 5, "captured_at": moment.isoformat()}
        for n, moment in enumerate(now - timedelta(minutes=10 - n) for n in range(5))
    ]
    odd = [
        track[0] | {"lon": lon + 3},
        track[0] | {"captured_at": (now - timedelta(days=8)).isoformat()},
        track[0] | {"captured_at": (now + timedelta(hours=1)).isoformat()},
    ]
    said = client.post("/api/me/positions", json={"positions": [*track, *odd]})
    assert said.status_code == 200
    answer = said.json()
    assert (answer["kept"], answer["known"], answer["late"]) == (5, 0, 1)
    assert [(one["n"], one["code"]) for one in answer["refused"]] == [(5, "outside_city"), (7, "invalid_input")]
    again = client.post("/api/me/positions", json={"positions": track}).json()
    assert again == {"kept": 0, "known": 5, "late": 0, "refused": []}
    asked = """SELECT count(*) AS n, min(p.captured_at) AS first, max(p.captured_at) AS last
        FROM positions p JOIN accounts a USING (staff_id)
        WHERE a.login = 'officer' AND p.captured_at > %s AND p.captured_at < %s"""
    with connect(live_server.database.owner_url) as conn:
        kept = conn.execute(asked.encode(), [now - timedelta(hours=1), now - timedelta(minutes=5)]).fetchone()
    assert kept is not None
    assert kept["n"] == 5
    assert (kept["first"], kept["last"]) == (now - timedelta(minutes=10), now - timedelta(minutes=6))
    problem(client.post("/api/me/positions", json={"positions": []}), 422, "invalid_body")
    no_moment = {name: value for name, value in track[0].items() if name != "captured_at"}
    problem(client.post("/api/me/positions", json={"positions": [no_moment]}), 422, "invalid_body")
    problem(caller("admin").post("/api/me/positions", json={"positions": track}), 422, "invalid_input")

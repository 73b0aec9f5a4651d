"""``/metrics``: read by the parser monitors use, closed to strangers, and without anybody's data in it."""

from __future__ import annotations

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import SAMPLE_PASSWORD, serve

TOKEN = "a token for tests"


@pytest.fixture(scope="module")
def server(sample_database):
    with serve(sample_database, metrics_token=TOKEN) as running:
        yield running


def _read(server, token: str) -> dict[str, dict[tuple[str, ...], float]]:
    answer = httpx2.get(f"{server.base_url}/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        sample.name: {
            **{tuple(other.labels.values()): other.value for other in family.samples if other.name == sample.name}
        }
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_strangers_and_officers_are_not_let_in(server) -> None:
    url = f"{server.base_url}/metrics"
    assert httpx2.get(url).status_code == 401
    assert httpx2.get(url, headers={"Authorization": "Bearer wrong"}).status_code == 401
    for login, status in (("officer", 403), ("admin", 200)):
        signed = httpx2.post(f"{server.base_url}/api/session", json={"login": login, "password": SAMPLE_PASSWORD})
        token = signed.json()["token"]
        assert httpx2.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == status


def test_requests_are_counted_by_route_and_never_by_address(server) -> None:
    uid = "01975c3e-0000-7000-8000-00000000abcd"
    for _ in range(3):
        assert httpx2.get(f"{server.base_url}/api/reports/{uid}").status_code == 404
    httpx2.get(f"{server.base_url}/nowhere/{uid}")
    found = _read(server, TOKEN)
    assert found["gisops_http_requests_total"]["GET", "/api/reports/{client_uid}", "404"] == 3
    assert found["gisops_http_request_seconds_count"]["GET", "/api/reports/{client_uid}"] == 3
    shown = httpx2.get(f"{server.base_url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert uid not in shown


def test_the_databases_vitals_follow_what_happens(server) -> None:
    before = _read(server, TOKEN)
    report = {
        "client_uid": "01975c3e-0000-7000-8000-00000000abce",
        "channel": "citizen",
        "category": "E01-10",
        "lon": 110.354,
        "lat": 20.0335,
        "crs": "WGS84",
    }
    assert httpx2.post(f"{server.base_url}/api/reports", json=report).status_code == 201
    after = _read(server, TOKEN)
    assert sum(after["gisops_cases_open"].values()) == sum(before.get("gisops_cases_open", {}).values()) + 1
    assert after["gisops_database_up"] == {(): 1}
    assert after["gisops_relay_lag_seconds"][()] < 10
    assert after["gisops_database_size_bytes"][()] > 1e6

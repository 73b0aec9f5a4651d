"""Callers of a running server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.described import hold

Call = Callable[..., httpx2.Client]
# Whatever these clients are answered is as the API's description says.
HELD = {"response": [hold]}


@pytest.fixture(scope="module")
def caller(live_server) -> Iterator[Call]:
    """A function that makes a client: ``caller()`` anonymous, ``caller("officer")`` signed in by bearer token."""
    clients: list[httpx2.Client] = []
    tokens: dict[str, str] = {}

    def make(login: str | None = None) -> httpx2.Client:
        client = httpx2.Client(base_url=live_server.base_url, timeout=20, event_hooks=HELD)
        clients.append(client)
        if login is not None:
            if login not in tokens:
                with httpx2.Client(base_url=live_server.base_url, timeout=20) as door:
                    answer = door.post("/api/session", json={"login": login, "password": live_server.password})
                    assert answer.status_code == 200, answer.text
                    tokens[login] = answer.json()["token"]
            client.headers["Authorization"] = f"Bearer {tokens[login]}"
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def city(caller: Call) -> dict[str, Any]:
    """What ``GET /api/city`` says."""
    return caller().get("/api/city").json()


@pytest.fixture
def a_report(city: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """A function that makes the body of a good report, with changes; ``...`` leaves a member out."""
    lon, lat = city["center"]

    def make(**changes: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            "client_uid": str(uuid4()),
            "channel": "citizen",
            "category": "E04-05",
            "lon": lon,
            "lat": lat,
            "crs": "WGS84",
            "accuracy_m": 10,
            "text": "样例：路面积水 / Sample: water on the road",
        }
        return {name: value for name, value in (body | changes).items() if value is not ...}

    return make

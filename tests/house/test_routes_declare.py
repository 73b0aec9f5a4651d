"""Every route says who may use it, and means it: the calls are made from the list of routes, so none is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.app import create_app
from gisops import people
from gisops.db.pool import connect
from gisops.settings import Settings
from layers.viewer import STAFF_ROLES


def _routes() -> list[tuple[str, str, str | None]]:
    found = []
    for context in iter_route_contexts(create_app(Settings(_env_file=None)).router.routes):
        if isinstance(context.original_route, APIRoute):
            declared = (context.openapi_extra or {}).get("x-permission")
            found += [(method, str(context.path), declared) for method in sorted(context.methods or ())]
    return found


ROUTES = _routes()
CLOSED = [(method, path) for method, path, declared in ROUTES if declared != "public"]
BY_ROLE = [
    (method, path, declared[6:].split(",")) for method, path, declared in ROUTES if str(declared).startswith("roles:")
]

# A route's path with something in its place; tiles and layers are those of a layer that is open.
_PLACES = {"layer": "rivers", "layer_id": "rivers", "z": "14", "x": "1", "y": "1", "theme": "day"}


def _address(path: str) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda place: _PLACES.get(place[1], "x"), path)


@pytest.fixture(scope="module")
def client(sample_database) -> Iterator[TestClient]:
    settings = Settings(_env_file=None, database_url=SecretStr(sample_database.app_url), pool_size=2)
    with TestClient(create_app(settings), raise_server_exceptions=False) as opened:
        yield opened


def _token(database, role: str) -> str:
    with connect(database.owner_url) as conn:
        login = conn.execute("SELECT login FROM accounts WHERE role = %s LIMIT 1", [role]).fetchone()
        if login is None:
            pytest.skip(f"the sample has no account with the role {role}")
        found = people.account(conn, login["login"])
        assert found is not None
        return people.open_session(conn, found.actor, 1)[0]


def test_there_are_routes_of_every_sort() -> None:
    assert len(ROUTES) > 25
    assert len(CLOSED) > 10
    assert BY_ROLE


@pytest.mark.parametrize(("method", "path", "declared"), ROUTES)
def test_a_route_declares_its_permission(method: str, path: str, declared: str | None) -> None:
    assert declared is not None, f"{method} {path} has no openapi_extra={{'x-permission': ...}}"
    assert declared in ("public", "signed_in") or declared.startswith("roles:"), declared
    if declared.startswith("roles:"):
        assert set(declared[6:].split(",")) <= STAFF_ROLES


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_closed_route_is_closed_without_a_sign_in(method: str, path: str, client: TestClient) -> None:
    answer = client.request(method, _address(path), json={} if method in ("POST", "PUT", "PATCH") else None)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "roles"), BY_ROLE)
def test_a_route_for_some_roles_is_closed_to_the_others(
    method: str, path: str, roles: list[str], client: TestClient, sample_database
) -> None:
    for role in ("officer", "planner", *roles):
        headers = {"Authorization": f"Bearer {_token(sample_database, role)}"}
        answer = client.request(method, _address(path), headers=headers, json={})
        assert (answer.status_code == 403) == (role not in roles), (role, answer.text)

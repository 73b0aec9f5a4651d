"""Every route says who may use it, and means it: the calls are made from the list of routes, so none is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr
from starlette.testclient import TestClient

from api import deps
from api.app import create_app
from gisops.access import api_keys, people
from gisops.db.pool import connect
from gisops.settings import Settings
from layers.viewer import STAFF_ROLES


def _routes(declaration: str) -> list[tuple[str, str, str | None]]:
    found = []
    for context in iter_route_contexts(create_app(Settings(_env_file=None)).router.routes):
        if isinstance(context.original_route, APIRoute):
            declared = (context.openapi_extra or {}).get(declaration)
            found += [(method, str(context.path), declared) for method in sorted(context.methods or ())]
    return found


ROUTES = _routes("x-permission")
SCOPED = _routes("x-scope")
CLOSED = [(method, path) for method, path, declared in ROUTES if declared != "public"]
BY_ROLE = [
    (method, path, declared[6:].split(",")) for method, path, declared in ROUTES if str(declared).startswith("roles:")
]

# A route's path with something in its place; tiles and layers are those of a layer that is open.
_PLACES = {"layer": "rivers", "layer_id": "rivers", "z": "14", "x": "1", "y": "1", "theme": "day"}


def _takes(dependant: Dependant) -> set[object]:
    """All that a route depends on, at whatever remove."""
    found: set[object] = {dependant.call}
    return found.union(*(_takes(below) for below in dependant.dependencies))


def test_what_reads_reads_as_its_viewer() -> None:
    """No GET has the system's transaction; and whatever looks has the viewer's: there is no third way."""
    looked = 0
    for context in iter_route_contexts(create_app(Settings(_env_file=None)).router.routes):
        if isinstance(context.original_route, APIRoute) and "GET" in (context.methods or ()):
            taken = _takes(context.original_route.dependant)
            assert not taken & {deps.transaction, deps.Work}, context.path
            looked += bool(taken & {deps.seeing, deps.Look})
    assert looked > 15


def _address(path: str) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda place: _PLACES.get(place[1], "x"), path)


@pytest.fixture(scope="module")
def client(sample_database) -> Iterator[TestClient]:
    settings = Settings(_env_file=None, database_url=SecretStr(sample_database.app_url), pool_size=2)
    with TestClient(create_app(settings), raise_server_exceptions=False) as opened:
        yield opened


def _key(database, scopes: list[str]) -> str:
    with connect(database.owner_url) as conn:
        return api_keys.add(conn, "admin", "样例系统 / sample system", scopes, 1)[1]


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


@pytest.mark.parametrize(("method", "path", "scope"), SCOPED)
def test_a_route_declares_the_scope_a_key_needs(method: str, path: str, scope: str | None) -> None:
    assert scope in {*api_keys.SCOPES, api_keys.PERSON, api_keys.NO_SCOPE}, (
        f"{method} {path} has no openapi_extra={{'x-scope': ...}} of gisops.access.api_keys, but {scope}"
    )
    permission = {route[:2]: route[2] for route in ROUTES}[method, path]
    if scope == api_keys.NO_SCOPE and permission != "public":
        assert path == "/api/me", "whatever asks for a sign-in asks a key for a scope; who it is, it may always ask"


def test_every_scope_opens_something() -> None:
    assert {scope for _, _, scope in SCOPED} >= {*api_keys.SCOPES}


def test_a_key_opens_what_its_scopes_say_and_nothing_else(client: TestClient, sample_database) -> None:
    everything = [*api_keys.SCOPES]
    whole = _key(sample_database, everything)
    refused = 0
    for needed in (*everything, api_keys.PERSON):
        lacking = _key(sample_database, [scope for scope in everything if scope != needed])
        for method, path, scope in SCOPED:
            # A stream has no end here; tests/api/test_api_keys.py opens one.
            if scope != needed or (path == "/api/live" and method == "GET"):
                continue
            body = {} if method in ("POST", "PUT", "PATCH") else None
            answer = client.request(method, _address(path), headers={"Authorization": f"Bearer {lacking}"}, json=body)
            if _asks_who(method, path):
                assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), (method, path)
                assert answer.json()["scope"] == needed
                refused += 1
            if needed != api_keys.PERSON:
                answer = client.request(method, _address(path), headers={"Authorization": f"Bearer {whole}"}, json=body)
                assert "scope_missing" not in answer.text, (method, path)
    assert refused > 10


def _asks_who(method: str, path: str) -> bool:
    """Whether a route looks at its caller at all: what is the same for everybody does not."""
    return (method, path) not in {
        ("GET", "/ogc"),
        ("GET", "/ogc/conformance"),
        ("GET", "/ogc/api"),
        ("GET", "/ogc/tileMatrixSets"),
        ("GET", "/ogc/tileMatrixSets/{tileMatrixSetId}"),
        ("GET", "/api/locate"),
        ("GET", "/api/reports/{client_uid}"),
    }

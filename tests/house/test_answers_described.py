"""Every answer is described, and is as it is described: asked of every route, by an administrator, by somebody of the
street and by nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.schemas.acts import BODIES
from gisops.db.pool import connect
from scripts import type_screens
from tests.described import Description, description, is_json
from tests.house.test_route_matrix import DECLARED, REQUESTS, Right
from tests.walk import scope_world
from tests.walk.scope_world import Account, ScopeWorld

# Whose members are not all told: what another standard says, or what a table keeps under names of its own.
OPEN = {
    "Description": "OpenAPI 3.0",
    "Problem": "what an error knows beside: docs/reference/problems.md",
    "Queryables": "JSON Schema",
    "RefusedPosition": "a problem",
    "RefusedReport": "a problem",
    "Style": "MapLibre Style Specification",
    "TilesetLayer": "OGC 17-083r4",
    "VectorLayer": "TileJSON 3.0",
}
# What a right request of the matrix is never answered with a success, as that takes a case, a phone or a file that is
# not there: who holds it against the description instead, or that nobody does and it is one small object.
ELSEWHERE = {
    "GET /api/bulletins/{period}.{form}": "tests/api/test_indicators.py",
    "GET /api/reports/{client_uid}": "tests/api/test_beside.py",
    "GET /basemap.json": "one object; its bytes are tests/api/test_basemap.py's",
    "GET /readyz": "one object; tests/api/test_doors.py reads it",
    "POST /api/cases/{case_no}/approvals": "tests/api/test_beside.py",
    "POST /api/cases/{case_no}/approvals/{approval_no}": "tests/api/test_beside.py",
    "POST /api/cases/{case_no}/follow-ups": "one object",
    "POST /api/cases/{case_no}/lead": "the case, as after every act: tests/api/test_acts.py",
    "POST /api/cases/{case_no}/orders/{order_no}": "one object, as when it is given",
    "POST /api/cases/{case_no}/reports/{report_id}/take-out": "one object",
    "POST /api/cases/{case_no}/subtasks": "tests/api/test_beside.py",
    "POST /api/cases/{case_no}/subtasks/{subtask_no}": "tests/api/test_beside.py",
    "POST /api/me/positions": "tests/api/test_doors.py",
    "POST /api/photos": "tests/api/test_photos.py",
    "POST /api/reports/{client_uid}/reopen": "one object",
    "POST /api/reports/{client_uid}/satisfaction": "one object",
    "POST /api/reports/{client_uid}/urgings": "tests/api/test_beside.py",
    "POST /api/session": "two strings and a card: tests/api/test_identity.py",
    "POST /api/session/refresh": "four strings: tests/api/test_identity.py",
    "PUT /api/auto-rules/{district}/{code}": "tests/api/test_auto_rules.py",
}


def _told(answer: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for media_type, content in answer.get("content", {}).items():
        if is_json(media_type):
            yield media_type, content.get("schema") or {}


def test_no_route_answers_json_that_is_not_described() -> None:
    described = description()
    bare = []
    for (method, path), operation in described.operations.items():
        for status, answer in operation["responses"].items():
            if not status.startswith("2"):
                continue
            told = list(_told(answer))
            bare += [f"{method} {path} {status} {media}" for media, schema in told if not _says_something(schema)]
            if status != "204" and not answer.get("content"):
                bare.append(f"{method} {path} {status}: no media type")
    assert not bare, "responses=answering(…): " + "\n".join(bare)


def _says_something(schema: dict[str, Any]) -> bool:
    return "$ref" in schema or "anyOf" in schema or isinstance(schema.get("additionalProperties"), dict)


def test_every_shape_is_closed_or_says_whose_it_is() -> None:
    schemas = description().told["components"]["schemas"]
    used = _reached(description())
    loose = {
        name
        for name in used
        if schemas[name].get("type") == "object" and schemas[name].get("additionalProperties") is not False
    }
    assert loose == set(OPEN)
    unsaid = [name for name in used if not schemas[name].get("description")]
    assert not unsaid


def _reached(described: Description) -> set[str]:
    """The schemas that some answer is made of."""
    schemas = described.told["components"]["schemas"]
    found: set[str] = set()
    wanted = [each for operation in described.operations.values() for each in _refs(operation["responses"])] + [
        "Problem"
    ]
    while wanted:
        name = wanted.pop()
        if name not in found and name in schemas:
            found.add(name)
            wanted += _refs(schemas[name])
    return found


def _refs(told: Any) -> list[str]:
    if isinstance(told, list):
        return [name for each in told for name in _refs(each)]
    if not isinstance(told, dict):
        return []
    own = [told["$ref"].rpartition("/")[2]] if isinstance(told.get("$ref"), str) else []
    return own + [name for each in told.values() for name in _refs(each)]


def test_an_error_is_described_once() -> None:
    operations = description().operations
    assert {str(each["responses"]["4XX"]) for each in operations.values()} == {
        "{'$ref': '#/components/responses/Problem'}"
    }


def test_the_screens_are_typed_by_this_description() -> None:
    assert type_screens.FILE.read_text().startswith(type_screens.head(type_screens.document())), "make types"


@pytest.fixture(scope="module")
def served(database: Any) -> Iterator[tuple[ScopeWorld, TestClient]]:
    world = scope_world.draw(3)
    with connect(database.owner_url) as owner:
        scope_world.write(owner, world)
    with TestClient(create_app(database.settings()), raise_server_exceptions=False) as client:
        yield world, client


def test_every_answer_is_as_it_is_described(
    served: tuple[ScopeWorld, TestClient], capsys: pytest.CaptureFixture[str]
) -> None:
    world, client = served
    by_login = {account.login: account for account in world.accounts}
    wrong: set[str] = set()
    fine: set[str] = set()
    asked = 0
    # What changes something comes last, and what ends the session is not asked.
    for (method, path), rights in sorted(REQUESTS.items(), key=lambda route: route[0][0] != "GET"):
        if (method, path) not in description().operations or method == "DELETE":
            continue
        for right in rights:
            for who in _visitors(by_login, DECLARED[method, path]["x-permission"]):
                for key in list(world.things[right.row])[:2] if right.row else [""]:
                    answer = _ask(client, method, right, who, key)
                    asked += 1
                    media_type = answer.headers.get("content-type", "")
                    if is_json(media_type):
                        found = description().wrong(method, path, answer.status_code, media_type, answer.json())
                        wrong |= {found} if found else set()
                        fine |= {f"{method} {path}"} if answer.status_code < 300 else set()
    with capsys.disabled():
        print(f"\n{asked} answers of {len(fine)} routes that answer JSON")
    assert not wrong, "\n".join(sorted(wrong))
    answers = {
        f"{method} {path}"
        for (method, path), operation in description().operations.items()
        for status, answer in operation["responses"].items()
        if status.startswith("2") and list(_told(answer))
    }
    acts = {f"POST /api/cases/{{case_no}}/{action}" for action in BODIES}
    assert sorted(answers - fine - acts) == sorted(ELSEWHERE)


def _visitors(by_login: Mapping[str, Account], permission: str) -> list[Account | None]:
    """Nobody, an administrator, an officer; and where none of them may, the first who does."""
    found = [None, by_login["admin.everywhere"], by_login["officer.area"]]
    roles = permission.removeprefix("roles:").split(",") if permission.startswith("roles:") else []
    if roles and not {"admin", "officer"} & set(roles):
        logins = [f"{role}.{place}" for role in roles for place in ("everywhere", "area")]
        found.append(next(by_login[login] for login in logins if login in by_login))
    return found


def _ask(client: TestClient, method: str, right: Right, who: Account | None, key: str) -> Any:
    body = right.body() if right.body is not None else None
    if body is not None:
        body = {name: key if value == "{key}" else value for name, value in body.items()}
    headers = {"Authorization": f"Bearer {who.token}"} if who is not None else {}
    return client.request(method, right.address.replace("{key}", key), headers=headers, json=body)

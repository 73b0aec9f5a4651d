"""Every route, asked by every role, by nobody and by systems' keys, for what is theirs and for what is not.

The routes and who may use them are read from the declarations (x-permission, x-scope); what a right request to each
looks like stands here, so that a refusal is about the caller and nothing else. A route that is not in the list fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.testclient import TestClient

from api.app import create_app
from api.schemas.acts import BODIES
from gisops.access import api_keys, people
from gisops.cases import moves
from gisops.db.pool import connect
from gisops.settings import Settings
from tests.walk import scope_oracle as oracle
from tests.walk import scope_world
from tests.walk.scope_world import SIDE, SOUTH, WEST, Account, ScopeWorld, Thing
from tiles.grid import tile_of

FINE = frozenset({200, 201, 204})


@dataclass(frozen=True)
class Right:
    """A right request: what it sends, and how it is answered where nothing is wrong with the caller."""

    address: str
    body: Callable[[], dict[str, Any]] | None = None
    fine: frozenset[int] = FINE
    # The layer it asks for: its class decides as well.
    layer: str | None = None
    # The scoped layer of which ``{key}`` is a row: one that is hidden is answered as one that there is not.
    row: str | None = None
    # Whether the layer's numbers are told, by whole squares, to whoever looks after the whole city.
    overview: bool = False
    # Whether it is for those only who look after the whole city.
    whole: bool = False


LON, LAT = WEST + 2.5 * SIDE, SOUTH + 2.5 * SIDE
POINT = f"lon={LON:.5f}&lat={LAT:.5f}&crs=WGS84"
_AT = tile_of(LON, LAT, 14)
# As OGC API - Tiles has it: zoom, row, column.
TILE = f"{_AT.z}/{_AT.y}/{_AT.x}"
NONE = frozenset({404})
# One of each sort: open, open with fields that are not, for staff, for staff by place, for some by place.
LAYERS = ["rivers", "party_building", "cameras", "cases", "poverty_relief", "officers"]


def _report() -> dict[str, Any]:
    place = {"lon": LON, "lat": LAT, "crs": "WGS84", "accuracy_m": 10}
    return {"client_uid": str(uuid4()), "channel": "citizen", "category": "E04-05", "text": "样例 / sample", **place}


REQUESTS: dict[tuple[str, str], list[Right]] = {
    ("POST", "/api/session"): [
        Right("/api/session", lambda: {"login": "nobody-there", "password": "not the password"}, frozenset({401, 429}))
    ],
    ("POST", "/api/session/refresh"): [
        Right("/api/session/refresh", lambda: {"refresh_token": "none"}, frozenset({401, 422}))
    ],
    ("DELETE", "/api/session"): [Right("/api/session")],
    # Nobody set an identity provider up here.
    ("GET", "/api/session/oidc"): [Right("/api/session/oidc", fine=NONE)],
    ("GET", "/api/session/oidc/return"): [Right("/api/session/oidc/return?code=x&state=x", fine=NONE)],
    ("GET", "/api/me"): [Right("/api/me")],
    ("GET", "/api/me/zones"): [Right("/api/me/zones")],
    ("GET", "/api/me/tasks"): [Right("/api/me/tasks")],
    ("GET", "/api/inbox"): [Right("/api/inbox?limit=3")],
    ("GET", "/api/overdue"): [Right("/api/overdue?by=street&limit=3")],
    ("GET", "/api/indicators"): [Right("/api/indicators")],
    ("GET", "/api/indicators/{codes}"): [
        Right("/api/indicators/closing_rate,report_count?from=2020-01-01&to=2020-02-01&by=street")
    ],
    ("GET", "/api/indicators/{code}/cases"): [
        Right("/api/indicators/closing_rate/cases?from=2020-01-01&to=2020-02-01&part=rest")
    ],
    ("GET", "/api/scores/{code}"): [Right("/api/scores/department_score?month=2020-01")],
    ("GET", "/api/bulletins"): [Right("/api/bulletins")],
    # Nothing was published here.
    ("GET", "/api/bulletins/{period}.{form}"): [Right("/api/bulletins/2020-01.html", fine=frozenset({404}))],
    ("GET", "/api/cases.{form}"): [Right("/api/cases.csv"), Right("/api/cases.xlsx")],
    # Whoever is no member of staff has no position: an error of its own (409), and no refusal.
    ("POST", "/api/me/positions"): [
        Right(
            "/api/me/positions",
            lambda: {"lon": LON, "lat": LAT, "crs": "WGS84", "accuracy_m": 10},
            frozenset({204, 409, 422}),
        )
    ],
    ("POST", "/api/reports"): [Right("/api/reports", _report)],
    ("POST", "/api/reports/batch"): [Right("/api/reports/batch", lambda: {"reports": [_report()]})],
    ("GET", "/api/reports/near"): [Right(f"/api/reports/near?{POINT}&category=E04-05")],
    ("GET", "/api/reports/{client_uid}"): [Right(f"/api/reports/{uuid4()}", fine=NONE)],
    # A body that is no picture: past the door it is that which is wrong.
    ("POST", "/api/photos"): [Right("/api/photos", lambda: {"no": "picture"}, frozenset({422}))],
    # Of none that is there: for whom there is one is tests/api/test_photos.py's business.
    ("GET", "/api/photos/{sha256}"): [Right(f"/api/photos/{'0' * 64}", fine=NONE)],
    ("GET", "/api/photos/{sha256}/thumb"): [Right(f"/api/photos/{'0' * 64}/thumb", fine=NONE)],
    ("GET", "/api/reports/{client_uid}/photos/{sha256}"): [
        Right(f"/api/reports/{uuid4()}/photos/{'0' * 64}", fine=NONE)
    ],
    ("GET", "/api/locate"): [Right(f"/api/locate?{POINT}&category=E04-05")],
    ("GET", "/api/happened"): [Right("/api/happened")],
    ("GET", "/api/cases"): [Right("/api/cases?limit=3")],
    ("GET", "/api/cases/{case_no}"): [Right("/api/cases/{key}", row="cases")],
    ("GET", "/api/cases/{case_no}/dispatch"): [Right("/api/cases/{key}/dispatch", row="cases")],
    ("GET", "/api/cases/{case_no}/reroute"): [
        Right("/api/cases/{key}/reroute?category=E04-05", fine=FINE | {409}, row="cases")
    ],
    ("GET", "/api/reroute-preview"): [Right("/api/reroute-preview?limit=5")],
    ("GET", "/api/auto-rules"): [Right("/api/auto-rules")],
    # Of no district that is there: past the door it is that which is wrong.
    ("PUT", "/api/auto-rules/{district}/{code}"): [
        Right(
            "/api/auto-rules/000000/E04-05",
            lambda: {"enabled": False, "reason": "样例 / sample", "changed_at": None},
            fine=NONE,
        )
    ],
    ("GET", "/api/cases/{case_no}/reports"): [Right("/api/cases/{key}/reports", row="cases")],
    ("GET", "/api/cases/{case_no}/duplicates"): [Right("/api/cases/{key}/duplicates", row="cases")],
    # A report that is in no case: 404 for whoever may ask, as for a case that is hidden.
    ("POST", "/api/cases/{case_no}/reports/{report_id}/take-out"): [
        Right(
            "/api/cases/{key}/reports/00000000-0000-7000-8000-000000000000/take-out",
            lambda: {"expected_version": 1, "reason": "样例 / sample"},
            NONE | {409},
            row="cases",
        )
    ],
    ("GET", "/api/cases/{case_no}/messages"): [Right("/api/cases/{key}/messages", row="cases")],
    # A department that sees a case which it does not hold has nothing to say in it.
    ("POST", "/api/cases/{case_no}/messages"): [
        Right("/api/cases/{key}/messages", lambda: {"text": "样例 / sample"}, frozenset({201, 403}), row="cases")
    ],
    ("DELETE", "/api/cases/{case_no}/messages/{message_id}"): [
        Right(f"/api/cases/{{key}}/messages/{uuid4()}", fine=frozenset({403, 404}), row="cases")
    ],
    ("GET", "/api/me/subtasks"): [Right("/api/me/subtasks")],
    ("GET", "/api/me/orders"): [Right("/api/me/orders")],
    ("GET", "/api/orders"): [Right("/api/orders?state=overdue&limit=5")],
    ("GET", "/api/approvals"): [Right("/api/approvals?state=open&limit=5")],
    ("GET", "/api/ownerless"): [Right("/api/ownerless?limit=5")],
    # What is agreed on needs a case that is as far as that; here it says so, and to whoever may not see it that there
    # is none.
    ("POST", "/api/cases/{case_no}/approvals"): [
        Right(
            "/api/cases/{key}/approvals",
            lambda: {"kind": "extend", "reason": "样例 / sample"},
            frozenset({201, 403, 409}),
            row="cases",
        )
    ],
    ("POST", "/api/cases/{case_no}/approvals/{approval_no}"): [
        Right("/api/cases/{key}/approvals/1", lambda: {"granted": True, "expected_version": 1}, NONE, row="cases")
    ],
    ("POST", "/api/cases/{case_no}/subtasks"): [
        Right(
            "/api/cases/{key}/subtasks",
            lambda: {"organisation": "nobody", "task": "样例 / sample"},
            frozenset({409, 422}),
            row="cases",
        )
    ],
    ("POST", "/api/cases/{case_no}/subtasks/{subtask_no}"): [
        Right("/api/cases/{key}/subtasks/1", lambda: {"action": "ack"}, NONE, row="cases")
    ],
    ("POST", "/api/cases/{case_no}/lead"): [
        Right(
            "/api/cases/{key}/lead",
            lambda: {"organisation": "nobody", "reason": "样例 / sample", "expected_version": 1},
            frozenset({409, 422}),
            row="cases",
        )
    ],
    ("POST", "/api/cases/{case_no}/orders"): [
        Right("/api/cases/{key}/orders", lambda: {"text": "样例 / sample"}, frozenset({201}), row="cases")
    ],
    ("POST", "/api/cases/{case_no}/orders/{order_no}"): [
        Right("/api/cases/{key}/orders/99", lambda: {"action": "close"}, NONE | {403}, row="cases")
    ],
    ("POST", "/api/cases/{case_no}/urgings"): [
        Right("/api/cases/{key}/urgings", lambda: {}, frozenset({201, 409}), row="cases")
    ],
    ("POST", "/api/cases/{case_no}/follow-ups"): [
        Right(
            "/api/cases/{key}/follow-ups", lambda: {"method": "phone", "score": 4}, frozenset({201, 409}), row="cases"
        )
    ],
    ("POST", "/api/reports/{client_uid}/urgings"): [Right(f"/api/reports/{uuid4()}/urgings", lambda: {}, NONE)],
    ("POST", "/api/reports/{client_uid}/satisfaction"): [
        Right(f"/api/reports/{uuid4()}/satisfaction", lambda: {"score": 4}, NONE)
    ],
    ("POST", "/api/reports/{client_uid}/reopen"): [
        Right(f"/api/reports/{uuid4()}/reopen", lambda: {"reason": "样例 / sample"}, NONE)
    ],
    ("POST", "/api/dispatch/replay"): [
        Right("/api/dispatch/replay", lambda: {"case_no": "{key}", "mode": "as_recorded"}, row="cases")
    ],
    # A stream has no end here, so a box that is none is asked for: past the door it is the box that is wrong.
    ("GET", "/api/live"): [Right("/api/live?bbox=none", fine=frozenset({422}))],
    ("GET", "/api/me/notices"): [Right("/api/me/notices?limit=3")],
    ("POST", "/api/me/notices/read"): [Right("/api/me/notices/read", lambda: {"notices": [str(uuid4())]})],
    ("GET", "/api/deliveries"): [Right("/api/deliveries?limit=3", whole=True)],
    ("POST", "/api/deliveries/retry"): [
        Right("/api/deliveries/retry", lambda: {"deliveries": [str(uuid4())]}, whole=True)
    ],
    ("GET", "/metrics"): [Right("/metrics", whole=True)],
    ("GET", "/api/audit"): [Right("/api/audit?limit=1", whole=True)],
    ("POST", "/api/reveal"): [
        Right(
            "/api/reveal",
            lambda: {"layer": "poverty_relief", "key": "{key}", "purpose": "relief_visit", "note": "样例 / sample"},
            layer="poverty_relief",
            row="poverty_relief",
        )
    ],
    ("GET", "/api/search"): [Right("/api/search?q=样例"), Right("/api/search?q=ab&layers=cases", layer="cases")],
    ("GET", "/api/nearest"): [
        Right(f"/api/nearest?{POINT}&layers={layer}", layer=layer) for layer in ("places", "poverty_relief", "cases")
    ],
    ("GET", "/api/layers/{layer_id}/count"): [
        Right(f"/api/layers/{layer}/count", layer=layer, overview=True) for layer in LAYERS
    ],
    ("GET", "/api/layers/{layer_id}/heat"): [
        Right(f"/api/layers/{layer}/heat", layer=layer, overview=True) for layer in LAYERS
    ],
    ("GET", "/api/layers/{layer_id}/export"): [
        Right(f"/api/layers/{layer}/export?format=csv", layer=layer) for layer in LAYERS
    ],
    ("GET", "/tiles/{layer_ids}.json"): [
        *(Right(f"/tiles/{layer}.json", layer=layer) for layer in LAYERS),
        Right("/tiles/rivers,roads.json", layer="rivers"),
        Right("/tiles/rivers,cases.json", layer="cases"),
    ],
    ("GET", "/tiles/{layer_ids}/{z}/{x}/{y}.mvt"): [
        *(Right(f"/tiles/{layer}/14/1/1.mvt", layer=layer) for layer in LAYERS),
        Right("/tiles/rivers,roads/14/1/1.mvt", layer="rivers"),
        Right("/tiles/rivers,cases/14/1/1.mvt", layer="cases"),
    ],
    ("GET", "/api/layers/{layer_ids}/at"): [
        Right(f"/api/layers/{layer}/at?{POINT}", layer=layer) for layer in [*LAYERS, "pipes"]
    ],
    ("POST", "/api/layers/{layer_ids}/at"): [
        Right(
            f"/api/layers/grid_cells,{layer}/at",
            lambda: {"geometry": {"type": "LineString", "coordinates": [[LON, LAT], [WEST, SOUTH]]}, "crs": "WGS84"},
            layer=layer,
        )
        for layer in LAYERS
    ],
    ("GET", "/api/cases/{case_no}/beneath"): [Right("/api/cases/{key}/beneath", row="cases")],
    # No base map is set here.
    ("GET", "/basemap.json"): [Right("/basemap.json", fine=NONE)],
    ("GET", "/basemap/{z}/{x}/{y}"): [Right("/basemap/14/1/1", fine=NONE)],
    ("GET", "/styles/{theme}.json"): [Right("/styles/day.json"), Right("/styles/screen.json")],
    ("GET", "/styles/layers/{layer_id}.json"): [Right("/styles/layers/roads.json?theme=dark")],
    ("GET", "/styles/sprite.json"): [Right("/styles/sprite.json")],
    ("GET", "/styles/sprite.png"): [Right("/styles/sprite.png")],
    ("GET", "/styles/sprite@2x.json"): [Right("/styles/sprite@2x.json")],
    ("GET", "/styles/sprite@2x.png"): [Right("/styles/sprite@2x.png")],
    ("GET", "/ogc"): [Right("/ogc")],
    ("GET", "/ogc/conformance"): [Right("/ogc/conformance")],
    ("GET", "/ogc/api"): [Right("/ogc/api")],
    ("GET", "/ogc/collections"): [Right("/ogc/collections")],
    ("GET", "/ogc/collections/{layer_id}"): [Right(f"/ogc/collections/{layer}", layer=layer) for layer in LAYERS],
    ("GET", "/ogc/page.css"): [Right("/ogc/page.css")],
    ("GET", "/ogc/collections/{layer_id}/queryables"): [
        Right(f"/ogc/collections/{layer}/queryables", layer=layer) for layer in LAYERS
    ],
    ("GET", "/ogc/collections/{layer_id}/items"): [
        Right(f"/ogc/collections/{layer}/items?limit=1", layer=layer) for layer in LAYERS
    ],
    ("GET", "/ogc/collections/{layer_id}/items/{key}"): [
        Right(f"/ogc/collections/{layer}/items/{{key}}", layer=layer, row=layer) for layer in scope_world.TABLES
    ],
    ("GET", "/ogc/tileMatrixSets"): [Right("/ogc/tileMatrixSets")],
    ("GET", "/ogc/tileMatrixSets/{tileMatrixSetId}"): [Right("/ogc/tileMatrixSets/WebMercatorQuad")],
    ("GET", "/ogc/tiles"): [Right("/ogc/tiles"), Right("/ogc/tiles?collections=rivers,cases", layer="cases")],
    ("GET", "/ogc/tiles/{tileMatrixSetId}"): [
        Right("/ogc/tiles/WebMercatorQuad"),
        Right("/ogc/tiles/WebMercatorQuad?collections=rivers,cases", layer="cases"),
    ],
    ("GET", "/ogc/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"): [
        Right(f"/ogc/tiles/WebMercatorQuad/{TILE}"),
        Right(f"/ogc/tiles/WebMercatorQuad/{TILE}?collections=rivers,cases", layer="cases"),
    ],
    ("GET", "/ogc/collections/{layer_id}/tiles"): [
        Right(f"/ogc/collections/{layer}/tiles", layer=layer) for layer in LAYERS
    ],
    ("GET", "/ogc/collections/{layer_id}/tiles/{tileMatrixSetId}"): [
        Right(f"/ogc/collections/{layer}/tiles/WebMercatorQuad", layer=layer) for layer in LAYERS
    ],
    ("GET", "/ogc/collections/{layer_id}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"): [
        Right(f"/ogc/collections/{layer}/tiles/WebMercatorQuad/{TILE}", layer=layer) for layer in LAYERS
    ],
    ("GET", "/api/city"): [Right("/api/city")],
    ("GET", "/api/categories"): [Right("/api/categories")],
    ("GET", "/api/handbook"): [Right("/api/handbook?category=E04-05")],
    ("GET", "/api/calendar"): [Right("/api/calendar")],
    ("GET", "/healthz"): [Right("/healthz")],
    # No worker runs here.
    ("GET", "/readyz"): [Right("/readyz", fine=frozenset({503}))],
    ("GET", "/docs"): [Right("/docs")],
    ("GET", "/docs/start.js"): [Right("/docs/start.js")],
    ("GET", "/docs/{name}"): [Right("/docs/swagger-ui.css")],
    ("GET", "/problems/{code}"): [Right("/problems/not_found")],
    # The screens may be unbuilt.
    ("GET", "/"): [Right("/", fine=frozenset({200, 404}))],
    ("GET", "/assets/{path:path}"): [Right("/assets/none.js", fine=NONE)],
    # This server speaks no HTTPS.
    ("GET", "/gisops-root.crt"): [Right("/gisops-root.crt", fine=NONE)],
    ("GET", "/{name}"): [Right("/none", fine=NONE)],
}

_THERE = {"lon": LON, "lat": LAT, "crs": "WGS84", "accuracy_m": 10}
# What an act sends beside its version and its reason.
_ACT_SENDS: dict[str, dict[str, Any]] = {
    "verify": {"result": "true", "position": _THERE},
    "dispatch": {"organisation": "ORG2"},
    "assign": {"staff": "none"},
    "link": {"to": "000000-2026-000001"},
    "determine": {"decision": "ownerless", "organisation": "ORG2"},
}


def _act(action: str) -> Right:
    """A right request for an act. The version is nobody's: whoever may act is told to read the case again."""
    codes = [code for rule in moves.rules_of(action) for code in rule.reasons]
    body = {"reason": "样例 / sample", "expected_version": 2**30, **({"reason_code": codes[0]} if codes else {})}
    body |= _ACT_SENDS.get(action, {})
    return Right(f"/api/cases/{{key}}/{action}", lambda: body, frozenset({409}), row="cases")


REQUESTS |= {("POST", f"/api/cases/{{case_no}}/{action}"): [_act(action)] for action in BODIES}


def _declared() -> dict[tuple[str, str], dict[str, str]]:
    found = {}
    for context in iter_route_contexts(create_app(Settings(_env_file=None)).router.routes):
        if isinstance(context.original_route, APIRoute):
            for method in context.methods or ():
                found[method, str(context.path)] = dict(context.openapi_extra or {})
    return found


DECLARED = _declared()


@dataclass(frozen=True)
class Who:
    """Somebody who asks: an account or nobody, by a sign-in or by a key, which has scopes."""

    account: Account | None
    token: str | None
    scopes: frozenset[str] | None = None

    def __str__(self) -> str:
        name = self.account.login if self.account else "nobody"
        return name if self.scopes is None else f"{name} by a key"


@dataclass
class Door:
    """A served world and whoever comes to it."""

    world: ScopeWorld
    client: TestClient
    people: list[Who]
    keys: list[Who]
    lacking: dict[str, Who]
    owner_url: str

    def ask(self, method: str, right: Right, who: Who, key: str) -> httpx.Response:
        token = who.token
        if method == "DELETE" and who.account is not None and who.scopes is None:
            token = _sign_in(self.owner_url, who.account)  # this one ends
        body = right.body() if right.body is not None else None
        if body is not None:
            body = {name: key if value == "{key}" else value for name, value in body.items()}
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return self.client.request(method, right.address.replace("{key}", key), headers=headers, json=body)

    def keys_of(self, layer: str, account: Account | None) -> Iterator[str]:
        """A row that is there for an account, and one that is not, where there are such."""
        things = [t for t in self.world.things[layer].values() if oracle.on_map(t)]
        shown = [t.key for t in things if _exists(self.world, account, t)]
        hidden = [t.key for t in things if not _exists(self.world, account, t)]
        yield from shown[:1]
        yield from hidden[:1]


def _exists(world: ScopeWorld, account: Account | None, thing: Thing) -> bool:
    """Whether a row would be there for an account, were its layer open."""
    return oracle.declared(thing.layer).layer_class == "public" or oracle.in_scope(world, account, thing)


def _sign_in(url: str, account: Account) -> str:
    with connect(url) as conn:
        found = people.account(conn, account.login)
        assert found is not None
        return people.open_session(conn, found.actor, 1)[0]


@pytest.fixture(scope="module")
def door(database: Any) -> Iterator[Door]:
    world = scope_world.draw(3)
    everything = [*api_keys.SCOPES]
    with connect(database.owner_url) as owner:
        scope_world.write(owner, world)
        # Whoever sees all of the city, and whoever some of it.
        everybody = [a for a in world.accounts if a.login.endswith((".everywhere", ".area"))]
        admin = next(account for account in world.accounts if account.login == "admin.everywhere")

        def key(account: Account, scopes: list[str]) -> Who:
            made = api_keys.add(owner, account.login, "样例系统 / sample system", scopes, 1)[1]
            return Who(account, made, frozenset(scopes))

        systems = ("admin.everywhere", "officer.area", "department.area", "planner.area")
        keys = [key(account, everything) for account in everybody if account.login in systems]
        lacking = {scope: key(admin, [each for each in everything if each != scope]) for scope in everything}
    with TestClient(create_app(database.settings()), raise_server_exceptions=False) as client:
        visitors = [Who(None, None), *(Who(account, account.token) for account in everybody)]
        yield Door(world, client, visitors, keys, lacking, database.owner_url)


def _expected(
    declared: dict[str, str], right: Right, who: Who, world: ScopeWorld, key: str
) -> tuple[frozenset[int], str]:
    """The statuses that are right, and why."""
    permission, scope = declared["x-permission"], declared["x-scope"]
    account = who.account
    if who.scopes is not None and scope != api_keys.NO_SCOPE and scope not in who.scopes:
        return frozenset({403}), "the key has not the scope"
    if account is None and permission != "public":
        return frozenset({401}), "closed without a sign-in"
    if permission.startswith("roles:") and account is not None and account.role not in permission[6:].split(","):
        return frozenset({403}), "not for this role"
    if right.whole and account is not None and not account.everywhere:
        return frozenset({403}), "not for a part of the city"
    if right.layer is not None and not oracle.may_see_layer(account, right.layer):
        if right.overview and account is not None and account.everywhere:
            return right.fine, "whoever looks after the whole city may know how many there are"
        return frozenset({401 if account is None else 403}), "the layer's class is closed to it"
    if right.row is not None:
        thing = world.things[right.row][key]
        if not _exists(world, account, thing):
            return frozenset({404}), "hidden, as if there were none"
    return right.fine, "open"


def test_every_route_is_in_the_matrix_and_says_who_may_use_it() -> None:
    assert set(REQUESTS) == set(DECLARED)
    for route, declared in DECLARED.items():
        assert {"x-permission", "x-scope"} <= set(declared), route


def test_everybody_gets_what_the_declarations_say_and_nobody_more(
    door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong: list[str] = []
    cells: dict[str, int] = {}
    # What changes something comes last, so that the world is the one that was drawn.
    for (method, path), rights in sorted(REQUESTS.items(), key=lambda route: route[0][0] != "GET"):
        declared = DECLARED[method, path]
        lacking = door.lacking.get(declared["x-scope"])
        for right in rights:
            everybody = declared["x-permission"] == "public" and right.layer is None and right.row is None
            # What is the same for all is asked by some: the first is nobody.
            visitors = door.people[:4] if everybody else door.people
            for who in [*visitors, *door.keys, *([lacking] if lacking else [])]:
                for key in door.keys_of(right.row, who.account) if right.row else [""]:
                    want, why = _expected(declared, right, who, door.world, key)
                    answer = door.ask(method, right, who, key)
                    cells[why] = cells.get(why, 0) + 1
                    if answer.status_code not in want and not _told_to_all(door, method, right, who, answer):
                        wrong.append(
                            f"{method} {right.address} {key} by {who}: {answer.status_code}, not {sorted(want)} ({why})"
                        )
    with capsys.disabled():
        print(f"\n{len(REQUESTS)} routes, {sum(cells.values())} questions: {cells}")
    assert not wrong, "\n".join(wrong)
    assert len(cells) == 8
    assert sum(cells.values()) > 1_500


def _told_to_all(door: Door, method: str, right: Right, who: Who, answer: httpx.Response) -> bool:
    """Whether a key without the scope got what anybody gets without any: it was not even looked at."""
    if who.scopes is None or method != "GET":
        return False
    told = door.ask(method, right, Who(None, None), "")
    return (told.status_code, told.content) == (answer.status_code, answer.content)

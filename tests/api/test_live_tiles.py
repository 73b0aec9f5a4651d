"""Tiles of cases over HTTP while cases come in: whoever asks a second after a commit sees it, and few tiles are cut."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
import mapbox_vector_tile
import psycopg

from gisops.db.pool import connect
from tests.api.conftest import Call
from tests.conftest import Server
from tiles.grid import Tile, tile_of

# A change is on a connected map within this.
PROMISED_S = 1.0
STORY_S = 5.0


def keys_in(answer: httpx2.Response) -> set[str]:
    assert answer.status_code in (200, 204), answer.text
    drawn: dict[str, Any] = mapbox_vector_tile.decode(answer.content) if answer.content else {}
    return {each["properties"]["case_no"] for each in drawn.get("cases", {"features": []})["features"]}


def address(at: Tile) -> str:
    return f"/tiles/cases/{at.z}/{at.x}/{at.y}.mvt"


def figures(client: httpx2.Client) -> tuple[float, float]:
    """How many tiles were handed out as kept, and how many were cut."""
    told = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if "gisops_live_tiles" in line)
    return tuple(float(told.get(f'gisops_live_tiles_total{{how="{how}"}}', 0)) for how in ("kept", "cut"))  # type: ignore[return-value]


def report(client: httpx2.Client, a_report: Callable[..., dict[str, Any]], lon: float, lat: float) -> str:
    answer = client.post("/api/reports", json=a_report(lon=round(lon, 7), lat=round(lat, 7)))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["case"]["case_no"])


def within(seconds: float, true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def test_whoever_asks_a_second_later_sees_it_while_ten_a_second_come_in(
    caller: Call, city: dict[str, Any], a_report: Callable[..., dict[str, Any]]
) -> None:
    lon, lat = city["center"]
    written: list[tuple[float, str, float, float]] = []
    read: list[tuple[float, Tile, set[str]]] = []
    over = threading.Event()
    wrong: list[BaseException] = []

    def guarded(act: Callable[[random.Random], None], seed: int) -> Callable[[], None]:
        def run() -> None:
            chance = random.Random(seed)
            try:
                while not over.is_set():
                    act(chance)
            except BaseException as error:
                wrong.append(error)

        return run

    writer = caller("desk")

    def write(chance: random.Random) -> None:
        # Half of them at one place on the edge of tiles.
        x, y = lon + chance.uniform(-0.004, 0.004), lat + chance.uniform(-0.004, 0.004)
        if chance.random() < 0.5:
            x = tile_of(lon, lat, 17).bounds()[0] + chance.uniform(-1, 1) * 1e-5
        number = report(writer, a_report, x, y)
        written.append((time.monotonic(), number, round(x, 7), round(y, 7)))
        over.wait(0.1)

    def reading(login: str) -> Callable[[random.Random], None]:
        client = caller(login)

        def look(chance: random.Random) -> None:
            z = chance.choice((10, 12, 13, 14, 15, 16))
            at = tile_of(lon + chance.uniform(-0.005, 0.005), lat + chance.uniform(-0.004, 0.004), z)
            began = time.monotonic()
            read.append((began, at, keys_in(client.get(address(at)))))

        return look

    looker = caller("admin")
    before = figures(looker)
    acts = [write, *(reading(login) for login in ("desk", "dispatcher", "shift_leader", "desk"))]
    threads = [threading.Thread(target=guarded(act, n)) for n, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    time.sleep(STORY_S)
    over.set()
    for thread in threads:
        thread.join(20)
    assert not wrong, wrong
    checked = 0
    for began, at, keys in read:
        for committed, number, x, y in written:
            if committed + PROMISED_S <= began and tile_of(x, y, at.z) == at:
                assert number in keys, (number, at, began - committed)
                checked += 1
    assert checked > 50
    kept, cut = (now - then for now, then in zip(figures(looker), before, strict=True))
    assert kept + cut == len(read)
    assert kept > 0


def test_who_may_not_see_a_case_is_told_the_same_as_before(
    caller: Call, live_server: Server, a_report: Callable[..., dict[str, Any]]
) -> None:
    officer, desk = caller("officer"), caller("desk")
    with connect(live_server.database.owner_url) as owner:
        row = owner.execute(
            "SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM grid_cells AS g"
            " JOIN scope_units AS u ON u.level = 5 AND u.code = g.code AND u.live, ST_PointOnSurface(g.geom) AS p"
            " WHERE NOT EXISTS (SELECT FROM account_units AS a JOIN accounts AS o USING (account_id)"
            "   WHERE o.login = 'officer' AND a.unit_id = u.unit_id) AND upper(g.valid) IS NULL ORDER BY g.code LIMIT 1"
        ).fetchone()
    assert row is not None
    at = tile_of(row["lon"], row["lat"], 10)
    before = officer.get(address(at))
    seen = keys_in(desk.get(address(at)))
    number = report(desk, a_report, row["lon"], row["lat"])
    assert officer.get(f"/api/cases/{number}").status_code == 404
    assert number not in seen
    assert within(PROMISED_S, lambda: number in keys_in(desk.get(address(at))))
    again = officer.get(address(at), headers={"If-None-Match": before.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["cache-control"] == before.headers["cache-control"] == "private, no-cache"
    whole = officer.get(address(at))
    assert (whole.content, whole.headers["etag"]) == (before.content, before.headers["etag"])


def test_a_scope_that_is_taken_back_takes_its_tiles_with_it(
    caller: Call, live_server: Server, city: dict[str, Any], a_report: Callable[..., dict[str, Any]]
) -> None:
    lon, lat = city["center"]
    number = report(caller("desk"), a_report, lon, lat)
    planner, at = caller("planner"), tile_of(lon, lat, 16)
    assert within(PROMISED_S, lambda: number in keys_in(planner.get(address(at))))
    with connect(live_server.database.owner_url) as owner:
        owner.execute("UPDATE accounts SET everywhere = false WHERE login = 'planner'")
    assert number not in keys_in(planner.get(address(at)))
    with connect(live_server.database.owner_url) as owner:
        owner.execute("UPDATE accounts SET everywhere = true WHERE login = 'planner'")
    assert number in keys_in(planner.get(address(at)))


def test_a_listener_that_is_cut_off_leaves_no_old_tile(
    caller: Call, live_server: Server, city: dict[str, Any], a_report: Callable[..., dict[str, Any]]
) -> None:
    (lon, lat), desk = city["center"], caller("desk")
    at = tile_of(lon, lat, 15)
    for _ in range(3):
        desk.get(address(at))
        with psycopg.connect(live_server.database.admin_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'gisops live' AND datname = current_database()"
            )
        number = report(desk, a_report, lon, lat)
        assert within(PROMISED_S, lambda number=number: number in keys_in(desk.get(address(at))))


def test_without_a_relay_tiles_are_as_fresh(
    caller: Call, live_server: Server, city: dict[str, Any], a_report: Callable[..., dict[str, Any]]
) -> None:
    """What has no number yet is looked at as well: nobody's tiles wait for another process. The last story here."""
    (lon, lat), desk = city["center"], caller("desk")
    live_server.worker.kill()
    live_server.worker.wait(10)
    at = tile_of(lon, lat, 15)
    for _ in range(3):
        desk.get(address(at))
        number = report(desk, a_report, lon, lat)
        assert within(PROMISED_S, lambda number=number: number in keys_in(desk.get(address(at))))

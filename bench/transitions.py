"""A move of a case over HTTP against pgbench running the same statements.

Eight clients and two server processes, on the sample city, everything durable. The move is `assign`: it can be
made again and again, and writes what every move writes (case, chained history, event, notices, audit). pgbench runs,
word for word, the statements that the act itself runs: recorded while it is done, taken back, and each run once. What
a request does around it (who asks, the case read anew for the answer) is the server's alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import orjson
import psycopg

from bench.intake import CLIENTS, HERE, ROUNDS, _found, _middle, _served
from bench.result import Result
from bench.town import PASSWORD, Town
from gisops import city as cities
from gisops import operations
from gisops.access import accounts, people
from gisops.access.people import Actor
from gisops.cases import acts
from gisops.cases.facts import Sent
from gisops.cases.reports import NewReport
from gisops.cluster import OWNER
from gisops.cluster_files import binaries
from gisops.db.pool import Connection, connect
from gisops.keys import new_key

CASES, SECONDS, TURNS = 320, 6, 3


def run(town: Town) -> Iterator[Result]:
    """Measure and compare, in turns, so that a machine that slows down slows both."""
    with tempfile.TemporaryDirectory() as name, _served(town) as address:
        folder = Path(name)
        numbers, staff, actor = _prepare(town)
        login = {"login": "department", "password": PASSWORD}
        token = httpx.post(f"{address}/api/session", json=login).json()["token"]
        http, sql = [], []
        for _ in range(ROUNDS):
            http.append(_wrk(town, address, token, numbers, staff, folder))
            sql.append(_pgbench(town, numbers, staff, actor, folder))
    sent = (
        f"assign of {CASES} cases in turn: {CLIENTS} clients, 2 web processes, fsync on, median of {ROUNDS} rounds in"
        " turns; pgbench: the act's recorded statements, simple protocol, each once"
    )
    middle = ROUNDS // 2
    yield Result("transitions.http", sorted(http)[middle], sorted(sql)[middle], "moves/s", sent, at_least=0.3)


def _prepare(town: Town) -> tuple[list[str], str, Actor]:
    """Cases that the department's organisation handles; their numbers, a member of its staff, and its account."""
    with connect(town.url(OWNER)) as owner:
        city = cities.load(owner)
        for role in ("acceptor", "shift_leader", "dispatcher"):
            accounts.add(owner, f"bench-{role.replace('_', '-')}", role, None)
            owner.execute("UPDATE accounts SET everywhere = true WHERE login = %s", [f"bench-{role.replace('_', '-')}"])
    with connect(town.url()) as conn:
        who = {role: _actor(conn, f"bench-{role}") for role in ("acceptor", "shift-leader", "dispatcher")}
        department = _actor(conn, "department")
        found = conn.execute(
            "SELECT o.code, min(s.code) AS staff FROM organisations o JOIN staff s USING (organisation_id)"
            " WHERE o.organisation_id = %s AND s.active GROUP BY o.code",
            [department.organisation_id],
        ).fetchone()
        assert found is not None
        by_hand = replace(city, auto_file=False, settings={**city.settings, "evidence": False})
        west, south, east, north = _middle(town)
        numbers = []
        for n in range(CASES):
            at = west + (n * 0.618 % 1) * (east - west), south + (n * 0.755 % 1) * (north - south)
            report = NewReport(new_key(), "citizen", "E01-10", *at, "WGS84", 5.0)
            answer = operations.receive_report(conn, by_hand, report, None).answer
            number = orjson.loads(answer)["case"]["case_no"]
            for actor, action, values in (
                (who["acceptor"], "accept", {}),
                (who["shift-leader"], "file", {}),
                (who["dispatcher"], "dispatch", {"organisation": found["code"], "staff": None}),
                (department, "ack", {}),
            ):
                version = acts.read(conn, by_hand, number, None).version
                acts.act(conn, by_hand, number, action, Sent(version, "bench", None, values), actor)
            conn.commit()
            numbers.append(number)
    return numbers, found["staff"], department


def _actor(conn: Connection, login: str) -> Actor:
    found = people.account(conn, login)
    assert found is not None, login
    return found.actor


def _versions(conn: Connection, numbers: list[str]) -> dict[str, int]:
    """The version of each case once nobody moves it any more: wrk goes while its last requests are still on their way
    through the server, which answers nobody and commits all the same.
    """
    conn.commit()
    before: dict[str, int] = {}
    while True:
        rows = conn.execute("SELECT case_no, version FROM cases WHERE case_no = ANY (%s)", [numbers]).fetchall()
        conn.commit()
        found = {row["case_no"]: row["version"] for row in rows}
        if found == before:
            return found
        before = found
        time.sleep(0.5)


def _wrk(town: Town, address: str, token: str, numbers: list[str], staff: str, folder: Path) -> float:
    wrk = shutil.which("wrk") or sys.exit("wrk is missing: apt-get install wrk")
    with connect(town.url()) as conn:
        lines = [f"{number} {version}\n" for number, version in _versions(conn, numbers).items()]
    (folder / "cases.txt").write_text("".join(lines))
    environment = {**os.environ, "TOKEN": token, "CASES": str(folder / "cases.txt"), "STAFF": staff}
    command = [
        wrk,
        "-t1",
        f"-c{CLIENTS}",
        f"-d{SECONDS}s",
        "--timeout",
        "20s",
        "-s",
        str(HERE / "transition.lua"),
        address,
    ]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(f"the server refused some moves:\n{said}")
    return float(_found(r"Requests/sec:\s*([\d.]+)", said))


def _pgbench(town: Town, numbers: list[str], staff: str, actor: Actor, folder: Path) -> float:
    """Run the recorded statements, each client its own cases, and return the moves a second."""
    shares = _recorded(town, numbers, staff, actor)
    commands = []
    for n, moves in enumerate(shares):
        file = folder / f"share-{n}.sql"
        file.write_text("".join(f"BEGIN;\n{''.join(f'{one};' + chr(10) for one in move)}COMMIT;\n" for move in moves))
        commands.append([str(binaries() / "pgbench"), "-n", "-c", "1", "-t", "1", "-f", str(file), town.url()])
    began = time.perf_counter()
    running = [subprocess.Popen(one, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for one in commands]
    said = [one.communicate() for one in running]
    took = time.perf_counter() - began
    for one, (out, err) in zip(running, said, strict=True):
        if one.returncode or "failed" in out.replace("failed transactions: 0", ""):
            sys.exit(f"pgbench failed:\n{out}{err}")
    return len(numbers) * TURNS / took


def _recorded(town: Town, numbers: list[str], staff: str, actor: Actor) -> list[list[list[str]]]:
    """The statements of each move, a share of the cases for each client; what was done to record them is taken back."""
    shares: list[list[list[str]]] = [[] for _ in range(CLIENTS)]
    with connect(town.url()) as conn:
        city = cities.load(conn)
        versions = _versions(conn, numbers)
        said: list[str] = []

        class Recording(psycopg.Cursor[Any]):
            """A cursor that writes down what it is asked."""

            def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
                bare = re.sub(r"--.*$", "", query, flags=re.MULTILINE)
                with psycopg.ClientCursor(self.connection) as plain:
                    said.append(plain.mogrify(bare, params).strip().rstrip(";"))
                return super().execute(query, params, **more)

        conn.cursor_factory = Recording
        for turn in range(TURNS):
            for n, number in enumerate(numbers):
                said.clear()
                sent = Sent(versions[number] + turn, "", None, {"staff": staff})
                acts.act(conn, city, number, "assign", sent, actor)
                shares[n % CLIENTS].append(list(said))
        conn.rollback()
    return shares

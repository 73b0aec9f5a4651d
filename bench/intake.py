"""Intake over HTTP against pgbench running its main statements; a batch against single reports.

Eight clients and two server processes, on the sample city, everything durable. pgbench runs, word for word, three
of the statements a report runs: decide (locate, dispatch), near (what it may be a duplicate of) and record (key, case,
report, history, decision, recipients, event), in one transaction; not the rule for filing, nor the notices.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import orjson

from bench.result import Result
from bench.town import PASSWORD, Town
from gisops import city, dispatch
from gisops.cases import intake, reports
from gisops.cases.reports import NewReport
from gisops.cluster import OWNER
from gisops.cluster_files import binaries
from gisops.db import queries
from gisops.db.pool import connect
from gisops.keys import new_key

CLIENTS, SECONDS, ROUNDS = 8, 8, 3
CODES = ("E01-10", "E04-05", "E01-12", "P01-03")
HERE = Path(__file__).parent
Box = tuple[float, float, float, float]


def run(town: Town) -> Iterator[Result]:
    """Measure and compare, in turns, so that a machine that slows down slows both."""
    box = _middle(town)
    with tempfile.TemporaryDirectory() as folder, _served(town) as address:
        script = Path(folder, "intake.sql")
        script.write_text(_pgbench_script(town, box))
        token = httpx.post(f"{address}/api/session", json={"login": "officer", "password": PASSWORD}).json()["token"]
        http, sql, p99 = [], [], []
        for _ in range(ROUNDS):
            rate, worst = _wrk(address, token, box)
            http.append(rate)
            p99.append(worst)
            sql.append(_pgbench(town, script))
        alone, batch = [], []
        for _ in range(ROUNDS):
            alone.append(_wrk(address, token, box, clients=1)[0])
            batch.append(_batch(address, token, box))
    ours, other = sorted(http)[ROUNDS // 2], sorted(sql)[ROUNDS // 2]
    yield Result(
        "intake.single",
        ours,
        other,
        "reports/s",
        f"{CLIENTS} clients, 2 web processes, fsync on, median of {ROUNDS} rounds of {SECONDS} s in turns;"
        f" p99 of POST {sorted(p99)[ROUNDS // 2]}",
        at_least=0.4,
    )
    one_by_one, by_thousands = sorted(alone)[ROUNDS // 2], sorted(batch)[ROUNDS // 2]
    sent = f"one sender: batches of 1,000, and one report after the other; medians of {ROUNDS} rounds in turns"
    yield Result("intake.batch", by_thousands, one_by_one, "reports/s", sent, at_least=8)
    sent = "one sender's batches; eight clients' single reports"
    yield Result("intake.batch_against_eight", by_thousands, ours, "reports/s", sent)


def _middle(town: Town) -> Box:
    with connect(town.url()) as conn:
        west, south, east, north = city.load(conn).extent
    w, h = (east - west) / 4, (north - south) / 4
    return west + w, south + h, east - w, north - h


@contextmanager
def _served(town: Town) -> Iterator[str]:
    """`gisops serve` with two processes, and the worker with its relay."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GISOPS_")}
    environment |= {
        "GISOPS_DATABASE_URL": town.url(),
        "GISOPS_MIGRATE_URL": town.url(OWNER),
        "GISOPS_HOME": str(town.settings.home),
        "GISOPS_PROCESSES": "2",
        "GISOPS_PORT": "8765",
        "GISOPS_LOG_LEVEL": "WARNING",
    }
    gisops = [str(Path(sys.executable).with_name("gisops"))]
    started = [
        subprocess.Popen([*gisops, what], env=environment, stdout=subprocess.DEVNULL) for what in ("serve", "worker")
    ]
    address = "http://127.0.0.1:8765"
    try:
        for _ in range(300):
            try:
                if httpx.get(f"{address}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        else:
            raise TimeoutError("the server did not become ready within 30 s")
        yield address
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(20)


def _wrk(address: str, token: str, box: Box, clients: int = CLIENTS) -> tuple[float, str]:
    wrk = shutil.which("wrk") or sys.exit("wrk is missing: apt-get install wrk")
    environment = {**os.environ, "TOKEN": token, "BOX": " ".join(map(str, box)), "CODES": " ".join(CODES)}
    command = [wrk, "-t1", f"-c{clients}", f"-d{SECONDS}s", "--timeout", "20s", "--latency"]
    command += ["-s", str(HERE / "report.lua")]
    command.append(f"{address}/api/reports")
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(f"the server refused some reports:\n{said}")
    return float(_found(r"Requests/sec:\s*([\d.]+)", said)), _found(r"99%\s+(\S+)", said)


def _pgbench(town: Town, script: Path) -> float:
    command = [str(binaries() / "pgbench"), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-T", str(SECONDS)]
    command += ["-f", str(script), town.url()]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(_found(r"tps = ([\d.]+)", said))


def _batch(address: str, token: str, box: Box) -> float:
    west, south, east, north = box
    rates = []
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        for _ in range(6):
            sent = []
            for n in range(1000):
                part = (n * 0.6180339887) % 1, (n * 0.7548776662) % 1
                at = {"lon": west + part[0] * (east - west), "lat": south + part[1] * (north - south), "crs": "WGS84"}
                who = {"client_uid": str(uuid.uuid4()), "channel": "feed"}
                sent.append({**who, "category": CODES[n % 4], "accuracy_m": 8, **at})
            body = orjson.dumps({"reports": sent})
            began = time.perf_counter()
            answer = client.post(
                f"{address}/api/reports/batch", content=body, headers={"Content-Type": "application/json"}
            )
            rates.append(1000 / (time.perf_counter() - began))
            if answer.json()["accepted"] != 1000:
                sys.exit(f"the server refused some of a batch: {answer.text[:500]}")
    return sorted(rates)[len(rates) // 2]


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        sys.exit(f"no {pattern} in:\n{text}")
    return match[1]


def _pgbench_script(town: Town, box: Box) -> str:
    """The statements of a report, their parameters replaced: random points; rows to record made beforehand, with fresh
    keys each time.
    """
    with connect(town.url()) as conn:
        place = city.load(conn)
        west, south, east, north = box
        rows, categories = [], []
        for n in range(400):
            at = west + (n * 0.618 % 1) * (east - west), south + (n * 0.755 % 1) * (north - south)
            report = NewReport(new_key(), "officer", CODES[n % 4], *at, "WGS84", 8.0)
            prepared = reports.prepare(report, place)
            decision = dispatch.decide(conn, [prepared.input])[0]
            opened = intake.opened(prepared, decision, place, None)
            row = intake._row(opened, "bench", None, new_key(), new_key())
            rows.append(row | intake._told(opened, "bench", row["report_id"], place))
            categories.append(prepared.category.category_id)
    with connect(town.url(OWNER)) as conn:
        conn.execute("CREATE TABLE bench_rows (n int PRIMARY KEY, r jsonb NOT NULL)")
        with conn.cursor().copy("COPY bench_rows FROM STDIN") as copy:
            for n, row in enumerate(rows):
                copy.write_row((n, orjson.dumps(row).decode()))
        conn.execute("GRANT SELECT ON bench_rows TO gisops_app")
        conn.commit()
    decide = queries.load("gisops", "dispatch.sql")["decide"]
    near = queries.load("gisops.cases", "twins.sql")["near"]
    record = queries.load("gisops.cases", "intake.sql")["record"]
    filled = {
        "n": "ARRAY[0]",
        "lon": "ARRAY[:lon]",
        "lat": "ARRAY[:lat]",
        "accuracy_m": "ARRAY[8.0]",
        "category_id": "ARRAY[:category]",
        "part_code": "ARRAY[NULL]",
        "place_id": "ARRAY[NULL]",
        "at": "ARRAY[NULL]",
        "staff_facts": "ARRAY[NULL]",
        "reach_m": "ARRAY[20.0]",
        "fuzz_m": "ARRAY[8.0]",
        "hours": "ARRAY[72]",
        "part_id": "ARRAY[NULL]",
        "source_ref": "ARRAY[NULL]",
        "with_text": "ARRAY[false]",
    }
    keys = ("client_uid", "case_id", "report_id", "event_id", "case_no")
    fresh = ", ".join(f"'{key}', gen_random_uuid()" for key in keys) + ", 'received_at', now()"
    filled["rows"] = f"(SELECT jsonb_build_array(r || jsonb_build_object({fresh})) FROM bench_rows WHERE n = :row)"
    cases = " ".join(f"WHEN :which = {k} THEN {c}" for k, c in enumerate(categories[:4], 1))
    return "\n".join(
        [
            f"\\set lon random({int(west * 1e7)}, {int(east * 1e7)}) / 10000000.0",
            f"\\set lat random({int(south * 1e7)}, {int(north * 1e7)}) / 10000000.0",
            "\\set row random(0, 399)",
            "\\set which random(1, 4)",
            f"\\set category CASE {cases} END",
            "BEGIN;",
            _fill(decide, filled) + ";",
            _fill(near, filled) + ";",
            _fill(record, filled) + ";",
            "COMMIT;",
        ]
    )


def _fill(statement: str, filled: dict[str, str]) -> str:
    bare = re.sub(r"--.*$", "", statement, flags=re.MULTILINE)
    return re.sub(r"%\((\w+)\)s", lambda m: filled[m[1]], bare).replace("%%", "%").strip()

"""Past cases of a file: told through the dispatch of today's, compared with what the file says, and untold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any, cast
from uuid import UUID, uuid5

from psycopg import sql

from gisops import city as cities
from gisops import partitions
from gisops.cases import past
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection, beside
from gisops.errors import Conflict, GisopsError
from gisops.loads.columns import Problem
from gisops.loads.records import Load

_SQL = queries.load("gisops.loads", "past_cases.sql")
# Names of cases of other systems, made into keys: the same source and number give the same key, always.
NAMESPACE = UUID("5f1a4c0e-6a53-5c1e-9d0b-7f6f2e0a9b11")
LISTED = 200
# No month is made before this one; what claims to be older lies in the rest.
_FIRST_MONTH = datetime(2000, 1, 1, tzinfo=UTC)


class CasesMovedOn(Conflict):
    """Cases of this load have been worked on since."""

    code = "cases_moved_on"


def key_of(source: str, number: str) -> UUID:
    """The ``client_uid`` of a case of another system (UUIDv5)."""
    return uuid5(NAMESPACE, f"{source}\x1f{number}")


def publish(
    conn: Connection, load: Load, step: Callable[[int, int | None], None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell the staged cases, all in the caller's transaction; the outcome, and the agreement for the audit."""
    city = cities.load(conn)
    source = load.mapping.get("settings", {}).get("source") or load.file_name
    _make_months(conn, load)
    conn.execute(_compose("make_told", load))
    done, counted = 0, Counter[str]()
    with conn.cursor(name=f"cases_{load.load_id}") as cursor:
        cursor.itersize = past.BATCH
        cursor.execute(_compose("staged", load))
        while rows := list(islice(cursor, past.BATCH)):
            told = past.tell(conn, city, [_past_case(row, source) for row in rows])
            _keep(conn, load, rows, told, counted)
            done += len(rows)
            step(done, load.taken)
    agreed = _agreement(conn, load, city) if "zone" in load.mapping.get("expect", {}) else None
    conn.execute(_compose("drop", load, name=f"load_{load.load_id}"))
    return {"source": source, **counted}, {"agreement": agreed} if agreed else {}


def _make_months(conn: Connection, load: Load) -> None:
    """The months of the history these cases will lie in. Committed by themselves, on a connection of their own: making
    one locks the rest, which nobody should wait for while thousands of cases are told.
    """
    span = conn.execute(_compose("span", load)).fetchone()
    if span is None or span["first"] is None:
        return
    first, last = max(span["first"], _FIRST_MONTH), min(span["last"], datetime.now(UTC))
    if first > last:
        return
    with beside(conn, unhurried=True) as own:
        partitions.ensure(own, first, last, "case_history")


def remove(conn: Connection, load: Load) -> None:
    """Untell the cases of a load. Raises `CasesMovedOn` where somebody has worked on one of them."""
    moved = conn.execute(_compose("moved_on", load)).fetchall()
    if moved:
        named = ", ".join(row["case_no"] for row in moved)
        raise CasesMovedOn(f"Cases of load {load.load_id} have been worked on since: {named} …", case_no=named)
    for query in (
        "remove_recipients",
        "remove_clocks",
        "remove_texts",
        "remove_deliveries",
        "remove_notices",
        "remove_report_photos",
        "remove_decisions",
        "remove_history",
        "remove_reports",
        "remove_keys",
        "remove_cases",
    ):
        conn.execute(_compose(query, load))
    conn.execute(_compose("drop", load, name=f"told_{load.load_id}"))


def _past_case(row: dict[str, Any], source: str) -> past.PastCase:
    report = NewReport(
        client_uid=key_of(source, row["source_id"]),
        channel=row["channel"],
        category=row["category_code"],
        x=row["lon"],
        y=row["lat"],
        crs="WGS84",
        accuracy_m=row["accuracy_m"],
        text=row["text"],
        outside="desk",
    )
    over = row["closed_at"]
    moves = past.closed(row["received_at"], over) if over is not None else ()
    return past.PastCase(report, row["received_at"], moves)


def _keep(
    conn: Connection, load: Load, rows: list[dict[str, Any]], told: list[past.Told | GisopsError], counted: Counter[str]
) -> None:
    refused = []
    with conn.cursor() as cursor, cursor.copy(_compose("copy_told", load)) as copy:
        for row, one in zip(rows, told, strict=True):
            if isinstance(one, GisopsError):
                refused.append(Problem(0, "refused_by_dispatch", "geom", one.code, one.message).finding(row["row_no"]))
                copy.write_row((row["row_no"], *[None] * 7, False, one.code))
                counted["refused"] += 1
            else:
                kept = (one.district, one.case_id, one.case_no, one.zone, one.mode, one.state, one.organisation)
                copy.write_row((row["row_no"], *kept, one.fresh, None))
                counted["told" if one.fresh else "known_before"] += 1
    if refused:
        last = cast(dict[str, Any], conn.execute(_SQL["last_finding"], {"load_id": load.load_id}).fetchone())["seq"]
        with conn.cursor() as cursor, cursor.copy(_SQL["copy_findings"].encode()) as copy:
            for n, f in enumerate(refused, last + 1):
                copy.write_row((load.load_id, n, f.row, f.kind, f.code, f.zh, f.en, f.was, f.now))


def _agreement(conn: Connection, load: Load, city: City) -> dict[str, Any]:
    """How dispatch agrees with the zones the file names; every difference with a cause.

    ``edge``: the expected zone lies within the position's error. ``no_zone``: the point lies in no zone, and what
    happened to it. ``unknown``: no zone in force has the expected code. ``unexplained``: none of these.
    """
    counts, no_zone = Counter[str](), Counter[str]()
    listed: list[dict[str, Any]] = []
    for row in conn.execute(_compose("agreement", load)):
        cause = _cause(row, city)
        counts[cause] += 1
        if cause == "no_zone":
            no_zone[row["refusal"] or row["mode"]] += 1
        if cause != "equal" and len(listed) < LISTED:
            names = ("row_no", "expected", "zone", "mode", "away_m", "lon", "lat")
            listed.append({"cause": cause, **{name: row[name] for name in names}})
    total = sum(counts.values())
    return {
        "compared": total,
        "equal": counts["equal"],
        "share": round(counts["equal"] / total, 6) if total else None,
        "share_within_error": round((counts["equal"] + counts["edge"]) / total, 6) if total else None,
        "causes": {cause: n for cause, n in sorted(counts.items()) if cause != "equal"},
        "no_zone": dict(no_zone),
        "set_aside": load.set_aside,
        "differs": listed,
    }


def _cause(row: dict[str, Any], city: City) -> str:
    if row["zone"] == row["expected"]:
        return "equal"
    if row["mode"] != "zone":
        return "no_zone"
    if not row["known"]:
        return "unknown"
    reach = row["accuracy_m"] if row["accuracy_m"] is not None else city.accuracy_m[row["channel"]]
    return "edge" if row["away_m"] <= reach else "unexplained"


def _compose(query: str, load: Load, **names: str) -> sql.Composed:
    n = load.load_id
    given = {"stage": f"load_{n}", "told": f"told_{n}", **names}
    return sql.SQL(cast(Any, _SQL[query])).format(**{key: sql.Identifier(name) for key, name in given.items()})

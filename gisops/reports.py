"""Reports: what somebody sends, checked and put into the one shape that is dispatched and kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from gisops import cases, coordinates, numbers
from gisops.city import Category, City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.dispatch import Decision, Input
from gisops.errors import InvalidInput, NotFound, OutsideCity, ReusedClientUid, TextTooLong, UnknownPart, UnknownPlace
from gisops.keys import new_key
from gisops.people import Actor

_SQL = queries.load("gisops", "reports.sql")

CHANNELS = ("citizen", "officer", "hotline", "video", "sensor", "open311", "feed")
LONGEST_TEXT = 4_000
# A phone that knows no better than this knows nothing; the figure is the size of a district.
WORST_ACCURACY_M = 5_000.0
# How far beyond the city's box the tables still take a point (the CHECKs `<table>_in_city`), degrees.
EXTENT_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report as it was sent. ``x, y`` are in ``crs`` (degrees or metres), east first; ``accuracy_m`` in metres."""

    client_uid: UUID
    channel: str
    category: str
    x: float
    y: float
    crs: str
    accuracy_m: float | None = None
    text: str = ""
    part_code: str | None = None
    place_id: UUID | None = None
    photos: tuple[str, ...] = ()
    captured_at: datetime | None = None
    outside: Literal["refuse", "desk"] = "refuse"

    def body_hash(self) -> bytes:
        """SHA-256 of the body as understood: the same report sent twice has the same, whatever its JSON looked like."""
        body = [getattr(self, name) for name in _BODY]
        return hashlib.sha256(orjson.dumps(body)).digest()


_BODY = tuple(name for name in NewReport.__slots__ if name != "client_uid")


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a report, verbatim; ``fresh`` is False where it was given before."""

    answer: bytes
    fresh: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A report that has been checked: WGS-84 degrees, a category that exists, an accuracy."""

    report: NewReport
    category: Category
    input: Input
    accuracy_is_default: bool


def prepare(report: NewReport, city: City) -> Prepared:
    """Check a report by itself. Raises an ``InvalidInput`` that says what is wrong and what would be right."""
    if report.channel not in CHANNELS:
        raise InvalidInput(f"There is no channel {report.channel!r}.", channel=report.channel, channels=CHANNELS)
    if len(report.text) > LONGEST_TEXT:
        raise TextTooLong(
            f"The text has {len(report.text)} characters; {LONGEST_TEXT} is the most.",
            length=len(report.text),
            most=LONGEST_TEXT,
        )
    if "\x00" in report.text:
        raise InvalidInput("The text holds a NUL character, which no text column can keep.", field="text")
    category = city.category(report.category)
    lon, lat = coordinates.to_wgs84(report.x, report.y, report.crs, city.extent)
    accuracy_m = report.accuracy_m
    if accuracy_m is None:
        accuracy_m = city.accuracy_m[report.channel]
    elif not 0 <= accuracy_m <= WORST_ACCURACY_M:  # also refuses NaN, which no comparison holds for
        raise InvalidInput(
            f"accuracy_m is {accuracy_m}; it is a radius in metres, from 0 to {WORST_ACCURACY_M:.0f}.",
            field="accuracy_m",
            lowest=0,
            highest=WORST_ACCURACY_M,
        )
    return Prepared(
        report,
        category,
        Input(lon, lat, accuracy_m, category.category_id, part_code=report.part_code, place_id=report.place_id),
        accuracy_is_default=report.accuracy_m is None,
    )


def check_decision(prepared: Prepared, decision: Decision, city: City) -> None:
    """Refuse what only the database could know to be wrong: a point outside, an unknown part or place."""
    row, report = decision.row, prepared.report
    if decision.out_of_area and (report.outside == "refuse" or not _keepable(prepared.input, city)):
        raise outside(decision, city)
    if "PART_UNKNOWN" in row["reasons"]:
        raise UnknownPart(f"There is no part with the code {report.part_code!r}.", part_code=report.part_code)
    if "PLACE_UNKNOWN" in row["reasons"]:
        raise UnknownPlace(f"There is no place with the id {report.place_id}.", place_id=str(report.place_id))


def outside(decision: Decision, city: City) -> OutsideCity:
    """The error for a point outside the city, with the neighbour to ask instead."""
    neighbour = city.neighbours.get(decision.row["neighbour_code"] or "")
    distance = round(decision.row["part_distance_m"])
    where = f"; {neighbour.name_zh} ({neighbour.name_en}) is nearest" if neighbour else ""
    return OutsideCity(
        f"The point lies {distance} m outside {city.name_zh} ({city.name_en}){where}.",
        lon=decision.input.lon,
        lat=decision.input.lat,
        distance_m=distance,
        neighbour=neighbour.as_dict() if neighbour else None,
        extent=city.extent,
    )


def _keepable(asked: Input, city: City) -> bool:
    west, south, east, north = city.extent
    margin = EXTENT_MARGIN
    return west - margin < asked.lon < east + margin and south - margin < asked.lat < north + margin


def on_the_desk(decision: Decision, city: City) -> Decision:
    """The decision for a point outside that a feed insists on: the duty desk, in the nearest district."""
    desk = {
        "mode": "desk",
        "organisation_id": city.desk_id,
        "organisation_code": city.desk.code,
        "organisation_zh": city.desk.name_zh,
        "organisation_en": city.desk.name_en,
        "part_distance_m": None,
        "ambiguous": False,
        "confidence": 1.0,
        "reasons": [*decision.row["reasons"], "NO_MATCH"],
    }
    return replace(decision, row={**decision.row, **desk})


def answered(conn: Connection, client_uids: Iterable[UUID]) -> dict[UUID, tuple[bytes, str]]:
    """What was answered to these keys before: ``{client_uid: (body_hash, answer)}``."""
    rows = conn.execute(_SQL["answered"], {"client_uids": list(client_uids)})
    return {row["client_uid"]: (row["body_hash"], row["answer"]) for row in rows}


def again(report: NewReport, body_hash: bytes, answer: str) -> Receipt | ReusedClientUid:
    """The same words for the same report; a refusal where the key was for another body."""
    if body_hash == report.body_hash():
        return Receipt(answer.encode(), fresh=False)
    return ReusedClientUid(
        f"The client_uid {report.client_uid} was used before with another body; a new report needs a new one.",
        client_uid=str(report.client_uid),
    )


def record(
    conn: Connection, city: City, decided: Sequence[tuple[Prepared, Decision]], by: Actor | None
) -> dict[UUID, Receipt]:
    """Keep reports with their cases, decisions and events, in one statement; return the receipts of those kept.

    A report whose key was taken meanwhile is not among them: ask `answered`.
    """
    by_district: dict[str, int] = {}
    for _, decision in decided:
        code = decision.row["district_code"]
        by_district[code] = by_district.get(code, 0) + 1
    year = decided[0][1].at.astimezone(city.timezone).year
    serials = {code: iter(numbers.take(conn, code, year, count)) for code, count in by_district.items()}
    rows = [_row(p, d, next(serials[d.row["district_code"]]), city, by) for p, d in decided]
    kept = conn.execute(_SQL["record"], {"rows": Jsonb(rows)}).fetchall()
    answers = {row["client_uid"]: row["answer"] for row in rows}
    return {row["client_uid"]: Receipt(answers[row["client_uid"]].encode(), fresh=True) for row in kept}


def follow(conn: Connection, client_uid: UUID) -> dict[str, Any]:
    """What became of a report. Raises ``NotFound``: the key is the only thing that opens it."""
    row = conn.execute(_SQL["follow"], {"client_uid": client_uid}).fetchone()
    if row is None:
        raise NotFound("There is no report with this client_uid.", client_uid=str(client_uid))
    return row


def _row(prepared: Prepared, decision: Decision, case_no: str, city: City, by: Actor | None) -> dict[str, Any]:
    """Everything the statement `record` needs of one report, and the answer that will be given for ever."""
    report, category, asked, chosen = prepared.report, prepared.category, prepared.input, decision.row
    received_at = decision.at
    salt = secrets.token_bytes(16)
    commitment = hashlib.sha256(salt + report.text.encode()).hexdigest()
    intake = cases.intake(city, category, decision, received_at, commitment)
    report_id = new_key()
    answer = {
        "report": {
            "client_uid": report.client_uid,
            "report_id": report_id,
            "received_at": received_at,
            "lon": round(asked.lon, 7),
            "lat": round(asked.lat, 7),
            "crs_in": report.crs,
            "accuracy_m": asked.accuracy_m,
        },
        "case": {
            "case_no": case_no,
            **cases.standing(intake.state, intake.stage),
            "flow": "standard",
            "deadline": intake.deadline,
            "category": category.names(),
        },
        # Posts, never names: this answer is kept and given again to whoever holds the key.
        "dispatch": {**decision.shown(city, names=False), "auto_dispatched": intake.dispatched_at is not None},
    }
    return {
        "client_uid": report.client_uid,
        "body_hash": report.body_hash().hex(),
        "answer": orjson.dumps(answer).decode(),
        "received_at": received_at,
        "district_code": chosen["district_code"],
        "report_id": report_id,
        "case_id": new_key(),
        "case_no": case_no,
        "event_id": new_key(),
        "channel": report.channel,
        "category_id": category.category_id,
        "text": report.text,
        "text_salt": salt.hex(),
        "account_id": by.account_id if by else None,
        "role": by.role if by else "public",
        "lon": asked.lon,
        "lat": asked.lat,
        "raw_x": report.x,
        "raw_y": report.y,
        "raw_crs": report.crs,
        "accuracy_m": asked.accuracy_m,
        "accuracy_is_default": prepared.accuracy_is_default,
        "part_code": report.part_code,
        "place_id": report.place_id,
        "photos": report.photos,
        "captured_at": report.captured_at,
        "filing_condition_id": category.filing_condition_id if intake.filed_at else None,
        "state": intake.state,
        "stage": intake.stage,
        "severity": category.severity,
        "home_part_id": chosen["home_part_id"],
        "home_place_id": chosen["home_place_id"],
        "grid_cell_code": chosen["grid_cell_code"],
        "street_code": chosen["street_code"],
        "community_code": chosen["community_code"],
        "zone_id": chosen["zone_id"],
        "organisation_id": intake.organisation_id,
        "handler_id": chosen["handler_id"] if intake.dispatched_at else None,
        "superior_id": chosen["superior_id"] if intake.dispatched_at else None,
        "ambiguous": chosen["ambiguous"],
        "filed_at": intake.filed_at,
        "dispatched_at": intake.dispatched_at,
        "deadline": intake.deadline,
        "version": len(intake.moves),
        "moves": intake.moves,
        "input": _input(asked, category, received_at),
        "decision": decision.codes(),
        "staff_facts": chosen["staff_facts"],
        "event": {
            "action": intake.moves[-1]["action"],
            "state": intake.state,
            "category": {"code": category.code, "name_zh": category.name_zh, "name_en": category.name_en},
            "organisation": intake.organisation.as_dict(),
            "ambiguous": chosen["ambiguous"],
        },
    }


def _input(asked: Input, category: Category, at: datetime) -> dict[str, Any]:
    """What dispatch was asked, in codes: what a replay asks again."""
    return {
        "lon": asked.lon,
        "lat": asked.lat,
        "accuracy_m": asked.accuracy_m,
        "category": f"{category.scheme}:{category.code}",
        "part_code": asked.part_code,
        "place_id": asked.place_id,
        "at": at,
    }

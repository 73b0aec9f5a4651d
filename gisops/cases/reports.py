"""Reports: what somebody sends, checked and put into the one shape that is dispatched and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from gisops import coordinates
from gisops.cases.twins import DEVICE_CHANNELS
from gisops.city import Category, City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.dispatch import Decision, Input
from gisops.errors import InvalidInput, NotFound, OutsideCity, ReusedClientUid, TextTooLong, UnknownPart, UnknownPlace

_SQL = queries.load("gisops.cases", "reports.sql")

CHANNELS = ("citizen", "officer", "hotline", "video", "sensor", "open311", "feed")
LONGEST_TEXT = 4_000
# A phone that knows no better than this knows nothing; the figure is the size of a district.
WORST_ACCURACY_M = 5_000.0
# How far beyond the city's box the tables still take a point (the CHECKs `<table>_in_city`), degrees.
EXTENT_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report as it was sent. ``x, y`` are in ``crs`` (degrees or metres), east first; ``accuracy_m`` in metres;
    ``source_ref`` names the device that saw it, ``confidence`` (0 to 1) says how sure that is, ``joins`` which case its
    sender says it is about.
    """

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
    source_ref: str | None = None
    joins: str | None = None
    confidence: float | None = None

    def body_hash(self) -> bytes:
        """SHA-256 of the body as understood: the same report sent twice has the same, whatever its JSON looked like."""
        body = [getattr(self, name) for name in _BODY]
        # What came later counts only where it is said: a report of before has the hash that it had.
        body += [{name: said} for name in _LATER if (said := getattr(self, name)) is not None]
        return hashlib.sha256(orjson.dumps(body)).digest()


_LATER = ("source_ref", "joins", "confidence")
_BODY = tuple(name for name in NewReport.__slots__ if name not in ("client_uid", *_LATER))


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
    if report.source_ref is not None and report.channel not in DEVICE_CHANNELS:
        channels = sorted(DEVICE_CHANNELS)
        raise InvalidInput(
            f"A source_ref names a device; of the channel {report.channel} there is none.",
            field="source_ref",
            channels=channels,
        )
    _check_confidence(report)
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


def _check_confidence(report: NewReport) -> None:
    if report.confidence is None:
        return
    if report.channel not in DEVICE_CHANNELS:
        raise InvalidInput(
            f"A confidence is a device's; of the channel {report.channel} there is none.",
            field="confidence",
            channels=sorted(DEVICE_CHANNELS),
        )
    if not 0 <= report.confidence <= 1:  # also refuses NaN
        raise InvalidInput(
            f"confidence is {report.confidence}; it goes from 0 to 1.", field="confidence", lowest=0, highest=1
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
    return reused(report)


def reused(report: NewReport) -> ReusedClientUid:
    """The error for a key that was for another body."""
    return ReusedClientUid(
        f"The client_uid {report.client_uid} was used before with another body; a new report needs a new one.",
        client_uid=str(report.client_uid),
    )


def follow(conn: Connection, client_uid: UUID) -> dict[str, Any]:
    """What became of a report. Raises ``NotFound``: the key is the only thing that opens it."""
    row = conn.execute(_SQL["follow"], {"client_uid": client_uid}).fetchone()
    if row is None:
        raise NotFound("There is no report with this client_uid.", client_uid=str(client_uid))
    return {"client_uid": client_uid, **row}

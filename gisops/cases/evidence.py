"""Evidence: the photographs by which somebody shows that a case is so, that it is done, that it was looked at.

A photograph counts where the device that took it says that it was taken at the case, since the case came to whoever
shows it, and where neither it nor one that looks like it was used before. What the file says of itself is never asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from gisops import coordinates, photos, pictures
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases.facts import Facts, GuardFailed, Prepared, Sent
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput

_SQL = queries.load("gisops.cases", "evidence.sql")

MOST = 9
# Clocks of phones are wrong by this much, and nobody is to blame.
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an action asks of its photographs: what they show (``phase``), how many at least, how far from the case they
    may be taken, and by how much that may grow by what the positions do not know of themselves (metres).
    """

    phase: str
    photos: int = 1
    within_m: float = 50.0
    allowance_m: float = 100.0
    # at least as many as the case was filed on, or (a part of it) one where it was filed on any
    as_filed: int = 0


# A choice of ours, which a city overrides in its setting ``evidence``: false asks for none at all, an object has the
# action's own numbers ({"finish": {"photos": 2, "within_m": 30}}).
ASKED: Mapping[str, Asked] = MappingProxyType(
    {
        "verify": Asked("verify", within_m=100.0),
        "finish": Asked("after"),
        "pass": Asked("check"),
        "fail": Asked("check", photos=0),
        # by somebody of the staff; a reporter says it in words
        "reopen": Asked("before", photos=0, within_m=100.0, as_filed=MOST),
        # another organisation's part in a joint case
        "part": Asked("after", photos=0, as_filed=1),
    }
)


@dataclass(frozen=True, slots=True)
class Photo:
    """One photograph as an act names it: where (WGS-84) and when its device says that it was taken."""

    sha256: str
    phase: str
    captured_at: datetime
    lon: float
    lat: float
    accuracy_m: float


def asked_of(city: City, action: str) -> Asked | None:
    """What a city asks for with an action; None where it takes no photographs."""
    asked, settings = ASKED.get(action), city.settings.get("evidence", True)
    if asked is None:
        return None
    if settings is False:
        return replace(asked, photos=0)
    own = settings.get(action, {}) if isinstance(settings, Mapping) else {}
    if "photos" in own:
        asked = replace(asked, as_filed=0)
    return replace(asked, **{name: own[name] for name in ("photos", "within_m", "allowance_m") if name in own})


def shown(conn: Connection, facts: Facts) -> int:
    """How many different photographs a case has before anybody works on it: of its reports, and of a look before."""
    row = conn.execute(_SQL["shown"], {"district_code": facts.district_code, "case_id": facts.case_id}).fetchone()
    assert row is not None  # noqa: S101  (a count)
    return int(row["shown"])


def with_photos(
    conn: Connection,
    city: City,
    action: str,
    facts: Facts,
    sent: Sent,
    by: Actor | None,
    prepared: Prepared,
    first: int = 0,
) -> Prepared:
    """Hold the photographs of an act against what its action asks, and have them written with it: the move's payload
    names them (``photos``: sha256, phase, captured_at, distance_m), and no place. The system shows none. They are
    numbered from ``first`` on within the move.

    Raises ``InvalidInput`` for what cannot be a photograph's entry, ``UnknownPhoto`` for one that was not sent in,
    ``GuardFailed`` (``photos``, ``photo_time``, ``photo_place``, ``photo_reused``) where the evidence does not hold.
    """
    asked = asked_of(city, action)
    if asked is None or by is None:
        return prepared
    named = _named(city, asked, sent)
    enough = sum(photo.phase == asked.phase for photo in named)
    asked = _as_filed(conn, city, facts, asked)
    if enough < asked.photos:
        raise GuardFailed(
            "photos",
            f"需要至少 {asked.photos} 张照片，已提交 {enough} 张。",
            f"This needs at least {asked.photos} photographs, and {enough} came with it.",
            phase=asked.phase,
            needed=asked.photos,
            given=enough,
        )
    if not named:
        return prepared
    known = photos.usable(conn, [photo.sha256 for photo in named])
    photos.be_known([photo.sha256 for photo in named], known)
    conn.execute(_SQL["lock"], {"sha256s": [photo.sha256 for photo in named]})
    told = []
    for photo in named:
        _taken_in_time(facts, photo)
        distance = _taken_there(facts, photo, asked, prepared.payload)
        _not_used(conn, facts, photo, known[photo.sha256], by)
        told.append(
            {
                "sha256": photo.sha256,
                "phase": photo.phase,
                "captured_at": photo.captured_at.isoformat(),
                "distance_m": round(distance, 1),
            }
        )

    def keep(conn: Connection, facts: Facts, seq: int) -> None:
        _keep(conn, facts.district_code, facts.case_id, seq, named, by, first)

    return replace(prepared, payload={**prepared.payload, "photos": told}, after=(keep, *prepared.after))


def _as_filed(conn: Connection, city: City, facts: Facts, asked: Asked) -> Asked:
    """What an action asks where it asks for as many as the handbook's row wanted that the case was filed under."""
    if not asked.as_filed or facts.filing_condition_id is None or city.settings.get("evidence", True) is False:
        return asked
    row = conn.execute(_SQL["wanted"], {"filing_condition_id": facts.filing_condition_id}).fetchone()
    wanted = min(0 if row is None else int(row["min_photos"]), asked.as_filed)
    return replace(asked, photos=max(asked.photos, wanted))


def _named(city: City, asked: Asked, sent: Sent) -> list[Photo]:
    """The photographs that an act names, read and converted. Raises ``InvalidInput``, saying of which and why."""
    given = sent.values.get("photos") or []
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST:
        raise InvalidInput(f"photos is a list of at most {MOST}.", field="photos", most=MOST)
    named: list[Photo] = []
    for n, one in enumerate(given):
        missing = [name for name in ("sha256", "captured_at", "lon", "lat", "crs") if one.get(name) is None]
        if missing:
            raise InvalidInput(
                f"A photograph comes with when and where it was taken, as the device says: {', '.join(missing)}.",
                field=f"photos.{n}.{missing[0]}",
            )
        phase = one.get("phase") or asked.phase
        if phase not in (asked.phase, "before"):
            raise InvalidInput(
                f"Here a photograph shows {asked.phase!r} or 'before'.",
                field=f"photos.{n}.phase",
                phases=[asked.phase, "before"],
            )
        at = one["captured_at"]
        at = at if isinstance(at, datetime) else datetime.fromisoformat(at)
        if at.tzinfo is None:
            raise InvalidInput("captured_at needs a time zone.", field=f"photos.{n}.captured_at")
        lon, lat = coordinates.to_wgs84(one["lon"], one["lat"], one["crs"], city.extent)
        accuracy = one.get("accuracy_m")
        accuracy = city.accuracy_m["officer"] if accuracy is None else float(accuracy)
        if not 0 <= accuracy < math.inf:
            raise InvalidInput("accuracy_m is a radius in metres.", field=f"photos.{n}.accuracy_m")
        named.append(Photo(str(one["sha256"]), phase, at, lon, lat, accuracy))
    twice = [photo.sha256 for n, photo in enumerate(named) if photo.sha256 in {other.sha256 for other in named[:n]}]
    if twice:
        raise InvalidInput("The same photograph is named twice.", field="photos", photos=twice)
    return named


def _taken_in_time(facts: Facts, photo: Photo) -> None:
    """Since the case came to whoever shows it, and not in the future."""
    since = {
        # Not since he took it on: who does so without a network is heard of after his photographs were taken.
        "after": facts.dispatched_at or facts.reported_at,
        "check": facts.handled_at or facts.reported_at,
        # of a case that is opened again, how it looks since it was closed
        "before": facts.closed_at or facts.reported_at,
    }.get(photo.phase, facts.reported_at)
    if not since - _CLOCKS_DIFFER <= photo.captured_at <= facts.now + _CLOCKS_DIFFER:
        raise GuardFailed(
            "photo_time",
            "照片的拍摄时间不在本案该环节之内。",
            "The photograph was not taken within this part of the case's time.",
            sha256=photo.sha256,
            captured_at=photo.captured_at.isoformat(),
            since=since.isoformat(),
            until=facts.now.isoformat(),
        )


def _taken_there(facts: Facts, photo: Photo, asked: Asked, payload: Mapping[str, Any]) -> float:
    """How far from the case it was taken, in metres; of a case that the act moves, from where it is then."""
    lon, lat = payload.get("lon", facts.lon), payload.get("lat", facts.lat)
    distance = coordinates.distance_m((lon, lat), (photo.lon, photo.lat))
    # What neither position knows of itself is nobody's fault, up to a point: an accuracy of a kilometre shows nothing.
    within = asked.within_m + min(photo.accuracy_m + (facts.accuracy_m or 0.0), asked.allowance_m)
    if distance > within:
        raise GuardFailed(
            "photo_place",
            f"照片拍摄位置距案件 {distance:.0f} 米，须在 {within:.0f} 米以内。",
            f"The photograph was taken {distance:.0f} m from the case; it must be within {within:.0f} m.",
            sha256=photo.sha256,
            distance_m=round(distance, 1),
            within_m=round(within, 1),
        )
    return distance


def _not_used(conn: Connection, facts: Facts, photo: Photo, known: Mapping[str, Any], by: Actor) -> None:
    """Neither this photograph nor one that looks like it stands for anything yet."""
    asked = {
        "sha256": photo.sha256,
        "phash": known["phash"],
        "bands": known["bands"],
        "within": pictures.SAME_WITHIN,
        "case_id": facts.case_id,
    }
    row = conn.execute(_SQL["used"], asked).fetchone()
    if row is None:
        return
    # In which case it was is told to those alone who may see that case.
    scope = scopes.scope_of(conn, by.account_id)
    sees = row["own"] or scope.sees(row["unit_id"], (row["handler_id"], row["superior_id"]), row["organisation_id"])
    what_zh, what_en = (
        ("这张照片", "This photograph") if row["same"] else ("与此相似的照片", "One like this photograph")
    )
    raise GuardFailed(
        "photo_reused",
        f"{what_zh}已使用过，请重新拍摄。",
        f"{what_en} was used before; take another one.",
        sha256=photo.sha256,
        same=row["same"],
        differing_bits=row["bits"],
        **({"case_no": row["case_no"], "phase": row["phase"]} if sees else {}),
    )


def _keep(
    conn: Connection, district_code: str, case_id: UUID, seq: int, named: Sequence[Photo], by: Actor, first: int
) -> None:
    rows = [
        {
            "n": n,
            "sha256": photo.sha256,
            "phase": photo.phase,
            "captured_at": photo.captured_at,
            "lon": photo.lon,
            "lat": photo.lat,
            "accuracy_m": photo.accuracy_m,
        }
        for n, photo in enumerate(named, first)
    ]
    told = {"district_code": district_code, "case_id": case_id, "seq": seq, "account_id": by.account_id}
    conn.execute(_SQL["keep"], {**told, "photos": Jsonb(rows)})

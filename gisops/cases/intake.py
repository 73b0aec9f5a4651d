"""Intake: what becomes of a report that was checked. A case of its own, with the life that it reaches by itself; one
more report of a case that is there; or a count. All of it, and what is told of it, is written in one statement.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from gisops import dispatch, notices, photos, wording
from gisops.access.people import Actor
from gisops.cases import auto_rules, cases, duplicates, numbers, rerouting
from gisops.cases.auto_rules import AutoRule
from gisops.cases.duplicates import NEW, Fate, Held
from gisops.cases.lives import Life
from gisops.cases.reports import NewReport, Prepared, Receipt, on_the_desk
from gisops.cases.twins import Asked
from gisops.city import City, Name
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.dispatch import Decision, Input
from gisops.errors import InvalidInput
from gisops.keys import derived_key, new_key

_SQL = queries.load("gisops.cases", "intake.sql")


@dataclass(slots=True)
class Opened:
    """A report with its decision, its fate and the life of the case that it opens, unless it joins one, before they are
    written.
    """

    prepared: Prepared
    decision: Decision
    life: Life
    text_salt: bytes
    fate: Fate = NEW
    rule: AutoRule | None = None


def asked_of(prepared: Prepared, decision: Decision) -> Asked:
    """What the search for duplicates is asked about a report."""
    report, at = prepared.report, prepared.input
    return Asked(
        at.lon,
        at.lat,
        at.accuracy_m,
        prepared.category,
        decision.row["part_id"],
        report.part_code,
        report.source_ref,
        report.text,
        report.joins,
        decision.row["district_code"],
    )


def opened(
    prepared: Prepared,
    decision: Decision,
    city: City,
    by: Actor | None,
    *,
    by_rules: bool = True,
    now: bool = False,
    fate: Fate = NEW,
    rule: AutoRule | None = None,
) -> Opened:
    """Open a case for a report: its life so far is what it reaches by itself (`cases.intake`), by the ``rule`` of its
    category (without one, by the category's own switch) where the report meets it; without ``by_rules`` persons do it
    all. What comes in ``now`` may go the simple way, which the past did not know.
    """
    at = decision.at
    salt = secrets.token_bytes(16)
    commitment = hashlib.sha256(salt + prepared.report.text.encode()).hexdigest()
    report, ruled = prepared.report, rule or auto_rules.shipped(prepared.category)
    # one picture sent nine times is one
    word = (report.channel, report.confidence, len(set(report.photos)))
    met = by_rules and ruled.met(*word)
    simple = (
        now
        and met
        and ruled.pushes
        and not fate.has_twin
        and report.channel in cases.SIMPLE_CHANNELS
        and cases.may_be_simple(city, prepared.category, decision)
    )
    left = (ruled.alone and fate.has_twin) or (ruled.certain and not decision.auto)
    files, saw = met and ruled.files and not left, ruled.saw(*word)
    life = cases.intake(city, prepared.category, decision, at, commitment, by, files=files, simple=simple, saw=saw)
    asked = rerouting.recorded(prepared.input, prepared.category, at)
    life.keep(
        {"by_hand": False, "input": asked, "answer": decision.codes(), "staff_facts": decision.row["staff_facts"]}, at
    )
    return Opened(prepared, decision, life, salt, fate, rule)


def record(conn: Connection, city: City, new: Sequence[Opened], by: Actor | None) -> dict[UUID, Receipt]:
    """Keep reports with their cases, decisions and events, in one statement; return the receipts of those kept.

    A report whose key was taken meanwhile is not among them: ask `answered`.
    """
    rows: list[dict[str, Any]] = []
    taken = iter(_numbers(conn, city, [one for one in new if one.fate.kind is None]))
    for n, one in enumerate(new):
        fate = one.fate
        if fate.held is not None:
            held = fate.held
            row = _row(one, held.row["case_no"], by, held.case_id, new_key()) | {"district_code": held.district_code}
            told = _told_joined(one, held, row["report_id"], city, by)
        elif fate.with_n is not None:
            first = rows[fate.with_n]
            row = _row(one, first["case_no"], by, first["case_id"], new_key())
            told = _told(one, row["case_no"], row["report_id"], city)
        else:
            row = _row(one, next(taken), by, new_key(), new_key())
            told = _told(one, row["case_no"], row["report_id"], city)
        rows.append(row | told | {"n": n})
    answers = {row["client_uid"]: row["answer"] for row in rows}
    written = _write(conn, rows)
    _tell_opened(conn, [row for one, row in zip(new, rows, strict=True) if one.fate.kind is None], set(written))
    there = set(written)
    fates = [(one.fate, row) for one, row in zip(new, rows, strict=True) if row["client_uid"] in there]
    duplicates.tell(conn, [(fate, row["district_code"], row["case_id"], row["version"]) for fate, row in fates])
    return {uid: Receipt(answers[uid].encode(), fresh=True) for uid in written}


def _tell_opened(conn: Connection, rows: list[dict[str, Any]], written: set[UUID]) -> None:
    """Tell those to whom a new case was sent at once; who reported it has his answer."""
    notices.opened(
        conn,
        [
            (
                notices.Subject(row["district_code"], row["case_id"], row["version"]),
                row["history"][-1]["action"],
                row["state"],
                row["stage"],
            )
            for row in rows
            if row["client_uid"] in written
        ],
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """A case that was written without being news: its number and its key."""

    case_no: str
    case_id: UUID


def keep_apart(conn: Connection, city: City, kept: Mapping[str, Any], by: Actor) -> Kept:
    """Open a case at the desk for a report that is there, as it would be decided now; ``kept`` is its row, with what
    dispatch is asked and the ``text_commitment``. Where the report is said to be is left to the caller.
    """
    category = city.by_category_id.get(kept["category_id"])
    if category is None:
        raise InvalidInput("The report's category cannot be reported any more; link the whole case.", field="report_id")
    lon, lat, part_code, place_id = (kept[name] for name in ("lon", "lat", "part_code", "place_id"))
    report = NewReport(UUID(int=0), kept["channel"], category.code, lon, lat, "WGS84", part_code=part_code)
    asked = Input(lon, lat, kept["accuracy_m"], category.category_id, part_code=part_code, place_id=place_id)
    decision = dispatch.decide(conn, [asked])[0]
    decision = on_the_desk(decision, city) if decision.out_of_area else decision
    decision = replace(decision, row={**decision.row, "district_code": kept["district_code"]})
    one = opened(Prepared(report, category, asked, False), decision, city, by, by_rules=False)
    one.life.history[0]["payload"] = {"text_commitment": kept["text_commitment"], "taken_out_of": kept["case_no"]}
    case_no, case_id = _numbers(conn, city, [one])[0], new_key()
    row = _row(one, case_no, by, case_id, kept["report_id"])
    _write(conn, [row | _told(one, case_no, kept["report_id"], city) | {"is_there": True}])
    return Kept(case_no, case_id)


def record_past(conn: Connection, city: City, past: Sequence[Opened], told_at: datetime) -> dict[UUID, Kept]:
    """Keep reports of the past with their cases and whole lives: `record` without news to anybody.

    Of the clocks that still run only what comes due after ``told_at`` is left to do.

    Keys carry the moment of the report and follow from its ``client_uid``. What is kept as the answer says only what
    became of it, for nobody was ever told why.
    """
    rows = []
    for one, case_no in zip(past, _numbers(conn, city, past), strict=True):
        uid = one.prepared.report.client_uid
        case_id, report_id = (derived_key(one.decision.at, f"{what}/{uid}") for what in ("case", "report"))
        row = _row(one, case_no, None, case_id, report_id, told_at)
        answer = _receipt(one, case_no, report_id)
        rows.append(row | {"answer": orjson.dumps(answer).decode(), "event_id": None, "event": None})
    kept = {row["client_uid"]: Kept(row["case_no"], row["case_id"]) for row in rows}
    return {uid: kept[uid] for uid in _write(conn, rows)}


def _numbers(conn: Connection, city: City, new: Sequence[Opened]) -> list[str]:
    """A case number for each, by its district and the local year in which it was received."""
    keys = [(one.decision.row["district_code"], one.decision.at.astimezone(city.timezone).year) for one in new]
    taken = {key: iter(numbers.take(conn, *key, count)) for key, count in Counter(keys).items()}
    return [next(taken[key]) for key in keys]


def _write(conn: Connection, rows: list[dict[str, Any]]) -> list[UUID]:
    kept = [row["client_uid"] for row in conn.execute(_SQL["record"], {"rows": Jsonb(rows)})]
    photos.came_with(conn, [row for row in rows if row["photos"] and row["client_uid"] in kept and not row["counted"]])
    return kept


def _received(one: Opened, report_id: UUID) -> dict[str, Any]:
    report, asked = one.prepared.report, one.prepared.input
    return {
        "client_uid": report.client_uid,
        "report_id": report_id,
        "received_at": one.decision.at,
        "lon": round(asked.lon, 7),
        "lat": round(asked.lat, 7),
        "crs_in": report.crs,
        "accuracy_m": asked.accuracy_m,
    }


def _receipt(one: Opened, case_no: str, report_id: UUID) -> dict[str, Any]:
    life = one.life
    return {
        "report": _received(one, report_id),
        "case": {
            "case_no": case_no,
            **cases.standing(life.state, life.stage),
            "flow": life.flow,
            "deadline": life.deadline,
            "category": one.prepared.category.names(),
        },
    }


def _told(one: Opened, case_no: str, report_id: UUID, city: City) -> dict[str, Any]:
    """The answer to a report, which will be given for ever, and the event that tells others of its case."""
    category, chosen, life = one.prepared.category, one.decision.row, one.life
    dispatched = life.organisation_id != city.desk_id
    answer = {
        **_receipt(one, case_no, report_id),
        **({"joined": wording.joined(one.fate.kind)} if one.fate.kind else {}),
        **({"suggested": one.fate.proposed} if one.fate.proposed else {}),
        **({"near": one.fate.near} if one.fate.near else {}),
        # Posts, never names: this answer is kept and given again to whoever holds the key.
        "dispatch": {**one.decision.shown(city, names=False), "auto_dispatched": dispatched},
    }
    holder = city.desk
    if dispatched:
        holder = Name(chosen["organisation_code"], chosen["organisation_zh"], chosen["organisation_en"])
    event = {
        "action": life.history[-1]["action"],
        "state": life.state,
        "stage": life.stage,
        "category": {"code": category.code, "name_zh": category.name_zh, "name_en": category.name_en},
        "organisation": holder.as_dict(),
        "ambiguous": chosen["ambiguous"],
    }
    return {"answer": orjson.dumps(answer).decode(), "event_id": new_key(), "event": event}


def _told_joined(one: Opened, held: Held, report_id: UUID, city: City, by: Actor | None) -> dict[str, Any]:
    """The answer to a report that joins a case: where that stands, and who has it, and whether it was counted alone; a
    stranger, to whom it is another's, is told how far it is and whose such a report is here, as anybody is. What is
    told others, the statement says, which alone knows how many reports it has by then.
    """
    row, fate, knows = held.row, one.fate, by is not None
    state, stage = row["state"], row["stage"]
    if knows:
        holder = Name(row["organisation_code"], row["organisation_zh"], row["organisation_en"])
    else:
        state, stage = wording.public_state(state, stage)
        code = one.decision.row["organisation_code"]
        holder = city.organisations.get(code, city.desk)
    answer = {
        "report": _received(one, report_id),
        "case": {
            "case_no": row["case_no"] if knows else None,
            **cases.standing(state, stage),
            "flow": row["flow"] if knows else None,
            "deadline": row["deadline"] if knows else None,
            "category": one.prepared.category.names(),
        },
        "joined": {**wording.joined(fate.kind or "joined"), **(wording.counted(fate.counted) if fate.counted else {})},
        "dispatch": {
            "mode": "joined",
            "organisation": holder.as_dict(),
            "handler": row["post_zh"] and {"post_zh": row["post_zh"], "post_en": row["post_en"]} if knows else None,
            "auto_dispatched": False,
        },
    }
    return {"answer": orjson.dumps(answer).decode(), "event_id": new_key(), "event": None}


def _row(
    one: Opened, case_no: str, by: Actor | None, case_id: UUID, report_id: UUID, told_at: datetime | None = None
) -> dict[str, Any]:
    """Everything the statement `record` needs of one report, but for what is told of it."""
    report, category, asked = one.prepared.report, one.prepared.category, one.prepared.input
    chosen, life = one.decision.row, one.life
    return {
        "n": 0,
        "joins": one.fate.held is not None and not one.fate.counted,
        "counted": one.fate.counted is not None,
        "is_there": False,
        "link_kind": one.fate.kind,
        "source_ref": report.source_ref,
        "confidence": report.confidence,
        "auto_rule": _auto_rule(one),
        "recurrence_of": one.fate.again and one.fate.again.case_id,
        "is_rework": one.fate.again is not None and one.fate.again.is_rework,
        "client_uid": report.client_uid,
        "body_hash": report.body_hash().hex(),
        "received_at": one.decision.at,
        "district_code": chosen["district_code"],
        "report_id": report_id,
        "case_id": case_id,
        "case_no": case_no,
        "channel": report.channel,
        "category_id": category.category_id,
        "text": report.text,
        "text_salt": one.text_salt.hex(),
        "account_id": by.account_id if by else None,
        "lon": asked.lon,
        "lat": asked.lat,
        "raw_x": report.x,
        "raw_y": report.y,
        "raw_crs": report.crs,
        "accuracy_m": asked.accuracy_m,
        "accuracy_is_default": one.prepared.accuracy_is_default,
        "part_code": report.part_code,
        "place_id": report.place_id,
        "photos": report.photos,
        "captured_at": report.captured_at,
        "severity": category.severity,
        "home_part_id": chosen["home_part_id"],
        "home_place_id": chosen["home_place_id"],
        "grid_cell_code": chosen["grid_cell_code"],
        "street_code": chosen["street_code"],
        "community_code": chosen["community_code"],
        "zone_id": chosen["zone_id"],
        "ambiguous": chosen["ambiguous"],
        "state": life.state,
        "stage": life.stage,
        "version": life.version,
        "organisation_id": life.organisation_id,
        "handler_id": life.handler_id,
        "superior_id": life.superior_id,
        "filing_condition_id": life.filing_condition_id,
        "filed_at": life.filed_at,
        "dispatched_at": life.dispatched_at,
        "handled_at": life.handled_at,
        "closed_at": life.closed_at,
        "deadline": life.deadline,
        "flow": life.flow,
        "assessed": life.assessed,
        "area_grade": life.area_grade,
        "acknowledged_at": life.acknowledged_at,
        "return_count": life.return_count,
        "rework_count": life.rework_count,
        "extended_count": life.extended_count,
        "suspended_count": life.suspended_count,
        "satisfaction": life.satisfaction,
        "history": life.history,
        "decisions": life.decisions,
        "recipients": life.recipients,
        "clocks": life.clock_rows(told_at),
        "texts": life.texts,
    }


def _auto_rule(one: Opened) -> dict[str, Any] | None:
    """What is kept of a rule that took a case on from its report; None where persons have it."""
    rule, life = one.rule, one.life
    if rule is None or not rule.known or not (life.has("file") or life.has("push")):
        return None
    return {"scheme": rule.scheme, "code": rule.code, "flow": life.flow}

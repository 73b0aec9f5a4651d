"""The past, told: cases from before this server knew of them, through the functions that tell real ones.

`dispatch.decide` is asked as of the moment each report was received; `cases.intake` takes the case as far as it would
have got by itself; its further moves go by the same table as everybody's (`moves.TRANSITIONS`); `intake.record_past`
is `intake.record` without news to anybody. See docs/decisions/0015-the-past-is-told-by-the-same-functions.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from gisops import dispatch
from gisops.cases import cases, intake, lives, moves, reports
from gisops.cases.moves import Addressee
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.dispatch import Decision
from gisops.errors import GisopsError, InvalidInput, UnknownOrganisation, UnknownStaff
from gisops.keys import derived_key

_SQL = queries.load("gisops.cases", "past.sql")

# Cases told at once. More save little and hold more memory; all of a batch are decided on the same data.
BATCH = 2_000
AS_PROPOSED = "按系统建议派遣 / As the rules proposed"
# A report of the past may be a little ahead of the database's clock, as clocks differ; not more.
AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class PastMove:
    """What was done with a case. ``action`` is one of `moves.TRANSITIONS`; ``role`` None is the one whose work that is.

    ``organisation`` (a code) and ``staff`` (a code) say whom a ``dispatch`` sent it to. Without them it goes where the
    rules' decision has it; after a return to the best candidate of another organisation, where there was one.
    """

    action: str
    at: datetime
    role: str | None = None
    organisation: str | None = None
    staff: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PastPart:
    """What another organisation (a code) did in a case beside the one that held it, from and until. Where that one is
    the one that held it, there was no part.
    """

    organisation: str
    opened_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class PastVisit:
    """Somebody asked the reporter of a closed case by ``phone`` or ``visit``, or he said by himself (``reporter``).
    ``score`` is 1 to 5, None where nobody answered.
    """

    method: str
    at: datetime
    score: int | None


@dataclass(frozen=True, slots=True)
class PastCase:
    """A report and what became of it: moves in the order of time, after the report itself; of one that is over also who
    helped (``parts``) and what the reporter said of it (``visits``).

    A ``file`` or ``dispatch`` that the rules had made at intake already is passed over, so whoever tells need not know
    which cases those are. ``by_rules=False``: the rules are asked and their decision is kept, and persons did the rest
    (an import whose records say themselves who was sent).
    """

    report: NewReport
    received_at: datetime
    moves: tuple[PastMove, ...] = ()
    by_rules: bool = True
    parts: tuple[PastPart, ...] = ()
    visits: tuple[PastVisit, ...] = ()


def closed(received_at: datetime, closed_at: datetime) -> tuple[PastMove, ...]:
    """The moves of a case of which a record knows only when it came and when it was over: all at the end, unchecked."""
    begun = [PastMove(action, received_at) for action in ("file", "dispatch")]
    return (*begun, *(PastMove(action, closed_at) for action in ("ack", "finish", "skip_check", "close")))


@dataclass(frozen=True, slots=True)
class Told:
    """A case of the past as it stands now, in codes; ``fresh`` is False where it had been told before.

    ``organisation`` is who holds it, ``decided`` whom the rules chose, ``zone`` by which zone, ``mode`` by which step.
    Of a case that had been told before only number, state and holder are known.
    """

    case_no: str
    case_id: UUID
    state: str
    organisation: str
    district: str
    decided: str | None = None
    zone: str | None = None
    mode: str | None = None
    lon: float | None = None
    lat: float | None = None
    reasons: tuple[str, ...] = ()
    fresh: bool = True


def tell(conn: Connection, city: City, past: Sequence[PastCase | GisopsError]) -> list[Told | GisopsError]:
    """Tell cases of the past, each answered on its own, in order; some thousands at once (`BATCH`).

    Nothing is committed here, nobody is told, and the same ``client_uid`` again is the same case again. Raises nothing
    of its own: what is wrong with one case (place, category, a move that its state does not allow, a moment that is
    yet to come) is its answer.

    What cannot be known of the past is left out and not made up: a case that is over is decided without officers' load
    and positions at the time, by zone, roster and rank alone. One that is still open adds to its officer's load
    from now on, so it is decided by the load there is.
    """
    now = _now(conn)
    errors: dict[int, GisopsError] = {}
    first: dict[UUID, int] = {}
    asked: list[tuple[int, PastCase, reports.Prepared]] = []
    for n, case in enumerate(past):
        try:
            if isinstance(case, GisopsError):
                raise case
            prepared = _prepare(case, city, now)
            if first.setdefault(case.report.client_uid, n) == n:
                asked.append((n, case, prepared))
        except GisopsError as error:
            errors[n] = error
    known = _known(conn, {case.report.client_uid for case in past if isinstance(case, PastCase)})
    fresh = [one for one in asked if one[1].report.client_uid not in known]
    told, refused = _tell_fresh(conn, city, fresh, now)
    errors |= refused
    if len(told) + len(refused) < len(fresh):  # somebody else told it at the same moment
        known |= _known(conn, {case.report.client_uid for _, case, _ in fresh})

    def answer(n: int, case: PastCase | GisopsError) -> Told | GisopsError:
        if isinstance(case, GisopsError):
            return case
        uid = case.report.client_uid
        if uid in known:
            return _again(case.report, known[uid])
        if n in errors:
            return errors[n]
        found = told.get(uid) or errors[first[uid]]
        return replace(found, fresh=False) if isinstance(found, Told) and first[uid] != n else found

    return [answer(n, case) for n, case in enumerate(past)]


def _prepare(case: PastCase, city: City, now: datetime) -> reports.Prepared:
    beside = [part.ended_at for part in case.parts] + [visit.at for visit in case.visits]
    latest = max([case.received_at, *(move.at for move in case.moves), *beside])
    if beside and not is_over(case):
        raise InvalidInput("Who helped and what was said is told of a case that is over.", field="visits")
    if latest.tzinfo is None:
        raise InvalidInput("A moment of the past needs a time zone.", field="received_at")
    if latest > now + AHEAD:
        raise InvalidInput(
            f"{latest.isoformat()} is yet to come; the past ends now.", field="received_at", now=now.isoformat()
        )
    prepared = reports.prepare(case.report, city)
    facts: list[dict[str, Any]] | None = [] if is_over(case) else None
    return replace(prepared, input=replace(prepared.input, at=case.received_at, staff_facts=facts))


def is_over(case: PastCase) -> bool:
    """Whether a case has come to its end. Raises ``InvalidInput`` where its last move is none."""
    return bool(case.moves) and moves.STAGES[moves.rule_of(case.moves[-1].action).to_state] == moves.OVER


def _tell_fresh(
    conn: Connection, city: City, asked: Sequence[tuple[int, PastCase, reports.Prepared]], now: datetime
) -> tuple[dict[UUID, Told], dict[int, GisopsError]]:
    refused: dict[int, GisopsError] = {}
    decided: list[tuple[int, PastCase, reports.Prepared, Decision]] = []
    decisions = dispatch.decide(conn, [prepared.input for _, _, prepared in asked]) if asked else []
    for (n, case, prepared), decision in zip(asked, decisions, strict=True):
        try:
            reports.check_decision(prepared, decision, city)
        except GisopsError as error:
            refused[n] = error
        else:
            chosen = reports.on_the_desk(decision, city) if decision.out_of_area else decision
            decided.append((n, case, prepared, chosen))
    sent_to = _addressees(conn, decided)
    lived: list[intake.Opened] = []
    beside = {}
    for n, case, prepared, decision in decided:
        try:
            opened = intake.opened(prepared, decision, city, None, by_rules=case.by_rules)
            _live(opened, case, city, sent_to)
            opened.life.satisfaction = next((v.score for v in reversed(case.visits) if v.score is not None), None)
            lived.append(opened)
            if case.parts or case.visits:
                beside[case.report.client_uid] = case
        except GisopsError as error:
            refused[n] = error
    kept = intake.record_past(conn, city, lived, now) if lived else {}
    _beside(conn, lived, kept, beside, sent_to)
    names = {a.organisation_id: a.organisation for a in sent_to.values() if a is not None}
    told = {}
    for opened in lived:
        uid = opened.prepared.report.client_uid
        if uid in kept:
            told[uid] = _told(opened, kept[uid], city, names)
    return told, refused


def _beside(
    conn: Connection,
    lived: Sequence[intake.Opened],
    kept: Mapping[UUID, intake.Kept],
    told: Mapping[UUID, PastCase],
    sent_to: Addressees,
) -> None:
    """Keep the parts and visits of the cases that were kept now."""
    parts: list[dict[str, Any]] = []
    visits: list[dict[str, Any]] = []
    for opened in lived:
        uid = opened.prepared.report.client_uid
        if uid not in told or uid not in kept:
            continue
        key = {"district_code": opened.decision.row["district_code"], "case_id": kept[uid].case_id}
        held = {opened.decision.row["organisation_id"], opened.life.organisation_id}
        for n, part in enumerate(told[uid].parts, 1):
            to = _addressee(part.organisation, None, sent_to)
            if to.organisation_id not in held:
                ends = {"opened_at": part.opened_at, "ended_at": part.ended_at}
                parts.append({**key, "subtask_no": n, "organisation_id": to.organisation_id, **ends})
        report_id = derived_key(opened.decision.at, f"report/{uid}")
        visits += [
            {**key, "follow_up_no": n, "method": visit.method, "score": visit.score, "at": visit.at}
            | {"report_id": report_id if visit.method == "reporter" else None}
            for n, visit in enumerate(told[uid].visits, 1)
        ]
    if parts:
        conn.execute(_SQL["parts"], {"rows": Jsonb(parts)})
    if visits:
        conn.execute(_SQL["visits"], {"rows": Jsonb(visits)})


def _live(opened: intake.Opened, case: PastCase, city: City, sent_to: Addressees) -> None:
    """Make the moves of a case's life."""
    life, decision = opened.life, opened.decision
    by_itself = {"file", "dispatch"} & {entry["action"] for entry in life.history}
    for move in case.moves:
        if move.action in by_itself and move.organisation in (None, decision.row["organisation_code"]):
            by_itself.discard(move.action)
            continue
        match move.action:
            case "file":
                cases.file(life, city, opened.prepared.category, move.at, move.role)
            case "dispatch":
                to = _whom(move, life, decision, sent_to)
                reason = move.reason or AS_PROPOSED
                people = {"staff": to.staff}
                whom = (to.organisation_id, to.staff_id, to.superior_id)
                life.send(move.at, *whom, move.role, payload=people, reason=reason)
                life.keep(to.decision(), move.at)
            case _:
                life.go(move.action, move.at, move.role, reason=move.reason)
                if move.action == "ack":
                    _acknowledge(life, move.at)


def _acknowledge(life: lives.Life, at: datetime) -> None:
    last = max((r["seq"] for r in life.recipients), default=0)
    for recipient in life.recipients:
        if recipient["seq"] == last and recipient["role"] == "handler":
            recipient["acknowledged_at"] = at


def _whom(move: PastMove, life: lives.Life, decision: Decision, sent_to: Addressees) -> Addressee:
    """Who gets a dispatch by hand: whom it names, else whom the rules proposed; after a return another."""
    row = decision.row
    if move.organisation is not None:
        return _addressee(move.organisation, move.staff, sent_to)
    if life.has("return"):
        for candidate in row["candidates"]:
            if candidate["organisation"] not in (None, row["organisation_code"]):
                return _addressee(candidate["organisation"], None, sent_to)
    codes = row["organisation_code"], row["handler_id"], row["handler_code"]
    return Addressee(row["organisation_id"], *codes, row["superior_id"])


Addressees = dict[tuple[str, str | None], Addressee | None]


def _addressees(conn: Connection, decided: Sequence[tuple[int, PastCase, reports.Prepared, Decision]]) -> Addressees:
    """Everybody a dispatch by hand may go to, asked once for all, by their codes; None where there is no such staff."""
    pairs: set[tuple[str, str | None]] = set()
    for _, case, _, decision in decided:
        pairs |= {(part.organisation, None) for part in case.parts}
        sent = [move for move in case.moves if move.action == "dispatch"]
        pairs |= {(move.organisation, move.staff) for move in sent if move.organisation is not None}
        if any(move.action == "return" for move in case.moves):
            pairs |= {(c["organisation"], None) for c in decision.row["candidates"] if c["organisation"] is not None}
    if not pairs:
        return {}
    rows = conn.execute(
        _SQL["addressees"], {"organisations": [o for o, _ in pairs], "staff": [s for _, s in pairs]}
    ).fetchall()
    return {
        (r["organisation"], r["staff"]): None
        if r["staff"] is not None and r["staff_id"] is None
        else Addressee(r["organisation_id"], r["organisation"], r["staff_id"], r["staff"], r["superior_id"])
        for r in rows
    }


def _addressee(organisation: str, staff: str | None, sent_to: Addressees) -> Addressee:
    if (organisation, staff) not in sent_to:
        raise UnknownOrganisation(f"There is no organisation {organisation!r}.", organisation=organisation)
    to = sent_to[organisation, staff]
    if to is None:
        raise UnknownStaff(f"{staff!r} is not on the staff of {organisation}.", staff=staff, organisation=organisation)
    return to


def _told(opened: intake.Opened, kept: intake.Kept, city: City, names: dict[int, str]) -> Told:
    life, row, point = opened.life, opened.decision.row, opened.prepared.input
    holder = {city.desk_id: city.desk.code, row["organisation_id"]: row["organisation_code"], **names}
    return Told(
        case_no=kept.case_no,
        case_id=kept.case_id,
        state=life.state,
        organisation=holder[life.organisation_id],
        district=row["district_code"],
        decided=row["organisation_code"],
        zone=row["zone_code"],
        mode=row["mode"],
        lon=point.lon,
        lat=point.lat,
        reasons=tuple(row["reasons"]),
    )


def _now(conn: Connection) -> datetime:
    row = conn.execute(_SQL["now"]).fetchone()
    assert row is not None  # noqa: S101  (a bare SELECT)
    now: datetime = row["now"]
    return now


def _known(conn: Connection, client_uids: set[UUID]) -> dict[UUID, dict[str, Any]]:
    rows = conn.execute(_SQL["known"], {"client_uids": list(client_uids)}) if client_uids else ()
    return {row["client_uid"]: row for row in rows}


def _again(report: NewReport, row: dict[str, Any]) -> Told | GisopsError:
    if row["body_hash"] != report.body_hash():
        return reports.reused(report)
    return Told(row["case_no"], row["case_id"], row["state"], row["organisation"], row["district_code"], fresh=False)

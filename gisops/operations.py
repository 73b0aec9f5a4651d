"""Every act, one short function each: the story of what happens, told in the words of the modules below.

Each takes a connection that is inside the one transaction of its request and leaves the commit to whoever opened it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from gisops import dispatch, photos, positions, replays, wording
from gisops import locate as boundaries
from gisops.access import audit, scopes
from gisops.access.people import Actor, knows_people, knows_whereabouts
from gisops.cases import acts, auto_rules, cases, duplicates, follow_ups, intake, joining, moves, reports
from gisops.cases.reports import NewReport, Receipt
from gisops.city import City
from gisops.db.pool import Connection
from gisops.errors import GisopsError, InvalidInput, NotFound
from gisops.positions import Kept
from gisops.positions import Sent as SentPosition


def receive_report(
    conn: Connection, city: City, report: NewReport, by: Actor | None, sender: str | None = None
) -> Receipt:
    """A report comes in: find who is responsible, open a case, tell them. The same again gets the same answer.
    ``sender`` is where it comes from if nobody is signed in (`limits.key`).
    """
    outcome = receive_batch(conn, city, [report], by, sender)[0]
    if isinstance(outcome, GisopsError):
        raise outcome
    return outcome


def receive_batch(
    conn: Connection,
    city: City,
    sent: Sequence[NewReport | GisopsError],
    by: Actor | None,
    sender: str | None = None,
) -> list[Receipt | GisopsError]:
    """Many reports come in, each answered on its own, in order. One that is wrong leaves the others alone.

    All are dispatched on the same data: what the first of them adds to an officer's load does not count for the last.
    """
    prepared: dict[UUID, reports.Prepared] = {}
    errors: dict[int, GisopsError] = {}
    first: dict[UUID, int] = {}
    for n, report in enumerate(sent):
        try:
            if isinstance(report, GisopsError):
                raise report
            one = reports.prepare(report, city)
            if first.setdefault(report.client_uid, n) == n:
                prepared[report.client_uid] = one
        except GisopsError as error:
            errors[n] = error
    settled = _decide_and_record(conn, city, prepared, by, sender)

    def is_kept(n: int, uid: UUID) -> bool:
        return first.get(uid) == n and isinstance(settled.get(uid), Receipt)

    # What was not kept now may have been kept before: an earlier request, a faster one, an earlier item of this batch.
    # A report that is refused today for what was right when it was first sent still gets its old answer.
    uids = {r.client_uid for n, r in enumerate(sent) if isinstance(r, NewReport) and not is_kept(n, r.client_uid)}
    known = reports.answered(conn, uids) if uids else {}
    answers: list[Receipt | GisopsError] = []
    for n, report in enumerate(sent):
        if isinstance(report, GisopsError):
            answers.append(report)
        elif is_kept(n, report.client_uid) or report.client_uid not in known:
            answers.append(errors[n] if n in errors else settled[report.client_uid])
        else:
            answers.append(reports.again(report, *known[report.client_uid]))
    return answers


def locate(
    conn: Connection,
    city: City,
    x: float,
    y: float,
    crs: str,
    accuracy_m: float | None,
    category: str,
    to: Actor | None,
    key_id: int | None = None,
) -> dict[str, Any]:
    """Who is responsible here, the polygon in which the answer holds, and until when. Nothing is kept.

    For a viewer (`scopes.look_as`). Who is not to know people, or asks about a place out of his scope, is not told of
    any. Positions and load are asked for those alone who see officers on the map, and of the officers they see: others
    would learn where officers are by asking at many points.
    """
    asked = NewReport(UUID(int=0), "citizen", category, x, y, crs, accuracy_m)
    prepared = reports.prepare(asked, city)
    names = knows_people(to) and boundaries.looks_into(conn, prepared.input.lon, prepared.input.lat)
    asks_where = names and knows_whereabouts(to)
    question = prepared.input if asks_where else replace(prepared.input, staff_facts=[])
    decision = dispatch.decide(conn, [question])[0]
    reports.check_decision(prepared, decision, city)
    if names and decision.names_another(to.staff_id if to else None):
        at = f"{prepared.input.lon:.5f},{prepared.input.lat:.5f}"
        audit.looked(conn, "staff", at, 1, key_id=key_id)
    return {
        "lon": prepared.input.lon,
        "lat": prepared.input.lat,
        "crs_in": crs,
        "accuracy_m": prepared.input.accuracy_m,
        "category": prepared.category.names(),
        **boundaries.answer(conn, city, decision, names=names),
    }


def near_reports(
    conn: Connection,
    city: City,
    x: float,
    y: float,
    crs: str,
    accuracy_m: float | None,
    category: str,
    sealed_with: bytes,
) -> dict[str, Any]:
    """Open cases near by that a report may be about, as anybody may be told of them; each with a word to join it by."""
    return joining.near(conn, city, (x, y, crs, accuracy_m), category, sealed_with)


def follow_report(conn: Connection, city: City, client_uid: UUID) -> dict[str, Any]:
    """What became of a report, for whoever holds its key: states, organisation and post, nothing personal; what is
    shown of it, and what he may say to it. Of a case that is another's he is told how far it is, and no more.
    """
    row = reports.follow(conn, client_uid)
    organisation = row["organisation_code"] and {
        "code": row["organisation_code"],
        "name_zh": row["organisation_zh"],
        "name_en": row["organisation_en"],
    }
    told = row["state"], row["stage"]
    if row["is_others"]:
        told = wording.public_state(*told)
    return {
        "client_uid": row["client_uid"],
        "received_at": row["received_at"],
        "case": {
            "case_no": row["case_no"],
            **cases.standing(*told),
            **wording.public_step(row["state"], row["stage"]),
            "deadline": row["deadline"],
            "closed_at": row["closed_at"],
            "category": {
                "code": row["code"],
                "scheme": row["scheme"],
                "name_zh": row["category_zh"],
                "name_en": row["category_en"],
            },
        },
        "counted_only": row["counted_only"],
        "photos": row["photos"],
        "result_photos": row["result_photos"],
        "score": row["score"],
        "may": follow_ups.may(row),
        "organisation": organisation,
        "post": row["post_zh"] and {"post_zh": row["post_zh"], "post_en": row["post_en"]},
        "history": [
            {**entry, "zh": wording.ACTIONS[entry["action"]][0], "en": wording.ACTIONS[entry["action"]][1]}
            for entry in row["history"]
        ],
    }


def act_on_case(
    conn: Connection, city: City, case_no: str, action: str, sent: acts.Sent, by: Actor, key_id: int | None = None
) -> dict[str, Any]:
    """Somebody does something with a case.

    What comes back is the case as he sees it; whom it was his only by being told of it, sees it no more.
    """
    done = acts.act(conn, city, case_no, action, sent, by, key_id)
    scopes.look_as(conn, by.account_id)
    try:
        return cases.read(conn, city, case_no, by, key_id)
    except NotFound:
        return {"case_no": case_no, **cases.standing(done.state, moves.STAGES[done.state])}


def keep_positions(conn: Connection, city: City, by: Actor, sent: Sequence[SentPosition]) -> Kept:
    """An officer's device says where it was: now, or also while it had no network."""
    return positions.keep(conn, city, by, sent)


def replay(
    conn: Connection,
    city: City,
    case_no: str,
    mode: Literal["as_recorded", "as_of"],
    at: datetime | None,
    positions: Literal["recorded", "none"],
    by: Actor,
) -> dict[str, Any]:
    """Take the first decision of a case again, as it was recorded or as of another moment, and compare."""
    if mode == "as_of" and at is None:
        raise InvalidInput("A replay as of a moment needs the moment: at.", field="at")
    recorded = replays.recorded(conn, city, case_no)
    asked = recorded.input
    if mode == "as_of":
        facts = asked.staff_facts if positions == "recorded" else []
        asked = replace(asked, at=at or asked.at, staff_facts=facts)
    names = knows_people(by, recorded.organisation_id)
    again = dispatch.decide(conn, [asked])[0]
    if again.out_of_area:  # there is a case, so somebody insisted on it
        again = reports.on_the_desk(again, city)
    return replays.compare(recorded, again, city, mode, positions, names=names)


def _decide_and_record(
    conn: Connection, city: City, prepared: dict[UUID, reports.Prepared], by: Actor | None, sender: str | None
) -> dict[UUID, Receipt | GisopsError]:
    """Decide and keep; a report whose key was taken by somebody else is in neither receipts nor errors."""
    decided: list[tuple[reports.Prepared, dispatch.Decision]] = []
    outcomes: dict[UUID, Receipt | GisopsError] = {}
    if prepared:
        decisions = dispatch.decide(conn, [p.input for p in prepared.values()])
        shown = photos.usable(conn, {sha256 for one in prepared.values() for sha256 in one.report.photos})
        for one, decision in zip(prepared.values(), decisions, strict=True):
            try:
                photos.be_known(one.report.photos, shown)
                reports.check_decision(one, decision, city)
                decided.append((one, reports.on_the_desk(decision, city) if decision.out_of_area else decision))
            except GisopsError as error:
                outcomes[one.report.client_uid] = error
    if decided:
        asked = [intake.asked_of(*pair) for pair in decided]
        found = duplicates.fates(conn, city, asked, decided[0][1].at, by, sender)
        ruled = auto_rules.standing(conn, [(pair[1].row["district_code"], pair[0].category) for pair in decided])
        new: list[intake.Opened] = []
        place: dict[int, int] = {}  # what is refused here leaves a gap in the batch
        for n, ((one, decision), fate) in enumerate(zip(decided, found, strict=True)):
            if isinstance(fate, GisopsError):
                outcomes[one.report.client_uid] = fate
                continue
            place[n] = len(new)
            if fate.with_n is not None:
                fate = replace(fate, with_n=place[fate.with_n])
            new.append(intake.opened(one, decision, city, by, now=True, fate=fate, rule=ruled[n]))
        outcomes |= intake.record(conn, city, new, by)
    return outcomes

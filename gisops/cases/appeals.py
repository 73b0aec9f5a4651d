"""Appeals: a department objects to a closed case counting as late. Once each time that it was closed; the dispatcher
reviews it first, then the acceptor. If both agree, that it was late does not count; what happened, and when, stays as
it was. Each review has its time, a clock beside those of the case; a case that is opened again ends what still waited.

All three are the same move, ``appeal``, told apart by who makes it; so the history shows each of them.
"""

from __future__ import annotations

from typing import Any

from gisops import clocks, notices
from gisops.access.people import Actor
from gisops.cases import agreements, case_clocks
from gisops.cases.facts import After, Facts, GuardFailed, Prepared, Sent, Told
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotAllowed

_SQL = queries.load("gisops.cases", "appeals.sql")

# Whose word it is, by how far the appeal is: the next state of one that is granted, and the statement.
_REVIEWS = {"lodged": ("dispatcher", "seconded", "review_first"), "seconded": ("acceptor", "granted", "review_second")}
# Who reviews an appeal in each of its states.
REVIEWERS = {state: role for state, (role, _, _) in _REVIEWS.items()}


def appeal(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Lodge an appeal, as a department; or review one, with ``values`` granted (true or false)."""
    if by is None:
        raise NotAllowed("An appeal is lodged and reviewed by people.")
    found = conn.execute(_SQL["one"], {**_key(facts), "since": facts.closed_at}).fetchone()
    if by.role == "department":
        return _lodged(city, facts, sent, by, found)
    return _reviewed(city, facts, sent, by, found)


def lapse(conn: Connection, facts: Facts) -> None:
    """An appeal against a closing that holds no longer needs no review any more; who lodged it is told."""
    for one in conn.execute(_SQL["lapse"], _key(facts)).fetchall():
        _stop(conn, facts, one["clock_no"], "cancelled")
        _say(conn, facts, facts.version, "lapsed", one)


def was_late(facts: Facts) -> bool:
    """Whether a case was handled behind the organisation's own deadline or the case's."""
    done = facts.handled_at or facts.closed_at or facts.now
    return not (clocks.in_time(done, facts.deadline) and clocks.in_time(done, facts.handle_deadline))


def _lodged(city: City, facts: Facts, sent: Sent, by: Actor, found: dict[str, Any] | None) -> Prepared:
    if by.organisation_id != facts.organisation_id:
        raise GuardFailed("own_organisation", "此案不在您的单位。", "This case was not with your organisation.")
    if found is not None:
        raise GuardFailed(
            "appealed_already",
            "每次结案只能申诉一次。",
            "A case is appealed once each time that it was closed.",
            appeal=found["state"],
        )
    if not was_late(facts):
        raise GuardFailed("was_in_time", "此案未超时，无须申诉。", "This case was in time; there is nothing to appeal.")
    if not sent.reason.strip():
        raise InvalidInput("An appeal says why the delay should not count.", field="reason")

    def lodge(conn: Connection, facts: Facts, seq: int) -> None:
        told = {"organisation_id": facts.organisation_id, "account_id": by.account_id}
        conn.execute(_SQL["lodge"], {**_key(facts), **told, "clock_no": _start(conn, city, facts)})
        _ask(conn, facts, seq, "lodged", by)

    return Prepared({"step": "lodged"}, clock="keep", after=(lodge,))


def _reviewed(city: City, facts: Facts, sent: Sent, by: Actor, found: dict[str, Any] | None) -> Prepared:
    if found is None or found["state"] not in _REVIEWS:
        raise GuardFailed(
            "no_appeal", "没有待审的申诉。", "No appeal waits for a review.", appeal=found and found["state"]
        )
    role, following, statement = _REVIEWS[found["state"]]
    if by.role != role:
        raise GuardFailed("not_your_review", f"现由 {role} 审核。", f"It is the {role}'s review now.", role=role)
    granted = sent.values.get("granted")
    if not isinstance(granted, bool):
        raise InvalidInput("granted is true or false.", field="granted")
    state = following if granted else "refused"
    exempt = state == "granted"

    def review(conn: Connection, facts: Facts, seq: int) -> None:
        _stop(conn, facts, found["clock_no"], "done")
        clock_no = _start(conn, city, facts) if state == "seconded" else None
        told = {"state": state, "account_id": by.account_id, "seq": seq if exempt else None, "clock_no": clock_no}
        conn.execute(_SQL[statement], {**_key(facts), **told, "appeal_no": found["appeal_no"]})
        if state == "seconded":
            _ask(conn, facts, seq, state, by)
        else:
            _say(conn, facts, seq, state, found)

    after: tuple[After, ...] = (review,)
    # whose appeal it is hears of the end of it, whoever lodged it for him
    ended = state != "seconded"
    told = (Told("decided", organisation_id=facts.organisation_id),) if ended else ()
    return Prepared({"step": state}, {"timeout_exempt": True} if exempt else {}, clock="keep", after=after, told=told)


def _ask(conn: Connection, facts: Facts, seq: int, state: str, by: Actor) -> None:
    """Tell those who may review it now; where there is nobody in sight, the desk."""
    to = agreements.who_may(conn, facts, (REVIEWERS[state],), by.account_id)
    to = to or [notices.Recipient(organisation_id=facts.desk_id)]
    said: dict[str, notices.Fact] = {"action": "appeal", "step": state}
    notices.tell(conn, facts.district_code, facts.case_id, seq, "approval", to, said, f"appeal:{state}")


def _say(conn: Connection, facts: Facts, seq: int, kind: str, one: dict[str, Any]) -> None:
    """Tell who lodged it how it ended."""
    to = [notices.Recipient(account_id=one["lodged_by"])]
    said: dict[str, notices.Fact] = {"action": "appeal"}
    notices.tell(conn, facts.district_code, facts.case_id, seq, kind, to, said, f"appeal:{one['appeal_no']}")


def _start(conn: Connection, city: City, facts: Facts) -> int | None:
    """The clock of a review; None where the city gives it no limit."""
    limit = case_clocks.stage_limit(city, "appeal", facts.severity, facts.category.category_id)
    if limit is None:
        return None
    clock = case_clocks.limited("subtask", limit)
    return case_clocks.start_beside(conn, facts, case_clocks.started(city, clock, facts.now, facts.desk_id), "appeal")


def _stop(conn: Connection, facts: Facts, clock_no: int | None, outcome: str) -> None:
    if clock_no is not None:
        case_clocks.stop_beside(conn, facts.district_code, facts.case_id, clock_no, outcome)


def _key(facts: Facts) -> dict[str, Any]:
    return {"district_code": facts.district_code, "case_id": facts.case_id}

"""Appeals: a department objects to a closed case counting as late. Once; the dispatcher reviews it first, then the
acceptor. If both agree, that it was late does not count; what happened, and when, stays as it was.

All three are the same move, ``appeal``, told apart by who makes it; so the history shows each of them.
"""

from __future__ import annotations

from typing import Any

from gisops import clocks
from gisops.access.people import Actor
from gisops.cases.facts import After, Facts, GuardFailed, Prepared, Sent, Told
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotAllowed

_SQL = queries.load("gisops.cases", "appeals.sql")

# Whose word it is, by how far the appeal is: the next state of one that is granted, and the statement.
_REVIEWS = {"lodged": ("dispatcher", "seconded", "review_first"), "seconded": ("acceptor", "granted", "review_second")}


def appeal(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Lodge an appeal, as a department; or review one, with ``values`` granted (true or false)."""
    if by is None:
        raise NotAllowed("An appeal is lodged and reviewed by people.")
    found = conn.execute(_SQL["one"], _key(facts)).fetchone()
    if by.role == "department":
        return _lodged(facts, sent, by, found)
    return _reviewed(facts, sent, by, found)


def was_late(facts: Facts) -> bool:
    """Whether a case was handled behind the organisation's own deadline or the case's."""
    done = facts.handled_at or facts.closed_at or facts.now
    return not (clocks.in_time(done, facts.deadline) and clocks.in_time(done, facts.handle_deadline))


def _lodged(facts: Facts, sent: Sent, by: Actor, found: dict[str, Any] | None) -> Prepared:
    if by.organisation_id != facts.organisation_id:
        raise GuardFailed("own_organisation", "此案不在您的单位。", "This case was not with your organisation.")
    if found is not None:
        raise GuardFailed("appealed_already", "每案只能申诉一次。", "A case is appealed once.", appeal=found["state"])
    if not was_late(facts):
        raise GuardFailed("was_in_time", "此案未超时，无须申诉。", "This case was in time; there is nothing to appeal.")
    if not sent.reason.strip():
        raise InvalidInput("An appeal says why the delay should not count.", field="reason")

    def lodge(conn: Connection, facts: Facts, seq: int) -> None:
        conn.execute(
            _SQL["lodge"], {**_key(facts), "organisation_id": facts.organisation_id, "account_id": by.account_id}
        )

    return Prepared(
        {"step": "lodged"}, clock="keep", after=(lodge,), told=(Told("approval", organisation_id=facts.desk_id),)
    )


def _reviewed(facts: Facts, sent: Sent, by: Actor, found: dict[str, Any] | None) -> Prepared:
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
        told = {"state": state, "account_id": by.account_id, "seq": seq if exempt else None}
        conn.execute(_SQL[statement], {**_key(facts), **told})

    after: tuple[After, ...] = (review,)
    told = () if state == "seconded" else (Told("decided", organisation_id=facts.organisation_id),)
    return Prepared({"step": state}, {"timeout_exempt": True} if exempt else {}, clock="keep", after=after, told=told)


def _key(facts: Facts) -> dict[str, Any]:
    return {"district_code": facts.district_code, "case_id": facts.case_id}

"""New limits: when a case is due that turns out to be of another class, and the clock of who is handling it.

Both come to what they would be had it been of that class from the start. So only what was granted is added, and a
second correction gives no more time than the first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from gisops.cases import case_clocks
from gisops.cases.facts import Clock, Facts, LimitClock
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops.cases", "new_limits.sql")


def of_case(
    conn: Connection,
    city: City,
    key: tuple[str, UUID],
    filed_at: datetime,
    filing_condition_id: int | None,
    area_grade: str,
) -> datetime | None:
    """When a case (``key``: district, id) is due under a condition; None where that has no limit.

    The limit runs from the filing, and again from each time that the case was to be done anew, as `checking.rework` and
    `follow_ups.reopen` have it; what was granted since (an extension, a pause) is added as plain time. It is never
    before its last required part.
    """
    ends = case_clocks.deadline_of(city, filed_at, filing_condition_id, area_grade)
    if ends is None:
        return None
    about = {"district": key[0], "case_id": key[1]}
    for row in conn.execute(_SQL["given"], {**about, "filed_at": filed_at}).fetchall():
        if row["granted"]:
            ends += timedelta(seconds=row["added_s"])
        else:
            ends = max(ends, case_clocks.deadline_of(city, row["at"], filing_condition_id, area_grade) or ends)
    parts = conn.execute(_SQL["parts"], about).fetchone()
    return max(ends, parts["deadline"]) if parts and parts["deadline"] else ends


def added(before: datetime | None, then: datetime | None) -> dict[str, float]:
    """What a grant added to the case's own deadline, in seconds, as the history keeps it for `of_case`."""
    return {} if before is None or then is None else {"added_s": (then - before).total_seconds()}


def of_clock(city: City, facts: Facts, clock: Clock, filing_condition_id: int | None, area_grade: str) -> LimitClock:
    """The running clock of handling under another condition: its start stays, what was granted of it too."""
    step = clock.step
    limit = case_clocks.limit_of(city, filing_condition_id, step, area_grade)
    if limit is None:
        step, limit = case_clocks.handling(city, filing_condition_id, area_grade)
    if limit is None:
        return LimitClock(step, clock.started_at)
    # one that waited for its season has begun to wait when it was taken on
    taken = clock.started_at if clock.started_at <= facts.now else facts.acknowledged_at or facts.now
    begins = case_clocks.begins(city, taken, limit.season)
    ends = case_clocks.deadline(city, begins, limit.unit, limit.value, clock.organisation_id)
    return LimitClock(step, begins, limit.unit, limit.value, ends + _granted(city, clock))


def _granted(city: City, clock: Clock) -> timedelta:
    """How far a clock's deadline lies behind what its limit alone gives it: before it for one that began with what was
    left.
    """
    if clock.deadline is None or clock.unit is None or clock.value is None:
        return timedelta()
    alone = case_clocks.deadline(city, clock.started_at, clock.unit, clock.value, clock.organisation_id)
    return clock.deadline - alone

"""The desk: what there is to do now, the gravest first; for the whole desk, for one person, and what is late.

Read for a viewer (`scopes.look_as`) through windows of their own (functions/78_desk.sql), which find what is open by
the clock that runs in it and never look at what is over. A case's priority comes first (`case_priority`), then when the
time runs out that was given for the step it is in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from gisops import clocks, wording
from gisops.access import audit
from gisops.access.people import Actor, knows_people
from gisops.cases import cases, moves
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, UnknownOrganisation

_SQL = queries.load("gisops.cases", "desk.sql")

MOST_ROWS = 1_000
# A hundred cases or a thousand are a number to work by; beyond that it is "many", which costs nothing to know.
MOST_COUNTED = 1_000
SEVERITIES = ("danger", "urgent", "normal", "minor")
OPEN_STATES = tuple(state for state, stage in moves.STAGES.items() if stage < moves.OVER)
LIGHTS: Mapping[str, tuple[str, str]] = {
    "green": ("正常", "in time"),
    "yellow": ("临期", "soon over"),
    "red": ("超期", "overdue"),
    "grey": ("未计时", "no clock runs"),
}
By = Literal["organisation", "street", "category"]
# In these the clock that runs is that of whoever holds the case.
_HELD = ("dispatched", "simple_open", "handling", "suspended")
_CURSOR = re.compile(r"(-[123]|0)~(infinity|[0-9T:. +-]{19,40})~([0-9a-f-]{36})")
# Longer ago than this, how many times over its limit a case is says nothing any more.
_TELLS = timedelta(days=30)


def states_of(role: str) -> list[str]:
    """The open states in which a role has something to do; all of them for one that has not."""
    own = [state for state in OPEN_STATES if moves.allowed(state, role)]
    return own or list(OPEN_STATES)


def inbox(
    conn: Connection,
    city: City,
    to: Actor,
    *,
    states: Sequence[str] = (),
    category: str | None = None,
    organisation: str | None = None,
    street: str | None = None,
    severity: str | None = None,
    limit: int = 50,
    after: str | None = None,
    key_id: int | None = None,
) -> dict[str, Any]:
    """Open cases in scope, by priority, and of one what runs out first: ``{counts, cases, after}``.

    Of some ``states`` (those in which the role acts, where none are named). Each has its ``clock`` (step, whose,
    deadline, light, share of the limit that has run, seconds left) and what the role may do with it. ``counts`` are of
    the states, without the other filters, as far as `MOST_COUNTED`. Raises ``InvalidInput``, ``UnknownCategory``,
    ``UnknownOrganisation``.
    """
    wanted = list(dict.fromkeys(states)) or states_of(to.role)
    if unknown := [state for state in wanted if state not in OPEN_STATES]:
        raise InvalidInput(f"{unknown[0]!r} is no open state.", state=unknown[0], states=list(OPEN_STATES))
    if severity is not None and severity not in SEVERITIES:
        raise InvalidInput(f"There is no severity {severity!r}.", severity=severity, severities=list(SEVERITIES))
    asked = {
        "states": wanted,
        "category_id": city.category(category).category_id if category else None,
        "organisation_id": _organisation(conn, organisation),
        "street": street,
        "severity": severity,
    }
    page = _page(conn, city, to, asked, limit, after, key_id)
    counts = conn.execute(_SQL["counts"], {"states": wanted, "most": MOST_COUNTED + 1}).fetchall()
    counted = {row["state"]: row["count"] for row in counts}
    return {
        "counts": [
            {
                **wording.state(state),
                "count": min(counted.get(state, 0), MOST_COUNTED),
                "more": counted.get(state, 0) > MOST_COUNTED,
            }
            for state in wanted
        ],
        **page,
    }


def tasks(
    conn: Connection, city: City, to: Actor, *, limit: int = 100, after: str | None = None, key_id: int | None = None
) -> dict[str, Any]:
    """The caller's open work, in the order of the inbox: ``{cases, after}``, each as there.

    What he handles; for a department, what its time runs for; for those who verify and check on the ground, what waits
    for that where they look; ``asked`` marks what of it he was asked to look at himself.
    """
    holds = to.role == "department" and to.organisation_id is not None
    walks = [state for state in ("verifying", "checking") if {"verify", "pass"} & set(moves.allowed(state, to.role))]
    asked = {
        "states": list(OPEN_STATES),
        "held": list(_HELD) if holds else [],
        "organisation_id": to.organisation_id if holds else None,
        "pool": walks,
        "tasks": True,
    }
    found = _page(conn, city, to, asked, limit, after, key_id)
    numbers = [row["case_no"] for row in found["cases"]] if walks and to.staff_id is not None else []
    told = {"numbers": numbers, "districts": [one.rsplit("-", 2)[0] for one in numbers], "staff_id": to.staff_id}
    his = {row["case_no"] for row in conn.execute(_SQL["asked"], told)} if numbers else set()
    return {**found, "cases": [{**row, "asked": row["case_no"] in his} for row in found["cases"]]}


def overdue(
    conn: Connection,
    city: City,
    to: Actor,
    *,
    by: By = "organisation",
    organisation: str | None = None,
    street: str | None = None,
    category: str | None = None,
    limit: int = 50,
    after: str | None = None,
    key_id: int | None = None,
) -> dict[str, Any]:
    """What is late, and what soon will be (80 % of its limit): ``{by, groups, cases, after}``.

    ``groups`` counts red and yellow by whose clock it is, by street or by category, with the deadline that has been
    over for the longest; ``cases`` are those themselves, the latest first, narrowed by the filters. Raises as `inbox`.
    """
    groups = conn.execute(_SQL[f"late_by_{by}"]).fetchall() if after is None else None
    asked = {
        "states": list(OPEN_STATES),
        "category_id": city.category(category).category_id if category else None,
        "organisation_id": _organisation(conn, organisation),
        "street": street,
        "late": True,
    }
    return {"by": by, "groups": groups, **_page(conn, city, to, asked, limit, after, key_id)}


_NOTHING_ASKED: Mapping[str, Any] = {
    "category_id": None, "organisation_id": None, "street": None, "severity": None, "late": False, "tasks": False,
    "held": [], "pool": [],
}  # fmt: skip


def _page(
    conn: Connection,
    city: City,
    to: Actor,
    asked: Mapping[str, Any],
    limit: int,
    after: str | None,
    key_id: int | None,
) -> dict[str, Any]:
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInput(f"limit is {limit}; it goes from 1 to {MOST_ROWS}.", limit=limit)
    told = {**_NOTHING_ASKED, **asked, **_place(after), "limit": limit + 1}
    rows = conn.execute(_SQL["inbox"], told).fetchall()
    page = rows[:limit]
    named = sum(cases.names_another(row, to) for row in page)
    audit.looked(conn, "cases", None, named, key_id=key_id)
    last = page[-1] if len(rows) > limit else None
    return {
        "cases": [_row(row, city, to) for row in page],
        "after": last and f"{last['rank']}~{last['urgent_at']}~{last['case_id']}",
    }


def _row(row: dict[str, Any], city: City, to: Actor) -> dict[str, Any]:
    shown = cases.summary(row, knows_people(to, row["organisation_id"]))
    return {**shown, "clock": _clock(row, city), "allowed": moves.allowed(row["state"], to.role)}


def _clock(row: Mapping[str, Any], city: City) -> dict[str, Any]:
    """Whose time runs, until when, and how much of it has run. A case in dispute is timed by its own deadline."""
    light = LIGHTS[row["light"]]
    deadline: datetime | None = row["clock_deadline"] if row["step"] is not None else row["deadline"]
    return {
        "step": row["step"],
        "organisation": row["clock_organisation"],
        "started_at": row["started_at"],
        "deadline": deadline,
        "light": row["light"],
        "light_zh": light[0],
        "light_en": light[1],
        "level": row["level"],
        "share": _share(row, city),
        "left_s": None if deadline is None or row["paused_at"] else round((deadline - row["now"]).total_seconds()),
    }


def _share(row: Mapping[str, Any], city: City) -> float | None:
    """How much of the limit has run, 1 being all of it, in the limit's own kind of time; pauses do not count."""
    deadline, now = row["clock_deadline"], row["paused_at"] or row["now"]
    if deadline is None or row["unit"] is None or now - deadline > _TELLS:
        return None
    left = clocks.spent(now, deadline, row["unit"], city.calendar)
    return max(0.0, round(1 - float(left) / float(row["value"]), 3))


def _organisation(conn: Connection, code: str | None) -> int | None:
    if code is None:
        return None
    row = conn.execute(_SQL["organisation"], {"code": code}).fetchone()
    if row is None:
        raise UnknownOrganisation(f"There is no organisation {code!r}.", organisation=code)
    found: int = row["organisation_id"]
    return found


def _place(after: str | None) -> dict[str, Any]:
    """Where a page goes on: what ``after`` of the page before said. Raises ``InvalidInput`` for anything else."""
    if after is None:
        return {"above": None, "since": None, "after": None}
    found = _CURSOR.fullmatch(after)
    try:
        if found is None:
            raise ValueError(after)
        rank, since, key = found.groups()
        if since != "infinity" and datetime.fromisoformat(since).tzinfo is None:
            raise ValueError(after)
        return {"above": int(rank), "since": since, "after": UUID(key)}
    except ValueError:
        raise InvalidInput("after is not what the page before said: take its `next`.", field="after") from None

"""Random lives of cases in a spring, told in memory by the project's own table of moves and clocks, written as rows.

Everything a city's cases may go through: both flows, verifying, returns, disputes, holds, extensions, failed checks,
reopening, voids, force, appeals, duplicates that are linked and unlinked, joint work, recurrence and follow-up visits;
moves that the system makes at one moment, and moves on the stroke of midnight. Who counts them (`indicator_oracle`)
reads them from here, not from the database.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gisops.cases import moves
from gisops.cases.transitions import NOT_ACKNOWLEDGED, RETURN_REASONS, SYSTEM, TRANSITIONS
from gisops.city import Category, City
from gisops.db.pool import Connection
from gisops.keys import derived_key
from gisops.simulation.paper import OnPaper, Paper, Ticking

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = datetime(2025, 3, 3, tzinfo=ZONE)
DISTRICT = "460107"
CHANNELS = ("citizen", "officer", "hotline", "video", "sensor", "open311", "feed")
# Every move there is; stages of handling are of conditions that hardly any category begins with.
ACTIONS_LIVED = frozenset(rule.action for rule in TRANSITIONS) - {"step_done"}
# What would end most lives early is done seldom, what hardly ever comes about more often.
_HOW_OFTEN = {
    "void": 0.2, "force_close": 0.1, "refuse": 0.2, "reject": 0.2, "link": 0.25, "dispute": 0.3, "reopen": 0.4,
    "return": 0.5, "to_acceptor": 0.3, "send_back": 0.4, "to_rework": 0.4, "assign": 0.3, "correct": 0.2,
    "ack": 3.0, "finish": 3.0, "close": 4.0, "pass": 2.0, "appeal": 3.0,
}  # fmt: skip


@dataclass
class Entry:
    """One line of a case's history."""

    action: str
    from_state: str
    to_state: str
    at: datetime
    role: str
    staff: int | None
    account: int | None
    organisation_id: int
    reason: str | None = None


@dataclass
class Place:
    """Where cases lie, and what is there by the drawing."""

    lon: float
    lat: float
    grid_cell: str | None
    community: str | None
    street: str | None
    road: str | None


@dataclass
class Patrol:
    """A duty zone of the drawing: west, south, east, north, and who answers for it when."""

    code: str
    box: tuple[float, float, float, float]
    priority: int
    scope: tuple[str, ...]
    since: datetime
    until: datetime
    staff: tuple[int, ...]
    backups: tuple[int, ...] = ()


@dataclass
class Case:
    """One life. ``ended_by`` is the entry that stopped each of its clocks, by the clock's number."""

    number: int
    key: UUID
    no: str
    category: Category
    place: Place
    severity: str
    zone_id: int | None
    handler: int | None
    paper: OnPaper
    history: list[Entry] = field(default_factory=list)
    ended_by: dict[int, Entry] = field(default_factory=dict)
    subtasks: list[tuple[str, datetime]] = field(default_factory=list)
    # channel, received
    reports: list[tuple[str, datetime, UUID]] = field(default_factory=list)
    visits: list[tuple[int | None, datetime]] = field(default_factory=list)
    again_of: int | None = None
    is_rework: bool = False

    @property
    def clocks(self) -> Sequence[Ticking]:
        return self.paper.clocks


@dataclass(frozen=True)
class Ground:
    """What lives happen on: the people (account → staff), zones, places and patrols there are."""

    accounts: dict[int, int]
    staff: tuple[int, ...]
    zones: tuple[int, ...]
    places: tuple[Place, ...]
    patrols: tuple[Patrol, ...]


def lives(city: City, ground: Ground, many: int, rng: Random) -> list[Case]:
    """So many lives."""
    made = [_life(city, ground, number, rng) for number in range(1, many + 1)]
    standing = [one for one in made if one.paper.state != "duplicate"]
    for one in made:
        received = one.history[0].at
        holder = rng.choice(standing) if one.paper.state == "duplicate" else one
        _report(holder, one, received, 0, rng)
        for more in range(rng.choice((0, 0, 0, 1, 2))):
            _report(holder, one, received + _gap(rng), more + 1, rng)
        earlier = [other for other in made if other.paper.closed_at and other.paper.closed_at <= received]
        if earlier and rng.random() < 0.2:
            one.again_of, one.is_rework = rng.choice(earlier).number, rng.random() < 0.6
    return made


def _report(holder: Case, of: Case, received: datetime, n: int, rng: Random) -> None:
    holder.reports.append((rng.choice(CHANNELS), received, derived_key(received, f"report {of.number} {n}")))


def _gap(rng: Random, most_minutes: int = 6_000) -> timedelta:
    """Mostly minutes and hours, at times days, at times hardly anything; two people never act at one moment."""
    if rng.random() < 0.08:
        return timedelta(microseconds=1)
    return timedelta(seconds=round(60 * math.exp(rng.uniform(0, math.log(most_minutes)))))


def _on(now: datetime, pace: int, rng: Random) -> datetime:
    if rng.random() < 0.04:
        day = now.astimezone(ZONE).date() + timedelta(days=1)
        return datetime.combine(day, datetime.min.time(), ZONE)
    return now + _gap(rng, pace)


def _life(city: City, ground: Ground, number: int, rng: Random) -> Case:
    paper = Paper(city)
    now = FIRST + timedelta(seconds=rng.randrange(70 * 86_400))
    key = derived_key(now, f"random life {number}")
    told: list[Entry] = []
    ended: dict[int, Entry] = {}
    acting = [SYSTEM, ""]
    # some lives are quick, some are slow
    pace = rng.choice((30, 600, 6_000))

    def moved(case: OnPaper, action: str) -> None:
        role, reason = acting
        account = None if role == SYSTEM or rng.random() < 0.3 else rng.choice(list(ground.accounts))
        entry = Entry(
            action, told[-1].to_state if told else "", case.state, paper.now, role, ground.accounts.get(account or 0),
            account, case.organisation_id, reason or None,
        )  # fmt: skip
        told.append(entry)
        for clock in case.clocks:
            if clock.stopped_at is not None:
                ended.setdefault(clock.clock_no, entry)

    paper.moved = moved
    paper.go_to(now)
    paper.report(number, rng)
    case = paper.cases[0]
    for _ in range(rng.randint(0, 26)):
        now = _on(now, pace, rng)
        while (due := paper.due()) is not None and due <= now and len(told) < 40:
            acting[:] = [SYSTEM, ""]
            paper.go_to(due)
            paper.fire()
        paper.go_to(now)
        choices = [rule for rule in TRANSITIONS if case.state in rule.from_states]
        if not choices:
            break
        rule = rng.choices(choices, [_HOW_OFTEN.get(rule.action, 1.0) for rule in choices])[0]
        if rule.who == (SYSTEM,) and rule.action in ("promote", "escalate"):
            # those are the timers'
            continue
        role = rng.choice(rule.who)
        reason = rng.choice((*RETURN_REASONS, NOT_ACKNOWLEDGED)) if rule.action == "return" else ""
        acting[:] = [role, reason]
        paper.act(0, rule.action, role, case.version, rng)
    made = Case(
        number, key, f"{DISTRICT}-2025-{number:08}", case.category, rng.choice(ground.places),
        rng.choice(("minor", "normal", "urgent", "danger")), rng.choice((None, *ground.zones)),
        rng.choice((None, *ground.staff)), case, told, ended,
    )  # fmt: skip
    begins = told[0].at
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        state = rng.choice(("open", "acknowledged", "done", "returned", "cancelled"))
        made.subtasks.append((state, begins + _gap(rng)))
    for _ in range(rng.choice((0, 0, 1, 2))):
        made.visits.append((rng.choice((None, 1, 2, 3, 4, 5)), told[-1].at + _gap(rng)))
    return made


_CASES = """
INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom, zone_id, grid_cell_code,
  street_code, community_code, organisation_id, handler_id, reported_at, filed_at, closed_at, deadline, version,
  assessed, timeout_exempt, recurrence_of, is_rework)
SELECT r.district_code, r.case_id, r.case_no, r.category_id, r.state, r.stage, r.severity,
  ST_SetSRID(ST_MakePoint(r.lon, r.lat), 4326), r.zone_id, r.grid_cell, r.street, r.community, r.organisation_id,
  r.handler_id, r.reported_at, r.filed_at, r.closed_at, r.deadline, r.version, r.assessed, r.exempt, r.again_of,
  r.is_rework
FROM jsonb_to_recordset(%s) AS r (district_code text, case_id uuid, case_no text, category_id int, state text,
  stage smallint, severity text, lon float8, lat float8, zone_id int, grid_cell text, street text, community text,
  organisation_id int, handler_id int, reported_at timestamptz, filed_at timestamptz, closed_at timestamptz,
  deadline timestamptz, version int, assessed boolean, exempt boolean, again_of uuid, is_rework boolean)
"""
_HISTORY = """
INSERT INTO case_history (district_code, case_id, seq, action, from_state, to_state, at, account_id, role,
  organisation_id, payload, hash)
SELECT r.district_code, r.case_id, r.seq, r.action, r.from_state, r.to_state, r.at, r.account_id, r.role,
  r.organisation_id, r.payload, '\\x00'
FROM jsonb_to_recordset(%s) AS r (district_code text, case_id uuid, seq int, action text, from_state text,
  to_state text, at timestamptz, account_id int, role text, organisation_id int, payload jsonb)
"""
_CLOCKS = """
INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at, deadline, paused_at,
  stopped_at, outcome)
SELECT r.district_code, r.case_id, r.clock_no, r.step, r.organisation_id, r.started_at, r.deadline, r.paused_at,
  r.stopped_at, r.outcome
FROM jsonb_to_recordset(%s) AS r (district_code text, case_id uuid, clock_no smallint, step text, organisation_id int,
  started_at timestamptz, deadline timestamptz, paused_at timestamptz, stopped_at timestamptz, outcome text)
"""
_SUBTASKS = """
INSERT INTO case_subtasks (district_code, case_id, subtask_no, state, organisation_id, opened_at, ended_at)
SELECT r.district_code, r.case_id, r.no, r.state, r.organisation_id, r.at,
  CASE WHEN r.state IN ('done', 'returned', 'cancelled') THEN r.at END
FROM jsonb_to_recordset(%s) AS r (district_code text, case_id uuid, no smallint, state text, organisation_id int,
  at timestamptz)
"""
_REPORTS = """
INSERT INTO reports (district_code, report_id, client_uid, case_id, channel, category_id, text_salt, geom, raw_x, raw_y,
  raw_crs, accuracy_m, accuracy_is_default, received_at)
SELECT r.district_code, r.report_id, r.report_id, r.case_id, r.channel, r.category_id, '',
  ST_SetSRID(ST_MakePoint(r.lon, r.lat), 4326), 0, 0, 'WGS84', 5, false, r.at
FROM jsonb_to_recordset(%s) AS r (district_code text, report_id uuid, case_id uuid, channel text, category_id int,
  lon float8, lat float8, at timestamptz)
"""
_VISITS = """
INSERT INTO follow_ups (district_code, case_id, follow_up_no, method, reached, score, at)
SELECT r.district_code, r.case_id, r.no, 'phone', r.score IS NOT NULL, r.score, r.at
FROM jsonb_to_recordset(%s) AS r (district_code text, case_id uuid, no smallint, score smallint, at timestamptz)
"""


def write(conn: Connection, cases: Sequence[Case]) -> None:
    """Write them as the owner."""
    keys = {one.number: str(one.key) for one in cases}
    rows: dict[str, list[dict[str, Any]]] = {
        sql: [] for sql in (_CASES, _HISTORY, _CLOCKS, _SUBTASKS, _REPORTS, _VISITS)
    }
    for one in cases:
        paper, of = one.paper, {"district_code": DISTRICT, "case_id": str(one.key)}
        category_id = one.category.category_id
        point = {"lon": one.place.lon, "lat": one.place.lat}
        rows[_CASES].append(
            {**of, **point, "case_no": one.no, "category_id": category_id, "state": paper.state,
             "stage": moves.STAGES[paper.state], "severity": one.severity, "zone_id": one.zone_id,
             "grid_cell": one.place.grid_cell, "street": one.place.street, "community": one.place.community,
             "organisation_id": paper.organisation_id, "handler_id": one.handler, "reported_at": one.history[0].at,
             "filed_at": paper.filed_at, "closed_at": paper.closed_at, "deadline": paper.deadline,
             "version": len(one.history), "assessed": paper.assessed, "exempt": paper.timeout_exempt,
             "again_of": keys[one.again_of] if one.again_of else None, "is_rework": one.is_rework}
        )  # fmt: skip
        for seq, entry in enumerate(one.history, 1):
            rows[_HISTORY].append(
                {**of, "seq": seq, "action": entry.action, "from_state": entry.from_state or None,
                 "to_state": entry.to_state, "at": entry.at, "account_id": entry.account, "role": entry.role,
                 "organisation_id": entry.organisation_id,
                 "payload": {"reason_code": entry.reason} if entry.reason else {}}
            )  # fmt: skip
        for clock in one.clocks:
            named = (
                "clock_no",
                "step",
                "organisation_id",
                "started_at",
                "deadline",
                "paused_at",
                "stopped_at",
                "outcome",
            )
            rows[_CLOCKS].append({**of, **{name: getattr(clock, name) for name in named}})
        for no, (state, opened) in enumerate(one.subtasks, 1):
            rows[_SUBTASKS].append({**of, "no": no, "state": state, "organisation_id": no, "at": opened})
        for channel, received, key in one.reports:
            rows[_REPORTS].append(
                {**of, **point, "report_id": str(key), "channel": channel, "category_id": category_id, "at": received}
            )
        for no, (score, visited) in enumerate(one.visits, 1):
            rows[_VISITS].append({**of, "no": no, "score": score, "at": visited})
    for sql, these in rows.items():
        conn.execute(sql, (Jsonb(these, dumps=_json),))


def _json(rows: Any) -> str:
    import json

    return json.dumps(rows, default=lambda one: one.isoformat())

"""Lives of cases from a table on paper: one line a case, one word a move, written straight into the tables.

A word is a letter, a day of March 2025 (0 is the last of February, 32 the first of April) and a time, local:
``H03.1100`` was done on the 3rd at eleven. ``std`` stands for accepted, filed, dispatched and acknowledged 5, 10, 12
and 20 minutes after the word before it; ``chk`` for check ordered, passed and closed 10, 30 and 40 minutes after.
``D20.1010:C`` names the organisation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gisops.db.pool import Connection
from gisops.keys import derived_key

ZONE = ZoneInfo("Asia/Shanghai")
MARCH = datetime(2025, 3, 1, tzinfo=ZONE)
APRIL = datetime(2025, 4, 1, tzinfo=ZONE)
# letter: action, where it leads; None stays where it is.
MOVES: dict[str, tuple[str, str | None]] = {
    "R": ("report", "reported"), "P": ("push", "simple_open"), "O": ("order_verify", "verifying"),
    "V": ("verify", "reported"), "A": ("accept", "accepted"), "T": ("refuse", "not_accepted"),
    "L": ("link", "duplicate"), "F": ("file", "filed"), "I": ("reject", "not_filed"), "D": ("dispatch", "dispatched"),
    "K": ("ack", "handling"), "B": ("return", "returned"), "X": ("extend", None), "S": ("suspend", "suspended"),
    "U": ("resume", "handling"), "H": ("finish", "handled"), "Q": ("order_check", "checking"),
    "J": ("skip_check", "to_close"), "G": ("pass", "to_close"), "N": ("fail", "handling"), "C": ("close", "closed"),
    "M": ("promote", "filed"), "Z": ("void", "voided"), "Y": ("force_close", "force_closed"), "W": ("reopen", "filed"),
}  # fmt: skip
LIMITS = {
    "reported": ("accept", 15), "verifying": ("verify", 30), "accepted": ("file", 15), "filed": ("dispatch", 15),
    "returned": ("dispatch", 15), "dispatched": ("ack", 20), "handled": ("check", 30), "checking": ("check", 30),
    "to_close": ("close", 15),
}  # fmt: skip
OVER = ("closed", "force_closed", "not_accepted", "not_filed", "duplicate", "voided")
_STAGES = {"reported": 1, "verifying": 1, "accepted": 2, "filed": 3, "dispatched": 3, "returned": 3, "simple_open": 4,
           "handling": 4, "suspended": 4, "handled": 5, "checking": 6, "to_close": 6}  # fmt: skip
_STD = (("A", 5), ("F", 10), ("D", 12), ("K", 20))
_CHK = (("Q", 10), ("G", 30), ("C", 40))


def at(text: str) -> datetime:
    """``03.1100`` and ``-2.0900`` as moments."""
    day, clock = text.split(".")
    return MARCH + timedelta(days=int(day) - 1, hours=int(clock[:2]), minutes=int(clock[2:]))


@dataclass
class Move:
    letter: str
    at: datetime
    more: str = ""


@dataclass
class Life:
    """One line of the table. ``marks`` are exempt, urgent, joint, again:NN (a recurrence that is rework of case NN)."""

    number: int
    channel: str
    organisation: str
    due: datetime | None
    own: datetime | None
    moves: list[Move]
    marks: set[str] = field(default_factory=set)


def read(table: str) -> list[Life]:
    """Read the table: ``01 citizen A due=05.1800 own=… R03.0900 std H03.1100 chk [exempt joint …]``."""
    return [_life(line.split("#")[0].split()) for line in table.strip().splitlines() if line.split("#")[0].strip()]


def _life(words: list[str]) -> Life:
    number, channel, organisation, *rest = words
    due = own = None
    moves: list[Move] = []
    marks: set[str] = set()
    for word in rest:
        if word.startswith("due="):
            due = at(word[4:])
        elif word.startswith("own="):
            own = at(word[4:])
        elif word in ("std", "chk"):
            begins = moves[-1].at
            moves += [Move(letter, begins + timedelta(minutes=m)) for letter, m in (_STD if word == "std" else _CHK)]
        elif found := re.fullmatch(r"([A-Z])(-?\d+\.\d{4})(?::(\w+))?", word):
            moves.append(Move(found[1], at(found[2]), found[3] or ""))
        else:
            marks.add(word)
    return Life(int(number), channel, organisation, due, own or due, moves, marks)


@dataclass(frozen=True)
class Ground:
    """What the lives happen on: keys of rows that are there."""

    district: str
    category_id: int
    organisations: dict[str, int]
    desk_id: int
    accounts: dict[str, int]


def write(
    conn: Connection, ground: Ground, lives: list[Life], places: tuple[tuple[float, float], tuple[float, float]]
) -> dict[int, UUID]:
    """Write them as the owner; odd cases lie at the first place, even ones at the second. Returns their keys."""
    keys = {life.number: derived_key(life.moves[0].at, f"paper {life.number}") for life in lives}
    # A case that is the same again refers to one that is there.
    for life in sorted(lives, key=lambda one: any(mark.startswith("again") for mark in one.marks)):
        _write(conn, ground, life, keys, places[(life.number + 1) % 2])
    return keys


def _write(conn: Connection, ground: Ground, life: Life, keys: dict[int, UUID], place: tuple[float, float]) -> None:
    key = keys[life.number]
    state, holder, previous = "", ground.desk_id, None
    entries: list[dict[str, Any]] = []
    clocks: list[dict[str, Any]] = []
    last: dict[str, datetime] = {}
    for seq, move in enumerate(life.moves, 1):
        action, to = MOVES[move.letter]
        to = to or state
        if action == "finish" and state == "simple_open":
            to = "closed"
        if action == "dispatch":
            holder = ground.organisations[move.more or life.organisation]
        elif action == "push":
            holder = ground.organisations[life.organisation]
        elif action == "return":
            holder = ground.desk_id
        if to != state:
            if clocks and clocks[-1]["stopped_at"] is None and to != "suspended" and state != "suspended":
                late = clocks[-1]["deadline"] is not None and move.at > clocks[-1]["deadline"]
                clocks[-1] |= {"stopped_at": move.at, "outcome": "late" if late else "done"}
            if to in LIMITS:
                step, minutes = LIMITS[to]
                clocks.append(_clock(step, ground.desk_id, move.at, move.at + timedelta(minutes=minutes)))
            elif to == "handling" and state != "suspended":
                clocks.append(_clock("handle", holder, move.at, life.own))
            elif to == "simple_open":
                clocks.append(_clock("simple", holder, move.at, move.at + timedelta(hours=2)))
        # The code of why an organisation gave a case back.
        payload = {"reason_code": move.more} if action == "return" else {}
        entries.append(
            {"seq": seq, "action": action, "from_state": state or None, "to_state": to, "at": move.at,
             "account_id": None if move.more == "system" else ground.accounts.get(action), "organisation_id": holder,
             "payload": payload}
        )  # fmt: skip
        state = to
        last[action] = last[to] = move.at
    duplicate = state == "duplicate"
    again = next((int(mark[6:]) for mark in life.marks if mark.startswith("again:")), None)
    conn.execute(
        """
        INSERT INTO cases (
          district_code, case_id, case_no, category_id, state, stage, severity, geom, organisation_id, reported_at,
          filed_at, dispatched_at, handled_at, closed_at, deadline, version, assessed, timeout_exempt, recurrence_of,
          is_rework)
        VALUES (
          %(district)s, %(key)s, %(no)s, %(category)s, %(state)s, %(stage)s, %(severity)s,
          ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(holder)s, %(reported)s, %(filed)s, %(dispatched)s,
          %(handled)s, %(closed)s, %(due)s, %(version)s, %(assessed)s, %(exempt)s, %(again)s, %(rework)s)
        """,
        {
            "district": ground.district, "key": key, "no": f"{ground.district}-2025-{life.number:06}",
            "category": ground.category_id, "state": state, "stage": 7 if state in OVER else _STAGES[state],
            "severity": "urgent" if "urgent" in life.marks else "normal", "lon": place[0], "lat": place[1],
            "holder": holder, "reported": life.moves[0].at, "filed": last.get("filed"),
            "dispatched": last.get("dispatched"), "handled": last.get("finish"),
            "closed": life.moves[-1].at if state in OVER else None, "due": life.due, "version": len(entries),
            "assessed": "push" not in last or "promote" in last, "exempt": "exempt" in life.marks,
            "again": keys[again] if again else None, "rework": again is not None,
        },
    )  # fmt: skip
    for entry in entries:
        row = {**entry, "payload": Jsonb(entry["payload"]), "district": ground.district, "key": key, "prev": previous}
        found = conn.execute(
            """
            INSERT INTO case_history (
              district_code, case_id, seq, action, from_state, to_state, at, account_id, role, organisation_id, payload,
              prev_hash, hash)
            SELECT e.*, %(prev)s,
                   history_hash(%(prev)s, e.district_code, e.case_id, e.seq, e.action, e.from_state, e.to_state, e.at,
                                e.account_id, e.role, e.organisation_id, e.payload)
            FROM (VALUES (
              %(district)s, %(key)s::uuid, %(seq)s::int, %(action)s, %(from_state)s::text, %(to_state)s,
              %(at)s::timestamptz, %(account_id)s::int, 'system', %(organisation_id)s::int, %(payload)s::jsonb)
            ) AS e (district_code, case_id, seq, action, from_state, to_state, at, account_id, role, organisation_id,
                    payload)
            RETURNING hash
            """,
            row,
        ).fetchone()
        assert found is not None
        previous = found["hash"]
    for number, clock in enumerate(clocks, 1):
        conn.execute(
            """
            INSERT INTO case_clocks (
              district_code, case_id, clock_no, step, organisation_id, started_at, deadline, stopped_at, outcome)
            VALUES (
              %(district)s, %(key)s, %(number)s, %(step)s, %(organisation_id)s, %(started_at)s, %(deadline)s,
              %(stopped_at)s, %(outcome)s)
            """,
            {**clock, "district": ground.district, "key": key, "number": number},
        )
    if "joint" in life.marks:
        conn.execute(
            """
            INSERT INTO case_subtasks (district_code, case_id, subtask_no, state, organisation_id, opened_at, ended_at)
            VALUES (%s, %s, 1, 'done', %s, %s, %s)
            """,
            (ground.district, key, ground.organisations["B"], life.moves[0].at, life.moves[-1].at),
        )
    if not duplicate:
        report(conn, ground, key, life.channel, life.moves[0].at, place)


def report(
    conn: Connection, ground: Ground, key: UUID, channel: str, received: datetime, place: tuple[float, float]
) -> None:
    """One more report of a case."""
    conn.execute(
        """
        INSERT INTO reports (
          district_code, report_id, client_uid, case_id, channel, category_id, text_salt, geom, raw_x, raw_y, raw_crs,
          accuracy_m, accuracy_is_default, received_at)
        VALUES (%s, %s, %s, %s, %s, %s, '', ST_SetSRID(ST_MakePoint(%s, %s), 4326), 0, 0, 'WGS84', 5, false, %s)
        """,
        (ground.district, *(derived_key(received, f"{key} {channel} {n}") for n in range(2)), key, channel,
         ground.category_id, *place, received),
    )  # fmt: skip


def _clock(step: str, organisation_id: int, started: datetime, deadline: datetime | None) -> dict[str, Any]:
    return {"step": step, "organisation_id": organisation_id, "started_at": started, "deadline": deadline,
            "stopped_at": None, "outcome": None}  # fmt: skip

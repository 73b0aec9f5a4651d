"""Notices: who is told of what happens to a case, written in the transaction of the act that tells.

A notice says in codes what happened; the words come from ``notice_texts``, which is data. The same act tells nobody
twice, however often it is tried: a notice is known by case, entry of the history, kind, recipient and cause. For who
signs in, the notice is itself the delivery; what has to leave the house lies beside it (`gisops.deliveries`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gisops import wording
from gisops.db.pool import Connection
from gisops.db.queries import load

_SQL = load("gisops", "notices.sql")

# A fact is a number, a moment, or a word of ours: never what somebody wrote, in which a name could stand.
Fact = bool | int | float | str | datetime | None
_MOST_UNREAD = 1000
_MOST_FORGOTTEN = 5000
_PLACE = re.compile(r"\{([a-z_]+)\}")


Part = Literal["handler", "superior", "reporters"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is told: a member of staff, an account, whoever acts for an organisation, or a part in the case as
    it is when it is told: its handler (where there is none, whoever acts for its organisation), the superior beside
    him, everybody who reported it. Exactly one of them.
    """

    staff_id: int | None = None
    account_id: int | None = None
    organisation_id: int | None = None
    part: Part | None = None

    def __post_init__(self) -> None:
        """Refuse nobody, and two at once."""
        if sum(one is not None for one in (self.staff_id, self.account_id, self.organisation_id, self.part)) != 1:
            raise ValueError(f"{self} is not one recipient")


HANDLER, SUPERIOR, REPORTERS = (Recipient(part=part) for part in get_args(Part))


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that is told to some: its kind, who hears it, what it says, and what told it where the act alone does
    not say (a clock and its level). ``but_staff_id`` is left out: who did it himself is not told that he did.
    """

    kind: str
    to: Sequence[Recipient]
    facts: Mapping[str, Fact] = field(default_factory=dict)
    cause: str = ""
    but_staff_id: int | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """The case that is told of, and the last entry of its history."""

    district_code: str
    case_id: UUID
    seq: int


def tell(
    conn: Connection,
    district_code: str,
    case_id: UUID,
    seq: int,
    kind: str,
    to: Sequence[Recipient],
    facts: Mapping[str, Fact],
    cause: str = "",
) -> int:
    """Tell some of one thing about a case, in the transaction of the act; returns how many had not been told yet.

    ``seq`` is the last entry of the case's history. Reporters hear ``action``, ``state`` and ``stage`` of the facts and
    nothing else. What the case is called, what it is about and its deadline are added to the facts.
    """
    return tell_many(conn, [(Subject(district_code, case_id, seq), Told(kind, to, facts, cause))])


def tell_many(conn: Connection, told: Iterable[tuple[Subject, Told]]) -> int:
    """Tell several things, of one case or of many, in one round trip; returns how many notices are new."""
    rows = [
        {
            "district_code": about.district_code,
            "case_id": about.case_id,
            "seq": about.seq,
            "kind": one.kind,
            "cause": one.cause,
            "facts": dict(one.facts),
            "staff_id": to.staff_id,
            "account_id": to.account_id,
            "organisation_id": to.organisation_id,
            "part": to.part,
            "but_staff_id": one.but_staff_id,
        }
        for about, one in told
        for to in one.to
    ]
    if not rows:
        return 0
    row = conn.execute(_SQL["tell"], {"rows": Jsonb(rows)}).fetchone()
    assert row is not None  # noqa: S101  (SELECT of a function)
    return int(row["told"])


# Who gets to know of a move beside the reporters, who are told of each. What timers do is told by the timers.
_SENT = frozenset({"push", "dispatch", "determine", "assign"})
_HANDLERS = frozenset(
    {"fail", "send_back", "to_rework", "resume", "extend", "suspend", "close", "force_close", "void", "appeal"}
)
_DESKS = frozenset({"return", "dispute", "not_mine", "reopen", "promote"})


def of_move(action: str, state: str, stage: int, desk_id: int, by_staff_id: int | None = None) -> list[Told]:
    """What is told of a move, and to whom: the handler and his superior of a case that was sent to them, the handler of
    what others did with his case, the desk of what came back to it, and the reporters of every move.
    """
    facts: dict[str, Fact] = {"action": action, "state": state, "stage": stage}
    told = [Told("progress", [REPORTERS], facts)]
    if action in _SENT:
        told.append(Told("assigned", [HANDLER], facts, but_staff_id=by_staff_id))
        told.append(Told("beside", [SUPERIOR], facts, but_staff_id=by_staff_id))
    elif action in _HANDLERS:
        told.append(Told("moved", [HANDLER], facts, but_staff_id=by_staff_id))
    elif action in _DESKS:
        told.append(Told("moved", [Recipient(organisation_id=desk_id)], facts, but_staff_id=by_staff_id))
    return told


def opened(conn: Connection, cases: Iterable[tuple[Subject, str, str, int]]) -> int:
    """Tell the handlers and superiors of cases that were opened and sent to them at once: ``(case, action, state,
    stage)``, the last move. Their reporters have their answer already.
    """
    told = []
    for about, action, state, stage in cases:
        told += [(about, one) for one in of_move(action, state, stage, 0) if one.kind in ("assigned", "beside")]
    return tell_many(conn, told)


def mine(conn: Connection, timezone: ZoneInfo, before: UUID | None, limit: int) -> dict[str, Any]:
    """A page of the viewer's notices (`scopes.look_as`), newest first: ``{notices, next, unread}``.

    ``next`` is the key the next page is asked for by, or ``None``; ``unread`` counts the newest thousand.
    """
    rows = conn.execute(_SQL["mine"], {"before": before, "most": limit}).fetchall()
    counted = conn.execute(_SQL["unread"], {"most": _MOST_UNREAD}).fetchone()
    names = ("notice_id", "kind", "told_as", "created_at", "read_at", "facts")
    return {
        "notices": [{**{name: row[name] for name in names}, **sentences(row, timezone)} for row in rows],
        "next": rows[-1]["notice_id"] if len(rows) == limit else None,
        "unread": counted["unread"] if counted else 0,
    }


def mark_read(conn: Connection, account_id: int, keys: Sequence[UUID], until: UUID | None) -> int:
    """An account has read these of its notices, or all up to one; those of others stay. Returns how many were new."""
    row = conn.execute(_SQL["read"], {"account_id": account_id, "keys": list(keys), "until": until}).fetchone()
    return 0 if row is None else int(row["marked"])


def prune(conn: Connection, read_days: int, most: int = _MOST_FORGOTTEN) -> int:
    """Forget what was read so many days ago, and what nobody read four times as long ago; returns how many. What has
    still to leave the house, or was given up and may be asked for again, stays with its delivery.
    """
    row = conn.execute(_SQL["forget"], {"days": read_days, "most": most}).fetchone()
    return 0 if row is None else int(row["forgotten"])


def sentences(row: Mapping[str, Any], timezone: ZoneInfo) -> dict[str, str]:
    """The words of a notice (a row with ``kind, facts`` and the texts of its kind): ``{title_zh, title_en, text_zh,
    text_en}``. A kind that nobody has worded yet says its code.
    """
    facts = dict(row["facts"])
    for name, words in (("state", wording.STATES), ("action", wording.ACTIONS), ("part", wording.PARTS)):
        facts[f"{name}_zh"], facts[f"{name}_en"] = words.get(facts.get(name, ""), (facts.get(name),) * 2)
    if facts.get("deadline") is not None:
        ends = datetime.fromisoformat(facts["deadline"]).astimezone(timezone)
        facts["deadline"] = ends.strftime("%Y-%m-%d %H:%M")
    names = ("title_zh", "title_en", "text_zh", "text_en")
    return {name: worded(row[name] or row["kind"], facts) for name in names}


def worded(text: str, facts: Mapping[str, Fact]) -> str:
    """Fill the words in braces of a text; a word that no fact tells becomes a dash. Nothing but words is understood."""
    return _PLACE.sub(lambda found: "—" if (fact := facts.get(found[1])) is None else str(fact), text)

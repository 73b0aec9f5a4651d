"""Notices: who is told of what happens to a case, written in the transaction of the act that tells.

A notice says in codes what happened; the words come from ``notice_texts``, which is data. The same act tells nobody
twice, however often it is tried: a notice is known by case, entry of the history, kind, recipient and cause. For who
signs in, the notice is itself the delivery; what has to leave the house lies beside it (`gisops.deliveries`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from gisops.db.pool import Connection
from gisops.db.queries import load

_SQL = load("gisops", "notices.sql")

# A fact is a number, a moment, or a word of ours: never what somebody wrote, in which a name could stand.
Fact = bool | int | float | str | None
_MOST_UNREAD = 1000
_PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is told: a member of staff, an account, whoever acts for an organisation, or everybody who reported
    the case (``reporters``). Exactly one of them.
    """

    staff_id: int | None = None
    account_id: int | None = None
    organisation_id: int | None = None
    reporters: bool = False

    def __post_init__(self) -> None:
        """Refuse nobody, and two at once."""
        if sum(one is not None for one in (self.staff_id, self.account_id, self.organisation_id)) + self.reporters != 1:
            raise ValueError(f"{self} is not one recipient")


REPORTERS = Recipient(reporters=True)


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that is told to some: its kind, who hears it, what it says, and what told it where the act alone does
    not say (a clock and its level).
    """

    kind: str
    to: Sequence[Recipient]
    facts: Mapping[str, Fact]
    cause: str = ""


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
    nothing else.
    """
    return tell_all(conn, district_code, case_id, seq, [Told(kind, to, facts, cause)])


def tell_all(conn: Connection, district_code: str, case_id: UUID, seq: int, told: Sequence[Told]) -> int:
    """Tell several things about a case in one round trip; returns how many notices are new."""
    rows = [
        {
            "district_code": district_code,
            "case_id": case_id,
            "seq": seq,
            "kind": one.kind,
            "cause": one.cause,
            "facts": dict(one.facts),
            "staff_id": to.staff_id,
            "account_id": to.account_id,
            "organisation_id": to.organisation_id,
            "reporters": to.reporters,
        }
        for one in told
        for to in one.to
    ]
    if not rows:
        return 0
    row = conn.execute(_SQL["tell"], {"rows": Jsonb(rows)}).fetchone()
    assert row is not None  # noqa: S101  (SELECT of a function)
    return int(row["told"])


def mine(conn: Connection, before: UUID | None, limit: int) -> dict[str, Any]:
    """A page of the viewer's notices (`scopes.look_as`), newest first: ``{notices, next, unread}``.

    ``next`` is the key the next page is asked for by, or ``None``; ``unread`` counts the newest thousand.
    """
    rows = conn.execute(_SQL["mine"], {"before": before, "most": limit}).fetchall()
    counted = conn.execute(_SQL["unread"], {"most": _MOST_UNREAD}).fetchone()
    return {
        "notices": [shown(row) for row in rows],
        "next": rows[-1]["notice_id"] if len(rows) == limit else None,
        "unread": counted["unread"] if counted else 0,
    }


def mark_read(conn: Connection, account_id: int, keys: Sequence[UUID], until: UUID | None) -> int:
    """An account has read these of its notices, or all up to one; those of others stay. Returns how many were new."""
    row = conn.execute(_SQL["read"], {"account_id": account_id, "keys": list(keys), "until": until}).fetchone()
    return 0 if row is None else int(row["marked"])


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """One notice as it is answered: codes and the sentences made of them."""
    facts = row["facts"]
    return {
        "notice_id": row["notice_id"],
        "kind": row["kind"],
        "told_as": row["told_as"],
        "created_at": row["created_at"],
        "read_at": row["read_at"],
        "facts": facts,
        "title_zh": worded(row["title_zh"] or row["kind"], facts),
        "title_en": worded(row["title_en"] or row["kind"], facts),
        "text_zh": worded(row["text_zh"] or "", facts),
        "text_en": worded(row["text_en"] or "", facts),
    }


def worded(text: str, facts: Mapping[str, Fact]) -> str:
    """Fill the words in braces of a text; a word that no fact tells becomes a dash. Nothing but words is understood."""
    return _PLACE.sub(lambda found: "—" if (fact := facts.get(found[1])) is None else str(fact), text)

"""The thread of a case: what those who work on it write to each other. Reporters neither read nor write here.

A message can be added, and its text erased; it cannot be changed. It is plain text: what looks like markup is shown as
it was typed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from gisops import notices
from gisops.access import audit
from gisops.access.people import Actor, knows_people
from gisops.cases import acts
from gisops.cases.facts import Facts
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import Conflict, InvalidInput, NotAllowed, NotFound, TextTooLong, UnknownStaff
from gisops.keys import new_key

_SQL = queries.load("gisops.cases", "case_messages.sql")

LONGEST = 2_000
MOST_MENTIONS = 20
MOST_ROWS = 200


class ReusedMessageId(Conflict):
    """This message_id was used with another text."""

    code = "message_id_reused"


def thread(
    conn: Connection, case_no: str, to: Actor, *, limit: int = 50, before: UUID | None = None, key_id: int | None = None
) -> dict[str, Any]:
    """The newest messages of a case, oldest first: ``{case_no, messages, before}``; ``before`` asks for those before.

    Words and names are for whose work is with the case (`people.knows_people`); others learn that something was
    written, when and by which organisation. That somebody else's words were shown is written into the audit. Raises
    ``NotFound`` for a case that is not there for the viewer, ``InvalidInput``.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInput(f"limit is {limit}; it goes from 1 to {MOST_ROWS}.", limit=limit)
    whose = conn.execute(_SQL["whose"], {"case_no": case_no}).fetchone()
    if whose is None:
        raise NotFound(f"There is no case {case_no}.", case_no=case_no)
    knows = knows_people(to, whose["organisation_id"])
    asked = {
        "district_code": whose["district_code"],
        "case_id": whose["case_id"],
        "before": before,
        "most": limit + 1,
    }
    rows = conn.execute(_SQL["thread"], asked).fetchall()
    # one more than asked for, the oldest, tells that there are others before it
    page = rows[-limit:]
    others = sum(row["account_id"] != to.account_id and row["text"] is not None for row in page)
    audit.looked(conn, "case_messages", None, others if knows else 0, object=case_no, key_id=key_id)
    return {
        "case_no": case_no,
        "messages": [_shown(row, to, knows) for row in page],
        "before": page[0]["message_id"] if len(rows) > limit else None,
    }


def write(
    conn: Connection,
    city: City,
    case_no: str,
    text: str,
    mentions: Sequence[str],
    message_id: UUID | None,
    by: Actor,
    key_id: int | None = None,
) -> tuple[UUID, bool]:
    """Write to the thread of a case, and tell whoever is mentioned (staff codes). Returns the message's key, and
    whether it is new: the same key with the same text again is the same message.

    Raises ``NotFound`` for a case the actor may not see, ``NotAllowed``, ``InvalidInput`` for an empty text,
    ``TextTooLong``, ``UnknownStaff`` for who does not work on this case, ``ReusedMessageId``.
    """
    facts = _for(conn, city, case_no, by)
    text = text.strip()
    if not text:
        raise InvalidInput("A message needs a text.", field="text")
    if len(text) > LONGEST:
        raise TextTooLong(f"A message has at most {LONGEST} characters, not {len(text)}.", field="text", most=LONGEST)
    meant = _meant(conn, facts, mentions)
    key = message_id or new_key()
    meant_ids = sorted(meant.values())
    row: dict[str, Any] = {
        "district_code": facts.district_code,
        "case_id": facts.case_id,
        "message_id": key,
        "account_id": by.account_id,
        "staff_id": by.staff_id,
        "role": by.role,
        "organisation_id": by.organisation_id,
        "text": text,
        "mentions": meant_ids,
    }
    if not conn.execute(_SQL["write"], row).rowcount:
        there = conn.execute(_SQL["written"], row).fetchone()
        if there is None or (there["account_id"], there["text"]) != (by.account_id, text):
            raise ReusedMessageId(f"{key} is the key of another message.", message_id=key)
        return key, False
    told = [notices.Recipient(staff_id=staff_id) for staff_id in meant_ids if staff_id != by.staff_id]
    if told:
        # Not the words: who is told reads them where it is written down that he did.
        tells: dict[str, notices.Fact] = {"role": by.role, "state": facts.state}
        cause = f"message:{key}"
        notices.tell(conn, facts.district_code, facts.case_id, facts.version, "mention", told, tells, cause)
    audit.add(
        conn,
        "message",
        "case_messages",
        object=case_no,
        rows=1,
        account_id=by.account_id,
        key_id=key_id,
        district=facts.district_code,
    )
    return key, True


def erase(conn: Connection, city: City, case_no: str, message_id: UUID, by: Actor, key_id: int | None = None) -> None:
    """Erase the text of a message: one's own, or for an administrator anybody's. That there was one stays.

    Raises ``NotFound`` for a case the actor may not see, and for a message that is not there, is not his, or was erased
    before; ``NotAllowed``.
    """
    facts = _for(conn, city, case_no, by)
    asked = {
        "district_code": facts.district_code,
        "case_id": facts.case_id,
        "message_id": message_id,
        "account_id": by.account_id,
        "any": by.role == "admin",
    }
    if not conn.execute(_SQL["erase"], asked).rowcount:
        raise NotFound(f"There is no message {message_id} of yours in this case.", message_id=message_id)
    audit.add(
        conn,
        "erase",
        "case_messages",
        object=case_no,
        rows=1,
        account_id=by.account_id,
        key_id=key_id,
        district=facts.district_code,
    )


def _for(conn: Connection, city: City, case_no: str, by: Actor) -> Facts:
    facts = acts.read(conn, city, case_no, by)
    if not knows_people(by, facts.organisation_id):
        raise _not_theirs()
    return facts


def _not_theirs() -> NotAllowed:
    return NotAllowed("The messages of a case are for those whose work is with it.")


def _meant(conn: Connection, facts: Facts, codes: Sequence[str]) -> dict[str, int]:
    if len(codes) > MOST_MENTIONS:
        raise InvalidInput(f"A message mentions at most {MOST_MENTIONS} people.", field="mentions", most=MOST_MENTIONS)
    if not codes:
        return {}
    asked = {
        "codes": list(codes),
        "organisation_id": facts.organisation_id,
        "desk_id": facts.desk_id,
        "handler_id": facts.handler_id,
        "superior_id": facts.superior_id,
        "district_code": facts.district_code,
        "case_id": facts.case_id,
    }
    found = {row["code"]: row["staff_id"] for row in conn.execute(_SQL["meant"], asked)}
    if missing := sorted(set(codes) - set(found)):
        raise UnknownStaff(
            f"{missing[0]!r} is nobody who works on this case: its organisation's and the desk's staff, its "
            "handler and superior, and who wrote here before can be mentioned.",
            staff=missing[0],
        )
    return found


def _shown(row: dict[str, Any], to: Actor, knows: bool) -> dict[str, Any]:
    author = None
    if row["post_zh"] is not None:
        names = {"code": row["staff_code"], "name": row["staff_name"]} if knows else {}
        author = {**names, "post_zh": row["post_zh"], "post_en": row["post_en"]}
    organisation = None
    if row["organisation_code"] is not None:
        organisation = {
            "code": row["organisation_code"],
            "name_zh": row["organisation_zh"],
            "name_en": row["organisation_en"],
        }
    return {
        "message_id": row["message_id"],
        "at": row["at"],
        "role": row["role"],
        "author": author,
        "organisation": organisation,
        "mine": row["account_id"] == to.account_id,
        "erased_at": row["erased_at"],
        **({"text": row["text"], "mentions": row["mentions"]} if knows else {}),
    }

"""What all agreements beside the main line of a case have in common (`approvals`, `joint`, `disputes`, `supervision`,
`appeals`, `follow_ups`): a case is held while something is agreed on in it, and who may ask belongs to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from gisops.access.people import Actor
from gisops.cases.facts import Facts, GuardFailed
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput
from gisops.notices import Recipient

_SQL = queries.load("gisops.cases", "agreements.sql")

# So many hear at most that something waits for their word: of a large centre those who have it before them anyway.
MOST_ASKED = 50


def hold(conn: Connection, district_code: str, case_id: UUID) -> None:
    """Hold a case until the transaction ends, so that what is agreed on in it happens one after the other."""
    conn.execute(_SQL["hold"], {"district_code": district_code, "case_id": case_id})


def within(facts: Facts, by: Actor) -> None:
    """Hold somebody to the cases of his organisation, or his own. Raises ``GuardFailed``."""
    own = by.staff_id is not None and by.staff_id in (facts.handler_id, facts.superior_id)
    if not own and (by.organisation_id is None or by.organisation_id != facts.organisation_id):
        raise GuardFailed("own_organisation", "此案不在您的单位。", "This case is not with your organisation.")


def who_may(conn: Connection, facts: Facts, roles: Sequence[str], but: int | None = None) -> list[Recipient]:
    """The accounts of some roles that may see a case, but for one of them: who is to decide, and so is told."""
    asked = {"roles": list(roles), "unit_id": facts.unit_id, "but": but, "most": MOST_ASKED}
    return [Recipient(account_id=row["account_id"]) for row in conn.execute(_SQL["who_may"], asked)]


def following(at: datetime, case_id: UUID, number: int | None = None) -> str:
    """What a page says as ``next``: the last of its rows, by its moment, its case and its number in it, if any."""
    return f"{at.isoformat()}~{case_id}" if number is None else f"{at.isoformat()}~{case_id}~{number}"


def place(after: str | None, *, numbered: bool = True) -> dict[str, Any]:
    """Where a page goes on: what the page before said as ``next``. Raises ``InvalidInput`` for anything else."""
    if after is None:
        return {"at": None, "case_id": None, "number": None}
    try:
        moment, case, *rest = after.split("~")
        at, case_id, numbers = datetime.fromisoformat(moment), UUID(case), [int(one) for one in rest]
        if at.tzinfo is None or len(numbers) != numbered or not all(0 < one < 32_768 for one in numbers):
            raise ValueError(after)
    except ValueError:
        raise InvalidInput("after is not what the page before said: take its `next`.", field="after") from None
    return {"at": at, "case_id": case_id, "number": numbers[0] if numbers else None}

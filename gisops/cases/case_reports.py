"""The reports of a case, a page at a time: a crowd may have sent thousands."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from gisops.access import audit
from gisops.access.people import Actor, knows_people
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotFound

_SQL = queries.load("gisops.cases", "case_reports.sql")

# How many a case's page begins with (`cases.read`), and how many are asked for at once.
FIRST, MOST_ROWS = 50, 500


def page(
    conn: Connection, case_no: str, to: Actor, *, limit: int = 100, after: UUID | None = None, key_id: int | None = None
) -> dict[str, Any]:
    """A case's reports in the order in which they came: ``{case_no, report_count, crowd_count, reports, after}``;
    ``after`` asks for the next ones. ``crowd_count`` more were counted and are not there.

    What was written is for whose work is with the case (`people.knows_people`); that it was shown is written into the
    audit. Raises ``NotFound`` for a case that is not there for the viewer, ``InvalidInput``.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInput(f"limit is {limit}; it goes from 1 to {MOST_ROWS}.", limit=limit)
    whose = conn.execute(_SQL["whose"], {"case_no": case_no}).fetchone()
    if whose is None:
        raise NotFound(f"There is no case {case_no}.", case_no=case_no)
    asked = {"district_code": whose["district_code"], "case_id": whose["case_id"], "after": after, "most": limit + 1}
    rows = conn.execute(_SQL["page"], asked).fetchall()
    # one more than asked for tells that there are others
    told = rows[:limit]
    if knows_people(to, whose["organisation_id"]):
        audit.looked(conn, "reports", None, len(told), object=case_no, key_id=key_id)
    else:
        for row in told:
            del row["text"]
    return {
        "case_no": case_no,
        "report_count": whose["report_count"],
        "crowd_count": whose["crowd_count"],
        "reports": told,
        "after": told[-1]["report_id"] if len(rows) > limit else None,
    }

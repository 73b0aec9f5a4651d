"""Looks: who is asked to go and see, before a case is accepted or after it was handled.

The nearest supervisor (监督员) on duty who may see the place; where none is on duty a grid officer who is; where nobody
is, whoever looks after the zone; else the desk hears that there was nobody. Whoever else may see the place may do it as
well: to be asked is no lock. docs/decisions/0040.
"""

from __future__ import annotations

from gisops.cases.facts import Facts, Prepared, Told
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops.cases", "looks.sql")

# Who goes and looks, the first before the second (`transitions`: verify, pass, fail).
LOOKERS = ("supervisor", "officer")


def asked(conn: Connection, facts: Facts, role: str) -> Prepared:
    """Ask somebody to look; ``role`` is as what he is told, ``verify`` or ``check``. Nobody checks his own work.

    Who that is stands among the case's recipients and not in its history, which is shown to many and forgets nothing:
    it is who was near that place at that moment. He is told of a task.
    """
    told = {
        "district_code": facts.district_code,
        "lon": facts.lon,
        "lat": facts.lat,
        "unit_id": facts.unit_id,
        "roles": list(LOOKERS),
        "but": facts.handler_id if role == "check" else None,
    }
    row = conn.execute(_SQL["nearest"], told).fetchone()
    if row is None:
        return Prepared({"asked": "desk"}, told=(Told("task", organisation_id=facts.desk_id),))
    staff_id: int = row["staff_id"]

    def named(conn: Connection, facts: Facts, seq: int) -> None:
        key = {"district_code": facts.district_code, "case_id": facts.case_id, "seq": seq}
        conn.execute(_SQL["ask"], {**key, "staff_id": staff_id, "role": role})

    payload = {"asked": "on_duty" if row["on_duty"] else "zone"}
    return Prepared(payload, after=(named,), told=(Told("task", staff_id=staff_id),))

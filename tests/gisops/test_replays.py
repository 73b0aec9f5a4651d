"""Replays: the rules asked again say what they said."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from gisops import city as cities
from gisops import operations
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases.reports import NewReport
from gisops.db.pool import connect


def test_a_report_from_outside_that_somebody_insisted_on_replays_as_it_went(sample_database: Any) -> None:
    with connect(sample_database.owner_url) as conn:
        city = cities.load(conn)
        _, south, east, north = city.extent
        beyond = (east + 0.01, (south + north) / 2)
        feed = NewReport(uuid4(), "feed", "E04-05", *beyond, "WGS84", 5.0, outside="desk")
        admin = conn.execute("SELECT account_id, login, role FROM accounts WHERE role = 'admin' LIMIT 1").fetchone()
        assert admin is not None
        by = Actor(admin["account_id"], admin["login"], admin["role"], None, None)
        case_no = json.loads(operations.receive_report(conn, city, feed, by).answer)["case"]["case_no"]
        scopes.look_as(conn, by.account_id)
        again = operations.replay(conn, city, case_no, "as_recorded", None, "recorded", by)
        conn.rollback()
    assert again["recorded"]["mode"] == "desk"
    assert (again["same"], again["differences"]) == (True, [])

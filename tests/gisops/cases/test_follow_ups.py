"""What reporters said a second time was kept by releases of before: the step that ends it takes that away, no more."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any
from uuid import uuid4

from gisops import city as cities
from gisops import operations
from gisops.cases.reports import NewReport
from gisops.db.pool import connect

STEP = (files("gisops.db") / "migrations" / "0024_telling.sql").read_text("utf-8")


def test_texts_that_belong_to_nothing_go_and_those_of_a_visit_stay(sample_database: Any) -> None:
    (clean,) = re.findall(r"^DELETE FROM case_texts.*?;", STEP, re.MULTILINE | re.DOTALL)
    with connect(sample_database.owner_url) as conn:
        city = cities.load(conn)
        west, south, east, north = city.extent
        at = (west + east) / 2, (south + north) / 2
        operations.receive_report(conn, city, NewReport(uuid4(), "citizen", "E04-05", *at, "WGS84", 5.0), None)
        case = conn.execute("SELECT district_code, case_id FROM cases ORDER BY case_id LIMIT 1").fetchone()
        assert case is not None
        for kind in ("follow_up", "follow_up", "order"):
            conn.execute(
                "INSERT INTO case_texts (district_code, case_id, text_id, kind, salt, text, at)"
                " VALUES (%s, %s, gen_random_uuid(), %s, '\\x00', '样例 / sample', app_now())",
                [*case.values(), kind],
            )
        conn.execute(
            "INSERT INTO follow_ups (district_code, case_id, follow_up_no, method, reached, score, at, text_id)"
            " SELECT district_code, case_id, 1000, 'phone', true, 4, app_now(), text_id FROM case_texts"
            " WHERE district_code = %s AND case_id = %s AND kind = 'follow_up' ORDER BY text_id LIMIT 1",
            list(case.values()),
        )
        left = "SELECT kind FROM case_texts WHERE case_id = %s AND text = '样例 / sample' ORDER BY kind"
        assert [row["kind"] for row in conn.execute(left, [case["case_id"]])] == ["follow_up", "follow_up", "order"]
        conn.execute(clean.encode())
        assert [row["kind"] for row in conn.execute(left, [case["case_id"]])] == ["follow_up", "order"]
        conn.rollback()

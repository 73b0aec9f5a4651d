"""The page about webhooks: its commands make one, its program takes our messages and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from gisops import city, deliveries, errands, notices, operations
from gisops.cases.reports import NewReport
from gisops.db.pool import connect
from gisops.notices import REPORTERS
from gisops.settings import Settings
from tests.gisops.receiver import receiving

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "receive-webhooks.md").read_text("utf-8")


def gisops(*words: str) -> tuple[str, str]:
    from api.cli import app

    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_the_page_s_program_takes_what_is_sent_and_nothing_else(
    sample_database: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GISOPS_DATABASE_URL", sample_database.app_url)
    monkeypatch.setenv("GISOPS_MIGRATE_URL", sample_database.owner_url)
    monkeypatch.setenv("GISOPS_HOME", str(tmp_path))
    command = re.search(r'gisops webhook add "(.*?)" \S+ (--kind \w+ --kind \w+)', PAGE)
    program = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert command is not None
    assert program is not None
    told: dict[str, Any] = {}
    exec(compile(program[1], "receive-webhooks.md", "exec"), told)

    with receiving() as there, connect(sample_database.app_url, autocommit=True) as conn:
        secret, _ = gisops("webhook", "add", command[1], there.url, *command[2].split())
        secret = secret.strip()
        assert there.url in gisops("webhook", "list")[0]
        known = city.load(conn)
        west, south, east, north = known.extent
        sent = NewReport(
            uuid4(), "citizen", "E04-05", (west + east) / 2, (south + north) / 2, "WGS84", 5.0, text="秘密"
        )
        with conn.transaction():
            operations.receive_report(conn, known, sent, None)
        case = conn.execute("SELECT * FROM cases ORDER BY case_id DESC LIMIT 1").fetchone()
        assert case is not None
        about = (case["district_code"], case["case_id"], case["version"])
        notices.tell(conn, *about, "progress", [REPORTERS], {"action": "ack", "state": "handling"})
        (lane,) = deliveries.due_lanes(conn)
        send = errands.sender(Settings(webhook_private=True), lane)
        assert send is not None
        assert deliveries.carry(conn, lane, send, known.timezone) == 1

        headers, body = there.got[0]
        assert told["verify"](secret, headers, body) == headers["idempotency-key"]
        assert "秘密" not in body.decode()
        with pytest.raises(ValueError, match="not signed"):
            told["verify"](secret, headers, body.replace(b"handling", b"closed__"))
        with pytest.raises(ValueError, match="too old"):
            told["verify"](secret, headers | {"webhook-timestamp": "1700000000"}, body)

        there.unwanted = _tell_another(conn, about)
        for _ in range(deliveries.MOST_REFUSALS):
            with connect(sample_database.owner_url) as owner:
                owner.execute("UPDATE deliveries SET next_try_at = app_now() WHERE state = 'waiting'")
            deliveries.carry(conn, lane, send, known.timezone)
        assert "HTTP 400" in gisops("deliveries", "list")[0]
        there.unwanted = set()
        assert "1" in gisops("deliveries", "retry")[0]
        assert deliveries.carry(conn, lane, send, known.timezone) == 1
        gisops("webhook", "remove", lane.partition(":")[2])
        notices.tell(conn, *about, "progress", [REPORTERS], {"action": "finish", "state": "handled"}, cause="later")
        assert deliveries.due_lanes(conn) == []


def _tell_another(conn: Any, about: tuple[Any, ...]) -> set[str]:
    notices.tell(conn, *about, "overdue", [REPORTERS], {}, cause="another")
    rows = conn.execute("SELECT delivery_id FROM deliveries WHERE state = 'waiting'").fetchall()
    assert len(rows) == 1
    return {str(row["delivery_id"]) for row in rows}

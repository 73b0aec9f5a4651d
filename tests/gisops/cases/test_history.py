"""``gisops check history``: what was changed behind the doors' back is found, whatever it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from gisops import city as cities
from gisops import operations
from gisops.access.people import Actor
from gisops.cases import acts, history
from gisops.cases.acts import Sent
from gisops.cases.reports import NewReport
from gisops.db.pool import Connection, connect


@pytest.fixture(scope="module")
def told(sample_database: Any) -> Any:
    """The sample city with a few cases more, one of them refused with a reason in words."""
    with connect(sample_database.app_url) as conn:
        city = cities.load(conn)
        west, south, east, north = city.extent
        for n in range(5):
            point = west + (east - west) * (0.3 + 0.08 * n), (south + north) / 2
            report = NewReport(uuid4(), "citizen", "E04-05", *point, "WGS84", 400.0, f"样例 / sample {n}")
            operations.receive_report(conn, city, report, None)
        row = conn.execute("SELECT case_no, version FROM cases WHERE state = 'filed' LIMIT 1").fetchone()
        assert row is not None
        account = conn.execute(
            "SELECT account_id, login, role, staff_id, organisation_id FROM accounts WHERE login = 'desk'"
        ).fetchone()
        assert account is not None
        to = conn.execute("SELECT code FROM organisations WHERE NOT is_duty_desk ORDER BY code LIMIT 1").fetchone()
        assert to is not None
        sent = Sent(row["version"], "样例理由 / sample reason", values={"organisation": to["code"]})
        acts.act(conn, city, row["case_no"], "dispatch", sent, Actor(**account))
        conn.commit()
    return sample_database


@pytest.fixture
def owner(told: Any) -> Iterator[Connection]:
    with connect(told.owner_url) as conn:
        yield conn
        conn.rollback()


def test_what_is_whole_is_whole_in_every_portion(owner: Connection) -> None:
    counted = owner.execute("SELECT count(*) AS n, sum(version) AS entries FROM cases").fetchone()
    assert counted is not None
    for at_once in (1, 3, 20_000):
        seen: list[tuple[int, int]] = []
        found = history.check(owner, lambda done, of, seen=seen: seen.append((done, of)), at_once)
        assert found == history.Seen(counted["n"], counted["entries"], None)
        assert seen[-1][0] == counted["n"]
        assert len(seen) == -(-counted["n"] // at_once)


CHANGES = {
    "altered": "UPDATE case_history SET at = at - interval '1 hour' WHERE (case_id, seq) = (%s, 2)",
    "gap": "DELETE FROM case_history WHERE (case_id, seq) = (%s, 2)",
    "cut short": "DELETE FROM case_history h USING cases c"
    " WHERE c.case_id = h.case_id AND c.case_id = %s AND h.seq = c.version",
    "case differs": "UPDATE cases SET state = 'closed', stage = 7 WHERE case_id = %s",
    "text altered": "UPDATE case_texts SET text = '样例：另一个理由 / sample: another' WHERE case_id = %s",
}


@pytest.mark.parametrize("problem", CHANGES)
def test_what_was_changed_is_found(owner: Connection, problem: str) -> None:
    case = owner.execute("SELECT c.case_id, c.case_no FROM cases c JOIN case_texts t USING (district_code, case_id)")
    row = case.fetchone()
    assert row is not None
    changed = owner.execute(CHANGES[problem].encode(), [row["case_id"]]).rowcount
    assert changed == 1
    fault = history.check(owner).fault
    assert fault is not None
    assert (fault.case_no, fault.problem) == (row["case_no"], problem)


def test_the_command_says_so_and_ends_with_one(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    from api.cli import app
    from api.commands import history as command

    class Urls:
        owner = told.owner_url

    @contextmanager
    def there(_settings: object) -> Iterator[Urls]:
        yield Urls()

    monkeypatch.setattr(command, "database", there)
    whole = CliRunner().invoke(app, ["check", "history"])
    assert (whole.exit_code, "历史完整" in whole.output) == (0, True)
    with connect(told.owner_url) as conn:
        conn.execute(
            "UPDATE case_history SET role = 'nobody' WHERE seq = 1"
            " AND case_id = (SELECT case_id FROM cases ORDER BY case_id DESC LIMIT 1)"
        )
        conn.commit()
    broken = CliRunner().invoke(app, ["check", "history"])
    assert broken.exit_code == 1
    assert "内容被改动" in broken.output


def test_every_problem_has_words() -> None:
    from api.commands.history import WORDS

    assert {*CHANGES, "not linked"} == set(WORDS)

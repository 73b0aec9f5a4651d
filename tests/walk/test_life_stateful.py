"""Anybody does anything to cases, at any time, on any version: the machine in PostGIS against the model on paper.

Hypothesis draws the actors, the acts, the versions they saw and the time that goes by; whatever comes of it, the model
(`life_model`) says beforehand whether it is refused and why, and afterwards where the case stands, what was counted and
how long which clock has run. What is wrong is shrunk to the shortest story that still is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from gisops import city as cities
from gisops.access.roles import ROLES
from gisops.db.pool import Connection, connect
from gisops.simulation import books
from gisops.simulation.cast import cast
from gisops.simulation.days import MADE
from gisops.simulation.town import Town
from tests.conftest import Database
from tests.walk import life_model

ACTIONS = sorted({row.action for row in life_model.TABLE} - {"report", "push"})
# A guard's answers: the case, what was filled in, or who asks is not as the move needs it.
GUARDS = {"guard_failed", "invalid_input", "not_joinable", "not_found", "conflict"}

_HISTORY = """
SELECT action, from_state, to_state, at, role, payload ? 'taken_back' AS taken_back
FROM case_history WHERE case_id = %s AND seq > %s ORDER BY seq
"""
_COUNTED = """
SELECT c.state, c.version, c.deadline, c.filed_at, c.return_count, c.rework_count, c.extended_count, c.suspended_count,
       (SELECT array_agg(k.step) FROM case_clocks k
        WHERE k.case_id = c.case_id AND k.stopped_at IS NULL AND k.step <> 'subtask') AS clocks
FROM cases c WHERE c.case_id = %s
"""


class Life(RuleBasedStateMachine):
    """One town in a transaction that is never committed."""

    conn: ClassVar[Connection]
    world: ClassVar[Town]
    start: ClassVar[datetime]
    outcomes: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.conn.rollback()
        self.world.end()
        self.now = self.start
        self.world.go_to(self.now)
        self.cases: dict[str, life_model.Case] = {}
        self.ids: dict[str, Any] = {}
        self.asked = 0

    def teardown(self) -> None:
        self.world.conn.rollback()
        self.world.end()

    @initialize(seed=st.integers(0, 999))
    def first(self, seed: int) -> None:
        self.report(seed)

    @precondition(lambda self: len(self.cases) < 3)
    @rule(seed=st.integers(0, 999))
    def report(self, seed: int) -> None:
        self.asked += 1
        case_no = self.world.report(self.asked, Random(seed))
        row = self.world._row(case_no)
        if case_no not in self.cases:
            self.cases[case_no] = life_model.Case("", self.now, version=0)
            self.ids[case_no] = row["case_id"]
        self._follow(case_no)

    @rule(minutes=st.one_of(st.integers(1, 90), st.integers(1, 60 * 24 * 5)))
    def time_goes_by(self, minutes: int) -> None:
        end = self.now + timedelta(minutes=minutes)
        for _ in range(40):
            due = self.world.due()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.world.go_to(self.now)
            self.world.fire()
            self._follow()
        self.now = end
        self.world.go_to(end)
        self.world.fire()
        self._follow()

    @rule(data=st.data(), seed=st.integers(0, 999), times=st.integers(1, 6))
    def somebody_does_what_he_may(self, data: st.DataObject, seed: int, times: int) -> None:
        case_no = data.draw(st.sampled_from(sorted(self.cases)), label="case")
        for n in range(times):
            state = self.cases[case_no].state
            may = sorted((a, who) for who in (*ROLES, "public") for a in life_model.allowed(state, who) if a in ACTIONS)
            if not may:
                return
            action, role = data.draw(st.sampled_from(may), label="act")
            self._act(case_no, action, role, self.cases[case_no].version, seed + n)

    @rule(data=st.data(), action=st.sampled_from(ACTIONS), behind=st.integers(-1, 2))
    def somebody_does_anything(self, data: st.DataObject, action: str, behind: int) -> None:
        case_no = data.draw(st.sampled_from(sorted(self.cases)), label="case")
        his = sorted({who for row in life_model.rows_of(action) for who in row.who} - {"system"})
        role = data.draw(st.sampled_from([*his, *(ROLES if not his else ROLES[:4])]), label="role")
        self._act(case_no, action, role, self.cases[case_no].version - behind, 0)

    def _act(self, case_no: str, action: str, role: str, version: int, seed: int) -> None:
        told = self.cases[case_no]
        refusal = told.refusal(action, role, version)
        outcome = self.world.act(case_no, action, role, version, Random(seed))
        self.outcomes[action if outcome == MADE else outcome] += 1
        if refusal is not None:
            assert outcome == refusal, (action, role, version, told)
        elif outcome != MADE:
            assert outcome in GUARDS or outcome.startswith("unknown_"), (action, role, outcome, told)
        before = told.version
        self._follow()
        # the system's own moves may follow at once: the third return is a dispute
        assert (told.version > before) == (outcome == MADE), (action, role, outcome, told)

    def _follow(self, only: str | None = None) -> None:
        """Tell the model what the history says, and hold the case to it."""
        for case_no in [only] if only else sorted(self.cases):
            told, key = self.cases[case_no], self.ids[case_no]
            filed = False
            for entry in self.conn.execute(_HISTORY, [key, told.version]).fetchall():
                assert (entry["from_state"] or "") == told.state
                if told.version == 0:
                    assert entry["action"] == "report"
                    told.state, told.at, told.version = "reported", entry["at"], 1
                elif entry["action"] in life_model.NOTES:
                    told.make(entry["action"], entry["at"])
                else:
                    row = life_model.row_of(entry["action"], told.state)
                    assert row is not None, (entry, told)
                    told.make(entry["action"], entry["at"], role=entry["role"], taken_back=entry["taken_back"])
                    if entry["to_state"] == "handled" and row.after == "closed":
                        told.state = "handled"  # drawn for a check by a person
                filed = filed or entry["action"] in ("file", "promote", "reopen", "unlink", "correct")
                assert entry["to_state"] == told.state, (entry, told)
            row = self.conn.execute(_COUNTED, [key]).fetchone()
            assert (row["state"], row["version"]) == (told.state, told.version)
            assert [told.clock] == (row["clocks"] or [None]) or row["clocks"][0] in ("stop", "penalise", "restore")
            for name, number in told.counters.items():
                assert row[name] == number, (name, row, told)
            if told.deadline is not None and not filed:
                assert row["deadline"] is not None, told
                assert row["deadline"] >= told.deadline, told
            told.deadline = row["deadline"]
        assert books.broken(self.conn, list(self.ids.values())) == []


@pytest.fixture(scope="module")
def town(sample_database: Database) -> Iterator[None]:
    with connect(sample_database.owner_url) as owner:
        city = cities.load(owner)
        who = cast(owner, city)
        # The sample's own open cases are others' business here.
        owner.execute("UPDATE case_clocks SET due_at = NULL, due_kind = NULL WHERE due_at IS NOT NULL")
        row = owner.execute("SELECT app_now() AS now").fetchone()
    assert row is not None
    with connect(sample_database.app_url) as conn:
        Life.conn, Life.start = conn, row["now"] + timedelta(minutes=1)
        Life.world = Town(conn, city, who, 0, together=1_000_000)
        yield
        conn.rollback()


def lived(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(420)  # a failure is shrunk
@pytest.mark.usefixtures("town")
def test_anybody_does_anything_and_the_machine_does_what_the_paper_says(capsys: pytest.CaptureFixture[str]) -> None:
    lived(examples=14, steps=25)
    with capsys.disabled():
        print("\n" + ", ".join(f"{what} {number}" for what, number in Life.outcomes.most_common()))
    assert {"stale_version", "illegal_move", "not_allowed"} <= set(Life.outcomes)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("town")
def test_anybody_does_anything_for_thousands_of_steps() -> None:
    lived(examples=250, steps=60)

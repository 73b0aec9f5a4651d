"""The table of moves against the paper's, which is written down a second time and by hand (`life_model`)."""

from __future__ import annotations

from itertools import product

from gisops.access.roles import ROLES
from gisops.cases import case_clocks, moves
from tests.walk import life_model


def test_every_row_of_the_table_is_the_papers_but_for_what_is_said_to_be_otherwise() -> None:
    ours = {rule.number: rule for rule in moves.TRANSITIONS}
    assert sorted(ours) == sorted(row.number for row in life_model.TABLE)
    for row in life_model.TABLE:
        rule = ours[row.number]
        assert (rule.action, set(rule.from_states), rule.to_state) == (row.action, row.before, row.after), row
        assert set(rule.who) == row.who, row


def test_what_a_role_may_do_with_a_case_is_what_the_paper_allows() -> None:
    for state, role in product(sorted(life_model.OPEN | life_model.OVER), (*ROLES, "system", "public")):
        assert set(moves.allowed(state, role)) == life_model.allowed(state, role), (state, role)


def test_the_states_are_the_papers_and_those_that_are_over_let_nobody_out_but_by_reopening_appeal_and_unlinking() -> (
    None
):
    assert set(moves.STAGES) == life_model.OPEN | life_model.OVER
    assert {state for state, stage in moves.STAGES.items() if stage == moves.OVER} == life_model.OVER
    out = {rule.action for rule in moves.TRANSITIONS if life_model.OVER & set(rule.from_states)}
    assert out == {"reopen", "appeal", "unlink"}


def test_every_open_state_has_the_papers_clock() -> None:
    clocks = {state: case_clocks.STEPS.get(state) for state in life_model.OPEN}
    assert clocks == dict(life_model.CLOCKS)
    assert not set(case_clocks.STEPS) & life_model.OVER


def test_every_state_can_be_come_to_and_every_open_one_left_by_somebody() -> None:
    reached = {rule.to_state for rule in moves.TRANSITIONS}
    assert reached == set(moves.STAGES)
    for state in life_model.OPEN:
        assert any(moves.allowed(state, role) for role in ROLES), state

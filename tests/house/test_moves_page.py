"""The table of moves, its page, its words, its preparers and its routes are the same list."""

from __future__ import annotations

import re
from pathlib import Path

from api.schemas.acts import BODIES, roles_of
from gisops import wording
from gisops.cases import acts, links, moves, moves_page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "moves.md"


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text("utf-8") == moves_page.page(), "python -m gisops.cases.moves_page > docs/reference/moves.md"
    listed = re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert listed == [(str(rule.number), rule.action) for rule in moves.TRANSITIONS]
    assert len(listed) == 39


def test_every_action_has_words_and_one_preparer() -> None:
    # and for what a case is told that others were joined with it, or taken out of it
    assert set(wording.ACTIONS) == {*moves.ACTIONS, links.TOOK_IN, links.GAVE_UP}
    # a report opens a case and a push is how it opens in the simple flow: there is no case to act on yet
    assert set(acts.PREPARERS) == set(moves.ACTIONS) - {"report", "push"}
    names = [(one.__module__, one.__name__) for one in acts.PREPARERS.values()]
    assert len(set(names)) == len(names)


def test_every_action_of_an_account_has_a_body_and_says_whose_it_is() -> None:
    assert set(BODIES) == {action for action in moves.ACTIONS if roles_of(action)}
    for action, body in BODIES.items():
        fields = body.model_fields
        assert {"expected_version", "reason"} <= set(fields), action
        rules = moves.rules_of(action)
        assert ("reason_code" in fields) == any(rule.reasons for rule in rules), action
        if any(rule.says_why for rule in rules):
            assert fields["reason"].is_required(), action


def test_states_are_left_and_reached_by_name_only() -> None:
    for rule in moves.TRANSITIONS:
        assert {*rule.from_states, rule.to_state, *rule.or_to} <= set(moves.STAGES)
        assert rule.who
        assert rule.guard or rule.effect, rule.action

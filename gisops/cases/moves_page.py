"""The reference page of all moves: ``python -m gisops.cases.moves_page > docs/reference/moves.md``."""

from __future__ import annotations

from gisops.cases.case_clocks import STEPS
from gisops.cases.transitions import PUBLIC, STAGES, SYSTEM, TRANSITIONS, Rule
from gisops.wording import ACTIONS, STATES

_HEAD = """\
# What can be done with a case

Made of the table in `gisops/cases/transitions.py` by `python -m gisops.cases.moves_page`; a house test holds it to
that. Every action that is somebody's work is a route, `POST /api/cases/{case_no}/{action}`: it sends the version it was
decided on (`expected_version`) and, where the table names them, a `reason_code` and a `reason` in words.

What is refused says why: 403 `not_allowed` for another role, 409 `stale_version` where somebody was first, 409
`illegal_move` from a state that does not allow it (both with the `state` and what is `allowed` now), 409 `guard_failed`
with the `guard` that does not hold. A case that the caller may not see is not there. Each move is one entry of the
case's history, chained to the one before it by SHA-256; what people wrote lies beside it and the entry keeps a salted
hash of it. `gisops check history` recomputes all of it.

## States

Exactly one clock runs in an open case, that of its state. A suspended one has its handling clock stand still, one in
dispute has none; its own deadline goes on.

| state | | stage | clock |
|---|---|---|---|"""

_PRIORITY = """
## Priority

The desk goes by `priority`, and within one by what runs out first. The highest that a case's own facts give it counts,
nothing is added up, and no moment is asked for: it changes when one of them does, and the clock that runs carries it. A
reporter's urging counts once the time that runs has been reminded of.

| `priority` | | of a case |
|---|---|---|
| `critical` | 紧要 / critical | of severity `danger`; or reported ten times |
| `high` | 优先 / high | of severity `urgent`; or urged; or the same again as a closed one; or reported five times |
| `low` | 关注 / watched | reported by the hot line; or three times |
| `none` | 普通 / none | any other |"""

_TABLE = """
## Moves

`system` is the rules and timers themselves, `public` whoever reported it. In brackets: where else a move may lead.

| no. | action | | from | to | who | what must be so | what it does |
|---|---|---|---|---|---|---|---|"""

_REASONS = """
## Reasons

| action | `reason_code` |
|---|---|"""


def page() -> str:
    """States, moves and reasons, in Markdown."""
    lines = [_HEAD]
    for state, stage in STAGES.items():
        zh, en = STATES[state]
        clock = "—" if stage == max(STAGES.values()) else STEPS.get(state, "the case's own")
        lines.append(f"| `{state}` | {zh} / {en} | {stage} | {clock} |")
    lines += [_PRIORITY, _TABLE]
    lines += [_row(rule) for rule in TRANSITIONS]
    lines.append(_REASONS)
    lines += [
        f"| `{rule.action}` | {', '.join(f'`{code}`' for code in rule.reasons)} |"
        for rule in TRANSITIONS
        if rule.reasons
    ]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    zh, en = ACTIONS[rule.action]
    starts = ", ".join(rule.from_states) or "—"
    ends = rule.to_state + "".join(f" ({other})" for other in rule.or_to)
    who = "anybody" if PUBLIC in rule.who and SYSTEM in rule.who else ", ".join(rule.who)
    cells = (rule.number, f"`{rule.action}`", f"{zh} / {en}", starts, ends, who, rule.guard or "—", rule.effect or "—")
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    print(page(), end="")

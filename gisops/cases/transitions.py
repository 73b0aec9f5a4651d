"""The table of moves: what can be done with a case, from where, by whom, under which guard, with which effect.

One row is one transition; docs/reference/moves.md is made of it. Nothing else says where a case may go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gisops.access.roles import ROLES
from gisops.errors import IllegalMove, InvalidInput

# The seven stages of the closed loop; whatever is over is at the seventh, so that stage < 7 is what is open.
STAGES: Mapping[str, int] = {
    "reported": 1, "verifying": 1, "accepted": 2, "filed": 3, "dispatched": 3, "returned": 3, "disputed": 3,
    "simple_open": 4, "handling": 4, "suspended": 4, "handled": 5, "checking": 6, "to_close": 6,
    "closed": 7, "force_closed": 7, "not_accepted": 7, "not_filed": 7, "duplicate": 7, "voided": 7,
}  # fmt: skip
OVER = 7

# Beside the roles of accounts: the rules and timers of the system itself, and whoever reports without an account.
SYSTEM, PUBLIC = "system", "public"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    ``guard`` and ``effect`` say in words what its preparer checks and does; ``reasons`` are the codes one of which it
    must give, ``says_why`` that it must be put in words. ``stamps`` are the case's moments it sets, ``clears`` those it
    takes back; after ``to_desk`` the duty desk holds the case. ``or_to`` is where else it may lead, if the preparer
    says so.
    """

    number: int
    action: str
    from_states: tuple[str, ...]
    to_state: str
    who: tuple[str, ...]
    guard: str = ""
    effect: str = ""
    reasons: tuple[str, ...] = ()
    says_why: bool = False
    stamps: tuple[str, ...] = ()
    clears: tuple[str, ...] = ()
    to_desk: bool = False
    or_to: tuple[str, ...] = ()

    @property
    def role(self) -> str:
        """Whose work it is first of all."""
        return self.who[0]


# Who works in the organisation that has a case, and who walks the ground it lies on.
_HOLDERS = ("handler", "officer", "department")
_GROUND = ("supervisor", "officer")
# Who sends a case somewhere by hand; in a small centre the acceptor's desk does it all.
_SENDERS = ("dispatcher", "acceptor", "shift_leader", "admin")
_FILED_ON = ("filed", "dispatched", "handling", "suspended", "returned", "disputed", "handled", "checking", "to_close")

RETURN_REASONS = ("not_ours", "wrong_place", "wrong_class", "beyond_powers", "already_done")
# The dispatcher's own: he takes back what nobody took on, and that is nobody's return.
NOT_ACKNOWLEDGED = "not_acknowledged"

# The numbers are those under which the transitions are known; what each says is explained in docs/reference/moves.md.
TRANSITIONS: tuple[Rule, ...] = (
    Rule(1, "report", (), "reported", (PUBLIC, *ROLES, SYSTEM), "its key is new, its place is in the city",
         "report kept, receipt given"),
    Rule(2, "push", ("reported",), "simple_open", (SYSTEM,),
         "simple flow: category, severity, channel, one answer, no twin",
         "goes straight to who is responsible here"),
    Rule(3, "file", ("reported",), "filed", (SYSTEM,), "a rule for filing holds for it",
         "limit set, acceptance passed over", stamps=("filed_at",)),
    Rule(4, "order_verify", ("reported",), "verifying", ("acceptor",), "",
         "a task for who is on duty nearest"),
    Rule(5, "verify", ("verifying",), "reported", _GROUND, "photo, and position within 100 m of it",
         "result true, false or moved is kept"),
    Rule(6, "accept", ("reported",), "accepted", ("acceptor",), "category chosen"),
    Rule(7, "refuse", ("reported",), "not_accepted", ("acceptor",), "reason", "the reporter is told why",
         reasons=("out_of_scope", "cannot_locate", "not_found", "incomplete", "abusive", "other"),
         stamps=("closed_at",)),
    # Beside what is not filed yet, also what filed itself or was sent in the meantime: nobody had seen it before.
    Rule(8, "link", ("reported", "accepted", "filed", "dispatched"), "duplicate", ("acceptor", SYSTEM),
         "the other case is open, and about the same", "its reports move to the other case", stamps=("closed_at",)),
    Rule(9, "file", ("accepted",), "filed", ("shift_leader", SYSTEM),
         "filing condition chosen, its evidence is there", "limit set", stamps=("filed_at",)),
    Rule(10, "reject", ("accepted",), "not_filed", ("shift_leader",), "reason", "the reporter is told why",
         reasons=("below_condition", "not_found", "not_city_business", "handled_already", "other"),
         stamps=("closed_at",)),
    Rule(11, "dispatch", ("filed", "returned"), "dispatched", (*_SENDERS, SYSTEM),
         "not to who returned it as not theirs", "decision kept; handler and superior told",
         stamps=("dispatched_at",), clears=("acknowledged_at",)),
    Rule(12, "ack", ("dispatched",), "handling", _HOLDERS, "within the organisation that has it",
         "its own limit begins", stamps=("acknowledged_at",)),
    Rule(13, "escalate", ("dispatched",), "dispatched", (SYSTEM,), "not acknowledged in time",
         "the superior is called in, one level up"),
    Rule(14, "return", ("dispatched", "handling"), "returned", ("department", "handler", "officer", "dispatcher"),
         "before work began, at most two work hours after it was taken on; later if it was asked for and approved; "
         "by the dispatcher where nobody took it on yet",
         "counted; who says not_ours is not asked again; the second is told to the coordinator, the third is a dispute",
         reasons=(*RETURN_REASONS, NOT_ACKNOWLEDGED), clears=("acknowledged_at",), to_desk=True),
    Rule(15, "to_acceptor", ("returned",), "accepted", ("dispatcher",), "said why", "filed anew or turned away",
         says_why=True, clears=("filed_at", "dispatched_at")),
    Rule(16, "dispute", ("returned",), "disputed", ("dispatcher", SYSTEM), "by itself at the third return",
         "parties named; the case's own time goes on"),
    Rule(17, "determine", ("disputed",), "dispatched", ("coordinator",), "decision recorded",
         "writes the fact that settles the next case too", stamps=("dispatched_at",), clears=("acknowledged_at",)),
    Rule(18, "assign", ("handling",), "handling", ("department", "handler", "officer"),
         "within the organisation; somebody active of it", "another handler"),
    Rule(19, "extend", ("handling",), "handling", ("dispatcher",),
         "asked for and approved, before the deadline, at most twice in a case",
         "the deadline moves on by the original limit"),
    Rule(20, "suspend", ("handling",), "suspended", ("dispatcher",),
         "asked for and approved, until a day within a year, once in a case", "the clock stands still"),
    Rule(21, "resume", ("suspended",), "handling", ("dispatcher", SYSTEM), "",
         "the clock goes on with what was left"),
    Rule(22, "step_done", ("handling",), "handling", _HOLDERS, "a limit in stages, and one still to come",
         "the next stage's clock begins"),
    Rule(23, "finish", ("handling",), "handled", _HOLDERS, "photo and place; every required subtask done",
         "its own clock stops", stamps=("handled_at",)),
    Rule(24, "send_back", ("handled",), "handling", ("department", "dispatcher"), "said why",
         "goes on within the old limit", says_why=True, clears=("handled_at",)),
    Rule(25, "order_check", ("handled",), "checking", ("acceptor", SYSTEM), "", "a task for who is on duty nearest"),
    Rule(26, "skip_check", ("handled",), "to_close", ("acceptor", SYSTEM),
         "low severity, or its own signal says that it is over"),
    Rule(27, "pass", ("checking",), "to_close", _GROUND, "photo; not by who handled it"),
    Rule(28, "fail", ("checking",), "handling", _GROUND, "said why; not by who handled it",
         "rework counted, a new limit", says_why=True, clears=("handled_at",)),
    Rule(29, "close", ("to_close",), "closed", ("shift_leader", SYSTEM), "closing condition chosen, no subtask open",
         "the reporter is told and asked", stamps=("closed_at",)),
    Rule(30, "to_rework", ("to_close",), "handling", ("shift_leader",), "said why", "rework counted, a new limit",
         says_why=True, clears=("handled_at",)),
    Rule(31, "force_close", _FILED_ON, "force_closed", ("leader",), "said why; approved", "marked in every rate",
         says_why=True, stamps=("closed_at",)),
    Rule(32, "void", ("accepted", "filed", "dispatched", "handling"), "voided", ("shift_leader",),
         "asked for and approved", "counts against accurate filing", says_why=True, stamps=("closed_at",)),
    Rule(33, "finish", ("simple_open",), "closed", _HOLDERS, "photo and place; checked by itself",
         "closed unless drawn for a check by a person; not assessed", stamps=("handled_at", "closed_at"),
         or_to=("handled",)),
    Rule(34, "promote", ("simple_open",), "filed", (SYSTEM,), "not done in time",
         "assessed from now on; supervision order", stamps=("filed_at",), to_desk=True),
    Rule(35, "not_mine", ("simple_open",), "reported", _HOLDERS, "said why", "goes the standard way", says_why=True,
         to_desk=True),
    Rule(36, "reopen", ("closed",), "filed", ("inspector", PUBLIC),
         "a reporter within seven days; staff with photographs, where it was filed on any",
         "same number, rework counted", clears=("dispatched_at", "acknowledged_at", "handled_at", "closed_at"),
         to_desk=True),
    Rule(37, "appeal", ("closed",), "closed", ("department", "dispatcher", "acceptor"),
         "was late; once for each closing; two reviews",
         "that it was late does not count"),
    Rule(38, "unlink", ("duplicate",), "reported", ("acceptor", SYSTEM), "", "its reports come back to it",
         clears=("filed_at", "dispatched_at", "acknowledged_at", "closed_at"), to_desk=True),
    # The case stays where it is: of its states the first is named.
    Rule(39, "correct", ("reported", "accepted", "filed", "returned", "dispatched", "handling"), "reported",
         ("acceptor", "dispatcher", "shift_leader"),
         "said why; another class or place, in its district; from sending on: the same organisation",
         "the rules are asked again; the new class's limit runs from the filing", says_why=True,
         or_to=("accepted", "filed", "returned", "dispatched", "handling")),
)  # fmt: skip

ACTIONS: tuple[str, ...] = tuple(dict.fromkeys(rule.action for rule in TRANSITIONS))
_BY_ACTION: Mapping[str, tuple[Rule, ...]] = {
    action: tuple(rule for rule in TRANSITIONS if rule.action == action) for action in ACTIONS
}


def rules_of(action: str) -> tuple[Rule, ...]:
    """The rows of an action: one, or two that start from different states. Raises ``InvalidInput`` for none."""
    found = _BY_ACTION.get(action)
    if found is None:
        raise InvalidInput(f"There is no move {action!r}.", action=action, actions=list(ACTIONS))
    return found


def rule_of(action: str, state: str | None = None) -> Rule:
    """The row of an action from a state ("" for a case that is not there yet); without a state, its main row.

    Raises ``InvalidInput`` for an action that is none, ``IllegalMove`` where no row of it starts from the state.
    """
    rules = rules_of(action)
    if state is None:
        return next((rule for rule in rules if rule.who != (SYSTEM,)), rules[0])
    for rule in rules:
        if state in (rule.from_states or ("",)):
            return rule
    raise illegal(action, state)


def allowed(state: str, role: str) -> list[str]:
    """What a role may do with a case in a state, in the order of the table; guards are asked when it is done."""
    return [rule.action for rule in TRANSITIONS if state in rule.from_states and role in rule.who]


def illegal(action: str, state: str, role: str | None = None) -> IllegalMove:
    """The error for a move from a state that does not allow it: says where it starts from, and what may be done now."""
    starts = [one for rule in rules_of(action) for one in rule.from_states]
    may = {} if role is None else {"allowed": allowed(state, role)}
    return IllegalMove(
        f"A case that is {state or 'not there yet'} does not allow {action!r}; "
        f"one that is {' or '.join(starts) or 'not there yet'} does.",
        state=state,
        allowed_from=starts,
        **may,
    )

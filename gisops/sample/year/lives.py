"""What becomes of a case: who takes it, how long it lasts, what goes wrong. Most are done the same afternoon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from gisops.cases.past import PastMove, PastPart, PastVisit
from gisops.city import TimeLimit

# Shares of cases. Ours, after what such systems report: nine in ten handled within hours, one in a hundred open.
REFUSED, REJECTED, LINKED, VOIDED = 0.02, 0.05, 0.02, 0.003
RETURNED, REWORKED, SUSPENDED, CHECKED = 0.03, 0.045, 0.008, 0.7
# Of those of the last months some are simply not done: nobody finished, or they wait for money or material.
STUCK, STUCK_WITHIN = 0.04, timedelta(days=90)
# Who sees that he will be late asks for more time, often enough; a few cases come back after all; in some others help.
EXTENDED_OF_LATE, REOPENED, JOINT = 0.4, 0.006, 0.06
# Reporters of the public are called after a day or two, and some say by themselves; what they say of it, 5 first.
CALLED, REACHED, SAY_THEMSELVES = 0.6, 0.85, 0.06
_SCORES = (0.62, 0.93, 0.97, 0.99)
_OF_THE_PUBLIC = frozenset({"citizen", "hotline"})
_NIGHT = (22, 7)
# What takes no longer than this the night shift does at once.
_SAME_NIGHT_H = 3.0

_RETURNS_ZH = ("非本单位职责范围", "现场位置不符", "类别不符，建议改派")
_SUSPENDS_ZH = ("需列入维修计划", "等待材料到货", "权属协调中")
_REWORKS_ZH = ("现场仍有残留", "处置不彻底", "照片与现场不符")
_REFUSALS_ZH = ("不属于受理范围", "位置无法核实")
_REJECTS_ZH = ("现场未发现问题", "未达到立案条件")
_EXTENDS_ZH = ("工程量较大，需延长时限", "需多部门配合，申请延期")
_REOPENS_ZH = ("回访反映问题未解决", "现场复查，问题再次出现")


class Life(NamedTuple):
    """The moves of a case and whether its rules sent it, or persons at the desk; who helped; what was said of it."""

    moves: tuple[PastMove, ...]
    by_rules: bool
    parts: tuple[PastPart, ...] = ()
    visits: tuple[PastVisit, ...] = ()


def life(
    hours: float,
    channel: str,
    received_at: datetime,
    hour: int,
    until: datetime,
    luck: Any,
    chances: Any,
    beside: Any,
    ends: Callable[[datetime], datetime | None],
    partners: Sequence[str],
) -> Life:
    """Live a case up to ``until``. It takes about so many ``hours``; ``hour`` is local; ``luck``
    are 12 numbers around 1 that stretch its waits, ``chances`` 12 from 0 to 1 that decide what happens to it,
    ``beside`` 8 more that decide what happens beside. ``ends`` says when work that begins at a moment is due,
    ``partners`` are the organisations that may have a part.
    """
    by_hand = chances[0] < {"hotline": 0.9, "citizen": 0.35}.get(channel, 0.0)
    now = received_at
    moves: list[PastMove] = []

    def then(action: str, minutes: float, reason: str = "") -> None:
        nonlocal now
        now = now + timedelta(seconds=max(5, round(minutes * 60)))
        moves.append(PastMove(action, now, reason=reason))

    def one_of(texts: tuple[str, ...]) -> str:
        return texts[int(chances[11] * len(texts))]

    parts: list[PastPart] = []

    def done() -> Life:
        lived = tuple(move for move in moves if move.at <= until)
        if not lived or len(lived) < len(moves) or lived[-1].action != "close":
            return Life(lived, not by_hand)
        said = _said(channel, now, any(move.action == "reopen" for move in moves), luck, beside)
        return Life(lived, not by_hand, tuple(parts), tuple(visit for visit in said if visit.at <= until))

    if by_hand:
        if chances[1] < REFUSED:
            then("refuse", 6 * luck[0], one_of(_REFUSALS_ZH))
            return done()
        then("accept", 5 * luck[0])
        if chances[1] < REFUSED + REJECTED:
            then("reject", 40 * luck[1], one_of(_REJECTS_ZH))
            return done()
    then("file", 5 * luck[1])
    if chances[2] < LINKED:
        then("link", 9 * luck[2], "与此前案件为同一问题")
        return done()
    then("dispatch", 6 * luck[2])
    if chances[2] < LINKED + VOIDED:
        then("void", 25 * luck[3], "重复立案")
        return done()
    handling = 48 * hours * luck[4]
    if chances[3] < RETURNED:
        then("return", 30 * luck[3], one_of(_RETURNS_ZH))
        then("dispatch", 15 * luck[5])
    then("ack", 3 * luck[3])
    if chances[4] < STUCK and until - received_at < STUCK_WITHIN:
        if chances[5] < 0.35:
            then("suspend", 90 * luck[6], one_of(_SUSPENDS_ZH))
        return done()
    if chances[4] > 1 - SUSPENDED:
        then("suspend", 120 * luck[6], one_of(_SUSPENDS_ZH))
        then("resume", 60 * 24 * 6 * luck[7])
    work = _awake(handling, hours, hour)
    due = ends(now)
    if due is not None and now + timedelta(minutes=work) > due and beside[0] < EXTENDED_OF_LATE:
        first = 0.75 * (due - now).total_seconds() / 60
        if first > 1:
            then("extend", first, _EXTENDS_ZH[int(beside[1] * len(_EXTENDS_ZH))])
            work -= first
    if beside[2] < JOINT and partners:
        helps = partners[int(beside[3] * len(partners))]
        parts.append(PastPart(helps, now + timedelta(minutes=0.1 * work), now + timedelta(minutes=0.9 * work)))
    then("finish", work)
    if chances[6] < CHECKED:
        then("order_check", 4 * luck[8])
        if chances[7] < REWORKED / CHECKED:
            then("fail", 14 * luck[9], one_of(_REWORKS_ZH))
            then("finish", 0.6 * handling)
            then("order_check", 4 * luck[8])
        then("pass", 14 * luck[10])
    else:
        then("skip_check", 6 * luck[8])
    then("close", 6 * luck[11])
    if beside[4] < REOPENED:
        then("reopen", 60 * 20 * luck[7], _REOPENS_ZH[int(beside[1] * len(_REOPENS_ZH))])
        then("dispatch", 15 * luck[5])
        then("ack", 3 * luck[3])
        then("finish", 0.6 * handling)
        then("order_check", 4 * luck[8])
        then("pass", 14 * luck[10])
        then("close", 6 * luck[11])
    return done()


def _said(channel: str, closed_at: datetime, came_back: bool, luck: Any, beside: Any) -> list[PastVisit]:
    """What somebody of the public said of it: mostly when he was called."""
    if channel not in _OF_THE_PUBLIC:
        return []
    score = 5 - int(np.searchsorted(_SCORES, beside[5], side="right"))
    score = max(1, score - 2) if came_back else score
    if beside[6] < SAY_THEMSELVES:
        return [PastVisit("reporter", closed_at + timedelta(minutes=round(40 * luck[6])), score)]
    if beside[6] < SAY_THEMSELVES + CALLED:
        called_at = closed_at + timedelta(hours=round(26 * luck[9]))
        return [PastVisit("phone", called_at, score if beside[7] < REACHED else None)]
    return []


def usual_hours(hours: float, limit: TimeLimit | None) -> float:
    """How long a kind of case takes where it has a time limit: whoever has two hours is there within one."""
    if limit is None:
        return hours
    length = {"minute": 1 / 60, "natural_day": 24.0, "work_day": 8.0}.get(limit.unit, 1.0)
    return min(hours, 0.6 * limit.value * length)


def _awake(minutes: float, hours: float, hour: int) -> float:
    """What is not urgent waits for the morning."""
    if hours <= _SAME_NIGHT_H or (_NIGHT[1] <= hour < _NIGHT[0]):
        return minutes
    return minutes + 60 * ((_NIGHT[1] - hour) % 24)


def spread(random: np.random.Generator, count: int) -> tuple[Any, Any]:
    """The luck and the chances of so many cases, for `life`."""
    luck = np.minimum(np.exp(random.normal(0, 0.55, (count, 12))), 9.0)
    # handling: mostly near its median, now and then very long
    long = random.random(count) < 0.035
    luck[:, 4] = np.exp(random.normal(0, 0.34, count)) * np.where(long, random.uniform(3, 14, count), 1.0)
    return luck.tolist(), random.random((count, 12)).tolist()


def moment(at: float) -> datetime:
    """Seconds since 1970 as a moment, to the second."""
    return datetime.fromtimestamp(int(at), UTC)

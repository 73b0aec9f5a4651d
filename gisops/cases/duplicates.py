"""Duplicates: what becomes of a report for which there are cases that it may be about (docs/decisions/0034).

`gisops.cases.twins` searches them. Here stands what follows from what it finds: a report joins an open case by itself
only where both name the same part, or one device saw the same thing; all else is proposed to people, or is new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from gisops import notices, wording
from gisops.access import limits
from gisops.access.people import Actor
from gisops.access.scopes import Scope, scope_of
from gisops.cases import joining
from gisops.cases.twins import REWORK, Asked, Candidate, Choice, Key, Kind, choose, closeness, distance_m, near
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import Conflict

_SQL = queries.load("gisops.cases", "duplicates.sql")

# With so many reports a case goes up in priority (`case_priority`), and who has it is told.
PRIORITY_AT = (3, 5, 10)
MOST_PROPOSED = 5
# So many reports a case takes up within so long; of what comes beyond that without a sign-in, the count is enough.
ANONYMOUS_JOINS_PER_HOUR, CROWD = 60, timedelta(hours=1)


# Why a report is counted alone: the case had its fill of this hour, or the same sender joined it today.
# Carriers put thousands of phones behind one address, so not one report of it a day but a few keep their words and
# photographs; fewer than the ten that make a case critical.
ONE_ADDRESS = 4
Counted = Literal["crowd", "again"]


class NotJoinable(Conflict):
    """A report can join an open case near by, of a category that the public is told of."""

    code = "not_joinable"


@dataclass(frozen=True, slots=True)
class Held:
    """A case that a report joins, as it stands; held until the transaction's end, so that it stays open meanwhile."""

    district_code: str
    case_id: UUID
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Again:
    """A closed case that recurs: who had it then, and whether that is so lately that it is work to be done again."""

    case_id: UUID
    is_rework: bool
    handler_id: int | None
    organisation_id: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a report: it joins ``held``, or the case that the ``with_n``-th of its batch opens, or opens one.

    ``proposed`` is what anybody may be told of cases that it may be about, ``has_twin`` whether there is any; ``again``
    is the closed case of which it is the same again. What is ``counted`` alone, and why, joins by its key and its
    answer. ``near`` is what a stranger is told instead of ``proposed`` (`joining.near`).
    """

    kind: Kind | None = None
    held: Held | None = None
    with_n: int | None = None
    proposed: tuple[dict[str, Any], ...] = ()
    has_twin: bool = False
    again: Again | None = None
    counted: Counted | None = None
    near: tuple[dict[str, Any], ...] = ()


NEW = Fate()


def fates(
    conn: Connection, city: City, asked: Sequence[Asked], now: datetime, by: Actor | None, sender: str | None = None
) -> list[Fate | NotJoinable]:
    """Decide what becomes of reports that come in together, at the moment ``now``; ``sender`` is whom they come from
    where nobody is signed in (`limits.key`), who counts in a case a few times a day.

    Reports of one part or one device wait for each other here, so that of two in the same instant the second finds the
    case that the first opened. A report that asks to join a case it cannot join is told so.
    """
    if not asked:
        return []
    keys = sorted({key for one in asked for key in _keys(one)})
    if keys:
        conn.execute(_SQL["wait_for_twins"], {"keys": keys})
    found = near(conn, asked)
    choices = [choose(candidates, now) for candidates in found]
    wanted = {choice.certain.key for choice in choices if choice.certain is not None}
    named = {one.joins for one in asked if one.joins is not None}
    words = joining.opened(conn, {name for name in named if joining.is_word(name)}, now)
    numbers = named - words.keys()
    hold = wanted | set(words.values())
    held = _hold(conn, hold, numbers, _crowd(city)) if hold or numbers else []
    by_key = {(one.district_code, one.case_id): one for one in held}
    by_number = {one.row["case_no"]: one for one in held}
    # One that was closed between search and hold is nobody's to join; what it was is left to the next report.
    gone = wanted - by_key.keys()
    if gone:
        choices = [choose(candidates, now, gone) for candidates in found]
    scope = scope_of(conn, by.account_id) if by is not None else None
    standing = _standing(choices)
    known = {key: row for key, row in standing.items() if row["public"] and _may_know(row, scope)}
    opened: dict[str, list[int]] = {}
    answers: list[Fate | NotJoinable] = []
    sealed_with: bytes | None = None
    for n, (one, choice) in enumerate(zip(asked, choices, strict=True)):
        if one.joins is not None:
            word = words.get(one.joins)
            # who was given a word knows what anybody may know, whatever his scope is
            fate = (
                _joined(city, one, by_key.get(word), None, snapped=True)
                if word
                else _joined(city, one, by_number.get(one.joins), scope, snapped=by is None)
            )
            answers.append(_or_counted(conn, fate, now, by, sender) if isinstance(fate, Fate) else fate)
        elif (
            choice.certain is not None
            and choice.certain.key in by_key
            # who may not know of a case is not told of it by joining it: his report opens one, and the desk links them
            and _may_know(by_key[choice.certain.key].row, scope)
        ):
            fate = Fate(choice.certain.certain, by_key[choice.certain.key])
            answers.append(_or_counted(conn, fate, now, by, sender))
        else:
            twin = _twin(one, asked, opened)
            if twin is not None:
                answers.append(Fate(twin[0], with_n=twin[1]))
                continue
            for key in _keys(one):
                opened.setdefault(key, []).append(n)
            fate = Fate(
                has_twin=any(one.is_open for one in choice.proposed),
                again=_again(one, choice.recurrence, standing, now),
            )
            if by is None:
                # what anybody is told who asks, and nothing that is measured otherwise
                sealed_with = sealed_with or joining.key(conn)
                at = (one.lon, one.lat, one.accuracy_m)
                answers.append(replace(fate, near=tuple(joining.told_near(conn, at, one.category, sealed_with))))
            else:
                answers.append(replace(fate, proposed=_told(choice, known)))
    return answers


def _crowd(city: City) -> int:
    """How many reports a case takes up in an hour before those of nobody are counted alone: data of the city."""
    return max(1, int(city.settings.get("anonymous_joins_per_hour", ANONYMOUS_JOINS_PER_HOUR)))


def _or_counted(conn: Connection, fate: Fate, now: datetime, by: Actor | None, sender: str | None) -> Fate:
    """The same; of a report without a sign-in counted alone, where the case has its fill of this hour, or where the
    sender was heard often enough: else one person makes ten.
    """
    if by is not None or fate.held is None:
        return fate
    since = fate.held.row["crowd_since"]
    if since is not None and now - since < CROWD:
        return replace(fate, counted="crowd")
    if sender is not None and not limits.few_today(conn, sender, str(fate.held.case_id), ONE_ADDRESS):
        return replace(fate, counted="again")
    return fate


def _keys(one: Asked) -> list[str]:
    """By what a report can be certain to be about the same as another."""
    return [f"{what}:{key}" for what, key in (("part", one.part_code), ("device", one.source_ref)) if key is not None]


def _hold(conn: Connection, keys: Collection[Key], numbers: Collection[str], crowd: int) -> list[Held]:
    rows = conn.execute(
        _SQL["hold"],
        {
            "districts": [district for district, _ in keys],
            "case_ids": [case_id for _, case_id in keys],
            "numbers": list(numbers),
            "before_last": crowd - 1,
        },
    )
    return [Held(row["district_code"], row["case_id"], row) for row in rows]


def _twin(one: Asked, asked: Sequence[Asked], opened: Mapping[str, list[int]]) -> tuple[Kind, int] | None:
    """Which report of the same batch, that opens a case, is certainly about the same thing."""
    for n in opened.get(f"part:{one.part_code}", ()):
        if one.district_code == asked[n].district_code and closeness(one.category, asked[n].category) > 0:
            return "same_part", n
    for n in opened.get(f"device:{one.source_ref}", ()):
        other = asked[n]
        far_m = one.category.twin_radius_m + one.fuzz_m
        if (
            one.district_code == other.district_code
            and one.category.category_id == other.category.category_id
            and distance_m(one, other) <= far_m
        ):
            return "same_device", n
    return None


def _joined(city: City, one: Asked, held: Held | None, scope: Scope | None, *, snapped: bool) -> Fate | NotJoinable:
    """The fate of a report whose sender says which case it is about: near enough, open, and one he may know of.
    ``snapped``: measured from where a stranger is told that the case is, or many tries would find the place.
    """
    if held is not None and _may_know(held.row, scope):
        category = city.by_category_id.get(held.row["category_id"], one.category)
        where = ("near_lon", "near_lat") if snapped else ("lon", "lat")
        at = Asked(held.row[where[0]], held.row[where[1]], 0, category)
        reach = max(one.category.twin_radius_m, category.twin_radius_m)
        # who asked where he stood may send from a step beside it
        slack = joining.GRID_M if snapped else 0.0
        fuzz_m = min(one.fuzz_m, joining.STRANGERS_FUZZ_M) if snapped else one.fuzz_m
        if distance_m(one, at) <= reach + fuzz_m + slack:
            return Fate("joined", held)
    if joining.is_word(one.joins):
        said = "There is no open case any more that this report could join by its word; send it without `joins`."
        return NotJoinable(said, joins=one.joins)
    return NotJoinable(
        f"There is no open case {one.joins} near this point that a report could join; send it without `joins`.",
        case_no=one.joins,
    )


def _may_know(row: Mapping[str, Any], scope: Scope | None) -> bool:
    """Say whether somebody may be told that there is such a case: the public of public categories, others in scope."""
    if scope is None:
        return bool(row["public"])
    return scope.sees(row["unit_id"], (row["handler_id"], row["superior_id"]), row["organisation_id"])


def _standing(choices: Sequence[Choice]) -> dict[Key, Mapping[str, Any]]:
    """Where the cases stand that are proposed or recur, and who may know of them."""
    named = (one for choice in choices for one in (*choice.proposed, choice.recurrence) if one is not None)
    return {one.key: one.standing for one in named}


def _told(choice: Choice, known: Mapping[Key, Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """How many reported each proposed case, how far it is, where it stands, for somebody signed in: no text and no
    photo, as it goes into the answer that is kept and given again to whoever holds the report's key.
    """
    named = [(one, known[one.key]) for one in choice.proposed if one.key in known]
    return tuple(
        {
            "case_no": row["case_no"],
            **wording.state(row["state"]),
            "stage": row["stage"],
            "report_count": row["report_count"],
            "distance_m": round(one.distance_m),
        }
        for one, row in named[:MOST_PROPOSED]
    )


def _again(
    one: Asked, closed: Candidate | None, standing: Mapping[Key, Mapping[str, Any]], now: datetime
) -> Again | None:
    # a case names another by its key alone, which holds within the district
    if closed is None or closed.closed_at is None or closed.district_code != one.district_code:
        return None
    row = standing[closed.key]
    return Again(closed.case_id, now - closed.closed_at < REWORK, row["handler_id"], row["organisation_id"])


def tell(conn: Connection, kept: Sequence[tuple[Fate, str, UUID, int]]) -> None:
    """Tell who had a case that it is there again, and who has one that it is reported more and more often.

    ``kept`` are the fates of the reports that were kept, each with district, key and version of the case it opened.
    """
    told: list[tuple[notices.Subject, notices.Told]] = []
    joined: Counter[Key] = Counter()
    for fate, district, case_id, version in kept:
        if fate.held is not None and not fate.counted:
            joined[fate.held.district_code, fate.held.case_id] += 1
        elif fate.held is None and fate.again is not None:
            again = fate.again
            if again.handler_id is None:
                to = notices.Recipient(organisation_id=again.organisation_id)
            else:
                to = notices.Recipient(staff_id=again.handler_id)
            said = notices.Told("recurrence", [to], {"is_rework": again.is_rework})
            told.append((notices.Subject(district, case_id, version), said))
    held = {(f.held.district_code, f.held.case_id): f.held for f, *_ in kept if f.held is not None and not f.counted}
    for key, more in joined.items():
        row = held[key].row
        before, count = row["report_count"], row["report_count"] + more
        if any(before < step <= count for step in PRIORITY_AT):
            to = notices.Recipient(staff_id=row["handler_id"])
            if row["handler_id"] is None:
                to = notices.Recipient(organisation_id=row["organisation_id"])
            facts = {"state": row["state"], "stage": row["stage"], "reports": count}
            told.append((notices.Subject(*key, row["version"]), notices.Told("pressing", [to], facts, f"{count}")))
    if told:
        notices.tell_many(conn, told)

"""Auto rules: which reports file themselves, what came of it, and one that switches itself off (docs/decisions/0039).

A rule is a district's own, for a category or a whole major class, or a default of the city (``auto_rule_defaults``)
that holds for each category by itself. What it filed is kept (``auto_filings``); when people take too much of it back,
the act that tips it over the share switches it off, and only an administrator switches it on again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from gisops import notices
from gisops.access import audit, scopes
from gisops.access.people import Actor
from gisops.cases.facts import Facts, Sent
from gisops.cases.twins import DEVICE_CHANNELS
from gisops.city import Category, City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import Conflict, InvalidInput, NotFound, TextTooLong, UnknownCategory
from gisops.keys import new_key

_SQL = queries.load("gisops.cases", "auto_rules.sql")

LONGEST_REASON = 1_000
MOST_ROWS = 200
# Of these returns the filing was right and the organisation could not; the others say that it was not.
_OVERTURNING_RETURNS = frozenset({"not_ours", "wrong_place", "wrong_class"})
_OVERTURNING = frozenset({"refuse", "reject", "void", "to_acceptor", "not_mine"})
# The beginning of time, for what counts all that was ever filed.
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


class StaleRule(Conflict):
    """This rule was set, or went off, since it was read."""

    code = "stale_rule"


@dataclass(frozen=True, slots=True)
class AutoRule:
    """A rule as it holds for one category in one district. ``files`` and ``pushes`` say whether it takes reports the
    standard and the simple way; ``code`` is what it is set for. ``alone`` leaves to people what looks like a twin of an
    open case, ``certain`` what is not certain whose it is. Where it is nobody's (``known`` False) nothing is kept.
    """

    scheme: str
    code: str
    files: bool
    pushes: bool
    min_confidence: float | None = None
    channels: frozenset[str] | None = None
    min_photos: int = 0
    alone: bool = False
    certain: bool = False
    known: bool = True

    def met(self, channel: str, confidence: float | None, photos: int) -> bool:
        """Whether a report is good enough for it: its channel, how sure a device is, how many photographs.

        People's word has no figure; a device that does not say how sure it is does not reach one that is asked for.
        """
        if self.channels is not None and channel not in self.channels:
            return False
        unsure = self.min_confidence is not None and (confidence is None or confidence < self.min_confidence)
        return photos >= self.min_photos and not (channel in DEVICE_CHANNELS and unsure)

    def saw(self, channel: str, confidence: float | None, photos: int) -> dict[str, Any]:
        """What the history keeps of why it filed: the rule, and the figures it went by."""
        if not self.known:
            return {}
        figures = {"channel": channel, "confidence": confidence, "photos": photos}
        asked = {"min_confidence": self.min_confidence, "min_photos": self.min_photos}
        return {"auto_rule": {"code": self.code, "scheme": self.scheme, **figures, **asked}}


def shipped(category: Category) -> AutoRule:
    """The rule for what is told without a database at hand, and for the past: the category's own switch."""
    return AutoRule(category.scheme, category.code, category.auto_file, True, known=False)


def standing(conn: Connection, asked: Sequence[tuple[str | None, Category]]) -> list[AutoRule]:
    """The rules that hold for categories in districts, in one statement, in their order."""
    rows = conn.execute(
        _SQL["standing"],
        {
            "n": list(range(len(asked))),
            "districts": [district for district, _ in asked],
            "category_ids": [category.category_id for _, category in asked],
        },
    )
    found: dict[int, AutoRule] = {}
    for row in rows:
        if row["enabled"] is None:  # a city that has taken out even the default
            continue
        enabled = bool(row["enabled"])
        found[row["n"]] = AutoRule(
            row["scheme"],
            row["code"],
            # a rule that somebody set is the last word; a default leaves it to the category
            enabled and (row["own"] or row["auto_file"]),
            enabled,
            row["min_confidence"],
            frozenset(row["channels"]),
            row["min_photos"],
            row["alone"],
            row["certain"],
        )
    none = (AutoRule(category.scheme, category.code, False, False) for _, category in asked)
    return [found.get(n, nothing) for n, nothing in enumerate(none)]


def heard(conn: Connection, facts: Facts, action: str, sent: Sent, payload: Mapping[str, Any], seq: int) -> bool:
    """An act was done with a case: where a rule had filed it and this takes that back, the rule is judged.

    In the act's own transaction, behind the act. Returns whether the rule went off.
    """
    if not _overturns(action, sent, payload):
        return False
    asked = {"district": facts.district_code, "case_id": facts.case_id, "action": action}
    row = conn.execute(_SQL["overturn"], asked).fetchone()
    return row is not None and _judge(conn, facts, row["scheme"], row["code"], seq)


def _overturns(action: str, sent: Sent, payload: Mapping[str, Any]) -> bool:
    if action in _OVERTURNING:
        return True
    if action == "return":
        return sent.reason_code in _OVERTURNING_RETURNS
    if action == "correct":  # another class, or another organisation
        return "category" in payload or payload.get("organisation_changes") is True
    return action == "accept" and "category" in payload


def _judge(conn: Connection, facts: Facts, scheme: str, code: str, seq: int) -> bool:
    """Measure a rule, and switch it off where more was overturned than it allows. One at a time per rule: the second
    of two that overturn at once counts the first one's too, and finds the rule off where that was enough.
    """
    key = {"district": facts.district_code, "scheme": scheme, "code": code}
    conn.execute(_SQL["one_at_a_time"], key)
    rule = conn.execute(_SQL["hold"], key).fetchone()
    if rule is None or not rule["enabled"]:
        return False
    figures = _figures(conn, key, rule)
    if figures["decided"] < rule["min_cases"] or figures["share"] <= rule["max_overturn"]:
        return False
    because = {name: figures[name] for name in ("decided", "overturned", "share")}
    because |= {"max_overturn": round(rule["max_overturn"], 4)}
    asked = {**rule, **key, "because": Jsonb(because), "since": rule["since"] or _EVER}
    if conn.execute(_SQL["switch_off"], asked).fetchone() is None:
        return False
    _tell_off(conn, facts, key, because, seq)
    return True


def _tell_off(conn: Connection, facts: Facts, key: Mapping[str, Any], because: Mapping[str, Any], seq: int) -> None:
    # no figures: they count a whole district, and who sees this case need not see that
    told = {"action": "switched_off", "scheme": key["scheme"], "code": key["code"]}
    event = {"event_id": new_key(), "payload": Jsonb(told)}
    conn.execute(_SQL["event"], {"district": facts.district_code, "case_id": facts.case_id, **event})
    answerable = conn.execute(_SQL["answerable"], {"unit_id": facts.unit_id}).fetchall()
    to = [notices.Recipient(account_id=row["account_id"]) for row in answerable]
    said: dict[str, notices.Fact] = {
        "rule": key["code"],
        "decided": because["decided"],
        "overturned": because["overturned"],
        "percent": round(100 * because["share"], 1),
    }
    notices.tell(conn, facts.district_code, facts.case_id, seq, "auto_rule_off", to, said, key["code"])
    counts: dict[str, audit.Fact] = {"decided": because["decided"], "overturned": because["overturned"]}
    name = f"{key['district']}:{key['scheme']}:{key['code']}"
    facts_of = {"state": "switched_off", **counts}
    audit.add(conn, "rule", "auto_rules", object=name, rows=1, facts=facts_of, district=facts.district_code)


def _figures(conn: Connection, key: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    asked = {
        **key,
        "since": rule["since"] or _EVER,
        "window_days": rule["window_days"],
        "window_cases": rule["window_cases"],
    }
    row = conn.execute(_SQL["figures"], asked).fetchone()
    assert row is not None  # noqa: S101  (an aggregate)
    share = row["overturned"] / row["decided"] if row["decided"] else 0.0
    return {**row, "share": round(share, 4)}


def listed(
    conn: Connection, city: City, to: Actor, district: str | None = None, after: str | None = None, limit: int = 100
) -> dict[str, Any]:
    """The rules that districts have set, or that went off, and those by which anything was filed of late, with what
    came of it: ``{rules: [...], after}``, of the districts that the connection's viewer looks after as a whole.

    Raises ``InvalidInput`` for a limit out of range or a page that is none.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInput(f"limit is {limit}; it goes from 1 to {MOST_ROWS}.", field="limit", limit=limit)
    behind = after.split("|") if after is not None else None
    if behind is not None and len(behind) != 3:
        raise InvalidInput("after is what the page before gave as `after`.", field="after")
    asked = {"district": district, "after": behind, "limit": limit + 1}
    rows = conn.execute(_SQL["rules"], asked).fetchall()
    page = rows[:limit]
    last = "|".join(page[-1][name] for name in ("district_code", "scheme", "code")) if len(rows) > limit else None
    return {"rules": [_shown(conn, city, row, to) for row in page], "after": last}


def _shown(conn: Connection, city: City, row: Mapping[str, Any], to: Actor) -> dict[str, Any]:
    key = {"district": row["district_code"], "scheme": row["scheme"], "code": row["code"]}
    rule = conn.execute(_SQL["hold"], key).fetchone()
    if rule is None:  # a category that is there no more
        return {**key, "enabled": False, "own": False}
    figures = _figures(conn, key, rule)
    asked = {**key, "since": rule["since"] or _EVER, "window_days": rule["window_days"]}
    filed = conn.execute(_SQL["filed"], asked).fetchone()
    area = city.areas.get(row["district_code"])
    names = (
        "channels",
        "min_photos",
        "alone",
        "certain",
        "window_cases",
        "window_days",
        "min_cases",
        "switched_off_at",
    )
    shown = {
        **key,
        "district_zh": area and area.name_zh,
        "district_en": area and area.name_en,
        "name_zh": row["name_zh"],
        "name_en": row["name_en"],
        "own": rule["own"],
        "enabled": rule["enabled"] and (rule["own"] or row["auto_file"] is not False),
        "min_confidence": None if rule["min_confidence"] is None else round(rule["min_confidence"], 4),
        "max_overturn": round(rule["max_overturn"], 4),
        **{name: rule[name] for name in names},
        "switched_off_because": rule["switched_off_because"],
        "changed_at": row["changed_at"],
        "measured": {"filed": filed["filed"] if filed else 0, **figures},
    }
    return {**shown, "reason": row["reason"] or ""} if to.role == "admin" else shown


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule as an administrator wants it, and why; what is None stays as it is, but for ``any_confidence``, which
    takes a device's word again. ``changed_at`` is that of the rule as he read it, None where there was none.
    """

    enabled: bool
    reason: str
    changed_at: datetime | None
    min_confidence: float | None = None
    any_confidence: bool = False
    channels: tuple[str, ...] | None = None
    min_photos: int | None = None
    alone: bool | None = None
    certain: bool | None = None
    max_overturn: float | None = None
    window_cases: int | None = None
    window_days: int | None = None
    min_cases: int | None = None


def set_rule(
    conn: Connection, city: City, district: str, code: str, wanted: Wanted, by: Actor, key_id: int | None = None
) -> dict[str, Any]:
    """Set a district's rule for a category (``E04-05``) or a whole major class (``E04``), and return it as `listed`
    shows it. Switched on, its window starts anew.

    Raises ``StaleRule`` with the ``rule`` as it is where somebody set it, or it went off, since it was read;
    ``NotFound`` for a district out of the administrator's scope, as for one that is not there;
    ``UnknownCategory``; ``InvalidInput`` for what cannot be; ``TextTooLong``.
    """
    row = conn.execute(_SQL["district"], {"district": district}).fetchone()
    if row is None or not scopes.scope_of(conn, by.account_id).sees(row["unit_id"]):
        raise NotFound(f"There is no district {district}.", district=district)
    scheme, _, plain = code.rpartition(":")
    key = {"district": district, "scheme": scheme or city.category_scheme, "code": plain.strip()}
    conn.execute(_SQL["one_at_a_time"], key)
    held = conn.execute(_SQL["hold"], key).fetchone()
    if held is None:
        raise UnknownCategory(
            f"There is no category or major class {plain!r} in the scheme {key['scheme']!r}.",
            category=code,
            scheme=key["scheme"],
            schemes=sorted({one for one, _ in city.categories}),
        )
    words = city.categories.get((key["scheme"], key["code"]))
    named = {"name_zh": words and words.name_zh, "name_en": words and words.name_en, "auto_file": None}
    one = {"district_code": district, "scheme": key["scheme"], "code": key["code"], **named}
    if wanted.changed_at != held["changed_at"]:
        raise StaleRule(
            "The rule was changed since it was read: look at it again.",
            rule=_shown(conn, city, {**one, "reason": held["reason"], "changed_at": held["changed_at"]}, by),
        )
    ruled = _checked(city, held, wanted)
    asked = {**key, **ruled, "reason": wanted.reason, "account_id": by.account_id}
    kept = conn.execute(_SQL["set"], asked).fetchone()
    audit.add(
        conn,
        "rule",
        "auto_rules",
        object=f"{district}:{key['scheme']}:{key['code']}",
        rows=1,
        facts={"state": "on" if wanted.enabled else "off"} | _changed(held, ruled),
        account_id=by.account_id,
        key_id=key_id,
        district=district,
    )
    return _shown(conn, city, {**one, "reason": wanted.reason, "changed_at": kept and kept["changed_at"]}, by)


def _changed(held: Mapping[str, Any], ruled: Mapping[str, Any]) -> dict[str, audit.Fact]:
    """What of a rule is another now, as it was and as it is, for the audit: the row keeps only the last word."""
    facts: dict[str, audit.Fact] = {}
    for name in ruled.keys() - {"enabled"}:
        was, now = _plain(held[name]), _plain(ruled[name])
        if was != now:
            facts |= {f"was_{name}": was, name: now}
    return facts


def _plain(value: Any) -> Any:
    # a share is kept in four bytes, and 0.05 read back is not 0.05; channels have no order
    if isinstance(value, float):
        return round(value, 4)
    return sorted(value) if isinstance(value, list) else value


def _checked(city: City, held: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    if not wanted.reason.strip():
        raise InvalidInput("Setting a rule needs a reason in words.", field="reason")
    if len(wanted.reason) > LONGEST_REASON:
        raise TextTooLong(
            f"The reason has {len(wanted.reason)} characters; {LONGEST_REASON} is the most.",
            length=len(wanted.reason),
            most=LONGEST_REASON,
        )
    names = (
        "channels", "min_photos", "alone", "certain", "max_overturn", "window_cases", "window_days", "min_cases",
        "min_confidence",
    )  # fmt: skip
    said = {name: value for name in names if (value := getattr(wanted, name)) is not None}
    ruled = {**{name: held[name] for name in names}, **said, "enabled": wanted.enabled}
    if wanted.any_confidence:
        ruled["min_confidence"] = None
    for name, lowest, highest in (
        ("min_confidence", 0, 1),
        ("max_overturn", 0, 1),
        ("min_photos", 0, 9),
        ("window_cases", 1, 10_000),
        ("window_days", 1, 366),
        ("min_cases", 1, ruled["window_cases"]),
    ):
        value = ruled[name]
        if value is not None and not lowest <= value <= highest:
            words = f"{name} is {value}; it goes from {lowest} to {highest}."
            raise InvalidInput(words, field=name, lowest=lowest, highest=highest)
    known = sorted(city.accuracy_m)
    ruled["channels"] = sorted(set(ruled["channels"]))
    if not ruled["channels"] or not set(ruled["channels"]) <= set(known):
        raise InvalidInput("channels are one or more of those there are.", field="channels", channels=known)
    return ruled

"""A world in PostGIS: reports and acts through the very functions a request runs, timers through the worker's own.

One connection, whose clock is moved (``gisops.clock_offset``). Several acts share a transaction, each behind a
savepoint, as if one request after the other came in: what is saved is waiting for the disk, nothing else. After every
act the books of its case are checked (`books`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson
from psycopg import sql

from gisops import operations, timers
from gisops.access.people import Actor
from gisops.cases import acts, approvals, moves
from gisops.cases.facts import Sent
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import GisopsError
from gisops.keys import derived_key
from gisops.simulation import books
from gisops.simulation.cast import Cast, Organisation
from gisops.simulation.days import MADE, Seen

_SQL = queries.load("gisops.simulation", "town.sql")

# So many acts are committed together.
TOGETHER = 40
_CHANNELS = ("citizen", "officer", "hotline", "video")
_WEIGHTS = (45, 35, 10, 10)
_BY_ITSELF = 0.5
_LOOKED_AT = 0.1


class Town:
    """The sample city, and who acts in it. ``conn`` is the doors' role, not in autocommit."""

    DUE_NOW = _SQL["due_now"]

    def __init__(self, conn: Connection, city: City, cast: Cast, seed: int, together: int = TOGETHER) -> None:
        # Photographs are another's subject: nobody here has a camera.
        self.city = replace(city, settings={**city.settings, "evidence": False, "sample_check_percent": 0})
        # A city draws by the keys of its cases, which are new in every run; here the seed draws.
        self._drawing = replace(city, settings={**self.city.settings, "sample_check_percent": 100})
        self._by_hand = replace(self.city, auto_file=False)
        self.conn, self.cast, self.seed, self.together = conn, cast, seed, together
        self.now = datetime.min.replace(tzinfo=UTC)
        self._places = conn.execute(_SQL["places"]).fetchall()
        self._pool = sorted(
            (one for one in city.categories.values() if one.filing_condition_id is not None),
            key=lambda one: (one.scheme, one.code),
        )
        self._reports: dict[int, tuple[NewReport, str]] = {}
        self._lowest: dict[str, tuple[datetime | None, datetime | None]] = {}
        self._at: datetime | None = None
        self._open = 0
        conn.commit()

    def go_to(self, at: datetime) -> None:
        """Set the clock."""
        self.now = at

    def end(self) -> None:
        """Commit what is open."""
        self.conn.commit()
        self._open, self._at = 0, None

    def report(self, n: int, rng: Random) -> str:
        """A report comes in, somewhere, by some channel; the number of the case it opens or joins."""
        place = rng.choice(self._places)
        channel = rng.choices(_CHANNELS, _WEIGHTS)[0]
        category = rng.choice(self._pool)
        sent = NewReport(
            derived_key(self.now, f"simulation/{self.seed}/{n}"),
            channel,
            f"{category.scheme}:{category.code}",
            place["lon"],
            place["lat"],
            "WGS84",
            float(rng.randint(1, 8)),
            "样例：模拟上报 / Sample: simulated report",
        )
        self._step()
        with self.conn.transaction():
            # where nothing is filed by itself, persons do it
            case_no = self._receive(sent, self.city if rng.random() < _BY_ITSELF else self._by_hand)
        self._reports[n] = sent, case_no
        return case_no

    def report_again(self, n: int) -> bool:
        """The same once more: the same case is answered, and its books do not change."""
        sent, case_no = self._reports[n]
        before = self._row(case_no)
        self._step()
        with self.conn.transaction():
            again = self._receive(sent, self.city)
        return again == case_no and self._row(case_no) == before

    def act(self, key: str, action: str, role: str, version: int, rng: Random) -> str:
        """Somebody acts on a case, through `acts.act`."""
        self._step()
        row = self._row(key)
        by, alone = self._who(row, action, role)
        try:
            with self.conn.transaction():
                sent = self._sent(key, row, action, role, version, rng)
                looks = action == "finish" and rng.random() < _LOOKED_AT
                acts.act(self.conn, self._drawing if looks else self.city, key, action, sent, by, role=alone)
            if action == "correct":
                # of another class it may have a shorter limit
                self._lowest.pop(key, None)
        except GisopsError as error:
            return error.code
        return MADE

    def seen(self, key: str) -> Seen:
        """How a case stands."""
        row = self._row(key)
        return Seen(row["state"], row["version"])

    def due(self) -> datetime | None:
        """When something is due next."""
        self._step()
        row = self.conn.execute(_SQL["due"]).fetchone()
        return row["due_at"] if row else None

    def fire(self) -> list[str]:
        """Let the worker's timers do what is due."""
        self._step()
        waiting = {row["case_no"]: row["version"] for row in self.conn.execute(self.DUE_NOW)}
        with self.conn.transaction():
            timers.fire(self.conn, self.city)
        return [case_no for case_no, version in waiting.items() if self._row(case_no)["version"] != version]

    def broken(self, key: str) -> str | None:
        """What does not hold of a case after a step."""
        row = self._row(key)
        found = books.broken(self.conn, [row["case_id"]])
        if found:
            return "; ".join(one.problem for one in found)
        filed_at, lowest = self._lowest.get(key, (None, None))
        self._lowest[key] = row["filed_at"], row["deadline"]
        # filed anew is a limit anew; within one filing a deadline only moves on
        if filed_at == row["filed_at"] and lowest is not None and (row["deadline"] or lowest) < lowest:
            return f"its deadline went back from {lowest} to {row['deadline']}"
        return None

    def _step(self) -> None:
        """Stand at the moment it is; commit now and then."""
        self._open += 1
        if self._open > self.together:
            self.end()
        if self._at != self.now and self.now.year > 1:
            row = self.conn.execute(_SQL["began"]).fetchone()
            assert row is not None  # noqa: S101
            ahead = f"{(self.now - row['at']) // timedelta(microseconds=1)} microseconds"
            self.conn.execute(sql.SQL("SET LOCAL gisops.clock_offset = {}").format(sql.Literal(ahead)))
            self._at = self.now

    def _row(self, case_no: str) -> dict[str, Any]:
        row = self.conn.execute(_SQL["seen"], {"case_no": case_no}).fetchone()
        assert row is not None, case_no  # noqa: S101 - it was made here
        return row

    def _receive(self, sent: NewReport, city: City) -> str:
        by = self.cast.centre["supervisor"] if sent.channel == "officer" else None
        receipt = operations.receive_report(self.conn, city, sent, by)
        return _case_no(receipt.answer)

    def _who(self, row: Mapping[str, Any], action: str, role: str) -> tuple[Actor | None, str | None]:
        """Who acts in a role on a case: one of the centre, or of the organisation that has it; who has no business
        there has no account either, and is told so by his role.
        """
        if role in self.cast.centre:
            return self.cast.centre[role], None
        if role in ("handler", "officer", "department") and action in moves.allowed(row["state"], role):
            theirs = self._holder(row)
            if role == "officer":
                # one of its people who walks the ground, and sees what it sees
                return replace(theirs.department, role=role), None
            return (theirs.handler if role == "handler" and row["handler"] == theirs.staff else theirs.department), None
        return None, role

    def _holder(self, row: Mapping[str, Any]) -> Organisation:
        held = self.cast.organisations.get(row["organisation_id"])
        return held or next(iter(self.cast.organisations.values()))

    def _sent(self, key: str, row: Mapping[str, Any], action: str, role: str, version: int, rng: Random) -> Sent:
        """What somebody fills in for an action."""
        reasons = next((rule.reasons for rule in moves.rules_of(action)), ())
        code = rng.choice(reasons) if reasons else None
        values = self._values(key, row, action, rng)
        why = "样例：模拟 / Sample: simulated"
        possible = row["version"] == version and action in moves.allowed(row["state"], role)
        if possible and action in ("extend", "suspend", "void", "force_close"):
            values["approval"] = self._asked(key, row, action, rng)
        return Sent(version, why, code, values)

    def _values(self, key: str, row: Mapping[str, Any], action: str, rng: Random) -> dict[str, Any]:
        here = {"lon": row["lon"], "lat": row["lat"], "crs": "WGS84", "accuracy_m": 5.0}
        match action:
            case "verify":
                return {"result": rng.choice(("true", "true", "false")), "position": here}
            case "finish":
                return {"position": here}
            case "dispatch" | "determine":
                free = [one for one in self.cast.organisations.values() if one.organisation_id not in row["excluded"]]
                to = rng.choice(free)
                named = {"organisation": to.code, "staff": to.staff if rng.random() < 0.6 else None}
                return named if action == "dispatch" else {"decision": "dispatch_rule", **named}
            case "assign":
                return {"staff": self._holder(row).staff}
            case "close":
                return {"closing_condition": 1 if row["conditions"] else None}
            case "link":
                other = self.conn.execute(_SQL["another_open"], {"case_no": key}).fetchone()
                return {"to": other["case_no"] if other else key}
            case "correct":
                kind = rng.choice([one for one in self._pool if one.category_id != row["category_id"]])
                return {"category": f"{kind.scheme}:{kind.code}"}
            case "appeal":
                return {"granted": rng.random() < 0.6}
        return {}

    def _asked(self, key: str, row: Mapping[str, Any], action: str, rng: Random) -> int:
        """Somebody of the organisation (or of the desk) asks for what the act then grants."""
        by = self._holder(row).department
        if action in ("void", "force_close"):
            by = self.cast.centre["dispatcher"]
        facts = acts.read(self.conn, self.city, key, None)
        until = self.now + timedelta(days=rng.randint(1, 40)) if action == "suspend" else None
        sent = Sent(row["version"], "样例：模拟申请 / Sample: simulated request")
        return approvals.request(self.conn, self.city, facts, action, sent, until, by)


def _case_no(answer: bytes) -> str:
    told: str = orjson.loads(answer)["case"]["case_no"]
    return told

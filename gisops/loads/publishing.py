"""How staged rows come into force, in one transaction, and how that is undone.

What publishing replaces is kept in logged tables of the staging schema: the rows as they were (``undo_N``) and the
keys of those that were added (``added_N``). A crash at any moment leaves everything or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
from psycopg import sql

from gisops.access import scopes
from gisops.access.audit import add as write_down
from gisops.cases import handbook
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import Conflict
from gisops.loads import catalogue, past_cases, records, targets
from gisops.loads.records import Load
from gisops.loads.targets import Target

_SQL = queries.load("gisops.loads", "publishing.sql")
Step = Callable[[int, int | None], None]
# Before the first set or record of a kind there was none: it holds for all the past that may be told later.
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)


class NotPublishable(Conflict):
    """This load cannot be published."""

    code = "load_not_publishable"


class NotUndoable(Conflict):
    """This load cannot be undone."""

    code = "load_not_undoable"


def publish(
    conn: Connection,
    load_id: int,
    *,
    allow_refused: int = 0,
    complete: bool = False,
    valid_from: datetime | None = None,
    step: Step = lambda done, total: None,
) -> Load:
    """Publish a staged load within the caller's transaction, as the owner: all of it or nothing.

    ``allow_refused``: how many refused rows may be left behind. ``complete``: the file is the whole; records in force
    that it does not hold end. ``valid_from``: since when it is in force (default: the present, and for the first of
    its kind always). Raises ``NotPublishable``.
    """
    records.hold(conn)
    load = records.one(conn, load_id)
    if load.state != "staged":
        raise NotPublishable(f"Load {load_id} is {load.state}; only a staged one can be published.", state=load.state)
    if load.refused > allow_refused:
        raise NotPublishable(
            f"{load.refused} of {load.rows_read} rows of load {load_id} are refused; {allow_refused} may stay behind.",
            refused=load.refused,
            do=f"gisops loads show {load_id}   (then mend the file, or --allow-refused {load.refused})",
        )
    if _waiting(conn, load_id) != load.taken:
        raise NotPublishable(f"The rows of load {load_id} are gone (the database was restarted): load the file again.")
    publisher = _Publisher(conn, load, targets.find(load.target), valid_from, complete)
    try:
        outcome, audit = publisher.run(step)
    except psycopg.errors.IntegrityError as error:
        told = error.diag.message_detail or error.diag.message_primary or str(error)
        raise NotPublishable(
            f"Load {load_id} does not go with what is there: {told}", constraint=error.diag.constraint_name
        ) from error
    _settle(conn, publisher.target, outcome.get("from"))
    for layer in publisher.target.layers:
        conn.execute(_SQL["new_version"], {"layer": layer})
    write_down(conn, "load", load.target, object=str(load_id), rows=load.taken)
    return records.published(conn, load_id, outcome, {**load.audit, **audit})


def _settle(conn: Connection, target: Target, since: str | None) -> None:
    """Let what was loaded be seen by who is to see it: rows by the unit that holds them, units by the ground."""
    if target.table in scopes.GROUND and since is not None:
        scopes.ground_changed(conn, datetime.fromisoformat(since))
    elif target.table in scopes.GROUND:
        scopes.settle(conn)
    elif target.table == "zones":
        scopes.settle(conn, tables=())
    elif target.table in handbook.BEHIND:
        handbook.follow(conn)
    elif target.table in scopes.SCOPED and target.publish != "cases":  # of a past case the unit is written with it
        scopes.settle(conn, tables=[target.table])


def _waiting(conn: Connection, load_id: int) -> int | None:
    """Rows in the staging table; an unlogged table is empty after a crash of the server."""
    if not catalogue.staged(conn, f"load_{load_id}"):
        return None
    counted = conn.execute(_compose("count_stage", stage=_id(f"load_{load_id}"))).fetchone()
    return int(cast(dict[str, Any], counted)["n"])


def discard(conn: Connection, load_id: int) -> Load:
    """Give a staged load up: its rows go, its findings stay."""
    load = records.refused(conn, load_id)
    conn.execute(_compose("drop", name=_id(f"load_{load_id}")))
    return load


def undo(conn: Connection, load_id: int) -> Load:
    """Take a published load back within the caller's transaction, as the owner.

    Raises ``NotUndoable`` where it is not in force, a later load of its kind is, or something refers to its rows.
    """
    records.hold(conn)
    load = records.one(conn, load_id)
    target = targets.find(load.target)
    if load.state != "published":
        raise NotUndoable(f"Load {load_id} is {load.state}; only a published one can be undone.", state=load.state)
    if after := records.later(conn, load):
        raise NotUndoable(
            f"Later loads of {load.target} stand on load {load_id}: {', '.join(map(str, after))}.",
            later=after,
            do=f"gisops loads undo {after[-1]}   (first)",
        )
    _nothing_decided_on(conn, load, target)
    try:
        if target.publish == "cases":
            past_cases.remove(conn, load)
        elif target.publish == "zone_set":
            _remove_set(conn, load)
        for kept in reversed(load.outcome.get("kept", [])):
            _put_back(conn, kept)
    except psycopg.errors.ForeignKeyViolation as error:
        raise NotUndoable(
            f"Something refers to rows of load {load_id}: {error.diag.message_detail or error}",
            table=error.diag.table_name,
        ) from error
    _settle(conn, target, None)
    for layer in target.layers:
        conn.execute(_SQL["new_version"], {"layer": layer})
    write_down(conn, "undo", load.target, object=str(load_id), rows=load.taken)
    return records.undone(conn, load_id)


def _nothing_decided_on(conn: Connection, load: Load, target: Target) -> None:
    """Past validity is never edited: what was dispatched on a boundary must be able to be replayed."""
    since = load.outcome.get("from")
    if target.publish not in ("versions", "zone_set") or since is None:
        return
    row = conn.execute(_SQL["decided_since"], {"moment": datetime.fromisoformat(since)}).fetchone()
    if row is not None and row["n"]:
        raise NotUndoable(
            f"{row['n']} cases were dispatched while load {load.load_id} was in force; what decided them must stay.",
            decided=row["n"],
            do="Publish the former file again: it comes into force now and ends this one.",
        )


def _remove_set(conn: Connection, load: Load) -> None:
    made = {"zone_set_id": load.outcome["zone_set_id"]}
    conn.execute(_SQL["remove_zones"], made)
    conn.execute(_SQL["remove_set"], made)
    if before := load.outcome.get("closed_set_id"):
        conn.execute(_SQL["reopen_set"], {"zone_set_id": before})


def _put_back(conn: Connection, kept: dict[str, Any]) -> None:
    table, primary = kept["table"], kept["primary"]
    if "added" in kept:
        matched = _equal("t", "a", primary)
        conn.execute(_compose("remove_added", table=_id(table), added=_id(kept["added"]), same_row=matched))
        conn.execute(_compose("drop", name=_id(kept["added"])))
    if "undo" in kept:
        columns = [name for name in kept["columns"] if name not in primary]
        assigned = _list(sql.SQL("{0} = u.{0}").format(_id(name)) for name in columns)
        same = _equal("t", "u", primary)
        conn.execute(
            _compose("put_back", table=_id(table), undo=_id(kept["undo"]), assignments=assigned, same_row=same)
        )
        conn.execute(_compose("drop", name=_id(kept["undo"])))


class _Publisher:
    """One load on its way into its table."""

    def __init__(
        self, conn: Connection, load: Load, target: Target, valid_from: datetime | None, complete: bool
    ) -> None:
        self.conn, self.load, self.target, self.complete = conn, load, target, complete
        self.valid_from = valid_from
        n = load.load_id
        self.names = {"stage": _id(f"load_{n}"), "undo": _id(f"undo_{n}"), "added": _id(f"added_{n}")}
        self.stored = list(catalogue.types(conn, target))
        self.primary = catalogue.primary_key(conn, target.table)
        staged = set(catalogue.staged(conn, f"load_{n}"))
        late = {c.column for c in target.columns.values() if c.lookup == "itself" or c.meanwhile}
        # What the file fills, of the table's columns; superiors are named when all rows have a key.
        self.filled = [name for name in self.stored if name in staged and name not in late]
        fixed = {*target.key, target.new_key, "district_code"}
        self.compared = [name for name in self.filled if name not in fixed]

    def run(self, step: Step) -> tuple[dict[str, Any], dict[str, Any]]:
        """Publish; the outcome, and what publishing adds to the audit."""
        if self.target.publish == "cases":
            return past_cases.publish(self.conn, self.load, step)
        ways = {"upsert": self._upsert, "versions": self._versions, "zone_set": self._zone_set}
        outcome = ways[self.target.publish]()
        self._do("drop", name=self.names["stage"])
        return outcome, {}

    def _do(self, query: str, **pieces: Any) -> int:
        common = {
            **self.names,
            "table": _id(self.target.table),
            "match": _equal("t", "s", self.target.key),
            "different": self._different(),
            "primary": _list(map(_id, self.primary)),
            "columns": _list(map(_id, self.filled)),
            "values": _list(_of("s", name) for name in self.filled),
            "old": _list(_of("t", name) for name in self.stored),
        }
        return self.conn.execute(_compose(query, **{**common, **pieces})).rowcount

    def _different(self) -> sql.Composable:
        if not self.compared:
            return sql.SQL("false")
        old, new = (_list(_of(side, name) for name in self.compared) for side in ("t", "s"))
        return sql.SQL("ROW({}) IS DISTINCT FROM ROW({})").format(old, new)

    def _kept(self, *, undo: bool = True) -> dict[str, Any]:
        """Where undoing finds what was replaced and added."""
        n = self.load.load_id
        kept = {"table": self.target.table, "primary": self.primary, "columns": self.stored, "added": f"added_{n}"}
        return {**kept, "undo": f"undo_{n}"} if undo else kept

    def _upsert(self) -> dict[str, Any]:
        parents = [c.column for c in self.target.columns.values() if c.lookup == "itself"]
        parents = [name for name in parents if name in catalogue.staged(self.conn, f"load_{self.load.load_id}")]
        # A row may change in nothing but the one above it; all that stand there already are kept then.
        self._do("keep_changed", **({"different": sql.SQL("true")} if parents else {}))
        changed = 0
        if self.compared:
            assigned = _list(sql.SQL("{0} = s.{0}").format(_id(name)) for name in self.compared)
            changed = self._do("change", assignments=assigned)
        self._do("make_added")
        added = self._do("add")
        for name in parents:
            self._do("name_parents", column=_id(name), key=_id(self.primary[0]))
        kept = [self._kept()]
        if self.target.id == "staff" and "leads" in catalogue.staged(self.conn, f"load_{self.load.load_id}"):
            kept.append(self._leads())
        same = self.load.taken - added - changed
        return {"added": added, "changed": changed, "unchanged": same, "kept": kept}

    def _leads(self) -> dict[str, Any]:
        name = f"undo_{self.load.load_id}_leads"
        self._do("keep_leads", undo=_id(name))
        self._do("name_leads")
        return {
            "table": "organisations",
            "primary": ["organisation_id"],
            "columns": ["organisation_id", "lead_staff_id"],
            "undo": name,
        }

    def _moment(self, *, first: bool) -> datetime:
        """Since when it is in force."""
        now = cast(dict[str, Any], self.conn.execute(_SQL["now"]).fetchone())["at"]
        moment = self.valid_from or (ALWAYS if first else now)
        if not first and moment < now:
            raise NotPublishable(
                f"{moment:%Y-%m-%d %H:%M} is past, and what was in force then is never changed.",
                do="Leave --valid-from out, or give a moment to come.",
            )
        return cast(datetime, moment)

    def _versions(self) -> dict[str, Any]:
        moment = self._moment(first=not catalogue.has_rows(self.conn, self.target.table))
        at = sql.Literal(moment)
        kinds = _equal("t", "s", self.target.whole_by) if self.target.whole_by else sql.SQL("true")
        self._do("keep_closed", moment=at, whole=sql.Literal(self.complete), same_kind=kinds)
        closed = self._do("close", moment=at, same_row=_equal("t", "u", self.primary))
        self._do("make_added")
        old = _equal("u", "s", self.target.key)
        identity = {*self.filled, "valid", *([] if self.target.new_key else self.primary)}
        kept = [name for name in self.stored if name not in identity]
        first = self._do("add_first", moment=at, match_old=old)
        following = self._do(
            "add_next",
            moment=at,
            match_old=old,
            kept=_list([*map(_id, kept), sql.SQL("")]) if kept else sql.SQL(""),
            old_kept=_list([*(_of("u", name) for name in kept), sql.SQL("")]) if kept else sql.SQL(""),
        )
        return {
            "added": first,
            "changed": following,
            "closed": closed - following,
            "unchanged": self.load.taken - first - following,
            "from": moment.isoformat(),
            "kept": [self._kept()],
        }

    def _zone_set(self) -> dict[str, Any]:
        told = self.load.mapping.get("settings", {})
        purpose = told.get("purpose", "territory")
        before = self.conn.execute(_SQL["set_in_force"], {"purpose": purpose, "moment": ALWAYS}).fetchall()
        moment = self._moment(first=not before)
        open_ones = self.conn.execute(_SQL["set_in_force"], {"purpose": purpose, "moment": moment}).fetchall()
        code = told.get("zone_set") or f"{purpose}-{moment:%Y%m%d}-{self.load.load_id}".upper()
        names = {"name_zh": told.get("name_zh", code), "name_en": told.get("name_en", code)}
        row = self.conn.execute(_SQL["new_set"], {"code": code, "purpose": purpose, **names}).fetchone()
        if row is None:
            raise NotPublishable(f"There is a zone set {code} already; give another: --set zone_set=…", zone_set=code)
        if open_ones and open_ones[0]["since"] >= moment:
            raise NotPublishable(
                f"The set {open_ones[0]['code']} comes into force later, {open_ones[0]['since']:%Y-%m-%d %H:%M}."
            )
        made = row["zone_set_id"]
        added = self._do("add_zones", zone_set_id=sql.Literal(made))
        for role in ("primary", "backup", "leader"):
            if role in catalogue.staged(self.conn, f"load_{self.load.load_id}"):
                self._do("add_zone_staff", role=sql.Literal(role), column=_id(role), zone_set_id=sql.Literal(made))
        outcome = {
            "added": added,
            "zone_set": code,
            "zone_set_id": made,
            "purpose": purpose,
            "from": moment.isoformat(),
        }
        if open_ones:
            closing = {"zone_set_id": open_ones[0]["zone_set_id"], "moment": moment}
            self.conn.execute(_SQL["close_set"], closing)
            outcome |= {"closed_set": open_ones[0]["code"], "closed_set_id": open_ones[0]["zone_set_id"]}
        self.conn.execute(_SQL["publish_set"], {"zone_set_id": made, "moment": moment})
        return outcome


def _compose(query: str, **pieces: Any) -> sql.Composed:
    return sql.SQL(cast(Any, _SQL[query])).format(**pieces)


def _id(name: str) -> sql.Identifier:
    return sql.Identifier(name)


def _of(side: str, name: str) -> sql.Composed:
    return sql.SQL("{}.{}").format(_id(side), _id(name))


def _list(pieces: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(list(pieces))


def _equal(one: str, other: str, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(" AND ").join(sql.SQL("{} = {}").format(_of(one, name), _of(other, name)) for name in columns)

"""The audit: who did what, and who looked at personal data.

One function of the database adds to it. Each act writes its entry in its own transaction: what was not written down
did not happen, and what cannot be written down (a full disk) is not shown. An entry names what was asked for (layer,
key, tile, purpose), never what was seen.
Entries are chained afterwards, by the worker's seals, so that no writer waits for another; `sealing` says how
a change is found. See ``docs/decisions/0022-audit.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from psycopg.errors import InsufficientPrivilege
from psycopg.types.json import Jsonb

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import InvalidInput, NotAllowed

_SQL = load("gisops.access", "audit.sql")

# What an entry can be about; for people, in both languages. A new act is added here.
ACTS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "sign_in": ("登录", "signed in"),
    "sign_out": ("退出", "signed out"),
    "sign_in_failed": ("登录失败", "failed to sign in"),
    "locked_out": ("锁定", "locked out"),
    "look": ("查看个人信息", "looked at personal data"),
    "reveal": ("显示完整信息", "had masked values shown in full"),
    "report": ("上报", "reported"),
    "photo": ("上传照片", "sent in a photograph"),
    "dispatch": ("人工派遣", "dispatched by hand"),
    "act": ("办理案件", "acted on a case"),
    "message": ("在案件中留言", "wrote about a case"),
    "erase": ("清除留言", "erased a message"),
    "grant": ("授予范围", "granted a scope"),
    "revoke": ("收回范围", "took a scope back"),
    "account": ("变更账号", "changed an account"),
    "key": ("变更接口密钥", "changed an API key"),
    "load": ("发布数据", "published a load"),
    "undo": ("撤销数据", "took a load back"),
    "export": ("导出", "exported"),
    "rule": ("变更自动立案规则", "changed a rule for filing"),
    "webhook": ("变更外部通知", "changed a webhook"),
    "retry": ("重新发送", "had messages sent again"),
    "forget": ("清除过期审计", "dropped what was kept long enough"),
})  # fmt: skip

# A fact is a number, yes or no, or a word of ours: never free text, in which somebody's name could stand.
_WORD = re.compile(r"[a-z][a-z0-9_.:-]{0,63}")
_DIGITS = re.compile(r"\d{6}")
# A box as somebody typed it may have any number of digits.
_MOST_PLACE = 120
Fact = bool | int | str | list[str] | None


@dataclass(frozen=True)
class Entry:
    """One entry as it is read: ``login`` is the account's today, ``pos`` its number in its chain once it is sealed."""

    entry_id: UUID
    at: datetime
    account_id: int | None
    login: str | None
    key_id: int | None
    role: str
    act: str
    subject: str
    object: str | None
    purpose: str | None
    place: str | None
    rows: int
    facts: dict[str, Any]
    district_code: str
    seal_no: int | None
    pos: int | None


def add(
    conn: Connection,
    act: str,
    subject: str,
    *,
    object: str | None = None,
    purpose: str | None = None,
    place: str | None = None,
    rows: int = 0,
    facts: Mapping[str, Fact] | None = None,
    account_id: int | None = None,
    key_id: int | None = None,
    district: str | None = None,
) -> UUID:
    """Write down one act, in the transaction of the act; returns the entry's key.

    ``subject`` is a layer or a table, ``object`` the key of one of its rows, ``rows`` how many were shown or changed.
    ``account_id`` says whose act it was where the transaction does not (``scopes.look_as``); naming somebody else than
    the transaction does is refused by the database. ``district`` chooses the chain: that of the case, where it was
    about one. Raises ``ValueError`` for an act or a fact that is not of ours (a mistake in the program), and whatever
    the database raises when it cannot write: then the act must not happen.
    """
    if act not in ACTS:
        raise ValueError(f"the audit knows no act {act!r}")
    told = dict(facts or {})
    for name, fact in told.items():
        for one in fact if isinstance(fact, list) else [fact]:
            if isinstance(one, str) and (not _WORD.fullmatch(one) or _DIGITS.search(one)):
                raise ValueError(f"the fact {name} of {act} must be a number or a word of ours")
    row = conn.execute(
        _SQL["add"],
        {
            "act": act, "subject": subject, "object": object, "purpose": purpose, "place": place, "rows": rows,
            "facts": Jsonb(told), "account_id": account_id, "key_id": key_id, "district": district,
        },
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101  (SELECT of a function)
    entry: UUID = row["entry_id"]
    return entry


def looked(
    conn: Connection,
    layer: str,
    place: str | None,
    rows: int,
    *,
    object: str | None = None,
    key_id: int | None = None,
) -> None:
    """Write down that the transaction's viewer was shown personal data: of ``rows`` rows of a layer, in a tile or box
    (``place``), or of one key (``object``). Nothing is written where nothing was shown. To be called before the answer
    leaves, in the transaction that read; if it raises, the answer must not leave.
    """
    if rows > 0:
        add(conn, "look", layer, object=object, place=place and place[:_MOST_PLACE], rows=rows, key_id=key_id)


def page(
    conn: Connection,
    *,
    login: str | None = None,
    act: str | None = None,
    subject: str | None = None,
    from_at: datetime | None = None,
    until_at: datetime | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> list[Entry]:
    """Read entries, newest first, as the transaction's viewer, who must be an administrator or inspector of the whole
    city (the database refuses others); that it was read is an entry too. ``after`` is the last key of the page before.
    Raises ``NotAllowed``, or ``InvalidInput`` for moments without a zone or an unknown act.
    """
    for name, moment in (("from", from_at), ("until", until_at)):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput(f"{name} needs a time zone: 2026-11-22T10:00:00+08:00.", field=name)
    if act is not None and act not in ACTS:
        raise InvalidInput(f"There is no act {act!r}.", field="act", acts=sorted(ACTS))
    asked = {
        "login": login, "act": act, "subject": subject, "from_at": from_at, "until_at": until_at, "after": after,
        "most": limit,
    }  # fmt: skip
    try:
        return [Entry(**row) for row in conn.execute(_SQL["page"], asked)]
    except InsufficientPrivilege as error:
        raise NotAllowed("The audit is for administrators and inspectors of the whole city.") from error


def forget(conn: Connection, before: datetime) -> list[dict[str, Any]]:
    """Drop what was sealed before a moment, at least six months ago, as the owner: the seals stay, so that the chain
    can still be followed. Returns ``chain, seals, entries`` of each chain. Raises ``InvalidInput``.
    """
    if before.tzinfo is None:
        raise InvalidInput("The moment needs a time zone.", field="before")
    row = conn.execute("SELECT %(before)s > now() - interval '6 months' AS young", {"before": before}).fetchone()
    if row is not None and row["young"]:
        raise InvalidInput("The audit is kept for at least six months.", field="before")
    return conn.execute(_SQL["forget"], {"before": before}).fetchall()

"""Joining before sending: the open cases near a point that anybody may be told of, each with a sealed word by which a
report joins it (docs/decisions/0043).

Told is what a passer-by could know: what kind of thing, about how far, since about when, whether several reported it,
and how far the work is. A word says nothing to whoever holds it, is another one each time, and holds for a while.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import struct
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from gisops import wording
from gisops.cases.reports import NewReport, prepare
from gisops.cases.twins import PROPOSED_FROM, Key
from gisops.city import Category, City
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops.cases", "joining.sql")

MOST_TOLD = 3
# So long a word holds: enough to take a photograph and to write a line.
HOLDS = timedelta(minutes=30)
# Where a case is, is told on a grid so wide: asking at many points comes no nearer. `near_for_strangers` snaps to it.
GRID_M = 12.0
# A stranger's position is taken to be no worse than this: a wider circle would be a map of what is open.
STRANGERS_FUZZ_M = 50.0
# Of fewer than five reporters nobody learns how many they are.
CROWDS = (5, 10, 20, 50, 100)

_WORD = "near."
_NONCE = 8
_HEAD = struct.Struct(">I16s")


def key(conn: Connection) -> bytes:
    """What words are sealed with: 32 bytes that follow from the database's own secret, as the doors' role reads it."""
    row = conn.execute(_SQL["key"]).fetchone()
    assert row is not None  # noqa: S101  (the relay's one row)
    return hashlib.sha256(b"joining\0" + bytes(row["live_key"])).digest()


def seal(sealed_with: bytes, case: Key, until: datetime) -> str:
    """The word for a case that holds until a moment: another one each time."""
    nonce = os.urandom(_NONCE)
    plain = _HEAD.pack(int(until.timestamp()), case[1].bytes) + case[0].encode()
    sealed = AESSIV(sealed_with).encrypt(plain, [nonce])
    return _WORD + base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode("ascii")


def is_word(text: str | None) -> bool:
    """Say whether what a report ``joins`` looks like a word, and not like the number of a case."""
    return text is not None and text.startswith(_WORD)


def opened(conn: Connection, words: Collection[str], now: datetime) -> dict[str, Key]:
    """The cases that words are for; what is bent, forged or too old is not among them."""
    if not words:
        return {}
    sealed_with = key(conn)
    found = {word: _open(sealed_with, word, now) for word in words}
    return {word: case for word, case in found.items() if case is not None}


def _open(sealed_with: bytes, word: str, now: datetime) -> Key | None:
    text = word.removeprefix(_WORD)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        plain = AESSIV(sealed_with).decrypt(raw[_NONCE:], [raw[:_NONCE]])
    except (ValueError, binascii.Error, InvalidTag):
        return None
    until, case_id = _HEAD.unpack(plain[: _HEAD.size])
    if until < now.timestamp():
        return None
    return plain[_HEAD.size :].decode(), UUID(bytes=case_id)


def near(
    conn: Connection,
    city: City,
    asked: tuple[float, float, str, float | None],
    category: str,
    sealed_with: bytes,
) -> dict[str, Any]:
    """Open cases near ``asked`` (x, y, crs, accuracy in metres) that a report of this category may be about, as anybody
    may be told of them, whoever asks; the likeliest first. Raises ``InvalidInput``.
    """
    one = prepare(NewReport(UUID(int=0), "citizen", category, *asked), city)
    at = one.input
    found = told_near(conn, (at.lon, at.lat, at.accuracy_m), one.category, sealed_with)
    return {"lon": at.lon, "lat": at.lat, "near": found}


def told_near(
    conn: Connection, at: tuple[float, float, float], category: Category, sealed_with: bytes
) -> list[dict[str, Any]]:
    """The same for a position that was checked: degrees (WGS-84), and how exact in metres."""
    lon, lat, accuracy_m = at
    rows = conn.execute(
        _SQL["near"],
        {
            "lon": lon,
            "lat": lat,
            "reach_m": category.twin_radius_m,
            "fuzz_m": min(accuracy_m, STRANGERS_FUZZ_M),
            "category_id": category.category_id,
            "from_score": PROPOSED_FROM,
            "most": MOST_TOLD,
        },
    ).fetchall()
    return [_told(row, sealed_with) for row in rows]


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _told(row: dict[str, Any], sealed_with: bytes) -> dict[str, Any]:
    # by the clock's hours: the moment at which the figure changes is the full hour's, and no case's
    age_h = max(0, (_hour(row["now"]) - _hour(row["reported_at"])) // timedelta(hours=1))
    step = wording.public_step(row["state"], row["stage"])
    return {
        "joins": seal(sealed_with, (row["district_code"], row["case_id"]), row["now"] + HOLDS),
        "category": {name: row[name] for name in ("code", "scheme", "name_zh", "name_en")},
        "distance_m": round(row["distance_m"], -1),
        # to the hour, and after a day to the day: whoever was seen there is not told of by it
        "age_hours": age_h if age_h < 24 else age_h // 24 * 24,
        "reports_at_least": max((crowd for crowd in CROWDS if crowd <= row["report_count"]), default=1),
        **step,
        "valid_until": row["now"] + HOLDS,
    }

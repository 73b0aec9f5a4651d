"""Ids of the live stream: a place in it that its reader can come back to and cannot read.

A bare position would tell by its gaps how much happens elsewhere, to somebody who may see one grid cell. So a position
is sealed under a key that the database keeps: every process opens every other's, after a restart too. What was forged
or bent does not open.
"""

from __future__ import annotations

import base64
import binascii
import os
import struct
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_PLACE = struct.Struct(">IQI")
_NONCE = 8
_SEALED = _NONCE + 16 + _PLACE.size
# The longest that somebody may send: what is sealed as base64url, a dot, and a version of ten digits.
MOST_CHARACTERS = 4 * ((_SEALED + 2) // 3) + 11


class Place(NamedTuple):
    """A place in the stream: which life of the database, the position, and when its reader was told (Unix seconds)."""

    epoch: int
    pos: int
    told_at: int


class Seal:
    """Seals places and opens them; ``key`` are the 32 bytes that the database keeps."""

    def __init__(self, key: bytes) -> None:
        # SIV: should a nonce ever come twice, it shows that two ids are of the same place, and nothing else.
        self._cipher = AESSIV(key)

    def close(self, place: Place) -> str:
        """A place as an id: base64url, another one each time, always as long."""
        nonce = os.urandom(_NONCE)
        sealed = self._cipher.encrypt(_PLACE.pack(*place), [nonce])
        return base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode("ascii")

    def open(self, text: str) -> Place | None:
        """The place in an id; ``None`` for anything that this key did not seal."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        if len(raw) != _SEALED:
            return None
        try:
            return Place(*_PLACE.unpack(self._cipher.decrypt(raw[_NONCE:], [raw[:_NONCE]])))
        except InvalidTag:
            return None

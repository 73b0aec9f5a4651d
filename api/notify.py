"""Telling systemd that we are ready: one datagram to the socket it names (``sd_notify(3)``)."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def systemd(state: str) -> bool:
    """Send ``READY=1`` or the like; returns whether anybody was told."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where:
        return False
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        # An address that begins with @ lies in no folder (an "abstract" one): its first byte is zero.
        door.connect("\0" + where[1:] if where.startswith("@") else where)
        door.sendall(state.encode())
        return True
    return False

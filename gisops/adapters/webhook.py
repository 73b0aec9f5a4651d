"""Webhooks: other systems are told by a signed POST of a CloudEvents 1.0 envelope.

Signed as the Standard Webhooks specification says (``webhook-id``, ``webhook-timestamp``, ``webhook-signature``): HMAC
with SHA-256 over ``id.timestamp.body``. `verify` is what a receiver does; docs/howto/receive-webhooks.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import httpx
import orjson

from gisops.adapters import Message, Send, Unreachable
from gisops.adapters.answers import client, judge, unreachable

PREFIX = "whsec_"
TOLERANCE_S = 300


def shown(secret: bytes) -> str:
    """A secret as it is shown, once: ``whsec_`` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message: ``v1,`` and base64 of HMAC-SHA256 over ``id.timestamp.body``."""
    digest = hmac.new(secret, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: float | None = None) -> str:
    """Check a message as its receiver: returns its id, by which a repeat is known and passed over.

    ``headers`` are by lower-case name, ``body`` is as it came, byte for byte. Raises ``ValueError`` for one that was
    not signed with the secret, that was changed, or that is older or newer than five minutes.
    """
    try:
        message_id, signatures = headers["webhook-id"], headers["webhook-signature"]
        timestamp = int(headers["webhook-timestamp"])
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (KeyError, ValueError) as reason:
        raise ValueError("not a signed message") from reason
    if abs((time.time() if now is None else now) - timestamp) > TOLERANCE_S:
        raise ValueError("too old, or from the future")
    expected = sign(key, message_id, timestamp, body).encode()
    if not any(hmac.compare_digest(expected, one.encode()) for one in signatures.split()):
        raise ValueError("the signature is another one")
    return message_id


def envelope(message: Message, source: str) -> bytes:
    """The body: a CloudEvents 1.0 envelope; its ``data`` are the notice's facts, codes and public names."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": message.delivery_id,
            "source": source,
            "type": f"gisops.case.{message.kind}",
            "subject": message.facts.get("case_no"),
            "time": message.told_at,
            "datacontenttype": "application/json",
            "data": {**message.facts, "seq": message.seq},
        }
    )


def sender(source: str, *, private: bool) -> Send:
    """Send to where each message goes. ``private`` allows addresses that are not of the public internet.

    No redirect is followed and no proxy of the environment asked. The name is resolved once, all that it leads to is
    looked at, and the connection goes to what was looked at: a name that answers differently the second time leads
    nowhere else. Raises ``Refused`` or ``Unreachable``.
    """
    there = client()

    def send(message: Message) -> None:
        body = envelope(message, source)
        message_id, timestamp = str(message.delivery_id), int(time.time())
        target, host, name = _pinned(message.to, private=private)
        headers = {
            "Host": host,
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "User-Agent": "gisops",
            "Idempotency-Key": message_id,
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(message.secret, message_id, timestamp, body),
        }
        try:
            # The certificate must be the name's, whatever the address; the body of the answer is not read.
            extensions = {"sni_hostname": name}
            with there.stream("POST", target, content=body, headers=headers, extensions=extensions) as answer:
                judge(answer.status_code, answer.headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(error) from error

    return send


def _pinned(url: str, *, private: bool) -> tuple[str, str, str]:
    """The same URL at an address that was looked at, the Host header, and the name for the certificate."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable("the name leads nowhere") from error
    addresses = [ipaddress.ip_address(one[4][0]) for one in found]
    if not private and not all(_is_public(address) for address in addresses):
        raise Unreachable("a private address")
    address = str(addresses[0])
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return urlunsplit((parts.scheme, place, parts.path or "/", parts.query, "")), parts.netloc.rpartition("@")[2], name


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return address.is_global and not address.is_multicast and (inner is None or inner.is_global)

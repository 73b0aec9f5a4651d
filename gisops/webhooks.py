"""Webhooks: other systems that are told what happens to cases; made and ended by the owner, on the command line."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from gisops.access import audit
from gisops.adapters import webhook
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import InvalidInput, NotFound, UnknownOrganisation

_SQL = load("gisops", "webhooks.sql")

# What most want: every move of a case, and what came late.
DEFAULT_KINDS = ("progress", "overdue", "escalate", "promote")
_MOST_LABEL = 100
_MOST_URL = 2000


class UnknownWebhook(NotFound):
    """There is no such webhook."""

    code = "unknown_webhook"


def add(
    conn: Connection, label: str, url: str, kinds: Sequence[str] = DEFAULT_KINDS, organisation: str | None = None
) -> tuple[int, str]:
    """Tell another system from now on: its number, and the secret that messages are signed with (shown once).

    As the owner. Raises InvalidInput for an address that is none, an empty label or an unknown kind,
    UnknownOrganisation.
    """
    if not 0 < len(label.strip()) <= _MOST_LABEL:
        raise InvalidInput(f"A label says which system listens, in 1 to {_MOST_LABEL} characters.", field="label")
    _check_address(url)
    known = {row["kind"] for row in conn.execute(_SQL["kinds"])}
    unknown = sorted(set(kinds) - known)
    if unknown or not kinds:
        raise InvalidInput(
            f"There is no kind of notice {', '.join(unknown)}." if unknown else "Name one kind of notice at least.",
            field="kind",
            kinds=sorted(known),
            do="--kind " + " | ".join(sorted(known)),
        )
    organisation_id = None
    if organisation is not None:
        found = conn.execute(_SQL["organisation"], {"code": organisation}).fetchone()
        if found is None:
            raise UnknownOrganisation(f"There is no organisation {organisation}.", organisation=organisation)
        organisation_id = found["organisation_id"]
    secret = secrets.token_bytes(32)
    told = {"label": label.strip(), "url": url, "secret": secret, "kinds": sorted(set(kinds))}
    row = conn.execute(_SQL["add"], {**told, "organisation_id": organisation_id}).fetchone()
    assert row is not None  # noqa: S101  (INSERT … RETURNING)
    number: int = row["webhook_id"]
    audit.add(conn, "webhook", "webhooks", object=str(number), rows=1, facts={"what": "added"})
    return number, webhook.shown(secret)


def listed(conn: Connection) -> list[dict[str, Any]]:
    """Every webhook that is told, with how it stands with it; without its secret."""
    return conn.execute(_SQL["listed"]).fetchall()


def remove(conn: Connection, webhook_id: int) -> int:
    """Tell it nothing any more; what waited is given up, and how much that was is returned. Raises UnknownWebhook."""
    if conn.execute(_SQL["remove"], {"webhook_id": webhook_id}).rowcount == 0:
        raise UnknownWebhook(f"There is no webhook {webhook_id} that is told anything.", webhook_id=webhook_id)
    lane = {"lane": f"webhook:{webhook_id}"}
    conn.execute(_SQL["close"], lane)
    dropped = conn.execute(_SQL["drop_waiting"], lane).rowcount
    audit.add(conn, "webhook", "webhooks", object=str(webhook_id), rows=1, facts={"what": "removed"})
    return dropped


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or len(url) > _MOST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput("The address of a webhook is http(s)://host[:port]/path, in ASCII.", field="url")
    if parts.username is not None or parts.fragment:
        raise InvalidInput("The address of a webhook holds no password and no #fragment.", field="url")

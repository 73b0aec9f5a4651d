"""SMS by a gateway that takes JSON over HTTP: ``POST {"id", "to", "text"}`` with a bearer token.

Gateways differ; one that speaks otherwise is spoken to by a file like this one.
"""

from __future__ import annotations

import httpx
import orjson

from gisops.adapters import Message, Send
from gisops.adapters.answers import client, judge, unreachable


def sender(url: str, token: str | None) -> Send:
    """Send through a gateway of the city's own. ``id`` and the ``Idempotency-Key`` are those of the delivery. Raises
    ``Refused`` or ``Unreachable`` by its answer.
    """
    there = client()

    def send(message: Message) -> None:
        told = {"id": message.delivery_id, "to": message.to, "text": f"{message.text_zh} {message.text_en}"}
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(message.delivery_id)}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            with there.stream("POST", url, content=orjson.dumps(told), headers=headers) as answer:
                judge(answer.status_code, answer.headers)
        except httpx.HTTPError as error:
            raise unreachable(error) from error

    return send

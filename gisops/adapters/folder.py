"""A folder in place of a gateway: each message is a file, named by its delivery, so that a repeat changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from gisops.adapters import Message, Send, Unreachable


def sender(folder: Path) -> Send:
    """Write messages into a folder, which is made if it is not there. Raises ``Unreachable`` where that fails."""

    def send(message: Message) -> None:
        told = {
            "id": message.delivery_id,
            "to": message.to,
            "title": [message.title_zh, message.title_en],
            "text": [message.text_zh, message.text_en],
            "told_at": message.told_at,
        }
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            half = folder / f".{message.delivery_id}.part"
            half.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
            os.replace(half, folder / f"{message.delivery_id}.json")
        except OSError as error:
            raise Unreachable(type(error).__name__) from error

    return send

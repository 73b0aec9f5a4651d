"""Plans of statements as PostgreSQL ran them, those inside functions too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

_SETTINGS = {
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "client_min_messages": "log",
    "jit": "off",
}


def written_down(conn: psycopg.Connection[Any]) -> list[Any]:
    """Have a superuser's connection write down its plans for the rest of its session; the list fills by itself."""
    plans: list[Any] = []

    def write_down(said: psycopg.errors.Diagnostic) -> None:
        head, _, plan = (said.message_primary or "").partition("plan:\n")
        if head.startswith("duration"):
            plans.append(json.loads(plan))

    conn.execute("LOAD 'auto_explain'")
    for name, value in _SETTINGS.items():
        conn.execute(sql.SQL("SET {} = {}").format(sql.SQL(name), sql.Literal(value)))
    conn.commit()
    conn.add_notice_handler(write_down)
    return plans


def nodes(plan: Any) -> Iterator[dict[str, Any]]:
    """Every step of a plan."""
    if isinstance(plan, dict):
        if "Node Type" in plan:
            yield plan
        for value in plan.values():
            yield from nodes(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from nodes(value)

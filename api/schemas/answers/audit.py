"""Answers of the audit."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.answers.shapes import Many, Moment, Next, closed, one_of
from gisops.access.audit import ACTS


@closed
class AuditEntry(TypedDict):
    """Who did or saw what; ``login`` is the account's today, ``pos`` its number in its chain once it is sealed."""

    entry_id: UUID
    at: Moment
    account_id: int | None
    login: str | None
    key_id: int | None
    role: str
    act: Annotated[str, one_of(ACTS)]
    act_zh: str
    act_en: str
    subject: str
    object: str | None
    purpose: str | None
    place: str | None
    rows: Many
    facts: Annotated[dict[str, Any], Field(description="Numbers, yes or no, and words of ours.")]
    district_code: str
    seal_no: int | None
    pos: int | None


@closed
class Audit(TypedDict):
    """Entries of the audit, newest first."""

    entries: list[AuditEntry]
    next: Next

"""A channel was added by all the steps of docs/howto/add-a-channel.md."""

from __future__ import annotations

import re
from typing import get_args

from api.routers.reports import ANYBODYS_CHANNELS
from api.schemas.reports import ReportIn
from gisops.cases.reports import CHANNELS, WORST_ACCURACY_M
from gisops.city import DEFAULT_ACCURACY_M
from gisops.db.pool import Connection


def test_every_place_that_names_the_channels_names_the_same(owner_conn: Connection) -> None:
    row = owner_conn.execute(
        "SELECT string_agg(pg_get_constraintdef(oid), ' ') AS checks FROM pg_constraint"
        " WHERE conrelid = 'reports'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%(channel %'"
    ).fetchone()
    assert row is not None
    assert set(re.findall(r"'(\w+)'::text", row["checks"])) == set(CHANNELS)
    assert get_args(ReportIn.model_fields["channel"].annotation) == CHANNELS
    assert set(DEFAULT_ACCURACY_M) == set(CHANNELS)
    assert set(CHANNELS) > ANYBODYS_CHANNELS


def test_a_default_accuracy_is_a_radius_in_metres() -> None:
    assert all(0 < metres <= WORST_ACCURACY_M for metres in DEFAULT_ACCURACY_M.values())

"""The sample city's sign-ins: made with the sample, kept beside the cluster, printed at every start.

Whoever can read GISOPS_HOME can read the database itself, so the file gives nothing away that was closed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from gisops.db.pool import connect
from gisops.settings import SampleSize, Settings


def has_city(url: str) -> bool:
    """Whether the database holds a city."""
    with connect(url) as conn:
        return conn.execute("SELECT 1 FROM city LIMIT 1").fetchone() is not None


def is_half_told(url: str) -> bool:
    """Whether the database holds a sample city whose past was begun and not told to its end."""
    with connect(url) as conn:
        statement = "SELECT 1 FROM city WHERE settings -> 'sample' ? 'cases' AND NOT settings -> 'sample' ? 'told'"
        return conn.execute(statement).fetchone() is not None


def load_sample(
    owner_url: str,
    settings: Settings,
    *,
    size: SampleSize | None = None,
    source: Path | None = None,
    seed: int = 1,
    until: datetime | None = None,
    whole_past: bool = True,
    show: Callable[[str, int, int | None], None] = lambda *_: None,
) -> None:
    """Load a sample city and keep its accounts' password: the settings', else one made now. See `sample.load`."""
    from gisops import sample

    password = settings.sample_password or SecretStr(secrets.token_urlsafe(9))
    settings.home.mkdir(parents=True, exist_ok=True)
    half = _file(settings).with_name("sample-password.new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password.get_secret_value() + "\n")
    half.replace(_file(settings))
    told = settings.model_copy(update={"sample_password": password})
    chosen = size or settings.sample_size

    sample.load(owner_url, told, size=chosen, source=source, seed=seed, until=until, whole_past=whole_past, show=show)


def sample_logins(owner_url: str) -> list[tuple[str, str]]:
    """(login, role) of the sample's accounts; none where the sample was not loaded."""
    with connect(owner_url) as conn:
        rows = conn.execute("SELECT login, role FROM accounts WHERE is_sample AND active ORDER BY account_id")
        return [(row["login"], row["role"]) for row in rows]


def kept_password(settings: Settings) -> str | None:
    """The password the sample's accounts were given, if it was loaded from here."""
    try:
        return _file(settings).read_text().strip()
    except OSError:
        return None


def forget(settings: Settings) -> None:
    """Drop the kept password, with the database it belonged to."""
    _file(settings).unlink(missing_ok=True)


def _file(settings: Settings) -> Path:
    return settings.home / "sample-password"
